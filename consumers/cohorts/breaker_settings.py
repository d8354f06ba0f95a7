"""Settings of the breaker and of its allowances."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, model_validator

from connector.runtime.settings import Section
from consumers.cohorts.breaker import Allowance, Limits

Share = Annotated[float, Field(ge=0, le=1)]


def parse_begin(value: object) -> object:
    """A moment with its zone, or a date, which begins at midnight UTC."""
    return _parse(value, timedelta())


def parse_end(value: object) -> object:
    """A moment with its zone, or a date, whose last moment UTC it then is."""
    return _parse(value, timedelta(days=1))


def _parse(value: object, day: timedelta) -> object:
    try:
        if isinstance(value, str):
            value = date.fromisoformat(value) if len(value) == len("2026-09-01") else datetime.fromisoformat(value)
        if isinstance(value, date) and not isinstance(value, datetime):
            return datetime.combine(value, time(), UTC) + day
    except (ValueError, OverflowError):
        value = None
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value
    raise ValueError(
        'not a moment; write a date, such as 2026-09-01, or a time with its zone: "2026-09-01T08:00+02:00"'
    )


class BreakerSettings(Section):
    """How many members may leave within 24 hours. More are held until a person decides; additions go on.

    A removal must be within the budget of its cohort and of its partition. Counted is what the journal says was about to
    be removed, so that no restart begins anew. Members are those that Moodle shows, and those of the day's removals.
    """

    cohort_share: Share = 0.1
    """Share of a cohort's members that may leave. Whatever is set here and in `cohort_least`, never more than half of the
    cohort, rounded up."""

    cohort_least: Annotated[int, Field(ge=0)] = 5
    """So many may leave a cohort also when `cohort_share` is less: a small group is not a mass."""

    partition_share: Share = 0.01
    """Share of a partition's memberships that may end. A site has `kafka.partitions` of them, each with its own cohorts, so
    this is also the share of the site."""

    partition_least: Annotated[int, Field(ge=0)] = 2
    """So many may end in a partition also when `partition_share` is less. With 0 here and there, every removal is held."""

    def limits(self) -> Limits:
        return Limits(self.cohort_share, self.cohort_least, self.partition_share, self.partition_least)


class AllowanceSettings(Section):
    """For a while more members may leave certain cohorts: the weeks in which groups change. It ends by itself.

    What passes under an allowance does not count against the breaker's budgets, and is journalled with its name. Of
    several that cover a cohort, the first with room counts. One that has ended does nothing.
    """

    name: Annotated[str, Field(min_length=1)]
    """Stands in the journal. The day is counted by name, so a new name begins anew."""

    cohorts: Annotated[str, Field(min_length=1)]
    """Which cohorts, by a pattern over their idnumbers: `*` stands for any text, `?` for one character, `[AB]` for one of
    these."""

    begins: Annotated[datetime, BeforeValidator(parse_begin)]
    """From when on: a date (midnight UTC), or a time with its zone."""

    ends: Annotated[datetime, BeforeValidator(parse_end)]
    """Until when: a date (to its end, UTC), or a time with its zone."""

    share: Share
    """Share of a cohort's members that may leave it within 24 hours under this allowance, also if that is more than half."""

    most: Annotated[int | None, Field(ge=1)] = None
    """Most removals of the whole site within 24 hours under this allowance, divided evenly over the partitions, at least one
    for each. Absent: only `share` counts."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.begins >= self.ends:
            raise ValueError("it ends before it begins")
        return self


def open_allowances(settings: Sequence[AllowanceSettings], partitions: int) -> tuple[Allowance, ...]:
    """As the breaker takes them, each with a partition's part."""
    return tuple(
        Allowance(
            one.name,
            one.cohorts,
            one.begins,
            one.ends,
            one.share,
            None if one.most is None else max(1, one.most // partitions),
        )
        for one in settings
    )
