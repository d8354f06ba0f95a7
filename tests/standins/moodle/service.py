"""The site behind its gateway: answers with faults, durations and the gateway's patience applied."""

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

from tests.standins.moodle.faults import ConnectionCut, Fault, Faults, Kind, faulty_answer
from tests.standins.moodle.front import FrontController, Opened, Outcome
from tests.standins.moodle.latency import INSTANT, CostModel, Workers
from tests.standins.moodle.site import Site
from tests.standins.moodle.web import Request, Response, ServerProfile, gateway_timeout


class Service:
    """Handles requests; safe to be called from many threads.

    With a cost model a call holds one of the workers for its duration, sees the data as they were when it got that
    worker, and commits at the end. A call whose duration is longer than the gateway's patience is answered with 504
    while it goes on; waiting for a worker does not count.
    """

    def __init__(
        self,
        site: Site,
        profile: ServerProfile | None = None,
        cost: CostModel = INSTANT,
        workers: Workers | None = None,
    ) -> None:
        self.site = site
        self.front = FrontController(site, profile)
        self.cost = cost
        self.workers = workers or Workers()
        self.faults = Faults()
        self.answers: Counter[str] = Counter()
        """Answers by status, and ``cut`` for connections cut on purpose."""
        self._late: list[threading.Thread] = []
        self._lock = threading.Lock()

    def handle(self, request: Request) -> Response:
        """The answer to send; :class:`ConnectionCut` when there is to be none, or only a part."""
        try:
            response = self._handle(request)
        except ConnectionCut:
            self._count("cut")
            raise
        self._count(str(response.status))
        return response if request.method != "HEAD" else replace(response, body=b"")

    def _count(self, answer: str) -> None:
        with self._lock:
            self.answers[answer] += 1

    def drain(self) -> None:
        """Wait for calls that go on after their 504."""
        for thread in self._late:
            thread.join()
        self._late.clear()

    def _handle(self, request: Request) -> Response:
        fault = self.faults.take(self.front.function_name(request)) if self.faults else None
        if fault is None:
            return self._answer(request)
        if fault.kind is Kind.DROP_BEFORE:
            raise ConnectionCut
        if fault.kind in {Kind.STATUS, Kind.EXCEPTION}:
            return faulty_answer(fault)
        return self._answer_badly(request, fault)

    def _answer_badly(self, request: Request, fault: Fault) -> Response:
        if fault.kind is Kind.GATEWAY_TIMEOUT:
            self._go_on(lambda: self._later(request, fault.seconds))
            return gateway_timeout()
        self.workers.sleep(fault.seconds)
        response = self._answer(request)
        if fault.kind is Kind.DROP_AFTER:
            raise ConnectionCut
        if fault.kind is Kind.TRUNCATE:
            raise ConnectionCut(response)
        return response

    def _later(self, request: Request, seconds: float) -> None:
        self.workers.sleep(seconds)
        self._answer(request)

    def _answer(self, request: Request) -> Response:
        if not self.cost.scale:
            return self.front.answer(request).response
        self.workers.acquire()
        kept = False
        try:
            opened = self.front.open(request)
            if isinstance(opened, Outcome):
                self.workers.sleep(self.cost.cost("", {}))
                return opened.response
            snapshot = self.site.tables.begin()
            rehearsal = self.front.perform(opened, snapshot, rehearse=True)
            counts = rehearsal.work.counts if rehearsal.work else {}
            seconds = self.cost.cost(rehearsal.function, counts)
            patience = self.front.profile.read_timeout
            if seconds <= patience:
                return self._finish(opened, snapshot, rehearsal, seconds)
            kept = True
            self._go_on(lambda: self._finish_and_release(opened, snapshot, rehearsal, seconds))
            self.workers.sleep(patience)
            return gateway_timeout()
        finally:
            if not kept:
                self.workers.release()

    def _finish(self, opened: Opened, snapshot: int, rehearsal: Outcome, seconds: float) -> Response:
        try:
            self.workers.sleep(seconds)
            if not rehearsal.writes:
                return rehearsal.response
            return self.front.perform(opened, snapshot).response
        finally:
            self.site.tables.end(snapshot)

    def _finish_and_release(self, opened: Opened, snapshot: int, rehearsal: Outcome, seconds: float) -> None:
        try:
            self._finish(opened, snapshot, rehearsal, seconds)
        finally:
            self.workers.release()

    def _go_on(self, work: Callable[[], object]) -> None:
        thread = threading.Thread(target=work, daemon=True)
        self._late = [known for known in self._late if known.is_alive()]
        self._late.append(thread)
        thread.start()
