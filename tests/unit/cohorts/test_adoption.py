"""When a sink begins to write to its Moodle."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.cohorts.adoption import Decision, Evidence, Mode, Standing, Why, decide
from schemas.records import Adoption
from tests.unit.cohorts.values import NOW

FRESH, BEGUN = Standing(), Standing(begun=True)
NOTHING, SOME = frozenset[str](), frozenset({"A", "B"})


def shadow(why: Why) -> Standing:
    return Standing(Adoption(why, NOW), begun=True)


@pytest.mark.parametrize(
    ("standing", "mode", "populated", "recorded", "decided"),
    [
        # Nothing is said before Moodle was asked.
        (FRESH, "apply", None, None, None),
        (FRESH, "apply", None, SOME, None),
        # A Moodle without members needs no first load.
        (FRESH, "apply", NOTHING, None, Decision(Why.EMPTY_MOODLE)),
        (shadow(Why.FIRST_LOAD), "apply", NOTHING, None, Decision(Why.EMPTY_MOODLE)),
        # One with members does.
        (FRESH, "apply", SOME, None, Decision(Why.FIRST_LOAD)),
        (shadow(Why.FIRST_LOAD), "apply", SOME, None, None),
        (FRESH, "apply", SOME, {"B", "C"}, Decision(Why.COHORTS_NAMED, 1)),
        (FRESH, "apply", SOME, {"C"}, Decision(Why.NONE_NAMED)),
        (shadow(Why.FIRST_LOAD), "apply", SOME, {"A", "B", "C"}, Decision(Why.COHORTS_NAMED, 2)),
        (shadow(Why.FIRST_LOAD), "apply", SOME, {"a"}, Decision(Why.NONE_NAMED)),
        # A person's word is waited for, whatever changes.
        (shadow(Why.COHORTS_NAMED), "apply", NOTHING, NOTHING, None),
        (shadow(Why.COHORTS_NAMED), "shadow", NOTHING, NOTHING, None),
        # The mode is written down once, and is taken back.
        (FRESH, "shadow", None, None, Decision(Why.MODE_SHADOW)),
        (shadow(Why.FIRST_LOAD), "shadow", SOME, SOME, None),
        (shadow(Why.MODE_SHADOW), "shadow", NOTHING, NOTHING, None),
        (shadow(Why.MODE_SHADOW), "apply", None, None, None),
        (shadow(Why.MODE_SHADOW), "apply", NOTHING, None, Decision(Why.EMPTY_MOODLE)),
        (shadow(Why.MODE_SHADOW), "apply", SOME, None, Decision(Why.FIRST_LOAD)),
        # What has begun and knows of no shadow applies for good.
        (BEGUN, "apply", SOME, SOME, None),
        (BEGUN, "shadow", SOME, SOME, None),
    ],
)
def test_a_decision_follows_from_what_is_known(
    standing: Standing,
    mode: Mode,
    populated: frozenset[str] | None,
    recorded: frozenset[str] | None,
    decided: Decision | None,
) -> None:
    """As the table says."""
    assert decided == decide(standing, mode, Evidence(populated, recorded))


names = st.none() | st.frozensets(st.sampled_from("ABC"))
standings = st.builds(Standing, st.none() | st.sampled_from([Adoption(why, NOW) for why in Why]), st.booleans())


@given(standing=standings, mode=st.sampled_from(["apply", "shadow"]), populated=names, recorded=names)
def test_members_who_are_somebody_elses_are_never_written_to_without_a_person(
    standing: Standing, mode: Mode, populated: frozenset[str] | None, recorded: frozenset[str] | None
) -> None:
    """No decision to apply is made on missing evidence, against the settings, or where a record names such a cohort."""
    decision = decide(standing, mode, Evidence(populated, recorded))
    if decision is not None and not decision.shadow:
        assert mode == "apply"
        assert populated is not None
        assert not populated or recorded is not None
        assert not populated & (recorded or frozenset())
        assert not standing.applying


@given(mode=st.sampled_from(["apply", "shadow"]), populated=names, recorded=names)
def test_a_decision_holds_while_nothing_new_is_known(
    mode: Mode, populated: frozenset[str] | None, recorded: frozenset[str] | None
) -> None:
    """Decided twice on the same evidence, nothing is written twice."""
    evidence = Evidence(populated, recorded)
    standing, written = Standing(), 0
    while (decision := decide(standing, mode, evidence)) is not None:
        standing = Standing(Adoption(decision.why, NOW) if decision.shadow else None, begun=True)
        written += 1

        assert written <= 2
