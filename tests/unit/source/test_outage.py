"""How long something that fails is left alone."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest

from connector.runtime.errors import Halted, OperationalError, Unavailable
from connector.runtime.messages import OracleMessage, message
from connector.source.outage import NoJitter, Outage


def away(retry_after: timedelta | None = None) -> Unavailable:
    return Unavailable(message(OracleMessage.UNREACHABLE, source="apogee", reason="x"), retry_after)


def refused() -> Halted:
    return Halted(message(OracleMessage.LOGON_REFUSED, source="apogee", reason="x"))


def pauses(outage: Outage, *faults: OperationalError) -> list[float]:
    """The pause after each of these failures, one after the other."""
    found, now = [], 100.0
    for fault in faults:
        outage.failed(fault, now)
        found.append(outage.wait(now))
        now += found[-1]
        assert 0.0 == outage.wait(now)
    return found


def test_pauses_double_up_to_the_longest() -> None:
    """However many failures there are."""
    assert [2.0, 4.0, 8.0, 16.0, 30.0, 30.0] == pauses(Outage(2.0, 30.0, NoJitter()), *[away()] * 6)
    assert 30.0 == pauses(Outage(2.0, 30.0, NoJitter()), *[away()] * 5000)[-1]


def test_what_only_a_person_can_mend_is_tried_rarely_at_once() -> None:
    """From the first failure on."""
    outage = Outage(2.0, 30.0, NoJitter())

    assert [30.0] == pauses(outage, refused())
    assert (True, "CS2002") == (outage.halted, outage.problem and outage.problem.code)


def test_attempts_are_spread() -> None:
    """Over the second half of each pause; the same seed spreads them alike."""
    runs = [pauses(Outage(2.0, 30.0, random.Random(seed)), *[away()] * 8) for seed in (1, 1, 2)]

    assert (True, False) == (runs[0] == runs[1], runs[0] == runs[2])
    for pause, longest in zip(runs[0], [2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0, 30.0], strict=True):
        assert longest / 2 <= pause <= longest
    assert len(set(runs[0])) == len(runs[0])


def test_a_wish_to_be_left_alone_is_respected() -> None:
    """Jitter never shortens it."""
    assert 90.0 <= pauses(Outage(2.0, 30.0, random.Random(1)), away(timedelta(seconds=90)))[0]


@pytest.mark.parametrize(("end", "pause"), [(Outage.end, 2.0), (Outage.pass_over, 8.0)])
def test_success_ends_it_and_going_on_does_not(end: object, pause: float) -> None:
    """What goes on, but may fail again before its end, is not trusted sooner."""
    outage = Outage(2.0, 30.0, NoJitter())
    pauses(outage, away(), away())
    assert callable(end)
    end(outage)

    assert (None, 0.0) == (outage.problem, outage.wait(100.0))
    assert [pause] == pauses(outage, away())
