"""Changes that a column tells of: enrolments, moves, withdrawals, and a transaction that commits late."""

from __future__ import annotations

import time
from itertools import cycle, islice

from tests.demo.freshness import measure
from tests.demo.student_system import Place
from tests.demo.waiting import wait_until
from tests.demo.world import World

RATE = 100
LIVE_SECONDS = 6
_TOGETHER = 4
_MOVED = 5
_WITHDRAWN = 6
_OVERTAKING = 20
_HELD_OPEN_S = 4.0  # longer than the overlap in the settings, so that only the proof can find the row


def live_enrolments(world: World) -> None:
    """Students enrol everywhere, each in a few groups at once."""
    total = RATE * LIVE_SECONDS
    groups = [group for group in world.university.groups if group.code in world.members]
    with world.narrator.step(
        f"Live: {RATE} enrolments a second for {LIVE_SECONDS} s over {len(groups)} cohorts, {_TOGETHER} to a transaction",
        "each in Moodle about a second after its commit",
    ) as step:
        cohorts = world.moodle.cohorts()
        since = world.moodle.mark()
        turn = cycle(groups)
        orders = [list(islice(turn, _TOGETHER)) for _ in range(total // _TOGETHER)]
        batches = [
            [Place(student, group) for group in order] for order in orders for student in [world.newcomer(order)]
        ]
        committed: dict[tuple[int, int], float] = {}
        begun = time.monotonic()
        for number, places in enumerate(batches):
            time.sleep(max(0.0, begun + number * _TOGETHER / RATE - time.monotonic()))
            at = world.school.enrol(*(place.row for place in places))
            committed |= {(cohorts[place.group.cohort], world.user_id(place.student)): at for place in places}
        took = time.monotonic() - begun
        events = world.await_events(since, set(committed), set())
        world.freshness = measure(committed, events)
        world.traced = batches[-1][0]
        step.saw(f"{len(committed)} enrolments committed in {took:.1f} s; from commit to membership: {world.freshness}")


def moves(world: World) -> None:
    """Students change their group of tutorials: in Moodle they must never be in neither."""
    origin, target = world.groups("TD")[0:2]
    students = [s for s in world.some_members(origin, _MOVED) if s not in world.members[target.code]]
    with world.narrator.step(
        f"Move: {len(students)} students change from {origin.cohort} to {target.cohort}",
        "Moodle adds each to the new cohort before it removes them from the old one",
    ) as step:
        cohorts = world.moodle.cohorts()
        since = world.moodle.mark()
        for student in students:
            world.school.move((student, origin.code), target.code)
            world.members[origin.code].discard(student)
            world.members[target.code].add(student)
        users = {world.user_id(student) for student in students}
        old, new = cohorts[origin.cohort], cohorts[target.cohort]
        events = world.await_events(since, {(new, user) for user in users}, {(old, user) for user in users})
        added = {event.user: event for event in events if event.added and event.cohort == new}
        removed = {event.user: event for event in events if not event.added and event.cohort == old}
        for user in users:
            if added[user].number > removed[user].number:
                raise AssertionError(f"user {user} was removed (line {removed[user].number}) before they were added")
        gap = min(removed[user].at - added[user].at for user in users)
        first, last = min(e.number for e in added.values()), max(e.number for e in removed.values())
        step.saw(
            f"in lines {first} to {last} of Moodle's log each addition stands before its removal, by {gap:.1f} s at least"
        )


def withdrawals(world: World) -> None:
    """Rows that say so: the student is no longer enrolled."""
    groups = world.chance.sample(world.groups("CM"), _WITHDRAWN)
    places = [Place(world.some_members(group, 1)[0], group) for group in groups]
    with world.narrator.step(
        f"Withdrawals: {len(places)} students withdraw from a course; their rows stay and say so",
        "they are removed once the removal has settled (2 s here, a minute in production), nobody else is",
    ) as step:
        cohorts = world.moodle.cohorts()
        since = world.moodle.mark()
        at = world.school.withdraw(*(place.row for place in places))
        for place in places:
            world.members[place.group.code].discard(place.student)
        wanted = {(cohorts[place.group.cohort], world.user_id(place.student)) for place in places}
        events = world.await_events(since, set(), wanted)
        removed = [event for event in events if not event.added]
        if len(removed) != len(wanted):
            raise AssertionError(f"{len(removed)} members were removed instead of {len(wanted)}")
        step.saw(f"{len(removed)} removed, the last {max(event.at for event in removed) - at:.1f} s after the commit")


def late_commit(world: World) -> None:
    """A row that is stamped, overtaken by others' commits, and committed seconds later."""
    group = world.groups("CM")[3]
    late, *others = (Place(world.newcomer([group]), group) for _ in range(_OVERTAKING + 1))
    with world.narrator.step(
        f"Late commit: an enrolment is stamped now and committed {_HELD_OPEN_S:.0f} s later; {_OVERTAKING} others overtake it",
        "the others are in Moodle at once; the late one too, as soon as it is committed, though its stamp is old by then",
    ) as step:
        cohort = world.moodle.cohorts()[group.cohort]
        since = world.moodle.mark()
        other_session = world.school.another()
        try:
            stamped = time.time()
            other_session.insert(late.row)
            for place in others:
                world.school.enrol(place.row)
            world.await_events(since, {(cohort, world.user_id(place.student)) for place in others}, set())
            wait_until(lambda: time.time() > stamped + _HELD_OPEN_S, "the time for the late commit")
            if world.moodle.is_member(group.cohort, world.users[late.student]):
                raise AssertionError("Moodle has a member whose row was never committed")
            committed = other_session.commit()
        finally:
            other_session.close()
        wanted = (cohort, world.user_id(late.student))
        events = world.await_events(since, {wanted}, set())
        seen = next(event.at for event in events if (event.cohort, event.user) == wanted)
        step.saw(
            f"stamped {committed - stamped:.1f} s before its commit, in Moodle {seen - committed:.2f} s after its commit"
        )
