"""Settings of one sink: a Moodle and how its cohorts are kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field, field_validator

from connector.runtime.settings import Duration, Section
from consumers.cohorts.adoption import Mode
from consumers.cohorts.breaker_settings import AllowanceSettings, BreakerSettings
from consumers.moodle.settings import DirectorySettings, MoodleSettings


class SinkSettings(Section):
    """One Moodle that receives cohorts. Several may hang on the same topics, each under its own name."""

    superseded: ClassVar[Mapping[str, str]] = {
        "removal_limit": "The table [sinks.NAME.breaker] says how many members may leave within 24 hours: leave this out to "
        "have its defaults, or set both partition_share and partition_least to 0 to hold every removal."
    }

    moodle: MoodleSettings
    """The site and how it is called."""

    students: DirectorySettings
    """How a student of the source is found among Moodle's users."""

    maps: dict[str, dict[str, str]] = Field(default_factory=dict)
    """Value maps for the normaliser of ``students``, by name."""

    mode: Mode = "apply"
    """``apply``: Moodle is kept as the sources say, once the sink is adopted. ``shadow``: everything is taken in and nothing
    is written to Moodle, for as long as this stands, so that it can run beside an older sync; ``cohortstream plan`` says
    what it would do."""

    removal_settle: Duration = timedelta(seconds=60)
    """How long a removal waits before it is done; within it the last word wins. A removal can cost a student their work
    in a course, so it is slower than an addition on purpose."""

    sibling_wait: Duration = timedelta(hours=1)
    """How long a removal waits for Moodle to show the cohorts that the student moved to. After that it is held for a
    person."""

    site_check: Duration = timedelta(minutes=2)
    """How often it is made sure that Moodle is still the one that the ledger speaks of, and no older copy: two short
    calls. Besides that before the first call, and after each time in which Moodle was at fault."""

    moodle_settle: Duration = timedelta(minutes=10)
    """How long after a lost answer Moodle may still carry out the call. So long the rows of that call are not reversed,
    and a partition that was taken over from a consumer that died removes nobody. Longer than PHP's and the gateway's
    time limits together."""

    breaker: BreakerSettings = BreakerSettings()
    """How many members may leave within 24 hours."""

    allowances: tuple[AllowanceSettings, ...] = ()
    """Times in which more may leave."""

    foreign: Literal["keep", "remove"] = "keep"
    """What becomes of members whom no record names. ``keep``: they stay. ``remove``: where a cohort is compared as a whole
    (when it is taken over, at a reconciliation) they go as any removal does, settling time and breaker included; not while
    one of its students has no single account, and not from cohorts that the source no longer has."""

    calls_at_once: Annotated[int, Field(ge=1, le=16)] = 2
    """Calls to Moodle at the same time, never two about one cohort. More than Moodle's processors mostly adds waiting."""

    poll_records: Annotated[int, Field(ge=1, le=100_000)] = 500
    """Most records taken from the topic in one turn. Answers of Moodle are heard between turns, so a turn must be short."""

    backlog: Annotated[int, Field(ge=100)] = 20_000
    """Memberships that may wait for their call before the topic is left to wait instead. Bounds the memory: about half a
    kilobyte each."""

    commit_interval: Duration = timedelta(milliseconds=200)
    """How long outcomes may stand before they are written down with the offsets. Each commit costs 15 to 45 ms."""

    recheck_window: Duration = timedelta(seconds=2)
    """How long rechecks are collected, so that many keys of one cohort cost one read."""

    recheck_cohorts: Annotated[int, Field(ge=1, le=500)] = 100
    """Cohorts whose members are read in one call."""

    create_at_once: Annotated[int, Field(ge=1, le=200)] = 50
    """Cohorts made in one call."""

    cohort_retry: Duration = timedelta(seconds=60)
    """How often a cohort that cannot be made or read (category missing, refused) is tried again."""

    fault_retry: Duration = timedelta(seconds=30)
    """How often Moodle is tried again while a person has to act (token revoked, right missing); other faults are tried
    again sooner. One call each time."""

    parked_retry: Duration = timedelta(seconds=10)
    """How often the directory is asked about students without an account. It decides itself how often it really looks,
    see ``students.look_again``."""

    dead_letter_limit: Annotated[int, Field(ge=1)] = 100
    """Dead letters within ``dead_letter_window`` after which the consumer stops taking records in: the fault is probably
    ours then, and a backlog is better than a full dead-letter topic."""

    dead_letter_window: Duration = timedelta(minutes=5)
    """See ``dead_letter_limit``."""

    state_directory: Path = Path("var/state")
    """Where the local copies of the ledger stand. They are a cache: when lost, they are filled again from the topic. Two
    consumers on one machine may share it."""

    @field_validator("allowances")
    @classmethod
    def _names_differ(cls, value: Sequence[AllowanceSettings]) -> Sequence[AllowanceSettings]:
        if len({one.name for one in value}) < len(value):
            raise ValueError("two allowances have one name")
        return value
