"""What views may really read: materialised views, synonyms, links, policies; hashes of rows. Through the real driver."""

# ruff: noqa: DTZ001 - DATEs have no zone

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING

import oracledb
import pytest

from tests.standins.oracle import OracleStandin
from tests.standins.oracle.client import connect, fails, rows, run, value

if TYPE_CHECKING:
    from collections.abc import Iterator

SCRIPT = """
CREATE USER banner IDENTIFIED BY banner;
GRANT CONNECT, RESOURCE, CREATE VIEW, CREATE SYNONYM, CREATE MATERIALIZED VIEW, CREATE DATABASE LINK TO banner;
CREATE USER reader IDENTIFIED BY reader;
GRANT CONNECT, CREATE SYNONYM TO reader;
CREATE TABLE banner.sfrstcr (pidm NUMBER(8), crn VARCHAR2(5), rsts CHAR(2), at_ DATE);
INSERT INTO banner.sfrstcr VALUES (1, '20001', 'RE', DATE '2026-05-01');
INSERT INTO banner.sfrstcr VALUES (2, '20001', 'DD', DATE '2026-05-02');
"""
DEPENDENCIES = """select referenced_owner, referenced_name, referenced_type, referenced_link_name
  from all_dependencies where owner = 'BANNER' and name = :n order by 2, 3"""


@pytest.fixture
def standin() -> Iterator[OracleStandin]:
    with OracleStandin(init=SCRIPT) as running:
        yield running


@pytest.fixture
def owner(standin: OracleStandin) -> Iterator[oracledb.Connection]:
    with connect(standin, "banner") as connection:
        yield connection


@pytest.fixture
def reader(standin: OracleStandin, owner: oracledb.Connection) -> Iterator[oracledb.Connection]:
    run(owner, "grant select on sfrstcr to reader")
    with connect(standin, "reader") as connection:
        yield connection


def test_a_materialised_view_is_as_old_as_its_refresh(standin: OracleStandin, owner: oracledb.Connection) -> None:
    """It keeps its rows until it is refreshed, stamps and all: what has changed since is not in it."""
    run(owner, "create materialized view enrolled build immediate refresh complete on demand as select * from sfrstcr")
    run(owner, "update sfrstcr set rsts = 'DD'")
    owner.commit()

    assert [("DD",), ("RE",)] == rows(owner, "select rsts from enrolled order by 1")
    standin.database.refresh("BANNER", "ENROLLED")
    assert [("DD",), ("DD",)] == rows(owner, "select rsts from enrolled")
    for sql in ("delete from enrolled", "insert into enrolled select * from sfrstcr"):
        with fails(1732):
            run(owner, sql)
    with fails(12083):
        run(owner, "drop table enrolled")
    run(owner, "drop materialized view enrolled")
    with fails(942):
        rows(owner, "select * from enrolled")


def test_the_dictionary_of_materialised_views(owner: oracledb.Connection) -> None:
    """Two objects of one name; listed in ALL_MVIEWS; what reads it depends on its table, itself on what it was made of."""
    run(
        owner,
        "create materialized view enrolled (who, what) refresh force as select pidm, crn from sfrstcr",
        "create materialized view later build deferred never refresh as select * from sfrstcr",
        "create view v as select * from enrolled",
    )

    listed = "select object_type from user_objects where object_name = 'ENROLLED' order by 1"
    assert [("MATERIALIZED VIEW",), ("TABLE",)] == rows(owner, listed)
    assert [("ENROLLED", "FORCE", "DEMAND", "IMMEDIATE"), ("LATER", "NEVER", "NEVER", "DEFERRED")] == rows(
        owner, "select mview_name, refresh_method, refresh_mode, build_mode from all_mviews order by 1"
    )
    assert value(owner, "select last_refresh_date from all_mviews where mview_name = 'ENROLLED'") is not None
    assert [("BANNER", "ENROLLED", "TABLE", None)] == rows(owner, DEPENDENCIES, n="V")
    assert [("ENROLLED", "TABLE"), ("SFRSTCR", "TABLE")] == [r[1:3] for r in rows(owner, DEPENDENCIES, n="ENROLLED")]
    assert [("WHO",), ("WHAT",)] == rows(
        owner, "select column_name from all_tab_columns where table_name = 'ENROLLED' order by column_id"
    )
    assert [(1, "20001"), (2, "20001")] == rows(owner, "select who, what from v order by who")
    assert 0 == value(owner, "select count(*) from later")


def test_dependencies_name_synonyms_and_what_is_behind(owner: oracledb.Connection) -> None:
    """A view that reads by way of a synonym depends on both; the synonym on what it stands for."""
    run(
        owner,
        "create synonym s for sfrstcr",
        "create view v as select t.pidm from s t join sfrstcr u on u.pidm = t.pidm",
    )

    assert [("BANNER", "S", "SYNONYM", None), ("BANNER", "SFRSTCR", "TABLE", None)] == rows(owner, DEPENDENCIES, n="V")
    assert [("BANNER", "SFRSTCR", "TABLE", None)] == rows(owner, DEPENDENCIES, n="S")


