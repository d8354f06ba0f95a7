"""Faults to put into the real code, one at a time, to show that the histories notice them. ``mutating`` does it.

Not listed, because nothing but time or memory would differ:

- A bound that is earlier than it must be, anywhere: rows are read once more.
- The other rules of the memory (a changed count, growing ages, what it forgets): without them a change within one grain
  of the column is looked at later, by the last read that covers it. That last rule is listed.
- Ranges beyond the most, dropped instead of waited for: the oldest one, which is kept, begins before them, and is read
  with everything since when its transaction has gone. They are found as late as that.
- Cohorts that are forgotten when a read fails in the middle of them: what differed in a scan is looked at again by the
  next one.
- A first load that publishes students of cohorts that a scan has hinted meanwhile: the scans after it look at all of them.
- ``<`` for ``<=`` at the end of a gap's patience: it takes a commit at the very tick at which the gap is given up.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mutant:
    """One fault."""

    name: str
    module: str
    edits: tuple[tuple[str, str], ...]
    """What stands there, once in the module's text, and what instead."""
    only: tuple[str, ...] = ()
    """Which histories can notice it, to save time: words that ``mutating.concerns`` knows. Empty for all."""
    seed: int = 0
    """Where to begin, to save time: one that noticed it lately. It is none the worse for a fault that another one notices."""


def _mutant(name: str, module: str, old: str, new: str, *only: str, seed: int = 0) -> Mutant:
    return Mutant(name, f"connector.source.{module}", ((old, new),), only, seed)


_UNIT = "timedelta(microseconds=1)"

