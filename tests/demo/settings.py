"""The one settings file that all of the product's processes read in the demo."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Ends:
    """Where everything is."""

    bootstrap: str
    dsn: str
    moodle_url: str
    moodle_token: str
    poll_port: int
    consume_port: int
    reconcile_port: int
    directory: Path
    """For the local stores, the secrets and the trace file."""
    smtp_port: int
    """Of the mail server on loopback."""
    oracle_control: str = ""
    """Control port of the Oracle stand-in; the product knows nothing of it."""


def write_settings(ends: Ends) -> Path:
    """Write the file and the secrets that it points at; answers the file."""
    secrets = ends.directory / "secrets"
    secrets.mkdir(parents=True, exist_ok=True)
    for name, text in (("oracle", "reader"), ("moodle", ends.moodle_token), ("hash", "a key for the hashes in logs")):
        (secrets / name).write_text(text + "\n", encoding="utf-8")
        (secrets / name).chmod(0o600)
    path = ends.directory / "cohortstream.toml"
    path.write_text(settings_text(ends), encoding="utf-8")
    return path


def settings_text(ends: Ends) -> str:
    """The file's content. What production would set otherwise is said beside each line."""
    values = {
        "bootstrap": ends.bootstrap,
        "dsn": ends.dsn,
        "url": ends.moodle_url,
        "oracle_secret": str(ends.directory / "secrets" / "oracle"),
        "moodle_secret": str(ends.directory / "secrets" / "moodle"),
        "hash_secret": str(ends.directory / "secrets" / "hash"),
        "traces": str(ends.directory / "traces.jsonl"),
        "state": str(ends.directory / "state"),
    }
    text = _TEXT
    for name, value in values.items():
        text = text.replace(f"@{name}@", json.dumps(value))  # a JSON string is a TOML string
    ports = {
        "poll": ends.poll_port,
        "consume": ends.consume_port,
        "reconcile": ends.reconcile_port,
        "smtp": ends.smtp_port,
    }
    for name, port in ports.items():
        text = text.replace(f"@{name}_port@", str(port))
    return text


_TEXT = """\
# Settings of the demo. The same file, with the values named in the comments, is what a real site would write.

[kafka]
bootstrap_servers = @bootstrap@
partitions = 12
replication_factor = 1             # production: 3

[telemetry]
trace_file = @traces@              # production: otlp_endpoint = "http://collector:4318"
hash_key = { file = @hash_secret@ }
http_ports = { poll = @poll_port@, consume = @consume_port@, reconcile = @reconcile_port@ }

[connector]
state_directory = @state@

[sources.scolarite]
dsn = @dsn@                        # production: "db.univ.example:1521/SCOL", or a name of tnsnames.ora
user = "COHORTSTREAM"              # has one SELECT, on the view below, and a few on Oracle's own views
password = { file = @oracle_secret@ }
timezone = "Europe/Paris"          # DATE_MAJ is local time
share = 0.5                        # production: 0.05, the default; here one core does everybody's work
absence_settle = "3s"              # production: 15m, longer than the longest reload of the student system

[sources.scolarite.membership]
table = "SCOLARITE.V_COHORTES"
student = "{COD_ETU|trim}"
row_key = "{ID_INS}"
active = [{ column = "ETA_INS", values = ["I"] }]

[sources.scolarite.cohort]
idnumber = "{COD_ANU}-{COD_CMP|trim|map:faculties}-{COD_ETP|trim|upper}-{TYP_GRP}{NUM_GRP|pad:2}"
name = "{LIB_GRP|trim} ({COD_ANU})"
category = "FAC-{COD_CMP|trim|map:faculties}"

[sources.scolarite.maps.faculties]
F1 = "SCI"
F2 = "LET"
F3 = "DRT"
F4 = "ECO"
F5 = "MED"

[[sources.scolarite.hints]]
kind = "timestamp"
cursor = "DATE_MAJ"
stamped_by = "database"            # the student system writes SYSTIMESTAMP, so it can be proved that nothing is missed
interval = "250ms"
slack = "5s"                       # production: 2m, longer than a statement runs before it changes its first row
overlap = "2s"                     # production: 10m; it counts only where there is no proof

[sinks.moodle]
removal_settle = "2s"              # production: 60s, the default
moodle_settle = "5s"               # production: 10m; how long a lost call may still be carried out
parked_retry = "1s"                # production: 10s
state_directory = @state@

[sinks.moodle.breaker]
partition_least = 20               # production: 2, the default; a site of this size has few memberships in a partition

[[sinks.moodle.allowances]]        # production: for the weeks in which groups change
name = "tutorials"
cohorts = "*-T[DP]*"
begins = 2020-01-01
ends = 2099-12-31
share = 0.5

[sinks.moodle.moodle]
url = @url@                        # production: "https://moodle.univ.example"
token = { file = @moodle_secret@ }

[sinks.moodle.students]
by = "profile_field"
field = "student_number"
report_id = 1
field_header = "Student number"
normalise = "{VALUE|trim|upper|pad:8}"
look_again = "2s"                  # production: 30s
refresh_share = 0.2                # production: 0.05

[reconcile]
settle_within = "2m"

[alerts]
gather = "1s"                      # production: 1m, the default

[alerts.smtp]
host = "127.0.0.1"                 # production: "smtp.univ.example", with user and password
port = @smtp_port@
security = "none"                  # production: "starttls", the default
sender = "cohortstream@univ.example"

[[alerts.recipients]]
name = "on-call"
email = "on-call@univ.example"
severities = ["critical", "warning"]
"""
