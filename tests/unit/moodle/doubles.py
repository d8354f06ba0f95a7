"""What the tests of the Moodle client share: a clock that only sleeping moves, scripted answers, recorded answers."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import httpx

from consumers.moodle.answers import Call
from consumers.moodle.client import MoodleClient
from consumers.moodle.observing import CallFinished
from consumers.moodle.settings import MoodleSettings

DATA = Path(__file__).parents[2] / "data" / "moodle-ws"
URL = "https://moodle.example.test"
TOKEN = "s3cret-t0ken"

Handler = Callable[[httpx.Request], httpx.Response]
Fields = list[tuple[str, str]]


@dataclass
class ManualClock:
    """Stands still until somebody sleeps or moves it."""

    time: datetime = datetime(2026, 9, 1, 8, tzinfo=UTC)
    slept: list[float] = field(default_factory=list)

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return self.time.timestamp()

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.move(seconds)

    def move(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


@dataclass
class Watcher:
    """Remembers what telemetry is told."""

    seen: list[tuple[Call, CallFinished]] = field(default_factory=list)

    def started(self, call: Call) -> Callable[[CallFinished], None]:
        return lambda finished: self.seen.append((call, finished))


class Script:
    """Answers in order, and remembers the forms that it was sent."""

    def __init__(self, *answers: object) -> None:
        self._answers = list(answers)
        self.forms: list[Fields] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.forms.append(form_of(request))
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, httpx.Response) else httpx.Response(200, json=answer)

    @property
    def left(self) -> int:
        """Answers that nobody asked for."""
        return len(self._answers)


def form_of(request: httpx.Request) -> Fields:
    return parse_qsl(request.content.decode(), keep_blank_values=True, strict_parsing=True)


def refusal(code: str, message: str = "Sentence of Moodle") -> dict[str, str]:
    """An error object as Moodle sends it."""
    return {"exception": "core\\exception\\moodle_exception", "errorcode": code, "message": message}


def client_for(handler: Handler, *, clock: ManualClock | None = None, **settings: Any) -> MoodleClient:
    """A client whose network is ``handler``."""
    given = MoodleSettings.model_validate({"url": URL, "token": TOKEN, **settings})
    return MoodleClient(given, clock or ManualClock(), rng=random.Random(1), transport=httpx.MockTransport(handler))


@dataclass(frozen=True)
class Exchange:
    """One recorded call and its answer."""

    scenario: str
    raw: dict[str, Any]

    @property
    def function(self) -> str:
        return str(self.raw["wsfunction"] or "none")

    @property
    def params(self) -> Fields:
        return list(self.raw["params"].items())

    @property
    def errorcode(self) -> str | None:
        body = self.raw["response_body"]
        return body["errorcode"] if isinstance(body, dict) and "errorcode" in body else None

    @property
    def answered(self) -> bool:
        """Whether an answer was recorded whole."""
        return self.raw["status"] is not None and not self.raw["response_text_truncated"]

    def response(self) -> httpx.Response:
        headers = {k: v for k, v in self.raw["response_headers"].items() if k != "content-encoding"}
        return httpx.Response(self.raw["status"], headers=headers, text=self.raw["response_text"])


@cache
def recorded() -> Sequence[Exchange]:
    """Every recorded exchange of the collection."""
    return tuple(_recorded())


def exchanges(scenario: str) -> list[Exchange]:
    return [exchange for exchange in recorded() if exchange.scenario == scenario]


def _recorded() -> Iterator[Exchange]:
    for path in sorted((DATA / "transcripts").glob("*.json")):
        transcript = json.loads(path.read_text(encoding="utf-8"))
        for raw in transcript["exchanges"]:
            yield Exchange(transcript["scenario"], raw)
