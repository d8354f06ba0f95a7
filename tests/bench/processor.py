"""Processor time, to tell a slow program from a busy machine (Linux only)."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_SCHEDULED = 2  # CPUCLOCK_SCHED of clock_getcpuclockid(3), which the kernel packs with the process id into a clock's id
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


def processor_seconds(pid: int) -> float:
    """Of one process so far, its children not, to the nanosecond: an idle one uses less than a tick in a second."""
    return time.clock_gettime((~pid << 3) | _SCHEDULED)
