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
        "Name a DATE or TIMESTAMP column.",
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
    SNAPSHOT_DISORDER = (
        "CS2012",
        'The snapshot of source "{source}" came out of order at row {row}; it was stopped, and nothing more was published.',
        "If the database's character set is not Unicode, select the student column as ASCII text.",
    )
    BLOCKED = (
        "CS2020",
        'The source "{source}" is not what was read before: {what}. Nothing more is published for it.',
        "If that is meant, run: cohortstream accept {source} --hash {hash}",
    )
    SUSPECTS_WITHHELD = (
        "CS2021",
        'In source "{source}" {waiting} memberships were missing twice, more than its limit of {limit}. None is removed.',
        "Look whether the source's view is whole. If they have really ended, run: cohortstream release {source} --hash {hash}",
    )
    RELEASE_REFUSED = (
        "CS2022",
        'The list {hash} of source "{source}" is not the list of memberships that wait now.',
        "Look at the present list, and release it by its hash.",
    )
    ACCEPT_REFUSED = (
        "CS2023",
        'The source "{source}" does not wait for {hash}.',
        "Look at what it waits for, and accept that by its hash.",
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
        "Have the DBA grant SELECT on V_$TRANSACTION (GV_$TRANSACTION on RAC). It is not required.",
    )
    NO_ROWS = (
        "CS2034",
        'The membership query of source "{source}" brings no row.',
        "Check the query, and whether a policy hides the rows from this user.",
    )
