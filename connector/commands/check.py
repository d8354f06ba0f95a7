"""``cohortstream check``: try every end, and say what to fix."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from connector.commands.command import add_command, print_json
from connector.commands.settings import Settings
from connector.commands.standing import shadow_of
from connector.commands.wiring.alert_checks import check_alerts
from connector.commands.wiring.base import Base, base_for_command
from connector.commands.wiring.checks import check_allowances, check_moodle, check_secrets
from connector.runtime.checks import Check, Outcome
from connector.runtime.kafka.checking import access_rules, check_kafka, check_registry
from connector.runtime.kafka.group import CONNECTOR_GROUP, NOTIFIER_GROUP
from connector.runtime.kafka.topics import Topics, TopicSpec, creation_commands
from connector.runtime.lifecycle import ExitCode
from connector.runtime.messages.translation import translation_for
from connector.source.oracle.check import check_source
from consumers.reconciler.exclusion import group_of

if TYPE_CHECKING:
    from connector.commands.command import Subparsers

_SIGNS = {Outcome.GOOD: "ok  ", Outcome.WARNING: "WARN", Outcome.FAULT: "FAIL"}


def register(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "check",
        "try every end and say what to fix",
        description="""
            Tries Oracle (log-on, grants, queries, columns, zone, index on the cursor), Kafka (brokers, topics), the schema
            registry, Moodle (address, token, functions, rights, limits, report), and the mail server that alerts go to, by
            reading alone. A database whose password is wrong is tried once. Nothing is published and nothing is changed.

            With --send-test every recipient of alerts gets a message that says that it is a test.
        """,
        examples=[
            ("everything in the settings", "cohortstream check"),
            ("only one end", "cohortstream check --only moodle"),
            ("do alerts arrive?", "cohortstream check --only alerts --send-test"),
            (
                "commands for a Kafka team that makes topics and access rules itself",
                "cohortstream check --kafka-commands",
            ),
        ],
        run=run,
    )
    parser.add_argument("--only", choices=["oracle", "kafka", "moodle", "alerts"], help="only this end")
    parser.add_argument("--send-test", action="store_true", help="send every recipient of alerts a test message")
    parser.add_argument(
        "--kafka-commands", action="store_true", help="print the commands for topics and access rules, and do nothing"
    )


def run(arguments: argparse.Namespace, settings: Settings) -> ExitCode:
    """Try, print, and say whether there was a fault."""
    base = base_for_command(settings)
    if arguments.kafka_commands:
        print("\n".join(_commands(base)))
        return ExitCode.OK
    found = []
    for check in _checks(base, arguments.only, send=arguments.send_test):
        found.append(check)
        if not arguments.json:
            _print(check)
    if arguments.json:
        print_json([_plain(check) for check in found])
    faults = sum(check.outcome is Outcome.FAULT for check in found)
    warnings = sum(check.outcome is Outcome.WARNING for check in found)
    if not arguments.json:
        print(f"{len(found)} checks, {faults} faults, {warnings} warnings")
    return ExitCode.FINDINGS if faults else ExitCode.OK


def _checks(base: Base, only: str | None, *, send: bool) -> Iterator[Check]:
    settings = base.settings
    if only in (None, "oracle"):
        for name, source in settings.sources.items():
            broken = [*check_secrets(f"oracle {name}", source, "sources", name)]
            yield from broken or check_source(name, source, base.clock)
    if only in (None, "kafka"):
        broken = [*check_secrets("kafka", settings.kafka, "kafka")]
        tried = broken or [*check_kafka(base.connection, _specs(base))]
        yield from tried
        if all(check.outcome is not Outcome.FAULT for check in tried):
            yield from (check_standing(base, name) for name in settings.sinks)
        if settings.schema_registry is not None and not broken:
            yield check_registry(base.codec, base.topics().schemas)
    if only in (None, "moodle"):
        for name, sink in settings.sinks.items():
            yield from check_allowances(name, sink, base.clock.now())
            broken = [*check_secrets(f"moodle {name}", sink, "sinks", name)]
            yield from broken or check_moodle(base, name, sink)
    if only in (None, "alerts"):
        yield from check_alerts(settings.alerts, base.clock, send=send)


def check_standing(base: Base, sink: str) -> Check:
    """Whether Moodle is written to."""
    note = shadow_of(base, sink)
    if note is None:
        return Check(f"sink {sink}", "adoption", Outcome.GOOD)
    return Check(f"sink {sink}", "adoption", Outcome.WARNING, message=note)


def _specs(base: Base) -> list[TopicSpec]:
    prefix = base.settings.kafka.topic_prefix
    specs = Topics(prefix).source_side()
    if base.settings.alerts.recipients:
        specs += Topics(prefix).alert_side()
    for sink in base.settings.sinks:
        specs += Topics(prefix, sink).sink_side()
    return specs


def _commands(base: Base) -> list[str]:
    kafka, specs = base.settings.kafka, _specs(base)
    groups = [CONNECTOR_GROUP, "cohortstream-reader", *(f"cohortstream.{sink}" for sink in base.settings.sinks)]
    groups += [group_of(sink) for sink in base.settings.sinks]
    if base.settings.alerts.recipients:
        groups.append(NOTIFIER_GROUP)
    return [
        *creation_commands(kafka.bootstrap_servers, specs, kafka.partitions, kafka.replication_factor),
        *access_rules(specs, [kafka.topic_prefix + group for group in groups], kafka.topic_prefix),
    ]


def _print(check: Check) -> None:
    translation = translation_for(os.environ)
    text = check.detail
    if check.message is not None:
        text = f"{check.message.code}: {translation.text(check.message)}"
    print(f"{_SIGNS[check.outcome]} {check.end}: {check.name}{': ' if text else ''}{text}", flush=True)
    if check.message is not None:
        for line in (translation.fix(check.message), check.detail):
            if line:
                print(f"       {line}")


def _plain(check: Check) -> dict[str, str]:
    plain = {"end": check.end, "name": check.name, "outcome": check.outcome.value, "detail": check.detail}
    if (told := check.message) is not None:
        translation = translation_for(os.environ)
        plain |= {"code": told.code, "text": translation.text(told), "fix": translation.fix(told)}
    return plain
