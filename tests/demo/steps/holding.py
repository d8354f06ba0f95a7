"""A mistake in the student system: a whole course withdraws at once. The breaker holds it, and a person decides."""

from __future__ import annotations

import json
from typing import Any

from rich.markup import escape

from tests.demo.mailbox import await_mail
from tests.demo.student_system import Place
from tests.demo.waiting import wait_until
from tests.demo.world import World

_ENOUGH = 12
_LEAST, _SHARE = 5, 10
"""Of a cohort: five members a day, or a tenth."""


def mass_withdrawal(world: World) -> None:
    """Few leave, the others are held, which a mail tells; who joins is added all the same; a person approves exactly what
    they saw.
    """
    sizes = {group.code: sum(s in world.users for s in world.members[group.code]) for group in world.groups("CM")}
    group = min((g for g in world.groups("CM") if sizes[g.code] >= _ENOUGH), key=lambda g: sizes[g.code])
    students = sorted(s for s in world.members[group.code] if s in world.users)
    most = max(_LEAST, len(students) // _SHARE)
    with world.narrator.step(
        f"Mass withdrawal: all {len(students)} members of {group.cohort} withdraw in one transaction, and one enrols",
        f"at most {most} are removed, the others are held, which a mail tells whoever is on call; the new one is added at once; an approval "
        "lets the list pass",
    ) as step:
        world.notifier.start()
        cohort = world.moodle.cohorts()[group.cohort]
        since = world.moodle.mark()
        world.school.withdraw(*(Place(student, group).row for student in students))
        joining = Place(world.newcomer([group]), group)
        world.school.enrol(joining.row)
        world.members[group.code].difference_update(students)
        world.await_events(since, {(cohort, world.user_id(joining.student))}, set())

        def removed() -> int:
            return sum(not event.added and event.cohort == cohort for event in world.moodle.events(since))

        def all_decided() -> dict[str, Any] | None:
            seen: dict[str, Any] = json.loads(world.run_product("held", "--json").stdout)
            count = sum(entry["cohort"] == group.cohort for entry in seen["held"])
            return seen if count + removed() == len(students) else None

        seen = wait_until(all_decided, "the removals to be done or held", every=1.0)
        before = removed()
        if before > most:
            raise AssertionError(f"{before} members left {group.cohort}, more than {most}")
        mail = await_mail(world.mail_server, "wait for a person")
        done = world.run_product("approve", seen["hash"])
        if done.returncode:
            raise AssertionError(f"approve ended with {done.returncode}: {done.stdout}{done.stderr}")
        wanted = {(cohort, world.user_id(student)) for student in students}
        world.await_events(since, set(), wanted)
        step.saw(f"a mail to {', '.join(mail.to)}: {escape(mail.subject)}")
        step.saw(
            f"{before} removed, {len(seen['held'])} held and approved under {seen['hash']}; the new member was added"
        )
