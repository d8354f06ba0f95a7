"""Bad input from every side: a clear error each, nothing lost, the rest goes on."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition

from tests.demo.evening import compare_ends
from tests.demo.processes import Child
from tests.demo.steps import faults
from tests.demo.student_system import Place
from tests.demo.waiting import wait_until
from tests.demo.world import CONSUMER_GROUP, GROUP_TOOL, MEMBERSHIPS, World
from tests.e2e.roles import KAFKA, SINK, SOURCE, Case, await_readiness, checking, command, faulty_role

pytestmark = pytest.mark.timeout(300)

POISON = (
    (b"\xff\xfe not a key", b"\xc3\x01 not a record"),
    (b'["2026-SCI-L1INF-TD01","nobody"]', b"\xc3\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"),
    (b"", b""),
)


CASES = (
    Case(
        "http-for-oracle",
        "oracle",
        "poll",
        lambda w: {f"{SOURCE}DSN": w.moodle.url.removeprefix("http://") + "/X", f"{SOURCE}CONNECT_TIMEOUT": "2s"},
        ("CS2001", "CS2007"),
    ),
    Case("nobody-for-oracle", "oracle", "poll", lambda _: {f"{SOURCE}DSN": "127.0.0.1:1/SCOL"}, ("CS2001",)),
    Case("no-column", "oracle", "poll", lambda _: {f"{SOURCE}COHORT__IDNUMBER": "{COD_ANU}-{NONE}"}, ("CS2004",)),
    Case("no-grant", "oracle", "poll", lambda _: {f"{SOURCE}MEMBERSHIP__TABLE": "SCOLARITE.GROUPE"}, ("CS2003",)),
    Case(
        "kafka-for-moodle",
        "moodle",
        "consume",
        lambda w: {f"{SINK}MOODLE__URL": f"http://{w.ends.bootstrap}"},
        ("CS4",),
    ),
    Case("nobody-for-moodle", "moodle", "consume", lambda _: {f"{SINK}MOODLE__URL": "http://127.0.0.1:1"}, ("CS4001",)),
    Case(
        "http-for-kafka",
        "kafka",
        "poll",
        lambda w: {f"{KAFKA}BOOTSTRAP_SERVERS": w.moodle.url.removeprefix("http://")},
        ("CS3001",),
    ),
    Case("nobody-for-kafka", "kafka", "consume", lambda _: {f"{KAFKA}BOOTSTRAP_SERVERS": "127.0.0.1:1"}, ("CS3001",)),
)


@dataclass(frozen=True)
class Trials:
    """Roles that were begun with something wrong. They wait in the background while other tests run."""

    password: Child
    token: Child
    cases: dict[str, tuple[Child, Child]]
    """The role and the check, by the case's name."""


@pytest.fixture(scope="module", autouse=True)
def trials(world: World) -> Trials:
    secrets = world.ends.directory / "secrets"
    for name in ("wrong-password", "wrong-token"):
        (secrets / name).write_text("neither\n")
    world.oracle("reset")
    return Trials(
        faulty_role(world, "wrong-password", "poll", {f"{SOURCE}PASSWORD__FILE": str(secrets / "wrong-password")}),
        faulty_role(world, "wrong-token", "consume", {f"{SINK}MOODLE__TOKEN__FILE": str(secrets / "wrong-token")}),
        {
            case.name: (faulty_role(world, case.name, case.role, case.overrides(world)), checking(world, case))
            for case in CASES
        },
    )


def _enrol_and_wait(world: World, kind: str = "TD") -> None:
    """The pipe works: one more enrolment becomes a membership."""
    group = world.chance.choice(world.groups(kind))
    place = Place(world.newcomer([group]), group)
    since = world.moodle.mark()
    cohort = world.moodle.cohorts()[group.cohort]
    world.school.enrol(place.row)
    world.await_events(since, {(cohort, world.user_id(place.student))}, set())


def _add_to_annex(world: World, number: int, student: str | None, title: str) -> None:
    name = "NULL" if student is None else f"'{student}'"
    now = "CAST(SYSTIMESTAMP AT TIME ZONE 'Europe/Paris' AS TIMESTAMP)"
    world.oracle("script", sql=f"INSERT INTO SCOLARITE.ANNEXE VALUES ({number}, {name}, '{title}', {now})")


def test_rows_that_cannot_be_mapped(world: World) -> None:
    """A NULL student and an over-long idnumber are counted and named, and cost nobody else anything."""
    singer, other = sorted(world.users)[:2]
    _add_to_annex(world, 1, singer, "Chorale")
    wait_until(lambda: "ANX-Chorale" in world.moodle.cohorts(), "the cohort of the second source")
    wait_until(lambda: world.moodle.is_member("ANX-Chorale", world.users[singer]), "its member")
    _add_to_annex(world, 2, None, "Chorale")
    _add_to_annex(world, 3, singer, "X" * 120)
    _add_to_annex(world, 4, other, "Chorale")
    wait_until(lambda: world.moodle.is_member("ANX-Chorale", world.users[other]), "a later member")
    wait_until(
        lambda: world.metric(world.connector, "cohortstream_unmappable_total", source="annexe") >= 2,
        "both were counted",
    )

    assert world.moodle.is_member("ANX-Chorale", world.users[singer])
    assert [name for name in world.moodle.cohorts() if name.startswith("ANX-")] == ["ANX-Chorale"]
    _enrol_and_wait(world)


