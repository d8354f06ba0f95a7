"""What no row tells of: an account that comes later, rows that are gone, a group that is gone."""

from __future__ import annotations

import random
import time

from tests.demo.steps.reconciling import reconciled
from tests.demo.student_system import Place
from tests.demo.university import account_of
from tests.demo.world import World

_BOUND = 180.0


def late_account(world: World) -> None:
    """A student who is enrolled long before Moodle knows them."""
    student = world.university.without_account[0]
    groups = [world.university.by_code[code] for code, who in world.members.items() if student.number in who]
    with world.narrator.step(
        f"An account appears: student {student.number} was parked in {len(groups)} cohorts for want of an account",
        f"a member of the {len(groups)} cohorts soon after the account was made",
    ) as step:
        cohorts = world.moodle.cohorts()
        since = world.moodle.mark()
        account = account_of(student, random.Random(0))
        world.moodle.create_accounts([account])
        made = time.time()
        world.new_account(student, account.username)
        user = world.user_id(student.number)
        events = world.await_events(since, {(cohorts[group.cohort], user) for group in groups}, set(), _BOUND)
        last = max(event.at for event in events if event.user == user)
        step.saw(f"in all {len(groups)} cohorts {last - made:.1f} s after the account was made")


def hard_delete(world: World) -> None:
    """A row is deleted while another row of the same student changes, so the student is looked at."""
    group, course = world.groups("TP")[0], world.groups("CM")[7]
    member = next(s for s in world.some_members(group, 10) if s not in world.members[course.code])
    with world.narrator.step(
        f"Hard delete: a row of {group.cohort} is deleted; the student also enrols in {course.cohort}, which makes us look",
        "the missing row is looked for once more (after 3 s here, 15 min in production), then the member is removed",
    ) as step:
        cohorts = world.moodle.cohorts()
        since = world.moodle.mark()
        world.school.delete((member, group.code))
        at = world.school.enrol((member, course.code))
        world.members[group.code].discard(member)
        world.members[course.code].add(member)
        user = world.user_id(member)
        gone, come = (cohorts[group.cohort], user), (cohorts[course.cohort], user)
        events = world.await_events(since, {come}, {gone}, _BOUND)
        removed = next(event for event in events if not event.added and (event.cohort, event.user) == gone)
        step.saw(f"removed {removed.at - at:.1f} s after the commit")


def silent_absences(world: World) -> None:
    """Rows and a whole group are deleted and nothing at all tells of it. What follows is the reconciliation's work."""
    deleted = [
        Place(world.some_members(group, 1)[0], group) for group in world.chance.sample(world.groups("TP")[1:], 4)
    ]
    used = {place.group.code for place in deleted}
    abolished = min((g for g in world.groups("TP") if g.code not in used), key=lambda g: len(world.members[g.code]))
    cohort, size = abolished.cohort, len(world.members[abolished.code])
    with world.narrator.step(
        f"Silence: {len(deleted)} rows are deleted without a trace, and {cohort} is abolished with its {size} rows; then "
        "`cohortstream reconcile`",
        f"the snapshot finds them: the {len(deleted)} are removed, {cohort} has vanished and keeps every member",
    ) as step:
        cohorts = world.moodle.cohorts()
        since = world.moodle.mark()
        before = set(world.moodle.control("members", cohort=cohort)["members"])
        world.school.delete(*(place.row for place in deleted))
        begun = world.school.abolish(abolished)
        for place in deleted:
            world.members[place.group.code].discard(place.student)
        del world.members[abolished.code]
        world.vanished[cohort] = before
        reconciled(world)
        wanted = {(cohorts[place.group.cohort], world.user_id(place.student)) for place in deleted}
        events = world.await_events(since, set(), wanted, _BOUND)
        removed = {(event.cohort, event.user) for event in events if not event.added}
        kept = set(world.moodle.control("members", cohort=cohort)["members"])
        if removed != wanted or kept != before:
            raise AssertionError(
                f"{len(removed)} members were removed; {cohort} has {len(kept)} of {len(before)} members"
            )
        step.saw(
            f"{len(removed)} members were removed, the last {max(event.at for event in events) - begun:.1f} s after the commit; "
            f"{cohort} has all of its {len(kept)}"
        )
