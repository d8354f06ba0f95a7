"""Who calls: Moodle's checks of a token in their order, and whether the function is among the caller's."""

from dataclasses import dataclass

from tests.standins.moodle import events, php
from tests.standins.moodle.errors import (
    MoodleError,
    access_refused,
    invalid_parameter,
    invalid_token,
    maintenance,
    missing_record,
    moodle_error,
)
from tests.standins.moodle.functions import FUNCTIONS, KNOWN_NAMES
from tests.standins.moodle.records import Service, Token, User
from tests.standins.moodle.site import Site

# As Moodle words it, indentation included: with debugging on it is part of the answer.
_REASONS = "".join(
    f"\n{' ' * 21}{line}"
    for line in (
        "There could be multiple reasons for this:",
        "1. The service linked to the user token does not contain the function.",
        "2. The service is user-restricted and the user is not listed.",
        "3. The service is IP-restricted and the user IP is not listed.",
        "4. The service is time-restricted and the time has expired.",
        "5. The token is time-restricted and the time has expired.",
        "6. The service requires a specific capability which the user does not have.",
        "7. The function is called with username/password (no user token is sent)",
        "and none of the services has the function to allow the user.",
        "These settings can be found in Administration > Site administration",
        "> Server > Web services > External services and Manage tokens.",
    )
)


@dataclass(frozen=True, slots=True)
class Identity:
    user: User
    token: Token


def authenticate(site: Site, token_text: str, ip: str) -> Identity:
    """The user behind a token; an expired token is refused once and is unknown from then on."""
    token = site.find_token(token_text)
    if token is None:
        raise _logged(site, ip, {"reason": "invalid_token"}, invalid_token())
    if token.validuntil and token.validuntil < site.clock():
        site.tokens.pop(token.token, None)
        raise access_refused("Invalid token - token expired - check validuntil time for the token")
    if token.only_from is not None and token.only_from != ip:
        refused = access_refused(f"Invalid service - IP:{ip} is not supported - check this allowed user")
        raise _logged(site, ip, {"reason": "ip_restricted", "tokenid": str(token.id)}, refused)
    user = site.users.get(token.userid)
    if user is None:
        raise missing_record("user", {"id": str(token.userid)})
    system = site.contexts.system
    if site.settings.maintenance and not site.rights.has(user.id, "moodle/site:maintenanceaccess", system):
        raise maintenance()
    _check_state(site, user, ip)
    if not site.rights.has(user.id, "webservice/rest:use", system):
        raise access_refused("You are not allowed to use the rest protocol (missing capability: webservice/rest:use)")
    return Identity(user, token)


def _check_state(site: Site, user: User, ip: str) -> None:
    name = user.username
    states = (
        (user.deleted, "user_deleted", "wsaccessuserdeleted", "deleted"),
        (not user.confirmed, "user_unconfirmed", "wsaccessuserunconfirmed", "unconfirmed"),
        # Moodle logs a suspended user under the reason of an unconfirmed one.
        (user.suspended, "user_unconfirmed", "wsaccessusersuspended", "suspended"),
        (user.auth == "nologin", "login", "wsaccessusernologin", "nologin authentication"),
    )
    for applies, reason, errorcode, word in states:
        if applies:
            refused = moodle_error(errorcode, f"Refused web service access for {word} username: {name}")
            raise _logged(site, ip, {"reason": reason, "username": name}, refused)


def _logged(site: Site, ip: str, other: dict[str, str], refused: MoodleError) -> MoodleError:
    site.log.append([events.login_failed(other, ip)], site.clock())
    return refused


def check_function(site: Site, identity: Identity, name: str) -> str:
    """The function's registered name.

    Refuses a missing or unknown name, and a function that the token's service does not offer this user.
    """
    if php.is_empty(name):
        raise invalid_parameter("Missing function name")
    registered = _registered(site, name)
    if registered is None:
        raise missing_record("external_functions", {"name": name})
    service = site.services[identity.token.serviceid]
    if not (service.enabled and registered in service.functions and _is_listed(site, service, identity.user)):
        raise access_refused(f"Access to the function {name}() is not allowed.{_REASONS}")
    return registered


def _registered(site: Site, name: str) -> str | None:
    """The name is looked up in the database, so its case may not matter."""
    if name in FUNCTIONS or name in KNOWN_NAMES:
        return name
    key = site.flavour.text_key(name)
    return key if key in FUNCTIONS or key in KNOWN_NAMES else None


def _is_listed(site: Site, service: Service, user: User) -> bool:
    if not service.restricted:
        return True
    if user.id not in service.users:
        return False
    validuntil = service.users[user.id]
    # The wrong way round in this version: an entry counts once its date has passed.
    return validuntil is None or validuntil < site.clock()
