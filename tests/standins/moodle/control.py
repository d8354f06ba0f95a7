"""Remote control of the stand-in: filling, breaking and inspecting it over HTTP, from this machine only.

``POST /standin/control`` with ``{"do": ACTION, ...}``; the answer is a JSON object. ``GET`` answers the counters, the
action ``help`` what every action does.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from tests.standins.moodle.faults import Fault, Kind
from tests.standins.moodle.latency import CostModel
from tests.standins.moodle.service import Service
from tests.standins.moodle.web import Request, Response

CONTROL_PATH = "/standin/control"
_STATES = frozenset(
    {
        "cli_maintenance",
        "database_down",
        "debugging",
        "maintenance",
        "rest_enabled",
        "site_policy",
        "upgrade_running",
        "web_services_enabled",
    }
)


class Doors(Protocol):
    """What the control needs of the listening side."""

    def close_door(self, seconds: float | None) -> None:
        """Refuse connections, for a while or until told otherwise."""

    def open_door(self) -> None: ...


class Control:
    """The actions by name; each takes a mapping of arguments and answers a JSON-able object."""

    def __init__(self, service: Service, doors: Doors) -> None:
        self._service = service
        self._site = service.site
        self._doors = doors
        self._actions: dict[str, Callable[[Mapping[str, Any]], Any]] = {
            name.removeprefix("do_"): getattr(self, name) for name in dir(self) if name.startswith("do_")
        }

    def handle(self, request: Request) -> Response:
        if request.ip not in {"127.0.0.1", "::1"}:
            return _json(403, {"error": "only from this machine"})
        if request.method == "GET":
            return _json(200, self.do_counters({}))
        try:
            order = json.loads(request.body or b"{}")
            action = self._actions[order.pop("do")]
            answer = action(order)
        except (KeyError, TypeError, ValueError) as error:
            return _json(400, {"error": f"{type(error).__name__}: {error}", "actions": sorted(self._actions)})
        return _json(200, answer if answer is not None else {"ok": True})

    def do_help(self, order: Mapping[str, Any]) -> dict[str, Any]:
        """What every action does."""
        return {name: (action.__doc__ or "").strip() for name, action in sorted(self._actions.items())}

    def do_users(self, order: Mapping[str, Any]) -> dict[str, Any]:
        """Add users: ``users`` is a list of objects with ``username`` and whatever else ``Site.add_user`` takes."""
        return {"ids": {row["username"]: self._site.add_user(**row).id for row in order["users"]}}

    def do_delete_user(self, order: Mapping[str, Any]) -> None:
        """Delete ``username`` as the Moodle page does: memberships go without events."""
        self._site.delete_user(self._userid(order["username"]))

    def do_update_user(self, order: Mapping[str, Any]) -> None:
        """Change ``profile`` fields (by short name), ``idnumber``, ``email`` or ``suspended`` of ``username``."""
        changes = {name: order[name] for name in ("idnumber", "email", "suspended") if name in order}
        self._site.update_user(self._userid(order["username"]), profile=order.get("profile"), **changes)

    def do_categories(self, order: Mapping[str, Any]) -> dict[str, Any]:
        """Add course categories: a list of ``idnumber``, ``name``, ``parent`` (idnumber)."""
        return {"ids": {row["idnumber"]: self._site.add_category(**row).id for row in order["categories"]}}

    def do_cohorts(self, order: Mapping[str, Any]) -> dict[str, Any]:
        """Add cohorts: a list of ``idnumber`` and whatever else ``Site.add_cohort`` takes."""
        return {"ids": {row["idnumber"]: self._site.add_cohort(**row).id for row in order["cohorts"]}}

    def do_add_members(self, order: Mapping[str, Any]) -> None:
        """``usernames`` join ``cohort``, as by hand on Moodle's page: no event of the web service."""
        self._site.put_members(order["cohort"], [self._userid(name) for name in order["usernames"]])

    def do_remove_members(self, order: Mapping[str, Any]) -> None:
        """The same way out: ``usernames`` leave ``cohort``."""
        self._site.take_members(order["cohort"], [self._userid(name) for name in order["usernames"]])

    def do_members(self, order: Mapping[str, Any]) -> dict[str, Any]:
        """Members of ``cohort`` by username with the Unix time of their commit; of all cohorts without it."""
        if "cohort" in order:
            return {"members": self._named(self._site.member_times(order["cohort"]))}
        with self._site.tables.lock:
            tables = self._site.tables
            times = {cohort.idnumber: dict(tables.members[cohort.id]) for cohort in tables.sorted_cohorts()}
        return {"cohorts": {idnumber: self._named(members) for idnumber, members in times.items()}}

    def do_events(self, order: Mapping[str, Any]) -> dict[str, Any]:
        """Log events after number ``since``, with ``time`` and ``number``."""
        found = self._site.log.since(int(order.get("since", 0)))
        rows = [event.as_row() | {"time": event.time, "number": event.number} for event in found]
        return {"events": rows, "last": self._site.log.last_number}

    def do_counters(self, order: Mapping[str, Any]) -> dict[str, Any]:
        """Calls by function, events by name, units of work (``phantom`` removals too), answers by status."""
        site = self._site
        with site.tables.lock:
            memberships = sum(len(members) for members in site.tables.members.values())
            cohorts = len(site.tables.cohorts)
        return {
            "calls": dict(site.log.calls),
            "events": dict(site.log.counts),
            "work": dict(site.totals),
            "answers": dict(self._service.answers),
            "users": len(site.users),
            "cohorts": cohorts,
            "memberships": memberships,
            "last_event": site.log.last_number,
        }

    def do_state(self, order: Mapping[str, Any]) -> dict[str, Any]:
        """Set states of the site, e.g. ``{"maintenance": true}``; answers all of them."""
        unknown = order.keys() - _STATES
        if unknown:
            raise ValueError(f"unknown states {sorted(unknown)}")
        for name, value in order.items():
            setattr(self._site.settings, name, value)
        return {name: getattr(self._site.settings, name) for name in sorted(_STATES)}

    def do_fault(self, order: Mapping[str, Any]) -> None:
        """Set a fault: ``kind`` and the other fields of ``faults.Fault``."""
        self._service.faults.add(Fault(Kind(order["kind"]), **{k: v for k, v in order.items() if k != "kind"}))

    def do_clear_faults(self, order: Mapping[str, Any]) -> None:
        """Forget all faults."""
        self._service.faults.clear()

    def do_latency(self, order: Mapping[str, Any]) -> None:
        """``scale`` 0: answer at once; 1: as measured."""
        self._service.cost = CostModel(scale=float(order["scale"]))

    def do_outage(self, order: Mapping[str, Any]) -> None:
        """Refuse connections for ``seconds``, or until ``{"do": "outage", "over": true}``."""
        if order.get("over"):
            self._doors.open_door()
        else:
            self._doors.close_door(order.get("seconds"))

    def do_token(self, order: Mapping[str, Any]) -> dict[str, Any]:
        """The token of ``caller``."""
        return {"token": self._site.token(order["caller"])}

    def do_revoke_token(self, order: Mapping[str, Any]) -> None:
        """Make the token of ``caller`` unknown."""
        self._site.revoke_token(order["caller"])

    def do_restore_token(self, order: Mapping[str, Any]) -> None:
        """Make it known again."""
        self._site.restore_token(order["caller"])

    def do_revoke_capability(self, order: Mapping[str, Any]) -> None:
        """Take ``capability`` from ``caller`` everywhere."""
        self._site.revoke_capability(order["caller"], order["capability"])

    def do_grant_capability(self, order: Mapping[str, Any]) -> None:
        """Give ``capability`` to ``caller`` in ``context`` (``system`` or ``category:IDNUMBER``)."""
        self._site.grant_capability(order["caller"], order["capability"], order.get("context", "system"))

    def _userid(self, username: str) -> int:
        found = self._site.users.find("username", username)
        if not found:
            raise KeyError(username)
        return found[0].id

    def _named(self, times: Mapping[int, float]) -> dict[str, float]:
        users = self._site.users
        return {user.username: time for userid, time in times.items() if (user := users.get(userid)) is not None}


def _json(status: int, value: object) -> Response:
    reason = {200: "OK", 400: "Bad Request", 403: "Forbidden"}[status]
    body = json.dumps(value, ensure_ascii=False).encode()
    return Response(status, reason, (("Content-Type", "application/json"),), body)
