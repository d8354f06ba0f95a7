"""The compose file, the image and what they refer to: valid, closed to the outside, and consistent with each other.

None of it is run here: this is all that the build can say about it.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from connector.commands.settings import load_settings

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "docker-compose.yml"
DOCUMENT: dict[str, Any] = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = DOCUMENT["services"]
PRODUCT = ("poll", "consume", "notify")
"""The roles that run all the time; the last one only when asked for."""
SETTINGS = tomllib.loads((ROOT / "deploy/cohortstream.toml").read_text(encoding="utf-8"))

# A version number, as exact as its maker gives them: never a moving word like "latest" or "stable", nor a bare "23".
EXACT_TAG = re.compile(r"[\w./-]+:v?\d+\.\d+[\w.-]*")

every_service = pytest.mark.parametrize("name", SERVICES)
every_product_service = pytest.mark.parametrize("name", PRODUCT)


def check_schema(file: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(file)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def networks(service: str) -> set[str]:
    return set(SERVICES[service]["networks"])


def bind_mounts() -> list[str]:
    """What is mounted from the repository."""
    mounts = [mount.split(":")[0] for service in SERVICES.values() for mount in service.get("volumes", [])]
    return [mount for mount in mounts if mount.startswith(".")]


def test_compose_file_follows_the_specification() -> None:
    """The compose file is valid by the schema of the compose specification."""
    result = check_schema(COMPOSE)

    assert result.returncode == 0, result.stdout + result.stderr


def test_schema_check_refuses_an_unknown_key(tmp_path: Path) -> None:
    """The check above can fail: a misspelt key is refused."""
    broken = tmp_path / "docker-compose.yml"
    broken.write_text(COMPOSE.read_text(encoding="utf-8").replace("depends_on:", "depend_on:"), encoding="utf-8")

    assert check_schema(broken).returncode == 1


@every_service
def test_images_are_pinned(name: str) -> None:
    """Every image has an exact version, and none comes from the emptied bitnami catalogue."""
    image = SERVICES[name]["image"]

    assert EXACT_TAG.fullmatch(image)
    assert "bitnami" not in image


@every_service
def test_services_are_health_checked(name: str) -> None:
    """Every service says whether it is healthy, and gets time to start."""
    check = SERVICES[name]["healthcheck"]

    assert check["test"][0] in ("CMD", "CMD-SHELL")
    assert {"interval", "timeout", "retries", "start_period"} <= set(check)


@every_service
def test_services_wait_until_what_they_need_is_healthy(name: str) -> None:
    """A service starts after the health, not after the mere start, of what it depends on."""
    needs = SERVICES[name].get("depends_on", {})

    assert set(needs) <= set(SERVICES)
    assert {need["condition"] for need in needs.values()} <= {"service_healthy"}


@every_service
def test_nothing_is_privileged(name: str) -> None:
    """No service gets more of the host than it needs."""
    service = SERVICES[name]

    assert not {"privileged", "cap_add", "devices", "pid", "ipc", "userns_mode", "network_mode"} & set(service)
    assert not any("docker.sock" in mount for mount in service.get("volumes", []))


@every_service
def test_ports_are_published_on_loopback_only(name: str) -> None:
    """No published port is open to the network, and each has its own number."""
    ports = SERVICES[name].get("ports", [])
    published = [port.split(":")[1] for service in SERVICES.values() for port in service.get("ports", [])]

    assert all(port.startswith("127.0.0.1:") for port in ports)
    assert len(set(published)) == len(published)


@pytest.mark.parametrize("name", [*PRODUCT, "check"])
def test_product_runs_without_rights(name: str) -> None:
    """The product is not root, cannot become it, and writes only where its state lies."""
    service = SERVICES[name]
    writable = [mount for mount in service["volumes"] if not mount.endswith(":ro")]

    assert service["user"].split(":")[0] not in ("0", "root")
    assert service["user"] == "{0}:{0}".format(service["build"]["args"]["UID"])
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert [mount.split(":")[1] for mount in writable] == ([] if name == "notify" else ["/var/lib/cohortstream"])


@every_product_service
def test_product_roles_differ_by_command_only(name: str) -> None:
    """Each role is started as in production: one program, one settings file, the role's name."""
    service = SERVICES[name]
    mounted = [mount.split(":")[1] for mount in service["volumes"]]

    assert service["command"] == ["--config", "/etc/cohortstream/cohortstream.toml", name]
    assert "/etc/cohortstream/cohortstream.toml" in mounted
    assert service["ports"][0].endswith(f":{SETTINGS['telemetry']['http_port']}")
    assert f":{SETTINGS['telemetry']['http_port']}/readyz" in service["healthcheck"]["test"][-1]


