"""Apache Kafka's jars, from Maven coordinates, inside the project's folder, each compared with its recorded SHA-256."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

KAFKA = "4.3.1"
_ENDPOINT = f"org.apache.kafka:kafka_2.13:{KAFKA}+org.apache.kafka:kafka-tools:{KAFKA}+org.slf4j:slf4j-simple:1.7.36"
_SUMS = Path(__file__).with_name("jars.sha256")
ROOT = Path(__file__).parents[3]


class JarFault(Exception):
    """The jars cannot be had, or are not the recorded ones; the text says which and what to do."""


def class_path(folder: Path = ROOT / "var" / "jars") -> str:
    """Kafka's jars as a Java class path; brings them (about 56 MB) the first time.

    Raises:
        JarFault: see there.
    """
    done = folder / f"kafka-{KAFKA}.classpath"
    if done.exists():
        jars = [Path(text) for text in done.read_text().split(":")]
        if all(jar.exists() for jar in jars):
            return ":".join(map(str, jars))
    os.environ["M2_REPO"] = str(folder / "m2")
    import jgo  # reads its settings from the environment

    try:
        jars = [Path(jar) for jar in jgo.build(_ENDPOINT, cache_dir=folder / "envs").all_jars]
    except Exception as error:  # jgo raises whatever its resolver meets
        raise JarFault(
            f"Apache Kafka {KAFKA} could not be brought from its Maven coordinates ({error}); "
            "is the Maven repository reachable from this machine?"
        ) from error
    verify(jars)
    done.write_text(":".join(map(str, jars)))
    return ":".join(map(str, jars))


def verify(jars: list[Path]) -> None:
    """Compare every jar with its recorded SHA-256.

    Raises:
        JarFault: one differs, or is not recorded.
    """
    known = {name: total for total, name in map(str.split, _SUMS.read_text().splitlines())}
    for jar in jars:
        found = hashlib.sha256(jar.read_bytes()).hexdigest()
        if known.get(jar.name) != found:
            raise JarFault(f"{jar} is not the recorded file (SHA-256 {found}); delete it and try again")
