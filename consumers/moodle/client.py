"""Calls of Moodle's REST web services.

What it promises: an answer that is understood, or an error of ours; no redirect is followed; neither token nor bodies
are logged; a write is never repeated unless Moodle has certainly applied nothing of it.

The field ``wsfunction`` stands *last* in every form. PHP keeps the first ``max_input_vars`` + 1 fields of a form and
drops the rest without telling anybody but its log. If the cut falls between two rows the call would succeed with rows
missing; but so it takes the function's name first, and Moodle refuses the call (``invalidparameter``, nothing applied).
The format stands first, so that refusals come as JSON.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from urllib.parse import urlencode

import httpx
import tenacity

from connector.runtime.clock import Clock
from connector.runtime.messages import MoodleMessage
from consumers.moodle import reactions
from consumers.moodle.answers import SAYS_LIMIT, Answer, Call, Json, error, understand
from consumers.moodle.errors import Fault, Halted, MoodleError, TokenRejected, Unavailable
from consumers.moodle.observing import SILENT, CallFinished, CallObserver
from consumers.moodle.settings import MoodleSettings

Fields = Sequence[tuple[str, str]]
"""Form fields in PHP's notation, in order."""

# Shorter than Apache's default of 5 s, so that a kept connection is hardly ever closed under a call.
_KEEP_ALIVE = 4.0


class MoodleClient:
    """Makes calls; safe for use by several threads at once."""

    def __init__(
        self,
        settings: MoodleSettings,
        clock: Clock,
        *,
        observer: CallObserver = SILENT,
        rng: random.Random | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """``transport`` replaces the network; ``rng`` draws the waits between repetitions."""
        self._settings = settings
        self._clock = clock
        self._observer = observer
        self._rng = rng or random.Random()
        self._http = _http_client(settings, transport)

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def read(self, function: str, fields: Fields = (), *, rows: int = 0) -> Json:
        """Call a function that changes nothing.

        Raises:
            MoodleError: after the repetitions that the settings allow, if Moodle is unavailable.
        """
        return self._call(Call(function, writes=False, rows=rows, url=self._settings.url), fields)

    def write(self, function: str, fields: Fields, *, rows: int) -> Json:
        """Call a function that changes something.

        Raises:
            OutcomeUnknown: it may have been applied, or may be within minutes.
            MoodleError: nothing of it has been applied.
        """
        return self._call(Call(function, writes=True, rows=rows, url=self._settings.url), fields)

    def _call(self, call: Call, fields: Fields) -> Json:
        retries = self._settings.retries
        attempts = tenacity.Retrying(
            retry=tenacity.retry_if_exception(self._may_repeat),
            stop=tenacity.stop_after_attempt(retries.attempts),
            wait=self._wait,
            sleep=self._clock.sleep,
            reraise=True,
        )
        for attempt in attempts:
            with attempt:
                return self._with_fresh_token(call, fields, attempt.retry_state.attempt_number)
        raise AssertionError("tenacity ends a loop by returning or raising")

    def _may_repeat(self, raised: BaseException) -> bool:
        """Whether to repeat: only what was certainly not applied, and not if the answer asks for a longer wait."""
        longest = self._settings.retries.longest_wait.total_seconds()
        return isinstance(raised, Unavailable) and (raised.fault.retry_after or 0.0) <= longest

    def _wait(self, state: tenacity.RetryCallState) -> float:
        retries = self._settings.retries
        raised = state.outcome.exception() if state.outcome else None
        asked = (raised.fault.retry_after or 0.0) if isinstance(raised, MoodleError) else 0.0
        bound = retries.first_wait.total_seconds() * 2 ** (state.attempt_number - 1)
        drawn = self._rng.uniform(0.0, min(bound, retries.longest_wait.total_seconds()))
        return max(asked, drawn)

    def _with_fresh_token(self, call: Call, fields: Fields, attempt: int) -> Json:
        """One attempt; a second with the token as it is then, if the first token was refused and has been replaced."""
        token = self._token(call)
        try:
            return self._attempt(call, fields, token, attempt)
        except TokenRejected:
            renewed = self._token(call)
            if renewed == token:
                raise
            return self._attempt(call, fields, renewed, attempt)

    def _token(self, call: Call) -> str:
        try:
            return self._settings.token.read()
        except (OSError, ValueError) as cause:
            raise Halted(Fault(call.function, type(cause).__name__, MoodleMessage.TOKEN_UNREADABLE)) from cause

    def _attempt(self, call: Call, fields: Fields, token: str, attempt: int) -> Json:
        finished = self._observer.started(call)
        began = self._clock.monotonic()
        size, outcome, code = 0, "ok", ""
        try:
            answer = self._send(call, _form(call, fields, token))
            size = len(answer.body)
            return understand(call, answer, self._clock.now())
        except MoodleError as raised:
            outcome, code = type(raised).__name__, raised.fault.code
            raise
        finally:
            finished(CallFinished(self._clock.monotonic() - began, outcome, code, size, attempt))

    def _send(self, call: Call, form: bytes) -> Answer:
        try:
            with self._http.stream("POST", self._settings.endpoint, content=form) as response:
                body = self._body(call, response)
                headers = {name.lower(): value for name, value in response.headers.items()}
                return Answer(response.status_code, headers, body, len(form))
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as cause:
            says = str(cause)[:SAYS_LIMIT]
            raise error(call, reactions.of_transport(cause), type(cause).__name__, says=says) from cause

    def _body(self, call: Call, response: httpx.Response) -> bytes:
        """The body, as long as it is neither too large nor too slow."""
        limit = self._settings.answer_limit * 2**20
        deadline = self._clock.monotonic() + self._settings.timeouts.whole.total_seconds()
        body = bytearray()
        for piece in response.iter_bytes():
            body += piece
            if len(body) > limit:
                raise error(call, reactions.ANSWER_TOO_LARGE, "answer-too-large")
            if self._clock.monotonic() > deadline:
                raise error(call, reactions.SLOW, "answer-too-slow")
        return bytes(body)


def _form(call: Call, fields: Fields, token: str) -> bytes:
    """The request's body; see the head of this module for the order."""
    ordered = [("moodlewsrestformat", "json"), ("wstoken", token), *fields, ("wsfunction", call.function)]
    try:
        return urlencode(ordered).encode("ascii")
    except UnicodeEncodeError:  # half a surrogate pair; its text stays out of the message and of the chain
        raise error(call, reactions.UNKNOWN_CODE, "not-unicode") from None


def _http_client(settings: MoodleSettings, transport: httpx.BaseTransport | None) -> httpx.Client:
    times = settings.timeouts
    answer = times.answer.total_seconds()
    context = httpx.create_ssl_context()
    if settings.ca_file is not None:
        context.load_verify_locations(cafile=settings.ca_file)
    return httpx.Client(
        headers={
            "content-type": "application/x-www-form-urlencoded",
            "accept": "application/json",
            "user-agent": "cohortstream",
        },
        timeout=httpx.Timeout(answer, connect=times.connect.total_seconds()),
        limits=httpx.Limits(keepalive_expiry=_KEEP_ALIVE),
        follow_redirects=False,
        trust_env=False,
        verify=context,
        proxy=_proxy(settings),
        transport=transport,
    )


def _proxy(settings: MoodleSettings) -> httpx.Proxy | None:
    if settings.proxy is None:
        return None
    login = (
        (settings.proxy_user, settings.proxy_password.read())
        if settings.proxy_user and settings.proxy_password
        else None
    )
    return httpx.Proxy(settings.proxy, auth=login)
