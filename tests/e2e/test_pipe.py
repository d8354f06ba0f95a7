"""Bad input from every side: a clear error each, nothing lost, the rest goes on."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition

from tests.demo.evening import compare_ends
from tests.demo.steps import faults
from tests.demo.student_system import Place
from tests.demo.waiting import wait_until
from tests.demo.world import CONSUMER_GROUP, GROUP_TOOL, MEMBERSHIPS, World
from tests.e2e.roles import KAFKA, SINK, SOURCE, await_readiness, command, faulty_role, readiness

pytestmark = pytest.mark.timeout(300)

POISON = (
    (b"\xff\xfe not a key", b"\xc3\x01 not a record"),
    (b'["2026-SCI-L1INF-TD01","nobody"]', b"\xc3\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"),
    (b"", b""),
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


def test_wrong_oracle_password(world: World) -> None:
    """A wrong password is tried once, however long the role waits, and taken anew when its file changes."""
    secret = world.ends.directory / "secrets" / "wrong"
    secret.write_text("not the password\n")
    overrides = {f"{SOURCE}PASSWORD": json.dumps({"file": str(secret)})}
    world.oracle("reset")
    with faulty_role(world, "poll", overrides) as role:
        role.await_line("CS2002.*ORA-01017", 90)
        begun = time.monotonic()
        wait_until(lambda: time.monotonic() > begun + 8, "time for further attempts", 20)

        assert world.oracle("state", "GET")["failed_logons"] == {"COHORTSTREAM": 1}
        assert "CS2002" in readiness(role)

        secret.write_text("reader\n")
        await_readiness(role, lambda page: json.loads(page)["ready"], "the new password is taken")


def test_wrong_token(world: World) -> None:
    """A wrong token stops the consumer before anything, with the fix; the right one is taken without a restart."""
    secret = world.ends.directory / "secrets" / "wrong-token"
    secret.write_text("0123456789abcdef\n")
    with faulty_role(world, "consume", {f"{SINK}MOODLE__TOKEN": json.dumps({"file": str(secret)})}) as role:
        await_readiness(role, lambda page: "CS4002" in page, "the refused token is told")
        secret.write_text(world.moodle.token + "\n")
        await_readiness(role, lambda page: json.loads(page)["ready"], "the new token is taken")


def _http_for_oracle(world: World) -> dict[str, str]:
    return {f"{SOURCE}DSN": world.moodle.url.removeprefix("http://") + "/SCOL", f"{SOURCE}CONNECT_TIMEOUT": "2s"}


def _nobody_for_oracle(_: World) -> dict[str, str]:
    return {f"{SOURCE}DSN": "127.0.0.1:1/SCOL"}


def _unknown_column(_: World) -> dict[str, str]:
    return {f"{SOURCE}COHORT__IDNUMBER": "{COD_ANU}-{NO_SUCH_COLUMN}"}


def _no_such_view(_: World) -> dict[str, str]:
    return {f"{SOURCE}MEMBERSHIP__TABLE": "SCOLARITE.INSCRIPTION_GROUPE"}


def _kafka_for_moodle(world: World) -> dict[str, str]:
    return {f"{SINK}MOODLE__URL": f"http://{world.ends.bootstrap}"}


def _nobody_for_moodle(_: World) -> dict[str, str]:
    return {f"{SINK}MOODLE__URL": "http://127.0.0.1:1"}


def _http_for_kafka(world: World) -> dict[str, str]:
    return {f"{KAFKA}BOOTSTRAP_SERVERS": world.moodle.url.removeprefix("http://")}


def _nobody_for_kafka(_: World) -> dict[str, str]:
    return {f"{KAFKA}BOOTSTRAP_SERVERS": "127.0.0.1:1"}


@pytest.mark.parametrize(
    ("end", "role", "overrides", "codes"),
    [
        ("oracle", "poll", _http_for_oracle, ("CS2001", "CS2007")),
        ("oracle", "poll", _nobody_for_oracle, ("CS2001",)),
        ("oracle", "poll", _unknown_column, ("CS2004",)),
        ("oracle", "poll", _no_such_view, ("CS2003",)),
        ("moodle", "consume", _kafka_for_moodle, ("CS4",)),
        ("moodle", "consume", _nobody_for_moodle, ("CS4001",)),
        ("kafka", "poll", _http_for_kafka, ("CS3001",)),
        ("kafka", "consume", _nobody_for_kafka, ("CS3001",)),
    ],
)
def test_unusable_end(
    world: World, end: str, role: str, overrides: Callable[[World], dict[str, str]], codes: tuple[str, ...]
) -> None:
    """An end that cannot be used is told by its code, by the check and by the role, which waits and does not die."""
    wrong = overrides(world)
    with faulty_role(world, role, wrong) as child:
        checked = command(world, "check", "--only", end, **wrong)
        page = await_readiness(child, lambda page: any(code in page for code in codes), f"one of {codes}")

    assert checked.returncode == 6, checked.stdout + checked.stderr
    assert any(code in checked.stdout for code in codes), checked.stdout
    assert not json.loads(page)["ready"]


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
