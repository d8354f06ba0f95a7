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
