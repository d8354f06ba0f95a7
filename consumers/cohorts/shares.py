"""Numbers that several consumers tell in one alert. Pure.

Each consumer counts its own partitions only. An alert carries what every partition adds, so whoever tells it anew puts
its own partitions right and leaves the others as they were told last. That needs no partner: what a consumer that ended
had told is put right by whoever owns its partitions next.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping

from schemas.records import AlertShare

Counts = Mapping[str, int]
"""By the placeholder of the message; those that are nought may be left out."""


def put_right(told: Iterable[AlertShare], owned: Collection[int], ours: Mapping[int, Counts]) -> tuple[AlertShare, ...]:
    """The shares as they are to be told now: those of ``owned`` partitions from ``ours``, the others as told last."""
    shares = {share.partition: share for share in told if share.partition not in owned}
    for partition, counts in ours.items():
        if any(counts.values()):
            shares[partition] = AlertShare(partition, dict(counts))
    return tuple(shares[partition] for partition in sorted(shares))


def total(shares: Iterable[AlertShare]) -> Counter[str]:
    """All of them together."""
    found: Counter[str] = Counter()
    for share in shares:
        found.update(share.counts)
    return found
