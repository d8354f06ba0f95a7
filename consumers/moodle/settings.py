"""Settings of the connection to one Moodle, and of how students are found there."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from connector.runtime.settings import Duration, Secret, Section

SCRIPT = "/webservice/rest/server.php"


def _site_address(url: str) -> str:
    parts = urlsplit(url.strip())
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(
            'write the address of the site as in Moodle\'s own settings, e.g. "https://moodle.example.org"'
        )
    if parts.username or parts.query or parts.fragment:
        raise ValueError("the address must not hold a user name, a query or a fragment; the token has its own setting")
    return url.strip().rstrip("/").removesuffix(SCRIPT).rstrip("/")


def _proxy_address(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
        raise ValueError('write "http://host:port"; user name and password have settings of their own')
    return url


class Timeouts(Section):
    """How long each stage of a call may take."""

    connect: Duration = timedelta(seconds=10)
    """Until a connection stands, its encryption included."""

    answer: Duration = timedelta(seconds=90)
    """From the end of the request to the first byte of the answer, and between any two. Longer than the time limit of
    common gateways (60 s), so that theirs is heard."""

    whole: Duration = timedelta(minutes=10)
    """For the whole answer, so that one that trickles cannot hold a call for ever."""


class Retries(Section):
    """How often a call is repeated when Moodle is down for a moment, before its caller is told and pauses."""

    attempts: int = Field(default=4, ge=1)
    """Calls in all. A write is repeated only when Moodle has certainly applied nothing of it."""

    first_wait: Duration = timedelta(milliseconds=500)
    """Upper bound of the first wait; it doubles each time. The real wait is drawn between nothing and the bound."""

    longest_wait: Duration = timedelta(seconds=10)
    """Upper bound of any wait. If Moodle asks for a longer one, the call is given up at once."""


class MoodleSettings(Section):
    """One Moodle site and how it is called."""

    url: Annotated[str, AfterValidator(_site_address)]
    """Address of the site, exactly as Moodle's own setting ``wwwroot`` has it: Moodle redirects calls to any other."""

    token: Secret
    """Token of the service user. A token whose service offers to delete cohorts is refused."""

    proxy: Annotated[str, AfterValidator(_proxy_address)] | None = None
    """HTTP proxy, as ``http://host:port``. Absent: a direct connection, whatever the environment says."""

    proxy_user: str | None = None
    """User name at the proxy."""

    proxy_password: Secret | None = None
    """Password at the proxy."""

    ca_file: Path | None = None
    """PEM file of a private certificate authority, trusted beside the public ones."""

    home_category: int | None = Field(default=None, ge=1)
    """Id of the course category in which the service user has its rights. Absent: it has them for the whole site."""

    categories: dict[str, Annotated[int, Field(ge=1)]] = Field(default_factory=dict)
    """Ids of course categories by their idnumber, as `{ SCI = 12 }`; the address of a category's page ends with its id. A
    reconciliation then finds cohorts that were moved from one of these to another. Moodle tells ids by idnumber only to
    those who may manage categories, so they are asked for here."""

    timeouts: Timeouts = Timeouts()
    """Time limits of a call."""

    retries: Retries = Retries()
    """Repetition of calls while Moodle is down for a moment."""

    max_input_vars: int | None = Field(default=None, ge=16)
    """PHP's ``max_input_vars`` on the Moodle server, beyond which a form is cut. Absent: found out at start, by reads."""

    call_seconds: Duration = timedelta(milliseconds=500)
    """How long a call that changes memberships should take. More rows a call are a little more efficient, but what is
    urgent waits behind them, and gateways give up after a minute."""

    max_rows: int = Field(default=500, ge=1)
    """Most rows in a call that changes memberships, however cheap they are."""

    answer_limit: int = Field(default=64, ge=1)
    """Largest answer that is taken, in MiB. 20,000 rows of a report have about 2."""

    @model_validator(mode="after")
    def _proxy_is_whole(self) -> MoodleSettings:
        if self.proxy is None and (self.proxy_user or self.proxy_password):
            raise ValueError("proxy_user and proxy_password mean nothing without proxy")
        if bool(self.proxy_user) != bool(self.proxy_password):
            raise ValueError("give both of proxy_user and proxy_password, or none")
        return self

    @property
    def endpoint(self) -> str:
        """Where calls are sent."""
        return self.url + SCRIPT


class DirectorySettings(Section):
    """How a student of the source is found among Moodle's users."""

    by: Literal["profile_field", "idnumber", "username", "email"] = "profile_field"
    """What of a Moodle user holds the student's key."""

    field: str | None = None
    """Short name of the custom profile field, if ``by`` is ``profile_field``."""

    report_id: int | None = Field(default=None, ge=1)
    """Id of a custom report (Site administration > Reports > Custom reports) on the source *Users*, sorted by
    username, without aggregation, with the columns username and the profile field. It lets 50,000 users be read in
    seconds. Absent: all users are read one by one, some 3 ms each, which is slow beyond a few thousand."""

    username_header: str = "Username"
    """Title of the username column in the report, as the service user sees it. It follows that user's language."""

    field_header: str | None = None
    """Title of the profile field's column in the report: the name of the field, not its short name."""

    normalise: str = "{VALUE|trim}"
    """Pattern by which both sides are made alike before they are compared, e.g. ``{VALUE|trim|upper|pad:8}``."""

    page_rows: int = Field(default=10_000, ge=100, le=20_000)
    """Rows of the report a call. At 10,000 a site of 50,000 users took 6 s in all, at 1,000 it took 35 s."""

    lookup_rows: int = Field(default=500, ge=1, le=4000)
    """Users looked up a call: some 60 ms a call and 3 ms a user."""

    refresh_interval: Duration = timedelta(hours=1)
    """How often everything is read again when nothing calls for it."""

    look_again: Duration = timedelta(seconds=30)
    """How soon a student without an account is looked for again, while fewer than 100 are. Of more, each has its turn every ten
    minutes, and ever less often the longer they have been missing, once an hour at least."""

    refresh_share: float = Field(default=0.05, gt=0, le=1)
    """Largest part of the time that may go into reading everything again for the sake of missing students."""

    loss_limit: float = Field(default=0.10, ge=0, le=1)
    """Part of the known values that may vanish at one refresh; if more do, the refresh is refused until a person
    accepts it, since a right that was taken away looks the same as users that are gone."""

    @model_validator(mode="after")
    def _field_is_named(self) -> DirectorySettings:
        if (self.by == "profile_field") != (self.field is not None):
            raise ValueError('field names the profile field, so give it if, and only if, by is "profile_field"')
        if (self.report_id is None) != (self.field_header is None):
            raise ValueError("report_id and field_header belong together: give both or none")
        if self.report_id is not None and self.by != "profile_field":
            raise ValueError('a report is needed only if by is "profile_field"')
        return self
