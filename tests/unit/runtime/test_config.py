"""Settings from a file and the environment, and all of their faults at once."""

from __future__ import annotations

import tomllib
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, model_validator

from connector.runtime.config import load, overriding, secret_faults, to_toml, visible
from connector.runtime.config.places import line_of_keys
from connector.runtime.errors import SettingsFaults
from connector.runtime.settings import Duration, Secret, Section


class Inner(Section):
    """A table in an array."""

    cursor: str
    """The column to follow. It rises."""

    overlap: Duration = timedelta(minutes=10)
    """How far to look back."""


class Source(Section):
    """Where rows come from."""

    dsn: str
    """Where the database is."""

    password: Secret
    """Its password."""

    mode: Literal["thin", "thick"] = "thin"
    """Which driver."""

    rows: int = Field(default=100, ge=1)
    """Rows a call."""

    hints: tuple[Inner, ...] = ()
    """What to watch."""

    client: dict[str, str | int] = Field(default_factory=dict)
    """Passed on."""

    @model_validator(mode="after")
    def _thick_wants_hints(self) -> Source:
        if self.mode == "thick" and not self.hints:
            raise ValueError("thick wants hints")
        return self


class Root(Section):
    """The whole file."""

    sources: dict[str, Source] = Field(default_factory=dict)
    """Sources by name."""

    prefix: str = ""
    """Before every name."""


GOOD = """\
prefix = "p"

[sources.a]
dsn = "db:1521/x"
password = "hunter2"

[[sources.a.hints]]
cursor = "C1"

[[sources.a.hints]]
cursor = "C2"
overlap = "2h"
"""


def loaded(tmp_path: Path, text: str, **environment: str) -> Root:
    file = tmp_path / "c.toml"
    file.write_text(text, encoding="utf-8")
    return load(Root, file, environment)[0]


def faults(tmp_path: Path, text: str, **environment: str) -> list[tuple[str, str]]:
    """The faults as (place without the folder, message)."""
    with pytest.raises(SettingsFaults) as caught:
        loaded(tmp_path, text, **environment)
    return [(fault.place.replace(f"{tmp_path}/", ""), str(fault.message)) for fault in caught.value.faults]


def test_a_good_file_is_read(tmp_path: Path) -> None:
    """Values have their types, durations their units."""
    settings = loaded(tmp_path, "\ufeff" + GOOD)

    assert settings.sources["a"].hints[1].overlap == timedelta(hours=2)
    assert settings.sources["a"].password.read() == "hunter2"


def test_all_faults_are_told_at_once_each_with_place_and_fix(tmp_path: Path) -> None:
    """In the order of the file; unknown keys with the nearest known one."""
    text = """\
prefixx = "p"
[sources.a]
dsn = 3
password = { file = "/x", value = "hunter2" }
mode = "thik"
rows = 0
whatever = 1
client = { "a.b" = [] }

[[sources.a.hints]]
cursor = "C"

[[sources.a.hints]]
overlap = "2 fortnights"

[sources.b]
dsn = "x"
password = 5

[sources.c]
dsn = "x"
password = "hunter2"
mode = "thick"
"""
    told = faults(tmp_path, text)

    assert told == [
        ("c.toml, line 1", 'CS1004 There is no setting "prefixx". Did you mean "prefix"?'),
        (
            "c.toml, line 3",
            (
                'CS1007 The setting "sources.a.dsn" has a bad value: it should be a valid string. '
                "It is: Where the database is."
            ),
        ),
        (
            "c.toml, line 4",
            (
                'CS1008 The settings of "sources.a.password" do not go together: give exactly one of value and file. '
                "See the reference of the settings."
            ),
        ),
        (
            "c.toml, line 5",
            "CS1007 The setting \"sources.a.mode\" has a bad value: it should be 'thin' or 'thick'. It is: Which driver.",
        ),
        (
            "c.toml, line 6",
            (
                'CS1007 The setting "sources.a.rows" has a bad value: it should be greater than or equal to 1. '
                "It is: Rows a call."
            ),
        ),
        (
            "c.toml, line 7",
            (
                'CS1005 There is no setting "sources.a.whatever". '
                "The table knows: dsn, password, mode, rows, hints, client."
            ),
        ),
        (
            "c.toml, line 8",
            'CS1007 The setting "sources.a.client.a.b" has a bad value: it should be a valid string. It is: Passed on.',
        ),
        (
            "c.toml, line 13",
            'CS1006 The setting "sources.a.hints[2].cursor" is missing. Add it: The column to follow.',
        ),
        (
            "c.toml, line 14",
            (
                "CS1007 The setting \"sources.a.hints[2].overlap\" has a bad value: not a duration: '2 fortnights'; write a "
                'number and a unit, such as "250ms", "15s", "10m", "2h", "1d". It is: How far to look back.'
            ),
        ),
        (
            "c.toml, line 18",
            (
                'CS1007 The setting "sources.b.password" has a bad value: it must be a text or { file = "..." }. '
                "It is: Its password."
            ),
        ),
        (
            "c.toml, line 20",
            (
                'CS1008 The settings of "sources.c" do not go together: thick wants hints. '
                "See the reference of the settings."
            ),
        ),
    ]


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("a = \n", "c.toml, line 1", "CS1003 The settings are not valid TOML"),
        ('a = 1\na = "hunter2"\n', "c.toml, line 2", "CS1003"),
        ("sources = 3\n", "c.toml, line 1", "valid dictionary"),
    ],
)
def test_a_file_that_is_no_toml_names_the_line(tmp_path: Path, text: str, place: str, words: str) -> None:
    """The reader's own words, and where."""
    ((at, told),) = faults(tmp_path, text)

    assert at == place
    assert words in told
    assert "hunter2" not in told


