"""The instances of a cluster: each a host with a clock of its own, caches of its own, transactions of its own."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

PRIMARY = "PRIMARY"
"""DATABASE_ROLE of a database that is no standby."""


@dataclass(slots=True)
class Instance:
    """One instance. A client chooses it by INSTANCE_NAME in its connect descriptor."""

    number: int
    name: str
    host: str = "localhost"
    ahead: dt.timedelta = dt.timedelta()
    """How far its host's clock is ahead of the first one's. May be changed while it runs."""
