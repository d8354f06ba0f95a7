"""NEXTVAL: what a statement takes from sequences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.standins.oracle.environment import used_values

if TYPE_CHECKING:
    from tests.standins.oracle.compiler.translation import Translated
    from tests.standins.oracle.engine import EngineSession


def drawn(
    session: EngineSession, translated: Translated, queries: list[str], known: dict[str, Any], rows: int
) -> dict[str, Any]:
    """The parameters `known`, and with them the numbers that a statement takes from sequences.

    The numbers stay taken, and the last of them is CURRVAL, whatever becomes of the statement. `rows`: how many take
    some; 0: as many as the queries have. The caller holds the write lock.
    """
    none: dict[str, Any] = {f"seq_{number}": [] for number in translated.draws}
    none |= {f"base_{number}": 0 for number in translated.draws}
    for sql in queries if not rows else []:
        counted = f"SELECT count(*) FROM ({sql})"
        ((count,),) = session.duck.execute(counted, used_values(counted, known | none)).fetchall()
        rows += count
    for number, per_row in translated.draws.items():
        numbers = session.database.catalog.sequence(number).numbers
        taken = [numbers.draw(session.instance.number) for _ in range(rows * per_row)]
        if taken:
            session.currvals[number] = taken[-1]
        ((base,),) = session.duck.execute(f"SELECT nextval('\"X$S{number}\"')").fetchall()
        known = known | {f"seq_{number}": taken, f"base_{number}": base}
    return known