def test_a_missing_or_unreadable_file_is_a_fault(tmp_path: Path) -> None:
    """It says how to get one."""
    with pytest.raises(SettingsFaults, match=r"CS1001 .*config example"):
        load(Root, tmp_path / "none.toml", {})
    with pytest.raises(SettingsFaults, match=r"CS1002 .*Is a directory"):
        load(Root, tmp_path, {})

    (tmp_path / "latin1.toml").write_bytes(b'prefix = "\xe9"')
    with pytest.raises(SettingsFaults, match=r"CS1003 .*byte 11 is not UTF-8"):
        load(Root, tmp_path / "latin1.toml", {})


def test_the_environment_lies_over_the_file(tmp_path: Path) -> None:
    """Whatever the capitals; a text may become a file, numbers count the tables of an array, texts become numbers."""
    settings = loaded(
        tmp_path,
        GOOD.replace("sources.a", "sources.Apo"),
        COHORTSTREAM__PREFIX="[::1]",
        COHORTSTREAM__SOURCES__APO__PASSWORD__FILE="/run/secret",
        COHORTSTREAM__SOURCES__APO__HINTS__1__OVERLAP="3s",
        COHORTSTREAM__SOURCES__APO__ROWS="7",
        COHORTSTREAM__SOURCES__APO__CLIENT='{ a = 1, "b.c" = "x" }',
        COHORTSTREAM_CONFIG="unrelated",
    )
    source = settings.sources["Apo"]

    assert settings.prefix == "[::1]"
    assert source.password.file == Path("/run/secret")
    assert source.hints[1].overlap == timedelta(seconds=3)
    assert source.rows == 7
    assert source.client == {"a": 1, "b.c": "x"}


def test_the_environment_alone_suffices() -> None:
    """In a container there may be no file."""
    environment = {"COHORTSTREAM__SOURCES__A__DSN": "d", "COHORTSTREAM__SOURCES__A__PASSWORD": "p"}

    assert load(Root, None, environment)[0].sources["a"].dsn == "d"
    assert overriding(environment)
    assert not overriding({"COHORTSTREAM_CONFIG": "x"})


