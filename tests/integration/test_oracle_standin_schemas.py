"""Users, grants, views, sequences and the dictionary of the Oracle stand-in, through the real driver."""

from __future__ import annotations

from typing import TYPE_CHECKING

import oracledb
import pytest

from tests.standins.oracle import OracleStandin
from tests.standins.oracle.client import connect, fails, rows, run, value

if TYPE_CHECKING:
    from collections.abc import Iterator

SCRIPT = """
CREATE USER apogee IDENTIFIED BY "apogee";
GRANT CONNECT, RESOURCE, CREATE VIEW, CREATE SYNONYM TO apogee;
CREATE USER reader IDENTIFIED BY reader; -- one grant, as a cautious DBA gives it; no more
GRANT CREATE SESSION TO reader;
CREATE TABLE apogee.ins_groupe (id NUMBER(10) PRIMARY KEY, cod_etu CHAR(8) NOT NULL, cod_gpe VARCHAR2(20 CHAR),
  dat_mod TIMESTAMP(6) DEFAULT SYSTIMESTAMP, CONSTRAINT ins_u UNIQUE (cod_etu, cod_gpe));
CREATE VIEW apogee.v_groupe (etudiant, groupe) AS SELECT TRIM(cod_etu), cod_gpe || ';' FROM ins_groupe;
INSERT INTO apogee.ins_groupe (id, cod_etu, cod_gpe) VALUES (1, 'E1', 'A');
CREATE SEQUENCE apogee.seq START WITH 100 CACHE 20;
"""


@pytest.fixture
def standin() -> Iterator[OracleStandin]:
    with OracleStandin(init=SCRIPT) as running:
        yield running


@pytest.fixture
def owner(standin: OracleStandin) -> Iterator[oracledb.Connection]:
    with connect(standin, "apogee") as connection:
        yield connection


@pytest.fixture
def reader(standin: OracleStandin) -> Iterator[oracledb.Connection]:
    with connect(standin, "reader") as connection:
        yield connection


def test_grants_decide_what_exists(owner: oracledb.Connection, reader: oracledb.Connection) -> None:
    """Without a grant an object does not exist; with SELECT it can be read, not written; REVOKE takes it back."""
    with fails(942):
        rows(reader, "select * from apogee.v_groupe")
    run(owner, "grant select on v_groupe to reader")

    assert rows(reader, "select * from apogee.v_groupe v") == [("E1", "A;")]
    with fails(942):  # the view reads with its owner's rights; the table below stays hidden
        rows(reader, "select * from apogee.ins_groupe")
    run(owner, "grant select on ins_groupe to reader")
    with fails(1031):
        run(reader, "update apogee.ins_groupe set cod_gpe = 'B'")
    run(owner, "revoke select on v_groupe from reader")
    with fails(942):
        rows(reader, "select * from apogee.v_groupe v")
    with fails(1031):
        run(reader, "create table mine (a number)")


def test_grants_by_role_and_to_everybody(standin: OracleStandin, reader: oracledb.Connection) -> None:
    """A role's grants count for its members, PUBLIC's for all."""
    with connect(standin) as dba:
        run(dba, "create role readers", "grant select on apogee.ins_groupe to readers", "grant readers to reader")
        assert value(reader, "select count(*) from apogee.ins_groupe") == 1
        run(dba, "revoke readers from reader")
        with fails(942):
            rows(reader, "select * from apogee.ins_groupe")
        run(dba, "grant select on apogee.ins_groupe to public")
        assert value(reader, "select count(*) from apogee.ins_groupe") == 1


def test_v_transaction_needs_its_own_grant(standin: OracleStandin, reader: oracledb.Connection) -> None:
    """V$TRANSACTION does not exist for a plain user; SELECT on SYS.V_$TRANSACTION shows it under all its names."""
    names = ("v$transaction", "sys.v_$transaction", "gv$transaction")
    for name in names:
        with fails(942):
            rows(reader, f"select * from {name}")
    with connect(standin) as dba:
        with fails(2030):
            run(dba, "grant select on v$transaction to reader")
        run(dba, "grant select on sys.v_$transaction to reader", "grant select on gv_$transaction to reader")
    sql = "select start_date, start_time, start_scn, status, ses_addr from "

    for name in names:
        assert rows(reader, sql + name) == []
    assert rows(reader, "select inst_id from gv$transaction") == []
    assert rows(reader, "select table_name, privilege from user_tab_privs order by 1") == [
        ("GV_$TRANSACTION", "SELECT"),
        ("V_$TRANSACTION", "SELECT"),
    ]


