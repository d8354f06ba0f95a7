"""What happens in a history, drawn from its seed before anything happens: nothing that the poller does changes it."""

from __future__ import annotations

from random import Random

from tests.histories.hazards import Hazard
from tests.histories.plans import COHORTS, STUDENTS, Plan, Script, Slip, Statement, Step, Turn, append
from tests.histories.releases import let_release
from tests.histories.shapes import HOUR, SECOND, Place, Shape, draw

_HONEST = ("insert", "insert", "move", "move", "status", "same stamp")
_HARMS = ("null", "backwards", "untouched", "delete", "leave", "rekey", "unmappable", "reload", "cohort gone")
_CROWD = 64
"""In a cohort of their own: more students than twice the least limit of suspects, and a few that other hazards strike."""
_PAUSES = (1, 2, 4, 8, 8, 8, 8, 9, 12, 20)


def write(seed: int) -> Script:
    """The history of a seed."""
    chance = Random(seed)
    shape, place = draw(chance)
    random = chance.random
    skews = (0,) if random() < 0.7 else _skews(chance, shape)
    turns = _turns(chance, shape, place)
    script = Script(
        shape,
        place,
        skews,
        1 if random() < 0.5 else 5,
        [
            (STUDENTS[int(random() * 4)], COHORTS[int(random() * 3)], "E" if random() < 0.85 else "X")
            for _ in range(3 + int(random() * 3))
        ],
        random() < 0.6,
        [],
        [],
        turns,
        0,
        int(random() * 13) - 6 if shape.kind == "application" else 0,
        random() < 0.3,
        _slip(chance, turns) if shape.timed and random() < 0.4 else None,
        1.0 + (int(random() * 3) - 1) * 1e-4,
        random() < 0.6,
    )
    _transactions(chance, script)
    if random() < 0.12 and shape.kind != "proved, due":
        script.rate = 1.0  # it is what tells how far the other was set back
        script.jump = (1 if random() < 0.4 else -1) * min(int(random() * shape.tolerance) + 1, shape.tolerance)
        at = _near(chance, turns)
        script.steps.append(Step(at, random(), "jump"))
        if random() < 0.7:
            _straddle(chance, script, at)
    if shape.timed and random() < 0.1:
        _queue(chance, script)
    if script.slip is not None and script.small and random() < 0.5:
        # One that is open all the while, so that there are more than the ranges of a checkpoint.
        early = _statement(chance, shape, turns[0].at - int(random() * 4), "insert")
        append(chance, script, Plan((early,), turns[-1].at + int(random() * 9), commits=True, instance=0))
    if random() < 0.002:
        script.hazards.add(Hazard.HALF_HIDDEN)
        script.rows += [(f"c{number}", "W", "E") for number in range(_CROWD)]
        script.loaded = True
    if random() < 0.016 and Hazard.HALF_HIDDEN not in script.hazards:
        let_release(chance, script)
    script.steps.sort()
    _note(script)
    return script


def _skews(chance: Random, shape: Shape) -> tuple[int, ...]:
    """Clocks of two instances. What a proof allows is at most a second."""
    most = SECOND if shape.proved else 2 * SECOND
    other = int(chance.random() * (2 * most + 1)) - most
    return (0, other) if chance.random() < 0.5 else (other, 0)


def _turns(chance: Random, shape: Shape, place: Place) -> list[Turn]:
    random = chance.random
    at, turns = 0, []
    count = 3 + int(random() * 3)
    snapshot = int(random() * count * 3)
    long = int(random() * count * 2)
    for number in range(count):
        at += _PAUSES[int(random() * len(_PAUSES))]
        if number == long:
            at += (shape.overlap, shape.settle, HOUR)[int(random() * 3)]
        if place.season and number == 1:
            at += int(random() * 60)
        event, call = "", 0
        struck = random()
        if number == snapshot and number:
            event = "snapshot"
        elif struck < 0.07:
            event = "restart"
        elif struck < 0.13:
            event, call = "crash", int(random() * 9)
        elif struck < 0.19:
            event, call = "failure", int(random() * 9)
        turns.append(Turn(at, event, call))
    return turns


def _near(chance: Random, turns: list[Turn]) -> int:
    """A moment, often the very one of a turn."""
    at = turns[int(chance.random() * len(turns))].at
    return at if chance.random() < 0.6 else at + int(chance.random() * 7) - 3


def _slip(chance: Random, turns: list[Turn]) -> Slip:
    random = chance.random
    picks = (random(), random(), random())
    lasts = (1, 4, 9, 16, 24, 60)[int(random() * 6)]
    return Slip(int(random() * len(turns)), _HONEST[int(random() * 5)], picks, lasts)


def _transactions(chance: Random, script: Script) -> None:
    random = chance.random
    harm = _HARMS[int(random() * len(_HARMS))]
    count = 2 + int(random() * 3)
    for number in range(count):
        act = harm if number == 0 and random() < 0.8 else _HONEST[int(random() * len(_HONEST))]
        if act == "reload":
            _reload(chance, script)
            continue
        changes = _near(chance, script.turns)
        statements = [_statement(chance, script.shape, changes, act)]
        if random() < 0.2:
            more = changes + int(random() * 12)
            statements.append(_statement(chance, script.shape, more, _HONEST[int(random() * 5)]))
        _add(chance, script, statements, commits=random() < 0.93)
        if act == "unmappable" and random() < 0.6:
            # The same row again, later: now it can be mapped, and may name another cohort.
            again = changes + int(random() * script.shape.settle * 1.5)
            mended = _statement(chance, script.shape, again, act)._replace(picks=statements[0].picks)
            _add(chance, script, [mended], commits=True)
    if script.shape.scanned:
        _there_and_back(chance, script)


