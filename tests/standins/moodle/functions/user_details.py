"""What one user may see of another: the fields of a profile, by capability."""

from typing import Any

from tests.standins.moodle import php
from tests.standins.moodle.calls import Call
from tests.standins.moodle.descriptions import Many, Need, Scalar, Struct
from tests.standins.moodle.records import VISIBLE_ALL, VISIBLE_NONE, ProfileField, User
from tests.standins.moodle.richtext import format_string

MAILDISPLAY_EVERYONE = 1


class Viewer:
    """The rights of a caller that decide about every user alike, looked up once for a call."""

    def __init__(self, call: Call) -> None:
        system = call.site.contexts.system
        self.call = call
        self.sees_profiles = call.may("moodle/user:viewdetails", system)
        self.sees_everything = call.may("moodle/user:viewalldetails", system)
        sees_identity = call.may("moodle/site:viewuseridentity", system)
        self.identity = frozenset(call.site.settings.identity_fields if sees_identity else ())

    def sees_field(self, field: ProfileField, *, own: bool) -> bool:
        """Whether a custom profile field is visible; one visible to nobody is not even to oneself."""
        if field.visible == VISIBLE_ALL or self.sees_everything:
            return True
        return own and field.visible != VISIBLE_NONE


def user_details(viewer: Viewer, user: User) -> dict[str, Any] | None:
    """The members of the answer, or ``None`` when the profile is not visible at all."""
    own = user.id == viewer.call.user.id
    if not (own or viewer.sees_profiles):
        return None
    everything = own or viewer.sees_everything
    images = f"{viewer.call.address}/theme/image.php/boost/core/{viewer.call.site.settings.theme_revision}/u"
    details: dict[str, Any] = {
        "id": user.id,
        "firstname": user.firstname,
        "lastname": user.lastname,
        "fullname": user.fullname,
        "firstaccess": 0,
        "lastaccess": 0,
        "suspended": user.suspended,
        "timezone": "99",
        "profileimageurlsmall": f"{images}/f2",
        "profileimageurl": f"{images}/f1",
    }
    if everything:
        details |= {
            "username": user.username,
            "department": "",
            "auth": user.auth,
            "confirmed": user.confirmed,
            "lang": "en",
            "theme": "",
            "mailformat": 1,
            "trackforums": 0,
        }
    if own or user.maildisplay == MAILDISPLAY_EVERYONE or "email" in viewer.identity:
        details["email"] = user.email
    if not php.is_empty(user.idnumber) and (everything or "idnumber" in viewer.identity):
        details["idnumber"] = user.idnumber
    fields = _custom_fields(viewer, user, own=own)
    if fields:
        details["customfields"] = fields
    if own:
        details["preferences"] = _preferences(viewer.call)
    return details


def _custom_fields(viewer: Viewer, user: User, *, own: bool) -> list[dict[str, str]]:
    if not user.profile:
        return []
    fields = []
    for field in viewer.call.site.profile_fields:
        value = user.profile.get(field.shortname, "")
        if value != "" and viewer.sees_field(field, own=own):
            fields.append(
                {
                    "type": field.datatype,
                    "value": value,
                    "displayvalue": format_string(value),
                    "name": field.name,
                    "shortname": field.shortname,
                }
            )
    return fields


def _preferences(call: Call) -> list[dict[str, Any]]:
    """Preferences that a service user comes by on its own."""
    created = str(call.site.settings.theme_revision)
    return [
        {"name": "auth_manual_passwordupdatetime", "value": created},
        {"name": "last_time_enrolments_synced", "value": created},
        {"name": "_lastloaded", "value": int(call.transaction.now)},
    ]


def _optional(**kinds: str) -> dict[str, Scalar]:
    return {name: Scalar(kind, Need.OPTIONAL) for name, kind in kinds.items()}


USER = Struct(
    {
        "id": Scalar("int"),
        **_optional(username="username", firstname="notags", lastname="notags"),
        "fullname": Scalar("notags"),
        **_optional(
            email="raw_trimmed",
            address="text",
            phone1="notags",
            phone2="notags",
            department="text",
            institution="text",
            idnumber="raw",
            interests="text",
            firstaccess="int",
            lastaccess="int",
            auth="auth",
            suspended="bool",
            confirmed="bool",
            lang="raw",
            calendartype="raw",
            theme="raw",
            timezone="timezone",
            mailformat="int",
            trackforums="int",
            description="raw",
            descriptionformat="int",
            city="text",
            country="alpha",
        ),
        "profileimageurlsmall": Scalar("url"),
        "profileimageurl": Scalar("url"),
        "customfields": Many(
            Struct(
                {
                    "type": Scalar("alphanumext"),
                    "value": Scalar("raw"),
                    "displayvalue": Scalar("raw", Need.OPTIONAL),
                    "name": Scalar("raw"),
                    "shortname": Scalar("raw"),
                }
            ),
            Need.OPTIONAL,
        ),
        "preferences": Many(Struct({"name": Scalar("raw"), "value": Scalar("raw")}), Need.OPTIONAL),
    }
)