def test_links_lead_elsewhere_and_the_dictionary_says_so(
    owner: oracledb.Connection, reader: oracledb.Connection
) -> None:
    """A table over a link, a synonym for one and a view on one can be read, and are told from what is local."""
    run(
        reader,
        "create synonym own for banner.sfrstcr",
    )
    run(
        owner,
        "create database link campus.example.org connect to reader identified by reader using 'campus'",
        "create synonym far for banner.sfrstcr@campus.example.org",
        "create view v as select pidm from banner.sfrstcr@campus.example.org",
        "create view w as select pidm from far",
    )

    for source in ("banner.sfrstcr@campus.example.org", "own@campus.example.org", "far", "v", "w"):
        assert [(1,), (2,)] == rows(owner, f"select t.pidm from {source} t order by 1")
    assert [("BANNER", "SFRSTCR", "CAMPUS.EXAMPLE.ORG")] == rows(
        owner, "select table_owner, table_name, db_link from all_synonyms where synonym_name = 'FAR'"
    )
    assert [("CAMPUS.EXAMPLE.ORG", "READER", "campus")] == rows(
        owner, "select db_link, username, host from user_db_links"
    )
    assert ("BANNER", "SFRSTCR", "TABLE", "CAMPUS.EXAMPLE.ORG") in rows(owner, DEPENDENCIES, n="V")
    assert ("BANNER", "FAR", "SYNONYM", None) in rows(owner, DEPENDENCIES, n="W")
    assert ("BANNER", "SFRSTCR", "TABLE", "CAMPUS.EXAMPLE.ORG") in rows(owner, DEPENDENCIES, n="FAR")
    with fails(942):  # the link's user has rights of its own
        rows(owner, "select * from banner.nothing@campus.example.org")
    with fails(2019):
        rows(owner, "select * from banner.sfrstcr@nowhere")
    with fails(2019):
        rows(reader, "select * from banner.sfrstcr@campus.example.org")
    run(owner, "drop database link campus.example.org")
    with fails(4063):
        rows(owner, "select * from v")


def test_a_policy_hides_rows(standin: OracleStandin, owner: oracledb.Connection, reader: oracledb.Connection) -> None:
    """Row-level security: rows are not there for whom the policy leaves out, also behind a view, and come back with it."""
    run(owner, "create view v as select pidm from sfrstcr", "grant select on v to reader")
    standin.database.catalog.protect(
        "BANNER", "SFRSTCR", "sys_context('USERENV', 'SESSION_USER') <> 'READER' or pidm = 1"
    )
    queries = ("select count(*) from banner.sfrstcr", "select count(*) from banner.v x")

    assert [1, 1] == [value(reader, sql) for sql in queries]
    assert [2, 2] == [value(owner, sql) for sql in queries]
    standin.database.catalog.protect("BANNER", "SFRSTCR", "")
    assert [2, 2] == [value(reader, sql) for sql in queries]


def test_columns_can_be_taken_away_and_given_back(owner: oracledb.Connection, reader: oracledb.Connection) -> None:
    """A statement over a dropped or renamed column is ORA-00904; the next one after it is back works."""
    sql = "select at_ from banner.sfrstcr"
    run(owner, "alter table sfrstcr rename column at_ to moved")
    with fails(904):
        rows(reader, sql)
    run(owner, "alter table sfrstcr rename column moved to at_")
    assert 2 == len(rows(reader, sql))
    run(owner, "alter table sfrstcr drop column at_", "alter table sfrstcr add (at_ timestamp(6))")
    assert [(None,), (None,)] == rows(reader, sql)
    run(owner, "alter table sfrstcr modify (crn varchar2(30), pidm not null)")
    assert [("Y", "CRN"), ("N", "PIDM")] == rows(
        reader, "select nullable, column_name from all_tab_columns where column_name in ('CRN', 'PIDM') order by 2"
    )
    assert 30 == value(reader, "select data_length from all_tab_columns where column_name = 'CRN'")


# --- hashes -----------------------------------------------------------------------------------

HASHED = """select pidm, count(*), sum(ora_hash(crn || chr(31) || rsts || chr(31) || to_char(pidm, 'TM9') || chr(31)
  || to_char(at_, 'YYYYMMDDHH24MISS'))) from banner.sfrstcr group by pidm order by pidm"""


def test_a_hash_of_rows_tells_whether_one_has_changed(owner: oracledb.Connection) -> None:
    """ORA_HASH is the same for the same row, another for any other column's value; sums of it do not care for order."""
    before = rows(owner, HASHED)
    run(owner, "update sfrstcr set rsts = 'RW' where pidm = 1")
    changed = rows(owner, HASHED)
    run(owner, "update sfrstcr set rsts = 'RE' where pidm = 1", "update sfrstcr set at_ = at_ + 1/86400 where pidm = 2")
    moved = rows(owner, HASHED)

    assert (before[1], True) == (changed[1], before[0] != changed[0])
    assert (before[0], True) == (moved[0], before[1] != moved[1])
    assert all(0 <= h <= 4294967295 for _, _, h in before)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1", "'1'"),
        ("timestamp '2026-05-01 08:00:00.000001'", "timestamp '2026-05-01 08:00:00.000002'"),
        ("to_date('2026-05-01 08', 'YYYY-MM-DD HH24')", "to_date('2026-05-01 09', 'YYYY-MM-DD HH24')"),
        ("hextoraw('00')", "hextoraw('01')"),
        ("rpad('a', 5)", "'a'"),
    ],
)
def test_hashes_differ_where_values_do(owner: oracledb.Connection, one: str, other: str) -> None:
    """It is the stored value that is hashed, not its text by some format."""
    found = rows(owner, f"select ora_hash({one}), ora_hash({one}), ora_hash({other}) from dual")[0]

    assert found[0] == found[1] != found[2]


