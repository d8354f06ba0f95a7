"""Messages about the Oracle side: CS2xxx."""

from __future__ import annotations

from connector.runtime.messages.catalogue import Entry


class OracleMessage(Entry):
    """What a source may answer, and what its rows may lack."""

    UNREACHABLE = (
        "CS2001",
        'The source "{source}" cannot be reached: {reason}.',
        "Check dsn, network and listener. Polling resumes by itself.",
    )
    LOGON_REFUSED = (
        "CS2002",
        'The source "{source}" refused the log-on: {reason}.',
        "Correct user or password. It is tried once per value of the secret, so that the account is not locked.",
    )
    QUERY_REFUSED = (
        "CS2003",
        'The source "{source}" refused the {query} query: {reason}.',
        "Correct the query, or have the DBA grant SELECT on what it reads.",
    )
    COLUMN_MISSING = (
        "CS2004",
        'The {query} query of source "{source}" has no column {column}, which {pattern} needs.',
        "Select the column, or name one of: {columns}.",
    )
    BAD_ADDRESS = (
        "CS2005",
        'The address of source "{source}" cannot be used: {reason}.',
        "Correct dsn, config_dir, wallet or lib_dir of the source.",
    )
    NEEDS_THICK = (
        "CS2006",
        'The thin driver cannot talk to the database of source "{source}": {reason}.',
        'Set mode = "thick" and lib_dir to the folder of Oracle\'s client libraries.',
    )
    NO_ANSWER = (
        "CS2007",
        'What answers at the address of source "{source}" does not answer as Oracle does: {reason}.',
        "Check host and port of dsn, and whether the listener wants TCPS. It is tried again by itself.",
    )
    QUERY_FAILED = (
        "CS2008",
        'The {query} query of source "{source}" failed: {reason}.',
        "It is tried again by itself; nothing was published of it.",
    )
    SNAPSHOT_TOO_OLD = (
        "CS2009",
        'The database could not keep the {query} query of source "{source}" consistent to its end (ORA-01555).',
        "It starts again by itself. If it comes back, run it at a quieter time, or have the DBA enlarge UNDO_RETENTION.",
    )
    CURSOR_TYPE = (
        "CS2010",
        'The cursor column {column} of hint "{hint}" of source "{source}" is a {type}.',
        "Name a column that is a {fitting}; the hint's kind wants that.",
    )
    STUDENT_TYPE = (
        "CS2011",
        'The student column {column} of source "{source}" is a {type}.',
        "Select it as text or as a number.",
    )
    TIMED_OUT = (
        "CS2013",
        'The {query} query of source "{source}" took too long and was ended.',
        "It is tried again by itself. If it comes back, look at its plan, or raise call_timeout (snapshot_timeout).",
    )
    ACCOUNT_CLOSED = (
        "CS2014",
        'The account of source "{source}" cannot log on: {reason}.',
        "Have the DBA unlock it, set its password anew, or grant CREATE SESSION. It is tried again every 5 minutes.",
    )
    NO_SESSION = (
        "CS2015",
        'The database has no session left for source "{source}": {reason}.',
        "It needs two, one for polling and one for a snapshot. Have the DBA look at SESSIONS_PER_USER, SESSIONS and PROCESSES.",
    )
    ALTERED = (
        "CS2016",
        'What the {query} query of source "{source}" reads was altered or truncated meanwhile: {reason}.',
        "It starts again by itself. If it comes back, take snapshots when nothing is loaded or rebuilt.",
    )
    LIMITED = (
        "CS2017",
        'The database ended the {query} query of source "{source}" because of a limit: {reason}.',
        "It is tried again by itself. Have the DBA raise the limit of the profile or resource plan, or look at the query's plan.",
    )
    TEMP_FULL = (
        "CS2018",
        'The database had no room to sort the {query} query of source "{source}": {reason}.',
        "Have the DBA enlarge the temporary tablespace. It is tried again by itself.",
    )
    COLUMN_RETYPED = (
        "CS2019",
        'The column {column} of the {query} query of source "{source}" has become a {type}.',
        "It goes on by itself where that type fits. Look who altered the table.",
    )
    SNAPSHOT_DISORDER = (
        "CS2012",
        'The snapshot of source "{source}" came out of order at row {row}; it was stopped, and nothing more was published.',
        "If the database's character set is not Unicode, select the student column as ASCII text.",
    )
    BLOCKED = (
        "CS2020",
        'The source "{source}" is not what was read before: {what}. Nothing more is published for it.',
        "See what would change: cohortstream accept {source}. If that is meant: cohortstream accept {source} --hash {hash}",
    )
    SUSPECTS_WITHHELD = (
        "CS2021",
        'In source "{source}" {waiting} memberships were missing twice, more than its limit of {limit}. None is removed.',
        (
            "Is the source's view whole? See them: cohortstream release {source}. If they have ended: "
            "cohortstream release {source} --hash {hash}"
        ),
    )
    RELEASE_REFUSED = (
        "CS2022",
        'The list {hash} of source "{source}" is not the list of memberships that wait now.',
        "Look at the present list with: cohortstream release {source}.",
    )
    ACCEPT_REFUSED = (
        "CS2023",
        'The source "{source}" does not wait for {hash}.',
        "Look at what it waits for with: cohortstream accept {source}.",
    )
    RETIRE_REFUSED = (
        "CS2024",
        'The source "{source}" is still in the settings.',
        "Take it out of the settings, start the connector anew, and retire it then.",
    )
    SOURCE_UNKNOWN = (
        "CS2025",
        'No source is called "{source}" here.',
        "Name one of: {sources}.",
    )
    TOPIC_REPLACED = (
        "CS2026",
        "The memberships topic has {found} partitions, but was begun with {recorded}.",
        "Partitions of a keyed topic cannot be changed. Set another topic_prefix, start anew, and run a snapshot.",
    )
    SIGNAL_STALE = (
        "CS2027",
        "The request to {kind} is of {issued}, older than {hours} hours, so nothing is done for it.",
        "Ask again if it is still wanted.",
    )
    STATE_UNDECODABLE = (
        "CS2028",
        "The record at offset {offset} of partition {partition} of {topic} cannot be decoded: {reason}.",
        "Run the release, or name the schema registry, that it was written with. Without it the state would be wrong.",
    )
    NUMBER_BROKEN = (
        "CS2029",
        'The cursor column {column} of hint "{hint}" of source "{source}" holds {value}, which is not a whole number.',
        "Name a column that takes its numbers from a sequence, or correct the row.",
    )
    COLUMN_UNINDEXED = (
        "CS2030",
        'No index of {table} begins with {column}, which the {hint} query of source "{source}" looks for at every poll.',
        "Have the DBA create one: CREATE INDEX ... ON {table} ({column})",
    )
    INDEX_UNKNOWN = (
        "CS2031",
        'Whether an index serves {column} in the {hint} query of source "{source}" cannot be told: {reason}.',
        "Look at the plan of the query, or ask the DBA.",
    )
    CLOCK_SKEWED = (
        "CS2032",
        'The clock of source "{source}" differs from this machine\'s by {skew} s.',
        "Nothing depends on it but the freshness that is shown. Synchronise both clocks.",
    )
    TRANSACTIONS_HIDDEN = (
        "CS2033",
        'Open transactions of source "{source}" cannot be seen, so late commits are found within the overlap only.',
        "Have the DBA run: GRANT SELECT ON sys.gv_$transaction TO {user}. It is not required.",
    )
    NO_ROWS = (
        "CS2034",
        'The membership query of source "{source}" brings no row.',
        "Check the query, and whether a policy hides the rows from this user.",
    )
    TRANSACTIONS_LOCAL = (
        "CS2035",
        'Of the open transactions of source "{source}" only those of one instance are seen, which proves nothing.',
        "Have the DBA run: GRANT SELECT ON sys.gv_$transaction TO {user}. It is not required.",
    )
    UNPROVED = (
        "CS2036",
        'It cannot be proved that hint "{hint}" of source "{source}" misses nothing: {reasons}.',
        "What comes later than its overlap is found by the next snapshot. {advice}",
    )
    SCAN_TYPE = (
        "CS2037",
        'The column {column}, which hint "{hint}" of source "{source}" should hash, is a {type}.',
        "Name other columns in its setting columns, or turn this one into text or a number in a query.",
    )
    SCAN_SLOW = (
        "CS2038",
        'One scan of hint "{hint}" of source "{source}" takes {seconds} s of the database.',
        "With share = {share} it runs every {every} s at most. Scan at a longer interval, or find a column to follow.",
    )
    SEQUENCE_HIDDEN = (
        "CS2039",
        'The sequence {sequence} of hint "{hint}" of source "{source}" cannot be seen.',
        "Correct drawn_from, or have the DBA run: GRANT SELECT ON sys.dba_sequences TO {user}. It is not required.",
    )
    SEQUENCE_CYCLES = (
        "CS2040",
        'The sequence {sequence} begins again after its last number (CYCLE), and then hint "{hint}" of source "{source}" sees nothing.',
        "Have the DBA run: ALTER SEQUENCE {sequence} NOCYCLE.",
    )
    SEQUENCE_DESCENDS = (
        "CS2041",
        'The sequence {sequence} counts down, so hint "{hint}" of source "{source}" sees nothing new.',
        "Follow another column.",
    )
    SEQUENCE_CACHED = (
        "CS2042",
        'On several instances the sequence {sequence} of hint "{hint}" of source "{source}" gives numbers out of order: each holds up to {cache} of them.',
        "Set overlap longer than the quietest instance keeps its numbers, or have the DBA run: ALTER SEQUENCE {sequence} ORDER.",
    )
    SEQUENCE_BEHIND = (
        "CS2043",
        'Hint "{hint}" of source "{source}" has the number {highest}, but its sequence {sequence} is only at {last}.',
        "The rows take their numbers from elsewhere, or the sequence was made anew. What it gives below {highest} is not seen.",
    )
    PROOF_BROKEN = (
        "CS2044",
        'A snapshot found {count} memberships of source "{source}" that hint "{hint}" had passed by, although it was proved.',
        'If an application writes the cursor, set stamped_by = "application"; if statements run long, raise slack. Is timezone right? Ask: cohortstream check.',
    )
    SNAPSHOT_INCOMPLETE = (
        "CS2045",
        'The last snapshot of source "{source}" brought {rows} rows; {missing} memberships are missing, more than its limit of {limit}.',
        "Look whether the source's view is whole. Nobody is removed beyond the limit, nor from cohorts that have no row left.",
    )
    DATABASE_CHANGED = (
        "CS2046",
        'A new connection to the source "{source}" leads to another database: {what}.',
        "Nothing of it was read. It is looked at next, and then told what to do if it stays so.",
    )
    COLUMN_UNREADABLE = (
        "CS2047",
        'The column {column} of the membership query of source "{source}" is a {type}, which has no text.',
        "Select it as text: RAWTOHEX for RAW, DBMS_LOB.SUBSTR for a CLOB, TO_CHAR for an interval.",
    )
    ZONE_DIFFERS = (
        "CS2048",
        'The cursor {column} of hint "{hint}" of source "{source}" is read in {zone}, but the database\'s host is {offset} from UTC now.',
        "If SYSDATE or SYSTIMESTAMP writes it, set timezone to the host's zone: polling misses stamps that it takes for old ones.",
    )
