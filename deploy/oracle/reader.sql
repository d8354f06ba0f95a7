-- The account that cohortstream reads with. This is the whole of what it asks a DBA for.
-- Wants the SQL*Plus variable reader_password.

CREATE USER cohortstream IDENTIFIED BY "&reader_password";
GRANT CREATE SESSION TO cohortstream;
-- SELECT works with it as with the grant of that name, but it cannot lock rows (SELECT ... FOR UPDATE).
GRANT READ ON sis.v_group_members TO cohortstream;

-- Optional: whether a transaction is open, and since when, so that nothing committed late is missed. Without it a
-- configured overlap has to do. It shows no data of any transaction.
GRANT READ ON sys.v_$transaction TO cohortstream;