def test_faults_of_the_environment_name_the_variable(tmp_path: Path) -> None:
    """Those that fit nowhere, and those whose value is wrong."""
    told = faults(
        tmp_path,
        GOOD,
        COHORTSTREAM__SOURCES__A__HINTS__2__CURSOR="hunter2",
        COHORTSTREAM____X="hunter2",
        COHORTSTREAM__PREFIXX="hunter2",
        COHORTSTREAM__SOURCES__A__ROWS="hunter2",
    )

    assert [(place, message[:6]) for place, message in told] == [
        ("environment", "CS1010"),
        ("environment", "CS1010"),
        ("environment variable COHORTSTREAM__PREFIXX", "CS1004"),
        ("environment variable COHORTSTREAM__SOURCES__A__ROWS", "CS1007"),
    ]
    assert "hunter2" not in str(told)


def test_a_secret_that_cannot_be_read_is_a_fault(tmp_path: Path) -> None:
    """It is named with its place, and its content is not."""
    (tmp_path / "empty").write_text(" \n")
    text = GOOD.replace('"hunter2"', f'{{ file = "{tmp_path}/empty" }}')
    text += f'[sources.b]\ndsn = "x"\npassword = {{ file = "{tmp_path}/none" }}\n'
    file = tmp_path / "c.toml"
    file.write_text(text)
    settings, origin = load(Root, file, {})
    told = secret_faults(settings, (), origin)

    assert [fault.place.rpartition("/")[2] for fault in told] == ["c.toml, line 5", "c.toml, line 15"]
    assert "empty; it must hold the secret" in told[0].message.text
    assert "none: No such file" in told[1].message.text
    assert secret_faults(loaded(tmp_path, GOOD)) == []


def test_settings_are_shown_without_their_secrets(tmp_path: Path) -> None:
    """As TOML that reads back to the same, but for what is hidden."""
    text = GOOD.replace('dsn = "db', 'client = { "sasl.password" = "hunter2", "a b" = 2 }\ndsn = "db') + (
        '[sources.b]\ndsn = "x"\npassword = { file = "/run/x" }\n'
    )
    shown = to_toml(visible(loaded(tmp_path, text)))
    back: dict[str, Any] = tomllib.loads(shown)

    assert "hunter2" not in shown
    assert back["sources"]["a"]["password"] == "<secret>"
    assert back["sources"]["a"]["client"] == {"sasl.password": "<secret>", "a b": 2}
    assert back["sources"]["b"]["password"] == {"file": "/run/x"}
    assert back["sources"]["a"]["hints"] == [{"cursor": "C1", "overlap": "10m"}, {"cursor": "C2", "overlap": "2h"}]
    assert back == visible(loaded(tmp_path, text))


def test_lines_are_found_in_any_toml() -> None:
    """Comments, long strings, arrays over several lines, dotted and quoted keys, tables in arrays of tables."""
    text = """\
# [not.a.table]
a = 1 # b = 2
c.d = '''
[no]
x = 1
'''
e = [ # comment ]
  "]",
  { f = 1 },
]
"g.h" = { i = 1 }

[ t . 'u' ]
v = "\\"#"
[[w]]
x = 1
[[w.y]]
z = 1
[[w]]
[w.k]
l = 1
[[w.y]]
z = 2
"""
    lines = line_of_keys(text)

    assert tomllib.loads(text)["w"][1]["y"] == [{"z": 2}]
    assert lines[("a",)] == 2
    assert lines[("c",)] == lines["c", "d"] == 3
    assert lines[("e",)] == 7
    assert lines[("g.h",)] == 11
    assert lines["t", "u"] == 13
    assert lines["t", "u", "v"] == 14
    assert lines["w", 0, "x"] == 16
    assert lines["w", 0, "y", 0, "z"] == 18
    assert lines["w", 1] == 19
    assert lines["w", 1, "k", "l"] == 21
    assert lines["w", 1, "y", 0, "z"] == 23
    assert ("no",) not in lines
    assert ("not", "a", "table") not in lines


names = st.sampled_from(["a", "b.c", "d e", "é", "f-1"])
scalars = st.one_of(st.integers(-99, 99), st.booleans(), st.text(max_size=8), st.lists(st.integers(0, 9), max_size=3))


@given(st.dictionaries(names, st.recursive(scalars, lambda inner: st.dictionaries(names, inner, max_size=3))))
def test_what_is_written_as_toml_reads_back(data: dict[str, Any]) -> None:
    """Whatever the names and the values."""
    assert tomllib.loads(to_toml(data)) == data
