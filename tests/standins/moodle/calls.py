"""A call of one function: the caller, the transaction, and the checks that every function shares."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.standins.moodle.descriptions import Description, Struct
from tests.standins.moodle.errors import missing_capability, moodle_error
from tests.standins.moodle.memberships import Transaction, Work
from tests.standins.moodle.records import VISIBLE_NONE, Context, User
from tests.standins.moodle.site import Site


@dataclass(frozen=True, slots=True)
class CallSettings:
    """The ``moodlewssetting...`` fields of a request."""

    raw: bool = False
    """Texts are returned as stored."""
    fileurl: bool = True
    """Places of files in texts are replaced by addresses."""


@dataclass(slots=True)
class Call:
    """What a function gets besides its parameters."""

    site: Site
    user: User
    transaction: Transaction
    settings: CallSettings
    ip: str
    address: str
    """The site's address as this caller knows it."""
    token: str = ""

    @property
    def work(self) -> Work:
        return self.transaction.work

    def may(self, capability: str, context: Context) -> bool:
        return self.site.rights.has(self.user.id, capability, context)

    def may_any(self, capabilities: tuple[str, ...], context: Context) -> bool:
        return self.site.rights.has_any(self.user.id, capabilities, context)

    def require(self, capability: str, context: Context) -> None:
        if not self.may(capability, context):
            raise missing_capability(capability)

    def enter(self, context: Context) -> None:
        """The check that a function makes before it works in a context: is the service user fit to be there?"""
        user = self.user
        if user.must_change_password:
            raise moodle_error("forcepasswordchangenotice", "error/forcepasswordchangenotice")
        if not (user.firstname and user.lastname and user.email) or self._lacks_required_field(user):
            raise moodle_error("usernotfullysetup", "User not fully set-up")
        administrator = user.id in self.site.rights.administrators
        exempt = administrator or user.auth == "webservice"
        if self.site.settings.site_policy and not user.policy_agreed and not exempt:
            policy = f"{self.address}/user/policy.php"
            raise moodle_error(
                "sitepolicynotagreed",
                f'Site policy not agreed: <a href="{policy}">Click here to open the site policy.</a>',
            )

    def _lacks_required_field(self, user: User) -> bool:
        return any(
            field.required
            and not field.locked
            and not user.profile.get(field.shortname)
            and user.profile.get(field.shortname) != "0"
            and field.visible != VISIBLE_NONE
            for field in self.site.profile_fields
        )


@dataclass(frozen=True, slots=True)
class Function:
    """A web service function: its descriptions and its body."""

    name: str
    parameters: Struct
    returns: Description | None
    body: Callable[[Call, dict[str, Any]], Any]
    writes: bool = False
    """Whether it changes cohorts or members."""
