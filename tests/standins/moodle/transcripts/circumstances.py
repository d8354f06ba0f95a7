"""The site as a transcript found it: cohorts before, caller, database, limits, and the state told in its title."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from tests.standins.moodle.collation import MARIADB, POSTGRESQL
from tests.standins.moodle.fixture import BULK_LIMIT, BulkUsers, site_from_fixture, user_from
from tests.standins.moodle.forms import FormLimits
from tests.standins.moodle.latency import INSTANT, MEASURED, Workers
from tests.standins.moodle.records import Cohort, CourseLink, ProfileField, User
from tests.standins.moodle.service import Service
from tests.standins.moodle.site import Site
from tests.standins.moodle.transcripts.recorded import Transcript
from tests.standins.moodle.web import ServerProfile

WWWROOT = "https://moodle.example.test"
HOST = "moodle.example.test"
_STANDARD_COHORTS = (
    (101, "Biology Year 1", "UNI:BIO-Y1", "system", "", True, (1001, 1002, 1003)),
    (102, "Chemistry Year 1", "UNI:CHEM-Y1", "system", "", True, ()),
    (103, "Science Staff", "UNI:SCI-STAFF", "category:SCI", "", True, (1004,)),
    (104, "Hidden Cohort", "UNI:HIDDEN", "system", "", False, (1005,)),
    (105, "Plugin Managed", "UNI:PLUGIN", "system", "local_other", True, (1006,)),
    (106, "No Idnumber", "", "system", "", True, (1007,)),
)
"""What the recorded site held where a transcript does not tell."""
_BULK_GROUPS = frozenset({"limits", "concurrency", "report", "failure"})
_REPORT_FUNCTIONS = ("core_reportbuilder_", "core_user_search_identity")
_LINKED = CourseLink(courseid=3, cohortid=102, enrolid=27)
_SIZES = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3}


def service_for(transcript: Transcript, fixture: Mapping[str, Any]) -> Service:
    """A fresh site in the state that the transcript begins with, behind the server that it names."""
    document = transcript.document
    site = _site(transcript, fixture)
    _load_cohorts(site, document["state_before"])
    _set_state(site, transcript)
    profile, has_patience = server_profile(document["server_profile"])
    # Only where the gateway's patience matters do durations decide; nobody waits for them here.
    cost = MEASURED if has_patience else INSTANT
    return Service(site, profile, cost, Workers(sleep=lambda _seconds: None))


def _site(transcript: Transcript, fixture: Mapping[str, Any]) -> Site:
    document = transcript.document
    flavour = POSTGRESQL if document["moodle"]["database"].startswith("PostgreSQL") else MARIADB
    site = site_from_fixture(fixture, flavour=flavour)
    if document["group"] in _BULK_GROUPS or "perf0" in str(document["exchanges"]):
        for user in _bulk():
            site.users.add(user)
    for row in document["users"] or ():
        _put_user(site, row)
    if document["group"] != "report":
        # The service was given these functions when the report scenarios were made.
        for service in site.services.values():
            service.functions = [name for name in service.functions if not name.startswith(_REPORT_FUNCTIONS)]
    site.settings.wwwroot = WWWROOT
    return site


@lru_cache(maxsize=1)
def _bulk() -> list[User]:
    return BulkUsers(BULK_LIMIT).make()


def _put_user(site: Site, row: Mapping[str, Any]) -> None:
    told = user_from(row)
    known = site.users.get(told.id)
    if known is None:
        site.users.add(told)
        return
    if known != told and not known.username.startswith("perf"):
        for name in ("username", "firstname", "lastname", "email", "idnumber", "auth"):
            setattr(known, name, getattr(told, name))
        known.confirmed, known.suspended, known.deleted = told.confirmed, told.suspended, told.deleted
        known.profile, known.maildisplay = told.profile, told.maildisplay
        site.users.changed()


def _load_cohorts(site: Site, rows: list[Mapping[str, Any]] | None) -> None:
    next_id = site.tables.next_cohort_id
    if rows is None:
        for cohortid, name, idnumber, context, component, visible, members in _STANDARD_COHORTS:
            site.add_cohort(
                idnumber,
                name,
                context=context,
                component=component,
                visible=visible,
                members=members,
                cohortid=cohortid,
            )
    for row in rows or ():
        cohort = Cohort(
            row["id"],
            row["name"],
            row["idnumber"] or "",
            site.contexts.named(row["context"]).id,
            row["description"] or "",
            row["descriptionformat"],
            bool(row["visible"]),
            row["component"],
        )
        site.tables.put(cohort)
        site.tables.members[cohort.id] = dict.fromkeys(row["member_userids"], 0.0)
    site.tables.next_cohort_id = max(next_id, site.tables.next_cohort_id)


def _set_state(site: Site, transcript: Transcript) -> None:
    text, settings = transcript.text, site.settings
    if "climaintenance" in text or "cli maintenance" in text:
        settings.cli_maintenance = "<html><body>Maintenance by CLI</body></html>"
    elif "maintenance" in text:
        settings.maintenance = True
    settings.upgrade_running = "upgrade-running" in text or "upgrade running" in text
    settings.rest_enabled = not ("rest-disabled" in text or "rest protocol disabled" in text)
    settings.web_services_enabled = not ("webservices-disabled" in text or "web services disabled" in text)
    settings.site_policy = "policy-not-agreed" in text or "policy not agreed" in text
    settings.debugging = "debug-" in text or "debug=" in text
    settings.database_down = "database-down" in text or "database not reachable" in text
    if re.search(r"required-(un)?locked|made required", text):
        _require_field(site, locked="required-locked" in text or "(locked)" in text)
    if transcript.document["group"] == "enrol":
        site.tables.links.append(_LINKED)
    if "field-as-identity" in text or "showuseridentity" in text:
        settings.identity_fields = ("email", "profile_field_student_number")


def _require_field(site: Site, *, locked: bool) -> None:
    old = site.profile_fields[0]
    site.profile_fields[0] = ProfileField(old.shortname, old.name, old.visible, required=True, locked=locked)


def server_profile(told: str) -> tuple[ServerProfile, bool]:
    """The limits that a transcript names, and whether the gateway's patience is among them."""
    limits = dict(re.findall(r"(\w+)=(\d+[kKmMgGs]?)", told))
    generous = ServerProfile()
    form = FormLimits(
        max_input_vars=_size(limits, "max_input_vars", generous.form.max_input_vars),
        post_max_size=_size(limits, "post_max_size", generous.form.post_max_size),
    )
    patience = limits.get("fastcgi_read_timeout")
    profile = ServerProfile(
        form,
        _size(limits, "client_max_body_size", generous.client_max_body_size),
        memory_limit=_size(limits, "memory_limit", generous.memory_limit),
        read_timeout=float(patience.rstrip("s")) if patience else generous.read_timeout,
    )
    return profile, patience is not None


def _size(limits: Mapping[str, str], name: str, default: int) -> int:
    text = limits.get(name)
    if text is None:
        return default
    number = text.rstrip("kKmMgG")
    return int(number) * _SIZES[text[len(number) :].lower()]


def caller_token(site: Site, caller: str | None) -> str:
    """The token of the caller that a transcript names; any other text is itself the token."""
    if caller is None:
        return ""
    name = caller.replace("_", "")
    return site.token(name) if name in site.callers else caller


def host_for(transcript: Transcript) -> str:
    return "10.0.0.1:8081" if "wrong-host" in transcript.text or "host/port differs" in transcript.text else HOST
