"""Processor time, to tell a slow program from a busy machine (Linux only)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_IDLE = (3, 4)  # columns of /proc/stat: idle, waiting for a disk


@dataclass(frozen=True, slots=True)
class Clocks:
    """Seconds of processor time so far."""

    machine: float
    processes: Mapping[str, float]

    def since(self, before: Clocks) -> str:
        """What was used meanwhile, for people."""
        used = {name: seconds - before.processes.get(name, 0.0) for name, seconds in self.processes.items()}
        others = self.machine - before.machine - sum(used.values())
        named = ", ".join(f"{name} {seconds:.0f}" for name, seconds in used.items())
        return f"seconds of processor time: {named}, all others {others:.0f}; {os.cpu_count()} processors"


def read_clocks(pids: Mapping[str, int]) -> Clocks:
    """Of the whole machine, and of these processes, their children not."""
    ticks = [int(text) for text in Path("/proc/stat").read_text(encoding="ascii").splitlines()[0].split()[1:9]]
    busy = sum(count for column, count in enumerate(ticks) if column not in _IDLE)
    return Clocks(busy / _TICKS, {name: processor_seconds(pid) for name, pid in pids.items()})


def processor_seconds(pid: int | str) -> float:
    """Of one process so far, its children not; ``self`` is this one."""
    after_name = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(after_name[11]) + int(after_name[12])) / _TICKS  # in user mode and in the kernel
