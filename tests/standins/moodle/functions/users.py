"""``core_user_get_users_by_field`` and ``core_user_get_users``."""

from collections.abc import Callable, Iterable
from typing import Any

from tests.standins.moodle import params, php
from tests.standins.moodle.calls import Call, Function
from tests.standins.moodle.descriptions import WARNINGS, Many, Scalar, Struct
from tests.standins.moodle.errors import coding_error, invalid_parameter, moodle_error
from tests.standins.moodle.functions.user_details import USER, Viewer, user_details
from tests.standins.moodle.records import User

_FIELD_TYPES = {"id": "int", "idnumber": "raw", "username": "username", "email": "raw_trimmed"}
_CRITERION_TYPES = _FIELD_TYPES | {"auth": "auth", "lastname": "notags", "firstname": "notags"}
_LIKE = frozenset({"email", "lastname", "firstname"})


def get_users_by_field(call: Call, parameters: dict[str, Any]) -> list[dict[str, Any]]:
    """Exact look-up; deleted users are found, users whose searched field is hidden are not."""
    field = parameters["field"]
    if field not in _FIELD_TYPES:
        hint = f"The search field '{field}' is not supported, look at the web service documentation"
        raise coding_error("invalid field parameter", hint)
    wanted = [_cleaned(field, value) for value in parameters["values"]]
    users = _look_up(call, field, wanted)
    call.enter(call.site.contexts.system)
    viewer = Viewer(call)
    shown = [details for user in users if (details := user_details(viewer, user)) is not None]
    call.work.add("users_read", len(users))
    return [details for details in shown if not php.is_empty(details.get(field))]


def _cleaned(field: str, value: str) -> str:
    cleaned = params.clean(value, _FIELD_TYPES[field])
    if not php.loosely_equal(value, int(cleaned) if field == "id" else cleaned):
        raise invalid_parameter(f"The field '{field}' value is invalid: {value}(cleaned value: {cleaned})")
    return cleaned


def _look_up(call: Call, field: str, values: Iterable[str]) -> list[User]:
    users = call.site.users
    found: dict[int, User] = {}
    for value in values:
        if field == "id":
            user = users.get(int(value))
            matches = [] if user is None else [user]
        else:
            matches = users.find(field, value)
        found.update((user.id, user) for user in matches)
    return [found[userid] for userid in sorted(found)]


def get_users(call: Call, parameters: dict[str, Any]) -> dict[str, Any]:
    """All criteria together; an unknown key is ignored with a warning, so alone it finds everybody."""
    warnings: list[dict[str, str]] = []
    tests: list[Callable[[User], bool]] = []
    keys: list[str] = []
    seen: set[str] = set()
    candidates: Iterable[User] = call.site.users
    for criterion in parameters["criteria"]:
        key = criterion["key"]
        if key in seen:
            raise moodle_error("keyalreadyset", "error/keyalreadyset", f"The key {key} can only be sent once")
        seen.add(key)
        if key not in _CRITERION_TYPES:
            message = f"The search key '{key}' is not supported, look at the web service documentation"
            warnings.append({"item": key, "warningcode": "invalidfieldparameter", "message": message})
            continue
        keys.append(key)
        value = params.clean(criterion["value"], _CRITERION_TYPES[key])
        if key in {"username", "idnumber"}:
            # The index narrows the search; the test below would find the same users.
            candidates = [user for user in call.site.users.find(key, value) if _among(user, candidates)]
            continue
        tests.append(_test(call, key, value))
    users = [user for user in candidates if not user.deleted and all(test(user) for test in tests)]
    viewer = Viewer(call)
    shown = [details for user in users if (details := user_details(viewer, user)) is not None]
    call.work.add("users_searched", len(users))
    kept = [details for details in shown if not any(php.is_empty(details.get(key)) for key in keys)]
    return {"users": kept, "warnings": warnings}


def _among(user: User, candidates: Iterable[User]) -> bool:
    return not isinstance(candidates, list) or user in candidates


def _test(call: Call, key: str, value: str) -> Callable[[User], bool]:
    flavour = call.site.flavour
    if key == "id":
        return lambda user: user.id == int(value)
    if key in _LIKE:
        matches = flavour.contains(value)
        return lambda user: matches(getattr(user, key))
    return lambda user: flavour.same_text(getattr(user, key), value)


FUNCTIONS = [
    Function(
        "core_user_get_users_by_field",
        Struct({"field": Scalar("alpha"), "values": Many(Scalar("raw"))}),
        Many(USER),
        get_users_by_field,
    ),
    Function(
        "core_user_get_users",
        Struct({"criteria": Many(Struct({"key": Scalar("alpha"), "value": Scalar("raw")}))}),
        Struct({"users": Many(USER), "warnings": WARNINGS}),
        get_users,
    ),
]
