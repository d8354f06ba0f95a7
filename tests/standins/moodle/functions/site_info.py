"""``core_webservice_get_site_info`` and ``core_user_search_identity``."""

from hashlib import md5
from typing import Any

from tests.standins.moodle import params, php
from tests.standins.moodle.calls import Call, Function
from tests.standins.moodle.collation import sort_key
from tests.standins.moodle.descriptions import Many, Need, Scalar, Struct
from tests.standins.moodle.records import User

RELEASE, VERSION = "4.5.6 (Build: 20250811)", "2024100706"
MAX_USERS_PER_PAGE = 100
_GUEST = 1
_FEATURES = {
    "usecomments": 1,
    "usetags": 1,
    "enablenotes": 1,
    "messaging": 1,
    "enableblogs": 1,
    "enablecompletion": 1,
    "enablebadges": 1,
    "messagingallusers": 0,
    "enablecustomreports": 1,
    "enableglobalsearch": 0,
    "mnet_dispatcher_mode": 0,
    "enablecompetencies": 1,
}


def get_site_info(call: Call, parameters: dict[str, Any]) -> dict[str, Any]:
    """Enters no context, so it succeeds for service users who can do nothing else."""
    site, user = call.site, call.user
    service = site.services[site.tokens[call.token].serviceid]
    key = md5(f"{call.token}/files".encode(), usedforsecurity=False).hexdigest()
    return {
        "sitename": site.settings.sitename,
        "username": user.username,
        "firstname": user.firstname,
        "lastname": user.lastname,
        "fullname": user.fullname,
        "lang": "en",
        "userid": user.id,
        "siteurl": call.address,
        "userpictureurl": f"{call.address}/theme/image.php/boost/core/{site.settings.theme_revision}/u/f1",
        "functions": [{"name": name, "version": VERSION} for name in service.functions],
        "downloadfiles": 0,
        "uploadfiles": 0,
        "release": RELEASE,
        "version": VERSION,
        "mobilecssurl": "",
        "advancedfeatures": [{"name": name, "value": value} for name, value in _FEATURES.items()],
        "usercanmanageownfiles": True,
        "userquota": 104857600,
        "usermaxuploadfilesize": 67108864,
        "userhomepage": 1,
        "userprivateaccesskey": key,
        "siteid": 1,
        "sitecalendartype": "gregorian",
        "usercalendartype": "gregorian",
        "userissiteadmin": user.id in site.rights.administrators,
        "theme": "boost",
        "limitconcurrentlogins": 0,
        "policyagreed": int(user.policy_agreed),
    }


def search_identity(call: Call, parameters: dict[str, Any]) -> dict[str, Any]:
    """Contains-search over names and identity fields; custom profile fields are never looked at."""
    query = params.clean(parameters["query"], "text")
    system = call.site.contexts.system
    call.enter(system)
    call.require("moodle/user:viewalldetails", system)
    shows_identity = call.may("moodle/site:viewuseridentity", system)
    # Custom profile fields are left out even where the site shows them as identity.
    shown = call.site.settings.identity_fields if shows_identity else ()
    identity = tuple(name for name in shown if not name.startswith("profile_field_"))
    found = [user for user in call.site.users if user.id != _GUEST and not user.deleted and user.confirmed]
    if not php.is_empty(query):
        contains = call.site.flavour.contains_loosely(f"%{query}%")
        found = [user for user in found if any(contains(text) for text in _searched(user, identity))]
    found.sort(key=lambda user: _identity_order(user, query, identity))
    call.work.add("users_scanned", len(call.site.users))
    return {
        "list": [
            {
                "id": user.id,
                "fullname": user.fullname,
                "extrafields": [
                    {"name": name, "value": php.html_escape(str(getattr(user, name)))} for name in identity
                ],
            }
            for user in found[:MAX_USERS_PER_PAGE]
        ],
        "maxusersperpage": MAX_USERS_PER_PAGE,
        "overflow": len(found) > MAX_USERS_PER_PAGE,
    }


def _searched(user: User, identity: tuple[str, ...]) -> list[str]:
    return [user.fullname, user.lastname, *(str(getattr(user, name)) for name in identity)]


def _identity_order(user: User, query: str, identity: tuple[str, ...]) -> tuple[bool, str, str, int]:
    """Exact matches first, then by name."""
    exact = {text.lower() for text in (user.fullname, user.firstname, *_searched(user, identity))}
    return (query.lower() not in exact, sort_key(user.lastname), sort_key(user.firstname), user.id)


_INTEGERS = {name: Scalar("int", Need.OPTIONAL) for name in ("downloadfiles", "uploadfiles")}
_SITE_INFO = Struct(
    {
        "sitename": Scalar("raw"),
        "username": Scalar("raw"),
        "firstname": Scalar("text"),
        "lastname": Scalar("text"),
        "fullname": Scalar("text"),
        "lang": Scalar("lang"),
        "userid": Scalar("int"),
        "siteurl": Scalar("raw"),
        "userpictureurl": Scalar("url"),
        "functions": Many(Struct({"name": Scalar("raw"), "version": Scalar("text")})),
        **_INTEGERS,
        "release": Scalar("text", Need.OPTIONAL),
        "version": Scalar("text", Need.OPTIONAL),
        "mobilecssurl": Scalar("url", Need.OPTIONAL),
        "advancedfeatures": Many(Struct({"name": Scalar("alphanumext"), "value": Scalar("int")}), Need.OPTIONAL),
        "usercanmanageownfiles": Scalar("bool", Need.OPTIONAL),
        "userquota": Scalar("int", Need.OPTIONAL),
        "usermaxuploadfilesize": Scalar("int", Need.OPTIONAL),
        "userhomepage": Scalar("int", Need.OPTIONAL),
        "userhomepageurl": Scalar("url", Need.OPTIONAL),
        "userprivateaccesskey": Scalar("alphanum", Need.OPTIONAL),
        "siteid": Scalar("int", Need.OPTIONAL),
        "sitecalendartype": Scalar("raw", Need.OPTIONAL),
        "usercalendartype": Scalar("raw", Need.OPTIONAL),
        "userissiteadmin": Scalar("bool", Need.OPTIONAL),
        "theme": Scalar("theme", Need.OPTIONAL),
        "limitconcurrentlogins": Scalar("int", Need.OPTIONAL),
        "usersessionscount": Scalar("int", Need.OPTIONAL),
        "policyagreed": Scalar("int", Need.OPTIONAL),
    }
)

FUNCTIONS = [
    Function(
        "core_webservice_get_site_info",
        Struct({"serviceshortnames": Many(Scalar("alphanumext"), Need.DEFAULT, [])}),
        _SITE_INFO,
        get_site_info,
    ),
    Function(
        "core_user_search_identity",
        Struct({"query": Scalar("raw")}),
        Struct(
            {
                "list": Many(
                    Struct(
                        {
                            "id": Scalar("int"),
                            "fullname": Scalar("raw"),
                            "extrafields": Many(
                                Struct({"name": Scalar("text"), "value": Scalar("raw")}), Need.OPTIONAL
                            ),
                        }
                    )
                ),
                "maxusersperpage": Scalar("int"),
                "overflow": Scalar("bool"),
            }
        ),
        search_identity,
    ),
]
