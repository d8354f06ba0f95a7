"""How processes end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from datetime import timedelta

import pytest

from connector.runtime.lifecycle import ExitCode, run_roles, stopped_by_signals

LONG = timedelta(seconds=60)


def test_every_exit_code_says_what_it_means() -> None:
    """The meanings are documented, and 1 and 2 are what interpreter and command line parser use."""
    assert [code for code in ExitCode if not code.meaning.endswith(".")] == []
    assert (ExitCode.UNEXPECTED, ExitCode.USAGE) == (1, 2)


def test_roles_run_until_all_have_returned() -> None:
    """One that is done does not end the others."""
    order: list[str] = []
    first_done = threading.Event()

    def first() -> None:
        order.append("first")
        first_done.set()

    def second() -> None:
        assert first_done.wait(60)
        order.append("second")

    assert run_roles({"second": second, "first": first}, threading.Event(), LONG) == ()
    assert order == ["first", "second"]


def test_the_death_of_a_role_ends_the_process_with_its_error() -> None:
    """The others are asked to stop, and what died is named."""
    stopping = threading.Event()
    heard: list[str] = []
    stopped = threading.Event()

    def dies() -> None:
        raise KeyError("x")

    def lives() -> None:
        assert stopping.wait(60)
        stopped.set()

    with pytest.raises(KeyError) as caught:
        run_roles({"dies": dies, "lives": lives}, stopping, LONG, lambda name, _: heard.append(name))

    assert heard == ["dies"]
    assert stopped.is_set()
    assert caught.value.__notes__ == ["in the role dies"]


def test_a_role_that_does_not_stop_is_left_behind() -> None:
    """A stop is never held up for longer than the grace."""
    stopping, released = threading.Event(), threading.Event()
    stopping.set()

    assert run_roles({"stuck": lambda: released.wait(60)}, stopping, timedelta(0)) == ("stuck",)  # type: ignore[dict-item]

    released.set()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_first_signal_asks_to_stop(number: signal.Signals) -> None:
    """And afterwards the handlers are as they were."""
    before = signal.getsignal(number)
    stopping = threading.Event()
    with stopped_by_signals(stopping):
        os.kill(os.getpid(), number)

        assert stopping.wait(60)

    assert signal.getsignal(number) is before


def status_of(script: str) -> int:
    """The exit status of a process that runs it."""
    return subprocess.run([sys.executable, "-c", script], check=False, timeout=100).returncode


def test_the_second_signal_ends_the_process_at_once() -> None:
    """Even if a role is stuck; the exit status is the shell's for that signal."""
    script = """
import os, signal, threading
from datetime import timedelta
from connector.runtime.lifecycle import run_roles, stopped_by_signals
stopping = threading.Event()
def stuck():
    os.kill(os.getpid(), signal.SIGTERM)
    stopping.wait()
    os.kill(os.getpid(), signal.SIGTERM)
    threading.Event().wait()
with stopped_by_signals(stopping):
    run_roles({"stuck": stuck}, stopping, timedelta(seconds=60))
"""
    assert status_of(script) == 128 + signal.SIGTERM


def test_a_signal_that_another_thread_was_given_is_heard_all_the_same() -> None:
    """The system may give it to any thread, and only the main thread can act on it: it must not sleep out the grace."""
    script = """
import signal, threading
from datetime import timedelta
from connector.runtime.lifecycle import run_roles, stopped_by_signals
stopping = threading.Event()
def stuck():
    stopping.set()
    signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
    threading.Event().wait()
with stopped_by_signals(stopping):
    run_roles({"stuck": stuck}, stopping, timedelta(seconds=1000))
"""
    assert status_of(script) == 128 + signal.SIGTERM
