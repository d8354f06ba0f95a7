"""Moodle's REST server: from a request to an answer."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tests.standins.moodle import errors, events, forms, output, params, web
from tests.standins.moodle.authentication import Identity, authenticate, check_function
from tests.standins.moodle.calls import Call, CallSettings, Function
from tests.standins.moodle.descriptions import check_parameters, shape_result
from tests.standins.moodle.functions import FUNCTIONS
from tests.standins.moodle.memberships import Transaction, Work
from tests.standins.moodle.site import Site
from tests.standins.moodle.web import Request, Response, ServerProfile

_SETTING_FIELDS = tuple(f"moodlewssetting{name}" for name in ("raw", "fileurl", "filter", "lang", "timezone"))


@dataclass(slots=True)
class Outcome:
    """An answer, and what is known about how it came about."""

    response: Response
    function: str = ""
    work: Work | None = None
    writes: bool = False


@dataclass(slots=True)
class Opened:
    """A call that passed all checks up to its function's own."""

    function: Function
    identity: Identity
    parameters: forms.Array
    settings: CallSettings
    rest_format: str
    address: str
    ip: str


class FrontController:
    """Answers requests for one site. Safe to be called from many threads."""

    def __init__(self, site: Site, profile: ServerProfile | None = None) -> None:
        self.site = site
        self.profile = profile or ServerProfile()

    def answer(self, request: Request) -> Outcome:
        """The whole call, begun and committed now."""
        opened = self.open(request)
        if isinstance(opened, Outcome):
            return opened
        snapshot = self.site.tables.begin()
        try:
            return self.perform(opened, snapshot)
        finally:
            self.site.tables.end(snapshot)

    def open(self, request: Request) -> Outcome | Opened:
        """Everything before the function itself; an outcome when the call ends there."""
        early = web.refuse_early(request, self.profile) or self._site_answer(request)
        if early is not None:
            return Outcome(early)
        query = forms.parse_query(request.query, self.profile.form)
        body = (
            forms.parse_body(request.content_type, request.body, self.profile.form) if request.method == "POST" else {}
        )
        fields = forms.merge(query, body)
        rest_format = "json" if fields.pop("moodlewsrestformat", None) == "json" else "xml"
        try:
            self._check_site()
            settings = _take_settings(fields)
            if not (self.site.settings.rest_enabled and self.site.settings.web_services_enabled):
                return Outcome(web.forbidden())
            token, name = _scalar(fields.pop("wstoken", None)), _scalar(fields.pop("wsfunction", None))
            identity = authenticate(self.site, token, request.ip)
            registered = check_function(self.site, identity, name)
            called = events.function_called(identity.user.id, name, request.ip)
            self.site.log.append_call(called, registered, self.site.clock())
        except errors.MoodleError as error:
            return Outcome(self._error(rest_format, error))
        if registered not in FUNCTIONS:
            raise NotImplementedError(f"the stand-in does not perform {registered}")
        address = self.site.settings.wwwroot or f"http://{request.host}"
        return Opened(FUNCTIONS[registered], identity, fields, settings, rest_format, address, request.ip)

    def function_name(self, request: Request) -> str:
        """The function that a request asks for, whether or not it will be performed."""
        limits = self.profile.form
        fields = forms.merge(
            forms.parse_query(request.query, limits), forms.parse_body(request.content_type, request.body, limits)
        )
        return _scalar(fields.get("wsfunction"))

    def perform(self, opened: Opened, snapshot: int, *, rehearse: bool = False, looks_again: bool = False) -> Outcome:
        """Run the function on the view of *snapshot* and commit, or take everything back to *rehearse*.

        *looks_again*: a member who came meanwhile is passed over instead of colliding. On a real site the moment
        decides which of the two happens.
        """
        function = opened.function
        with self.site.tables.lock:
            transaction = Transaction(self.site.tables, snapshot, self.site.clock(), rehearsal=rehearse)
            transaction.looks_again = looks_again
            try:
                call = Call(
                    self.site,
                    opened.identity.user,
                    transaction,
                    opened.settings,
                    opened.ip,
                    opened.address,
                    opened.identity.token.token,
                )
                parameters = check_parameters(function.parameters, opened.parameters)
                value = function.body(call, parameters)
            except errors.MoodleError as error:
                transaction.roll_back()
                return Outcome(self._error(opened.rest_format, error), function.name, transaction.work, function.writes)
            except BaseException:
                transaction.roll_back()
                raise
            if rehearse:
                transaction.roll_back()
            else:
                transaction.commit()
                self.site.totals.update(transaction.work.counts)
        if transaction.work.counts.get("users_searched", 0) * web.BYTES_PER_USER > self.profile.memory_limit:
            return Outcome(web.out_of_memory(), function.name, transaction.work, function.writes)
        response = self._result(opened.rest_format, function, value)
        return Outcome(response, function.name, transaction.work, function.writes)

    def _site_answer(self, request: Request) -> Response | None:
        """States in which Moodle does not get as far as looking at the request."""
        settings = self.site.settings
        if settings.cli_maintenance is not None:
            return web.cli_maintenance(settings.cli_maintenance)
        # Both are found out before the address is looked at, and told in the format of the request.
        if settings.database_down or settings.upgrade_running or settings.wwwroot is None:
            return None
        wanted, asked = urlsplit(settings.wwwroot), urlsplit(f"//{request.host}")
        if wanted.hostname != asked.hostname or (wanted.port is not None and wanted.port != asked.port):
            return web.redirect(settings.wwwroot + request.path)
        return None

    def _check_site(self) -> None:
        if self.site.settings.database_down:
            raise errors.database_down()
        if self.site.settings.upgrade_running:
            raise errors.upgrade_running()

    def _result(self, rest_format: str, function: Function, value: Any) -> Response:
        try:
            shaped = None if function.returns is None else shape_result(function.returns, value)
        except errors.MoodleError as error:
            return self._error(rest_format, error)
        return _moodle_response(rest_format, output.result_text(rest_format, function.returns, shaped))

    def refuse(self, opened: Opened, error: errors.MoodleError) -> Outcome:
        """The outcome of a call that the database refused, say for a deadlock."""
        return Outcome(self._error(opened.rest_format, error), opened.function.name, None, opened.function.writes)

    def _error(self, rest_format: str, error: errors.MoodleError) -> Response:
        text = output.error_text(rest_format, error, debugging=self.site.settings.debugging)
        return _moodle_response(rest_format, text)


def _moodle_response(rest_format: str, text: str) -> Response:
    return Response(200, "OK", web.moodle_headers(rest_format), text.encode("utf-8", "surrogateescape"))


def _scalar(value: "forms.Value | None") -> str:
    """A control field as a database condition sees it."""
    if value is None:
        return ""
    return "Array" if isinstance(value, dict) else value


def _take_settings(fields: forms.Array) -> CallSettings:
    def flag(name: str, default: bool) -> bool:  # noqa: FBT001 - a local shorthand
        value = fields.get(name)
        return params.clean(value, "bool") == "1" if isinstance(value, str) else default

    settings = CallSettings(raw=flag(_SETTING_FIELDS[0], False), fileurl=flag(_SETTING_FIELDS[1], True))
    for name in _SETTING_FIELDS:
        fields.pop(name, None)
    return settings