def _statement(chance: Random, shape: Shape, changes: int, act: str) -> Statement:
    """A statement that begins up to the slack before it changes anything; few begin earlier."""
    kind = chance.random()
    if kind < 0.35:
        before = 0
    elif kind < 0.65:
        before = shape.slack
    elif kind < 0.96:
        before = int(chance.random() * (shape.slack + 1))
    else:
        before = shape.slack + 1 + int(chance.random() * 40)
    picks = (chance.random(), chance.random(), chance.random())
    return Statement(changes - before, changes, act, picks, chance.random() < 0.2)


def _add(chance: Random, script: Script, statements: list[Statement], *, commits: bool) -> None:
    random = chance.random
    last = max(statement.changes for statement in statements)
    kind = random()
    if kind < 0.45:
        ends = last + (0, 0, 1, 4)[int(random() * 4)]
    elif kind < 0.9:
        ends = max(last, _near(chance, script.turns))
    else:
        ends = last + (script.shape.overlap, HOUR, 3 * HOUR)[int(random() * 3)]
    instance = int(random() * len(script.skews))
    append(chance, script, Plan(tuple(statements), ends, commits, instance))


def _reload(chance: Random, script: Script) -> None:
    """Delete, commit, insert, commit: within absence_settle, or in a while."""
    random = chance.random
    at = _near(chance, script.turns)
    picks = (random(), random(), random())
    back = at + 1 + int(random() * script.shape.settle * (0.95 if random() < 0.7 else 1.5))
    instance = int(random() * len(script.skews))
    append(chance, script, Plan((Statement(at, at, "take out", picks, False),), at, True, instance))
    append(chance, script, Plan((Statement(back, back, "put back", picks, False),), back, True, instance))


def _there_and_back(chance: Random, script: Script) -> None:
    """A row is changed, and changed back before the next scan or later; perhaps it was missing meanwhile."""
    random = chance.random
    at = _near(chance, script.turns)
    picks = (random(), random(), random())
    act = "status" if random() < 0.7 else "leave"
    for _ in range(2 if random() < 0.8 else 3):
        append(chance, script, Plan((Statement(at, at, act, picks, False),), at, True, 0))
        at += int(random() * 5)


def _queue(chance: Random, script: Script) -> None:
    """A transaction that is open for longer than the slack, and one or two that wait for its row."""
    random, slack = chance.random, script.shape.slack
    pick = random()
    first = _near(chance, script.turns)
    ends = max(_near(chance, script.turns), first + slack + 1 + int(random() * 60))
    holder = Statement(first, first, "status", (pick, random(), random()), at_row=False)
    append(chance, script, Plan((holder,), ends, commits=random() < 0.8, instance=0))
    for _ in range(1 + int(random() * 2)):
        hits = first + int(random() * (ends - first))
        waiter = Statement(hits - int(random() * (slack + 1)), hits, "move", (pick, random(), random()), at_row=False)
        append(chance, script, Plan((waiter,), hits + int(random() * 4), commits=True, instance=0))
    if random() < 0.5:
        # The poller looks while it is open, twice when it has just gone, and when whoever waited has had time to change
        # something. After a restart it looks at once.
        after = ends + int(random() * 3)
        looks = (first + 1, after, after + 1, after + slack + script.shape.tolerance + int(random() * 4))
        script.turns += [Turn(at, "restart" if random() < 0.7 else "") for at in looks]
        script.turns.sort(key=lambda turn: turn.at)
    script.queues = True


def _straddle(chance: Random, script: Script, jump: int) -> None:
    """A transaction that goes on while the clock is set, and often a restart before it ends."""
    random, turns = chance.random, script.turns
    first, second = jump - int(random() * 5), jump + int(random() * 9)
    statements = [_statement(chance, script.shape, first, "insert"), _statement(chance, script.shape, second, "insert")]
    later = [number for number, turn in enumerate(turns) if turn.at >= second]
    if not later or len(turns) == later[0] + 1:
        _add(chance, script, statements, commits=True)
        return
    if random() < 0.6:
        turns[later[0]] = Turn(turns[later[0]].at, "restart")
    ends = _near(chance, turns[later[0] + 1 :])
    append(chance, script, Plan(tuple(statements), max(ends, second), True, int(random() * len(script.skews))))


def _note(script: Script) -> None:
    """The hazards that are certain to happen."""
    found, shape = script.hazards, script.shape
    if any(skew for skew in script.skews):
        found.add(Hazard.SKEW)
    if script.jump:
        found.add(Hazard.SET_BACK if script.jump < 0 else Hazard.SET_FORWARD)
    if script.place.season:
        found.add(Hazard.AUTUMN if script.place.season == "autumn" else Hazard.SPRING)
    if shape.kind == "application":
        found.add(Hazard.APPLICATION)
    for plan in script.plans:
        if not plan.commits:
            found.add(Hazard.ROLLBACK)
        if plan.ends - plan.statements[0].changes >= HOUR:
            found.add(Hazard.HOURS_OPEN)
        for statement in plan.statements:
            before = statement.changes - statement.began
            if shape.slack and before == shape.slack:
                found.add(Hazard.LONG_STATEMENT)
            if before > shape.slack:
                found.add(Hazard.OVER_SLACK)
