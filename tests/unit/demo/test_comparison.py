"""The comparison of both ends."""

from __future__ import annotations

from io import StringIO

from rich.console import Console

from tests.demo.comparison import NO_ACCOUNT, TWO_ACCOUNTS, UNEXPLAINED, VANISHED, Comparison, compare, unexplained

ACCOUNTS = {"ada": "  00000001", "bob": "e2", "bob.bis": "000000E2", "cyd": "3"}


def _compare(source: dict[str, set[str]], moodle: dict[str, set[str]], *vanished: str) -> Comparison:
    return compare(source, moodle, ACCOUNTS, source.keys(), set(vanished))


def test_agree() -> None:
    """Members that both ends have are no difference, however the number is written."""
    comparison = _compare({"A": {"00000001", "00000003"}}, {"A": {"ada", "cyd"}})

    assert comparison.agree
    assert comparison.differences == ()


def test_named_reasons() -> None:
    """Students without an account or with two, and a vanished cohort, are differences that must be."""
    comparison = _compare({"A": {"00000001", "000000E2", "00000009"}}, {"A": {"ada"}, "V": {"cyd"}}, "V")

    assert comparison.agree
    assert comparison.reasons() == {NO_ACCOUNT: 1, TWO_ACCOUNTS: 1, VANISHED: 1}


def test_missing_member() -> None:
    """A member that Moodle lacks without reason is unexplained, and named."""
    comparison = _compare({"A": {"00000001"}}, {})

    assert not comparison.agree
    assert list(unexplained(comparison)) == ["00000001 in A: the source has it, Moodle has not"]


def test_surplus_member() -> None:
    """A member that only Moodle has is unexplained, also in a cohort that was named as vanished but is in the source."""
    comparison = _compare({"A": {"00000001"}}, {"A": {"ada", "cyd"}, "B": {"cyd"}}, "A")

    assert not comparison.agree
    assert comparison.reasons() == {UNEXPLAINED: 2}
    assert list(unexplained(comparison))[1] == "cyd in B: Moodle has it, the source has not"


def test_one_of_two_accounts() -> None:
    """Whoever guessed between two accounts is found out."""
    comparison = _compare({"A": {"000000E2"}}, {"A": {"bob"}})

    assert comparison.reasons() == {TWO_ACCOUNTS: 1, UNEXPLAINED: 1}


def test_table() -> None:
    """The table shows the cohorts that differ, with both counts, and the sum of all."""
    output = StringIO()
    console = Console(width=200, file=output)
    console.print(_compare({"A": {"00000001"}, "B": {"00000003"}}, {"A": set(), "B": {"cyd"}}).table())
    text = output.getvalue()

    assert "1 × unexplained" in text
    assert "1 others" in text
    assert "-1" in text
    assert "2 cohorts" in text