def test_roles_reach_only_their_own_ends() -> None:
    """The poller has no way to Moodle and no token; consumer and reconciler have none to Oracle and no password of it; the
    notifier has none to either.
    """
    roles = (*PRODUCT, "reconcile")
    token = {name for name in roles if any("moodle-token" in mount for mount in SERVICES[name]["volumes"])}
    password = {name for name in roles if "oracle_reader_password" in SERVICES[name]["secrets"]}

    assert not networks("poll") & networks("moodle")
    assert not (networks("consume") | networks("reconcile")) & networks("oracle")
    assert networks("notify") == {"bus"}
    assert all(networks(name) & networks("kafka") for name in roles)
    assert token == {"consume", "reconcile"}
    assert password == {"poll"}


def test_names_used_are_declared() -> None:
    """Every volume, network and secret that a service uses is declared, and none is declared in vain."""
    mounts = {mount.split(":")[0] for service in SERVICES.values() for mount in service.get("volumes", [])}

    assert {mount for mount in mounts if not mount.startswith(".")} == set(DOCUMENT["volumes"])
    assert {name for service in SERVICES.values() for name in service["networks"]} == set(DOCUMENT["networks"])
    assert {name for service in SERVICES.values() for name in service.get("secrets", [])} == set(DOCUMENT["secrets"])


def test_mounted_files_exist_and_are_read_only() -> None:
    """What is mounted from the repository is in it, and no container can change it."""
    assert bind_mounts()
    for service in SERVICES.values():
        for mount in service.get("volumes", []):
            if mount.startswith("."):
                assert mount.endswith(":ro")
                assert (ROOT / mount.split(":")[0]).exists()


@pytest.mark.parametrize("script", ["make_secrets.sh", "oracle/10_set_up.sh", "oracle/healthy.sh", "moodle/set_up.sh"])
def test_scripts_can_be_executed(script: str) -> None:
    """What containers or people start directly is executable, and the shell can read it."""
    file = ROOT / "deploy" / script
    shell = file.read_text(encoding="utf-8").splitlines()[0].removeprefix("#!")

    assert file.stat().st_mode & 0o111 == 0o111
    assert subprocess.run([shell, "-n", str(file)], check=False).returncode == 0


def test_secrets_are_files_that_the_script_makes(tmp_path: Path) -> None:
    """Every secret is a file outside the history, made by the script, once, with a value of its own."""
    script = ROOT / "deploy/make_secrets.sh"
    folder = tmp_path / "secrets"

    subprocess.run([script, folder], check=True, capture_output=True)
    made = {file.name: file.read_text(encoding="utf-8") for file in folder.iterdir()}
    again = subprocess.run([script, folder], check=True, capture_output=True, text=True)

    assert {name: {"file": f"./deploy/secrets/{name}"} for name in made} == DOCUMENT["secrets"]
    assert all(re.fullmatch(r"[A-Za-z][A-Za-z0-9]{24,}\n", value) for value in made.values())
    assert len(set(made.values())) == len(made)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert again.stdout == ""
    assert "secrets/" in (ROOT / "deploy/.gitignore").read_text(encoding="utf-8").splitlines()


def test_no_password_stands_in_the_file() -> None:
    """No service is given a password, key or token by value."""
    telling = re.compile(r"PASS|SECRET|TOKEN|KEY", re.IGNORECASE)
    given = {
        (name, key)
        for name, service in SERVICES.items()
        for key, value in service.get("environment", {}).items()
        if telling.search(key) and value and not key.endswith("_FILE")
    }

    assert given == set()


def test_settings_are_accepted() -> None:
    """The settings file of the containers is one that the product takes."""
    settings, _ = load_settings(ROOT / "deploy/cohortstream.toml", {})

    assert list(settings.sources) == ["sis"]
    assert list(settings.sinks) == ["moodle"]


def test_only_who_has_somebody_to_tell_starts_the_notifier(tmp_path: Path) -> None:
    """Without recipients it would end at once and be started anew for ever; the example in the settings is one that it
    takes.
    """
    text = read("deploy/cohortstream.toml")
    shown, hidden = text.split("# Whom to tell of alerts.")
    settings = tmp_path / "cohortstream.toml"
    settings.write_text(shown + "\n".join(line.removeprefix("#").strip() for line in hidden.splitlines()[1:]))
    uncommented, _ = load_settings(settings, {})
    default, _ = load_settings(ROOT / "deploy/cohortstream.toml", {})

    assert default.alerts.recipients == ()
    assert SERVICES["notify"]["profiles"] == ["alerts"]
    assert [one.email for one in uncommented.alerts.recipients] == ["ops@example.edu"]
    assert [name for name, service in SERVICES.items() if "notify" in service.get("depends_on", {})] == []