def test_system_views_for_everybody_and_for_few(standin: OracleStandin, reader: oracledb.Connection) -> None:
    """Version and privileges are public; V$DATABASE and DBA_ views want a role."""
    assert value(reader, "select version_full from product_component_version").startswith("19.")
    assert "stand-in" in value(reader, "select banner from v$version")
    assert rows(reader, "select privilege from session_privs") == [("CREATE SESSION",)]
    for name in ("v$database", "dba_tables"):
        with fails(942):
            rows(reader, f"select * from {name}")
    with connect(standin) as dba:
        run(dba, "grant select_catalog_role to reader")
    assert rows(reader, "select name, db_unique_name, database_role, open_mode from v$database") == [
        ("STUB", "STUB", "PRIMARY", "READ WRITE")
    ]
    assert value(reader, "select version from v$instance") == "19.0.0.0.0"


def test_dictionary_shows_columns_of_what_one_may_see(owner: oracledb.Connection, reader: oracledb.Connection) -> None:
    """ALL_TAB_COLUMNS describes tables and views, to those who may read them."""
    sql = """select column_name, data_type, data_length, data_precision, data_scale, nullable, char_length, char_used
             from all_tab_columns where owner = 'APOGEE' and table_name = :t order by column_id"""
    expected = [
        ("ID", "NUMBER", 22, 10, 0, "N", 0, None),
        ("COD_ETU", "CHAR", 8, None, None, "N", 8, "B"),
        ("COD_GPE", "VARCHAR2", 80, None, None, "Y", 20, "C"),
        ("DAT_MOD", "TIMESTAMP(6)", 11, None, 6, "Y", 0, None),
    ]

    assert rows(owner, sql, t="INS_GROUPE") == expected
    assert rows(reader, sql, t="INS_GROUPE") == []
    run(owner, "grant select on v_groupe to reader")
    assert [r[:2] for r in rows(reader, sql, t="V_GROUPE")] == [("ETUDIANT", "VARCHAR2"), ("GROUPE", "VARCHAR2")]


def test_dictionary_of_objects(owner: oracledb.Connection) -> None:
    """Objects, views with their text, indexes, dependencies, sequences are listed."""
    run(owner, "create index ins_mod on ins_groupe (dat_mod, cod_etu)", "create synonym grp for ins_groupe")

    assert rows(owner, "select object_name, object_type from user_objects where object_name not like 'SYS%' order by 1") == [
        ("GRP", "SYNONYM"), ("INS_GROUPE", "TABLE"), ("INS_MOD", "INDEX"), ("INS_U", "INDEX"), ("SEQ", "SEQUENCE"),
        ("V_GROUPE", "VIEW"),
    ]  # fmt: skip
    assert "ins_groupe" in value(owner, "select text from all_views where view_name = 'V_GROUPE'")
    assert rows(
        owner,
        "select column_name, column_position from all_ind_columns where index_name = 'INS_MOD' order by 2",
    ) == [("DAT_MOD", 1), ("COD_ETU", 2)]
    assert rows(owner, "select referenced_name, referenced_type from user_dependencies where name = 'V_GROUPE'") == [
        ("INS_GROUPE", "TABLE")
    ]
    assert rows(owner, "select constraint_type from user_constraints where constraint_name = 'INS_U'") == [("U",)]
    assert value(owner, "select count(*) from grp") == 1
    run(owner, "create index ins_up on ins_groupe (upper(cod_gpe))")
    assert rows(owner, "select column_expression from all_ind_expressions where table_name = 'INS_GROUPE'") == [
        ("UPPER(COD_GPE)",)
    ]
    run(owner, "drop index ins_mod")
    assert rows(owner, "select 1 from user_indexes where index_name = 'INS_MOD'") == []


def test_views_follow_or_replace_and_their_tables(owner: oracledb.Connection) -> None:
    """CREATE OR REPLACE changes a view for the next statement; a view over a dropped column has errors."""
    with fails(955):
        run(owner, "create view v_groupe as select id from ins_groupe")
    run(owner, "create or replace view v_groupe as select id, dat_mod from ins_groupe")
    assert rows(owner, "select id from v_groupe") == [(1,)]
    run(owner, "alter table ins_groupe drop column dat_mod")
    with fails(4063):
        rows(owner, "select id from v_groupe")
    with fails(942):
        run(owner, "create view w as select * from nowhere")
    run(owner, "drop view v_groupe")
    with fails(942):
        rows(owner, "select * from v_groupe")