def test_hashes_of_nothing_and_in_buckets(owner: oracledb.Connection) -> None:
    """NULL has 0, so that a sum over it is no NULL; buckets and seeds are taken."""
    assert (0, 0) == rows(owner, "select ora_hash(null), sum(ora_hash(cast(null as varchar2(5)))) from dual")[0]
    spread = "select distinct ora_hash(level, 9) from dual connect by level <= 200"
    assert set(range(10)) == {bucket for (bucket,) in rows(owner, spread)}
    assert value(owner, "select ora_hash('a', 4294967295, 1) from dual") != value(
        owner, "select ora_hash('a') from dual"
    )


def test_a_concatenation_ends_at_4000_bytes(owner: oracledb.Connection) -> None:
    """ORA-01489 of a row that is too long to be hashed as one text."""
    run(
        owner,
        "create table wide (a varchar2(4000), b varchar2(4000))",
        "insert into wide values (rpad('x', 2500), 'y')",
    )
    assert 2501 == value(owner, "select length(a || b) from wide")
    run(owner, "update wide set b = a")
    with fails(1489):
        value(owner, "select ora_hash(a || b) from wide")


def test_numbers_and_moments_as_text(owner: oracledb.Connection) -> None:
    """Masks that lose nothing: TM9 for numbers, hexadecimal digits, fractions of a second; the zone's offset by parts."""
    sql = """select to_char(-2.5, 'TM9'), to_char(.5, 'TM'), to_char(255, 'FMXXXX'), to_char(10, '0xxx'),
      to_number('ff', 'xx'), to_char(timestamp '2026-05-01 08:00:00.123456', 'YYYYMMDDHH24MISSFF6') from dual"""
    assert [("-2.5", ".5", "FF", " 000a", 255, "20260501080000123456")] == rows(owner, sql)
    zoned = "timestamp '2026-05-01 08:00:00 -05:30'"
    assert [(-5, -30)] == rows(
        owner, f"select extract(timezone_hour from {zoned}), extract(timezone_minute from {zoned}) from dual"
    )
    with fails(1722):
        value(owner, "select to_number('fg', 'xx') from dual")


def test_ranges_side_by_side_and_ages_in_seconds(owner: oracledb.Connection) -> None:
    """What a poller asks: ranges joined by OR, the newest of two, ages by date arithmetic."""
    sql = "select pidm from sfrstcr where pidm between :a and :b or pidm between :c and :d or pidm > :e order by pidm"
    assert [(1,), (2,)] == rows(owner, sql, a=0, b=1, c=2, d=2, e=7)
    assert [(1,)] == rows(owner, f"{sql} fetch first 1 rows only", a=0, b=1, c=2, d=2, e=7)
    found = rows(
        owner,
        "select greatest(at_, date '2026-05-02'), round((date '2026-05-03' - at_) * 86400), nvl(crn, '-'), "
        "cast(at_ as timestamp) from sfrstcr order by pidm",
    )
    second = dt.datetime(2026, 5, 2)
    assert [(second, 172800, "20001", dt.datetime(2026, 5, 1)), (second, 86400, "20001", second)] == found


@pytest.mark.parametrize(("column", "given"), [("n", 7), ("n", Decimal("7.25")), ("v", "7"), ("c", "7    ")])
def test_a_long_list_of_binds_is_a_list_of_values(owner: oracledb.Connection, column: str, given: object) -> None:
    """IN with hundreds of binds: numbers, texts and padded texts each as one alone would; a NULL among them is unknown."""
    run(owner, "create table many (n number, v varchar2(10), c char(5))")
    with owner.cursor() as cursor:
        cursor.executemany("insert into many values (:1, :2, :3)", [(n, str(n), str(n)) for n in range(20)])
        cursor.execute("insert into many values (7.25, 'q', 'q')")
        names = ", ".join(f":b{n}" for n in range(300))
        binds = dict.fromkeys((f"b{n}" for n in range(300)), given)

        assert 1 == len(rows(owner, f"select n from many where {column} in ({names})", binds))
        assert 20 == len(rows(owner, f"select n from many where {column} not in ({names})", binds))
        assert [] == rows(owner, f"select n from many where {column} not in ({names})", binds | {"b9": None})
        cursor.execute(f"delete from many where {column} in ({names})", binds)
        assert 1 == cursor.rowcount
