#!/bin/bash
# Run once by the database's container, when the database is new: the student system's schema with sample rows, and the
# account that cohortstream reads with.
set -euo pipefail

sqlplus -s -L / as sysdba <<SQL
WHENEVER SQLERROR EXIT FAILURE ROLLBACK
WHENEVER OSERROR EXIT FAILURE ROLLBACK
SET DEFINE ON VERIFY OFF FEEDBACK OFF
ALTER SESSION SET CONTAINER = FREEPDB1;
DEFINE reader_password = "$(cat /run/secrets/oracle_reader_password)"
@/opt/cohortstream/student_system.sql
@/opt/cohortstream/reader.sql
SQL