def test_poison_on_the_topic(world: World) -> None:
    """Records that cannot be read are set aside as they are, with their place and reason; those behind them are applied."""
    since = world.metric(world.consumer, "cohortstream_deadletters_total")
    producer = Producer({"bootstrap.servers": world.ends.bootstrap})
    refused: list[object] = []
    for partition in range(2):
        for key, value in POISON:
            producer.produce(
                MEMBERSHIPS,
                value,
                key,
                partition,
                on_delivery=lambda error, _: refused.append(error) if error else None,
            )
    assert producer.flush(30) == 0
    assert refused == []
    del producer
    wait_until(
        lambda: world.metric(world.consumer, "cohortstream_deadletters_total") >= since + 2 * len(POISON),
        "every one is set aside",
    )
    letters = b"".join(_values(world, "moodle.deadletters"))

    assert all(value in letters for _, value in POISON)
    for _ in range(4):
        _enrol_and_wait(world)


def test_offsets_to_the_beginning(world: World) -> None:
    """Offsets set back to the beginning by Kafka's own tool lead to no write where Moodle is right."""
    faults.replay(world)


def test_offsets_to_the_beginning_repair(world: World) -> None:
    """The same leads to a repair, and to nothing else, where Moodle is wrong."""
    faults.repair(world)


def test_offsets_to_the_end(world: World) -> None:
    """Offsets set to the end while records were waiting lose none of them."""
    world.consumer.stop()
    groups = world.groups("CM")[:6]
    places = [Place(world.newcomer([group]), group) for group in groups]
    since, cohorts = world.moodle.mark(), world.moodle.cohorts()
    published = world.metric(world.connector, "cohortstream_published_total")
    world.school.enrol(*(place.row for place in places))
    wait_until(
        lambda: world.metric(world.connector, "cohortstream_published_total") >= published + len(places),
        "all published",
    )
    faults.await_idle_group(world)
    world.kafka_tool(
        GROUP_TOOL, "--group", CONSUMER_GROUP, "--reset-offsets", "--to-latest", "--all-topics", "--execute"
    )
    world.consumer.start()

    world.await_events(since, {(cohorts[p.group.cohort], world.user_id(p.student)) for p in places}, set())


def test_refused_secrets(world: World, trials: Trials) -> None:
    """A wrong password is tried once, a wrong token changes nothing, and each is taken anew when its file is put right."""
    page = await_readiness(trials.password, lambda page: "CS2002" in page, "the refused password is told")
    assert "ORA-01017" in page
    page = await_readiness(trials.token, lambda page: "CS4002" in page, "the refused token is told")
    assert not json.loads(page)["ready"]
    begun = time.monotonic()
    wait_until(lambda: time.monotonic() > begun + 5, "time for further attempts", 20)
    assert world.oracle("state", "GET")["failed_logons"] == {"COHORTSTREAM": 1}

    (world.ends.directory / "secrets" / "wrong-password").write_text("reader\n")
    (world.ends.directory / "secrets" / "wrong-token").write_text(world.moodle.token + "\n")

    for role in (trials.password, trials.token):
        await_readiness(role, lambda page: bool(json.loads(page)["ready"]), "the new secret is taken")
        role.stop()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_unusable_end(trials: Trials, case: Case) -> None:
    """An end that cannot be used is told by its code, by the check and by the role, which waits and does not die."""
    role, check = trials.cases[case.name]
    page = await_readiness(role, lambda page: any(code in page for code in case.codes), f"one of {case.codes}")
    role.check()
    role.stop()

    assert not json.loads(page)["ready"]
    assert check.wait(120) == 6, check.output()
    assert any(code in check.output() for code in case.codes), check.output()


def test_bad_settings(world: World) -> None:
    """All faults of the settings are told at once, each with place and fix, before anything is touched."""
    wrong = {
        f"{SOURCE}COHORT__IDNUMBER": "{COD_ANU|padd:2}",
        f"{KAFKA}PARTITONS": "2",
        f"{SINK}REMOVAL_SETTLE": "soon",
    }
    refused = command(world, "poll", **wrong)

    assert refused.returncode == 3
    for word in ('did you mean "pad"', 'Did you mean "partitions"', "REMOVAL_SETTLE", "not a duration"):
        assert word in refused.stderr


def test_all_is_well_in_the_end(world: World) -> None:
    """After all of this the product still runs, and both ends agree."""
    world.children.check()
    _enrol_and_wait(world)
    comparison = wait_until(lambda: _agreeing(world), "both ends agree", 60)

    assert comparison


def _agreeing(world: World) -> bool:
    differences = [d for d in compare_ends(world).differences if not d.cohort.startswith("ANX-")]
    return all(d.why != "unexplained" for d in differences)


def _values(world: World, topic: str) -> list[bytes]:
    """All values of a topic so far."""
    consumer = Consumer({"bootstrap.servers": world.ends.bootstrap, "group.id": "look", "enable.partition.eof": True})
    try:
        partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
        consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in partitions])
        found, ended = [], 0
        while ended < len(partitions):
            for message in consumer.consume(1000, 1.0):
                value = message.value()
                if message.error() is not None:
                    ended += 1
                elif value is not None:
                    found.append(value)
    finally:
        consumer.close()
    return found