def test_sequences_count_on_whatever_rolls_back(standin: OracleStandin, owner: oracledb.Connection) -> None:
    """NEXTVAL never goes back, CURRVAL is the session's own, the dictionary shows the end of the cache."""
    with fails(8002):
        value(owner, "select seq.currval from dual")
    assert value(owner, "select last_number from user_sequences where sequence_name = 'SEQ'") == 100
    assert value(owner, "select seq.nextval from dual") == 100
    run(owner, "insert into ins_groupe (id, cod_etu, cod_gpe) values (seq.nextval, 'E2', 'n' || seq.currval)")
    assert rows(owner, "select id, cod_gpe from ins_groupe where cod_etu = 'E2'") == [(101, "n101")]
    owner.rollback()
    with connect(standin) as other:
        assert value(other, "select apogee.seq.nextval from dual") == 102
    assert value(owner, "select seq.currval from dual") == 101
    assert value(owner, "select last_number from user_sequences") == 120
    with owner.cursor() as cursor:
        cursor.executemany(
            "insert into ins_groupe (id, cod_etu, cod_gpe) values (seq.nextval, :1, :2)", [("A", "x"), ("B", "x")]
        )
    assert rows(owner, "select id from ins_groupe where cod_gpe = 'x' order by 1") == [(103,), (104,)]


def test_identity_columns_and_defaults(owner: oracledb.Connection) -> None:
    """An identity column numbers rows; DEFAULT and a missing column take the default."""
    run(
        owner,
        "create table t (id number generated by default as identity primary key, s varchar2(5) default 'dflt', n number)",
        "insert into t (n) values (1)",
        "insert into t (n, s) values (2, default)",
        "insert into t (n, s) values (3, null)",
    )

    assert rows(owner, "select id, s, n from t order by id") == [(1, "dflt", 1), (2, "dflt", 2), (3, None, 3)]


def test_altering_a_table(owner: oracledb.Connection) -> None:
    """Columns can be added with a default, widened, renamed and dropped; TRUNCATE empties."""
    run(owner, "alter table ins_groupe add (flag char(1) default 'O' not null, note number)")
    assert rows(owner, "select flag, note from ins_groupe") == [("O", None)]
    run(owner, "alter table ins_groupe modify cod_gpe varchar2(40)", "alter table ins_groupe rename column note to n2")
    run(owner, "update ins_groupe set cod_gpe = lpad('x', 40), n2 = 1")
    owner.commit()
    run(owner, "alter table ins_groupe drop (flag)", "truncate table ins_groupe")
    assert value(owner, "select count(*) from ins_groupe") == 0
    with fails(1430):
        run(owner, "alter table ins_groupe add (n2 number)")


def test_constraints_are_named_when_broken(owner: oracledb.Connection) -> None:
    """Keys, NOT NULL, CHECK and foreign keys hold, each with its ORA number and name."""
    run(
        owner,
        "create table grp (code varchar2(5) primary key, size_ number check (size_ > 0))",
        "create table member (grp varchar2(5) references grp, n number constraint n_nn not null)",
        "insert into grp values ('A', 1)",
        "insert into member values ('A', 1)",
    )
    for sql, code in (
        ("insert into grp values ('A', 2)", 1),
        ("insert into grp values ('B', 0)", 2290),
        ("insert into member values ('A', null)", 1400),
        ("update member set n = null", 1407),
        ("insert into member values ('Z', 1)", 2291),
        ("delete from grp", 2292),
    ):
        with fails(code):
            run(owner, sql)
    with pytest.raises(oracledb.IntegrityError, match=r"APOGEE\.INS_U"):
        run(owner, "insert into ins_groupe (id, cod_etu, cod_gpe) values (2, 'E1', 'A')")
    run(owner, "delete from member", "delete from grp")


def test_create_table_as_select_and_merge(owner: oracledb.Connection) -> None:
    """CREATE TABLE AS copies; MERGE updates what matches and inserts the rest."""
    run(
        owner,
        "create table copy as select id, cod_gpe g from ins_groupe",
        "insert into copy values (2, 'B')",
        "merge into copy t using (select 2 id from dual union all select 3 from dual) s on (t.id = s.id) "
        "when matched then update set t.g = 'merged' when not matched then insert (id, g) values (s.id, 'new')",
    )

    assert rows(owner, "select * from copy order by id") == [(1, "A"), (2, "merged"), (3, "new")]


def test_current_schema_of_the_session(standin: OracleStandin) -> None:
    """CURRENT_SCHEMA changes where unqualified names are looked up."""
    with connect(standin) as dba:
        with fails(942):
            rows(dba, "select * from ins_groupe")
        dba.current_schema = "APOGEE"
        assert value(dba, "select count(*) from ins_groupe") == 1
        assert value(dba, "select sys_context('USERENV', 'CURRENT_SCHEMA') || user from dual") == "APOGEEAPP"