MUTANTS = (
    # --- the watermark
    _mutant(
        "cursor one unit later",
        "hints.watermark",
        "cursor = sight.now - behind",
        f"cursor = sight.now - behind + {_UNIT}",
        "timed",
    ),
    _mutant(
        "read one unit later",
        "hints.watermark",
        "else min(stood, back)",
        f"else min(stood, back) + {_UNIT}",
        "timed",
    ),
    _mutant(
        "range one unit later",
        "hints.watermark",
        "text(found.started - margin)",
        f"text(found.started - margin + {_UNIT})",
        "proved",
        "slip",
        "exact",
        seed=58605,
    ),
    _mutant(
        "a range that is gone forgotten",
        "hints.watermark",
        "for found in (*gone, *ripe))])",
        "for found in ripe)])",
        "timed",
    ),
    _mutant(
        "waiters forgotten",
        "hints.watermark",
        "for found in (*gone, *ripe))])",
        "for found in gone)])",
        "proved",
        "queues",
    ),
    _mutant(
        "waiters have no time",
        "hints.watermark",
        "if found.high is None and found.opened_at > sight.now - time:",
        "if False:",
        "proved",
        "queues",
        seed=13753,
    ),
    _mutant(
        "waiters that are still open forgotten",
        "hints.watermark",
        "waits = _some_open(",
        "waits = False and (",
        "proved",
        "queues",
        seed=39377,
    ),
    _mutant("no slack", "hints.watermark", "margin = bounds.slack +", "margin = timedelta(0) +", "timed"),
    _mutant(
        "no overlap",
        "hints.watermark",
        "behind = margin if not against else max(bounds.overlap, margin)",
        "behind = margin",
        "timed",
    ),
    _mutant("one instance is proof", "hints.watermark", "elif not seen.everywhere:", "elif False:", "timed"),
    _mutant(
        "no tolerance after a restart",
        "hints.watermark",
        "unseen = bounds.tolerance",
        "unseen = timedelta(0)",
        "timed",
        "set back",
        seed=18854,
    ),
    _mutant(
        "a clock that was set back overlooked",
        "hints.watermark",
        "back = sight.now - behind - timedelta(seconds=sight.elapsed_s or 0.0)",
        "back = sight.now - behind",
        "timed",
        "set back",
    ),
    _mutant(
        "ranges that do not reach back",
        "hints.watermark",
        "return found if _low(found) <= reach else",
        "return found if True else",
        "proved",
        "set back",
        seed=61714,
    ),
    # --- the order of a poll
    Mutant(
        "the clock read after the look",
        "connector.source.polling",
        (
            ("now, at = feed.now(), feed.clock.monotonic()", "now, at = None, feed.clock.monotonic()"),
            ("            return Sight(now)\n", "            return Sight(feed.now())\n"),
            (
                "return Sight(now, feed.source.open_transactions(), against,",
                "seen = feed.source.open_transactions()\n        return Sight(feed.now(), seen, against,",
            ),
        ),
        ("timed",),
        seed=2325,
    ),
    _mutant(
        "the checkpoint ahead of its round",
        "polling",
        "last = len(current.portions) == 1 and",
        "last = True or",
        "small",
        seed=5434,
    ),
    _mutant(
        "missed since the poll began",
        "polling",
        "at = feed.now()\n        last",
        "at = current.sight.now\n        last",
        seed=1129,
    ),
    # --- times
    _mutant(
        "the last look left out",
        "hints.memory",
        "if leaving is not None and stamp < leaving:",
        "if False:",
        "timed",
        seed=436,
    ),
    _mutant(
        "the hour that comes twice",
        "hints.zones",
        "lowest = min(lowest, wall(step, zone))",
        "pass",
        "timed",
    ),
    _mutant(
        "a bound finer than its column",
        "hints.zones",
        "return lowest.replace(microsecond=lowest.microsecond // unit * unit)",
        "return lowest",
        "timed",
        seed=621,
    ),
    _mutant(
        "dates of an outage left out",
        "hints.due",
        "low = now - self._overlap if stood is None else min(stood, now - self._overlap)",
        "low = now",
        "timed",
        seed=6408,
    ),
    Mutant(
        "a stamp at the bound left out",
        "tests.histories.reader",
        (("stamp >= low and", "stamp > low and"),),
        ("timed",),
    ),
    # --- numbers, scans
    _mutant(
        "a number skipped",
        "hints.sequence",
        "[*gaps, (known.position + 1, None)]",
        "[*gaps, (known.position + 2, None)]",
        "sequence",
    ),
    _mutant(
        "a gap one number short",
        "hints.gaps",
        "Gap(at.position + 1, position, now)",
        "Gap(at.position + 2, position, now)",
        "sequence",
    ),
    _mutant("a gap cut too far", "hints.gaps", "low = numbers[index] + 1", "low = numbers[index] + 2", "sequence"),
    _mutant(
        "what is gone overlooked",
        "hints.scan",
        "return frozenset(changed) | (last.marks.keys() - marks.keys())",
        "return frozenset(changed)",
        "scanned",
    ),
    _mutant(
        "what differed not looked at again",
        "hints.scan",
        "again = dict.fromkeys(sorted(differing)) | {",
        "again = {",
        "scanned",
        seed=12846,
    ),
    Mutant(
        "what was published not looked at again",
        "connector.source.unscanned",
        (
            ("noted.keys |= keys", "noted.keys |= set()"),
            ("noted.buckets.update(map(bucket, keys))", "noted.buckets.update(())"),
        ),
        ("scanned",),
        seed=15155,
    ),
    # --- removals
    _mutant("a second look at once", "suspects", "first_missed_at + settle", "first_missed_at"),
    _mutant(
        "a second look one tick early",
        "suspects",
        "first_missed_at + settle",
        "first_missed_at + settle - timedelta(milliseconds=250)",
    ),
    _mutant(
        "a second look that is never ripe at its moment",
        "suspects",
        "now >= suspect.first_missed_at + settle",
        "now > suspect.first_missed_at + settle",
    ),
    _mutant(
        "a vanished cohort emptied",
        "suspects",
        "elif case.cohort in mentioned or case.cohort in named:",
        "elif True:",
    ),
    _mutant(
        "no limit",
        "suspects",
        "within = pressure <= limit_of(standing.memberships)",
        "within = True",
        "half hidden",
    ),
    _mutant("an unknown student decided", "suspects", "if desired.unknown:", "if False:"),
    _mutant(
        "an unknown student suspected",
        "difference",
        "conclude = seen.concludes and not desired[student].unknown",
        "conclude = seen.concludes",
        seed=1166,
    ),
    _mutant(
        "a missing row taken for one that moved",
        "difference",
        "if rows and all(cohort not in self._desired.places.get(row, (cohort,)) for row in rows):",
        "if rows:",
    ),
    # --- releases of cohorts that vanished
    Mutant(
        "a release one tick early",
        "connector.source.releasing",
        (
            ("from datetime import datetime", "from datetime import datetime, timedelta"),
            ("record.last_seen <= before", "record.last_seen <= before + timedelta(milliseconds=250)"),
        ),
        ("releasing",),
    ),
    _mutant(
        "a release that never comes at its moment",
        "releasing",
        "record.last_seen <= before",
        "record.last_seen < before",
        "releasing",
    ),
    _mutant(
        "a release of one that came back meanwhile",
        "releasing",
        "if cohort not in named and _may_go(feed, cohort, before):",
        "if cohort not in named:",
        "releasing",
    ),
    _mutant(
        "a member kept of a cohort that is released",
        "releasing",
        "feed.publisher.release(cohort, members)",
        "feed.publisher.release(cohort, members[1:])",
        "releasing",
    ),
    # --- loads, snapshots, causes
    _mutant("a load of hinted students", "snapshotting", "if student not in hinted}", "}"),
    _mutant("NULL taken for late", "missed", "return Cause.NULL_CURSOR", "return Cause.LATE_COMMIT"),
    _mutant("backwards taken for untouched", "missed", "stamp == published else", "stamp <= published else"),
)
