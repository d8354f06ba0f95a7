"""Child processes that never outlive the demo.

Each runs in a session of its own, so that Ctrl-C in the terminal reaches the demo alone, which then stops them in
order. Should the demo be killed outright, the kernel tells each of them (``PR_SET_PDEATHSIG``, on Linux).
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.demo.waiting import wait_until
from tests.standins.tether import tether


class ChildFailed(Exception):
    """A process ended, or did not get ready; the text holds the end of its log."""


@dataclass
class Child:
    """One process under a name, through all its lives."""

    name: str
    command: Sequence[str]
    log: Path
    stop_seconds: float = 30.0
    """How long an orderly stop may take before the process is killed."""
    orphan_signal: signal.Signals = signal.SIGKILL
    """What the kernel sends should the demo die; ``SIGTERM`` for a process that has children of its own."""
    environment: dict[str, str] = field(default_factory=dict)
    ends: bool = False
    """Whether it comes to an end by itself, so that its end is no failure."""
    peak_memory: int = 0
    """Bytes: the most that any life of it held in memory, as far as ``measure`` saw."""
    _process: subprocess.Popen[bytes] | None = None
    _log_start: int = 0
    _wanted: bool = False

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        assert self._process is not None, f"{self.name} was never started"
        return self._process.pid

    @property
    def status(self) -> int | None:
        """Its exit status, negative for the signal that ended it; None while it runs."""
        return None if self._process is None else self._process.poll()

    def send(self, which: signal.Signals) -> None:
        """Send it a signal that does not end it."""
        assert self._process is not None, f"{self.name} was never started"
        self._process.send_signal(which)

    def start(self) -> None:
        """Start it (again). To be called by the main thread: the kernel watches the thread that did."""
        if self.running:
            raise RuntimeError(f"{self.name} runs already")
        self._wanted = True
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as output:
            self._log_start = output.tell()
            self._process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=os.environ | {"PYTHONUNBUFFERED": "1"} | self.environment,
                start_new_session=True,
                preexec_fn=tether(self.orphan_signal),  # noqa: PLW1509 -- two system calls, no locks
            )

    def stop(self) -> int | None:
        """Ask it to stop, kill it if it does not; answers its exit status, None if it never ran."""
        return self.end(signal.SIGTERM)

    def kill(self) -> int | None:
        """End it as a power failure would."""
        return self.end(signal.SIGKILL)

    def end(self, how: signal.Signals) -> int | None:
        if self._process is None:
            return None
        self._wanted = False
        self.measure()
        if self.running:
            self._process.send_signal(how)
            try:
                self._process.wait(self.stop_seconds)
            except subprocess.TimeoutExpired:
                self.kill_session()
        return self._process.wait()

    def wait(self, seconds: float) -> int:
        """Until it ends by itself; answers its exit status.

        Raises:
            ChildFailed: it did not end in time.
        """
        assert self._process is not None, f"{self.name} was never started"
        self._wanted = False
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise ChildFailed(f"{self.name} did not end within {seconds:g} s\n{self.tail()}") from None

    def measure(self) -> None:
        """Take note of the most memory that this life has used so far (Linux only)."""
        if not self.running:
            return
        with contextlib.suppress(OSError):  # it may end at this moment
            status = Path(f"/proc/{self.pid}/status").read_text(encoding="utf-8")
            if found := re.search(r"^VmHWM:\s*(\d+) kB", status, re.MULTILINE):
                self.peak_memory = max(self.peak_memory, int(found[1]) * 1024)

    def check(self) -> None:
        """Raises ``ChildFailed`` if it ended by itself."""
        if self._wanted and not self.ends and self._process is not None and not self.running:
            raise ChildFailed(f"{self.name} ended with status {self._process.returncode}\n{self.tail()}")

    def await_line(self, pattern: str, seconds: float = 60.0) -> re.Match[str]:
        """The first line of this life's log that matches.

        Raises:
            ChildFailed: it ended, or said no such thing in time.
        """

        def look() -> re.Match[str] | None:
            match = re.search(pattern, self.output(), re.MULTILINE)
            if match is None:
                self.check()
            return match

        try:
            return wait_until(look, f"{self.name} says {pattern!r}", seconds)
        except TimeoutError as error:
            raise ChildFailed(f"{error}\n{self.tail()}") from None

    def output(self) -> str:
        """What this life has said so far."""
        with self.log.open("rb") as file:
            file.seek(self._log_start)
            return file.read().decode(errors="replace")

    def tail(self, lines: int = 25) -> str:
        """The end of the log, for people."""
        last = self.log.read_text(errors="replace").splitlines()[-lines:] if self.log.exists() else []
        return f"--- the end of {self.log}\n" + "\n".join(last)

    def kill_session(self) -> None:
        """Kill it and what it started, if it runs."""
        if self._process is not None and self.running:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)


class Children:
    """Processes that are stopped together, the youngest first, however the block ends."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._all: list[Child] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def __iter__(self) -> Iterator[Child]:
        return iter(self._all)

    def add(self, name: str, command: Sequence[str], **options: object) -> Child:
        """A process to be; ``options`` are those of ``Child``."""
        child = Child(name, command, self._logs / f"{name}.log", **options)  # type: ignore[arg-type]
        self._all.append(child)
        return child

    def check(self) -> None:
        """Raises ``ChildFailed`` for the first that ended by itself; one that was stopped on purpose is not looked at."""
        for child in self._all:
            child.check()

    def stop(self) -> None:
        """Stop all. A second interruption kills what is left."""
        remaining = list(reversed(self._all))
        try:
            for child in remaining:
                child.stop()
        except BaseException:
            for child in remaining:
                child.kill_session()
            raise


def terminate_as_interrupt() -> None:
    """Let SIGTERM and SIGHUP end this process as Ctrl-C does, by way of every ``finally``."""

    def interrupt(number: int, _: object) -> None:
        raise KeyboardInterrupt(signal.Signals(number).name)

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