def test_settings_name_what_the_containers_offer() -> None:
    """Addresses and secret files in the settings are those of the compose file."""
    source = SETTINGS["sources"]["sis"]
    moodle = SERVICES["moodle"]
    host = SETTINGS["sinks"]["moodle"]["moodle"]["url"].removeprefix("http://").split(":")[0]

    assert source["dsn"].split(":")[0] in SERVICES
    assert SETTINGS["kafka"]["bootstrap_servers"] in SERVICES["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"]
    assert SETTINGS["schema_registry"]["url"].split("/")[2].split(":")[0] in SERVICES
    assert SETTINGS["telemetry"]["otlp_endpoint"].split("/")[2].split(":")[0] in SERVICES
    assert SETTINGS["sinks"]["moodle"]["moodle"]["url"] == moodle["environment"]["SITE_URL"]
    assert host in moodle["networks"]["sink"]["aliases"]
    assert Path(source["password"]["file"]).name in SERVICES["poll"]["secrets"]
    assert f"--token-file={SETTINGS['sinks']['moodle']['moodle']['token']['file']}" in read("deploy/moodle/set_up.sh")


def read(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def test_settings_fit_the_sample_tables() -> None:
    """The view that the settings name exists, has the columns of the patterns, and is all that the reader may read."""
    source = SETTINGS["sources"]["sis"]
    view = re.search(r"CREATE VIEW (\S+) AS\s+SELECT (.+?)\s+FROM", read("deploy/oracle/student_system.sql"), re.DOTALL)
    assert view
    columns = {column.split(".")[-1].strip().upper() for column in view[2].split(",")}
    patterns = [*source["cohort"].values(), source["membership"]["student"], source["membership"]["row_key"]]
    named = {name for pattern in patterns for name in re.findall(r"\{(\w+)", pattern)}
    named |= {condition["column"] for condition in source["membership"]["active"]}
    named |= {hint["cursor"] for hint in source["hints"]}
    grants = set(re.findall(r"^GRANT (.+);$", read("deploy/oracle/reader.sql"), re.MULTILINE))

    assert source["membership"]["table"] == view[1].upper()
    assert named <= columns
    assert grants == {
        f"CREATE SESSION TO {source['user']}",
        f"READ ON {view[1]} TO {source['user']}",
        f"READ ON sys.v_$transaction TO {source['user']}",
    }


def test_image_is_pinned_small_and_not_root() -> None:
    """The product's image is built from a pinned base and hashed requirements, is health-checked, and is not root."""
    text = read("Dockerfile")
    base = re.search(r"^ARG PYTHON=(\S+)$", text, re.MULTILINE)
    users = re.findall(r"^USER (\S+)$", text, re.MULTILINE)
    uid = re.search(r"^ARG UID=(\d+)$", text, re.MULTILINE)

    assert base
    assert EXACT_TAG.fullmatch(base[1])
    assert "-slim" in base[1]
    assert set(re.findall(r"^FROM (\S+)", text, re.MULTILINE)) == {"${PYTHON}"}
    assert users == ["${UID}:${UID}"]
    assert uid
    assert int(uid[1]) > 0
    assert re.search(r"^HEALTHCHECK .*\n.*/livez", text, re.MULTILINE)
    assert all("--require-hashes" in line or "--no-deps" in line for line in text.splitlines() if "pip install" in line)


def test_builder_gets_what_it_copies() -> None:
    """What the Dockerfile copies is sent to the builder, and nothing else is."""
    copied = {
        name.rstrip("/")
        for line in re.findall(r"^COPY (?!--from)(.+) \S+$", read("Dockerfile"), re.MULTILINE)
        for name in line.split()
    }
    ignore = read(".dockerignore").splitlines()
    sent = {line.removeprefix("!").rstrip("/") for line in ignore if line.startswith("!")}

    assert "*" in ignore
    assert copied == sent


def test_pinned_build_tool_is_found() -> None:
    """The expression by which the Dockerfile finds the build tool among the requirements yields it with its hashes."""
    expression = re.search(r"sed -n '(.+?)' requirements-dev.txt", read("Dockerfile"))
    assert expression

    found = subprocess.run(
        ["sed", "-n", expression[1], ROOT / "requirements-dev.txt"], capture_output=True, text=True, check=True
    ).stdout.splitlines()

    assert found[0].startswith("setuptools==")
    assert len(found) > 1
    assert all("--hash=sha256:" in line for line in found[1:])
