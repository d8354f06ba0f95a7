"""Child processes that never outlive the demo."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.demo.processes import ChildFailed, Children
from tests.demo.waiting import wait_until

SLEEPER = [sys.executable, "-c", "import time; print('awake'); time.sleep(600)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('awake'); time.sleep(600)",
]


def _gone(pid: int) -> bool:
    with contextlib.suppress(FileNotFoundError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    return True


def test_stopped_at_the_end(tmp_path: Path) -> None:
    """Whatever ends the block, the children end with it."""
    with pytest.raises(KeyboardInterrupt), Children(tmp_path) as children:
        child = children.add("sleeper", SLEEPER)
        child.start()
        child.await_line("awake")
        raise KeyboardInterrupt

    assert not child.running


def test_stubborn(tmp_path: Path) -> None:
    """A child that does not stop when asked is killed."""
    with Children(tmp_path) as children:
        child = children.add("stubborn", STUBBORN, stop_seconds=0.2)
        child.start()
        child.await_line("awake")

    assert child.stop() == -signal.SIGKILL


def test_failure_shows_the_log(tmp_path: Path) -> None:
    """A child that ended by itself is told with its status and the end of its log."""
    with Children(tmp_path) as children:
        child = children.add("broken", [sys.executable, "-c", "print('why'); raise SystemExit(3)"])
        child.start()

        with pytest.raises(ChildFailed, match=r"(?s)broken ended with status 3.*why"):
            child.await_line("never said")
        with pytest.raises(ChildFailed, match="status 3"):
            children.check()


def test_stopped_on_purpose_is_no_failure(tmp_path: Path) -> None:
    """A child that was stopped is not taken for one that failed, and can start again with a log of its own."""
    with Children(tmp_path) as children:
        child = children.add("sleeper", SLEEPER)
        child.start()
        child.await_line("awake")
        child.kill()
        children.check()
        child.start()
        child.await_line("awake")

        assert child.output().count("awake") == 1


def test_memory(tmp_path: Path) -> None:
    """The peak counts over all lives of a child."""
    with Children(tmp_path) as children:
        child = children.add(
            "large", [sys.executable, "-c", "b = bytearray(80 << 20); print('full'); import time; time.sleep(600)"]
        )
        child.start()
        child.await_line("full")
        child.stop()
        child.command = SLEEPER
        child.start()
        child.await_line("awake")
        child.measure()

    assert child.peak_memory > 80 << 20


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's death signal is Linux's")
def test_parent_killed(tmp_path: Path) -> None:
    """Should the parent be killed outright, the kernel ends its children."""
    program = textwrap.dedent(f"""
        import sys, time
        from pathlib import Path
        from tests.demo.processes import Children
        with Children(Path({str(tmp_path)!r})) as children:
            child = children.add("sleeper", [sys.executable, "-c", "import time; time.sleep(600)"])
            child.start()
            print(child.pid, flush=True)
            time.sleep(600)
    """)
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.kill()

    wait_until(lambda: _gone(pid), "the child has ended", 30)
    assert _gone(pid)


def test_terminated_as_interrupted(tmp_path: Path) -> None:
    """SIGTERM ends the parent by way of its cleaning up."""
    program = textwrap.dedent(f"""
        import sys, time
        from pathlib import Path
        from tests.demo.processes import Children, terminate_as_interrupt
        terminate_as_interrupt()
        with Children(Path({str(tmp_path)!r})) as children:
            child = children.add("sleeper", [sys.executable, "-c", "import time; time.sleep(600)"])
            child.start()
            print(child.pid, flush=True)
            time.sleep(600)
    """)
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        os.kill(parent.pid, signal.SIGTERM)

    assert _gone(pid)
