#!/bin/bash
# Healthy means what the product needs: its account can log on and read the view. An open database is not enough, as it
# is open before its tables are there.
set -euo pipefail

sqlplus -s /nolog <<SQL | grep -q '^READY$'
SET HEADING OFF FEEDBACK OFF PAGESIZE 0
CONNECT cohortstream/"$(cat /run/secrets/oracle_reader_password)"@//localhost:1521/FREEPDB1
SELECT 'READY' FROM sis.v_group_members WHERE ROWNUM = 1;
EXIT
SQL
