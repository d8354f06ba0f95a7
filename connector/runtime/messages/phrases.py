"""What the product itself fills into messages in so many words, so that it is translated with them.

The texts stand where they are made, and again here with ``{placeholders}``; a test compares. What other programs say
(Oracle, Kafka, Moodle, the operating system) is filled in as it comes.
"""

from __future__ import annotations

PHRASES = (
    # Why it cannot be proved that polling misses nothing, and what would help.
    "the database is a {role}, not a primary",
    "a number does not tell when its row is committed",
    "nobody says who stamps it (stamped_by)",
    "it is stamped by the application, so by another clock",
    "not all open transactions can be seen",
    "what the query reads cannot be told",
    "it reads more than {most} objects",
    "{name} ({kind}) cannot be looked into",
    "{name} cannot be looked into",
    "{name} is in another database",
    "{link} is another database",
    "{name} is a materialised view",
    "GRANT SELECT ON sys.gv_$transaction TO {user}.",
    'If a default, a trigger or SYSDATE writes it: stamped_by = "database".',
    (
        "For what cannot be looked into: GRANT SELECT ON sys.dba_objects TO {user}; "
        "the same for dba_dependencies and dba_synonyms."
    ),
    # Why it cannot be told whether an index serves a column.
    "it is read by a query",
    "it is in another database",
    "the dictionary does not show it to this user",
    "it has indexes of expressions",
    "it is a view, and the column's table cannot be told",
    "it is a view over {name}",
    # In which way a source is not what it was.
    "its patterns, keys or conditions have changed",
    "its clock is {seconds} s behind what was read last",
    "it is database {name} ({unique}, {role}), and was {old_name} ({old_unique}, {old_role})",
    "it is another copy of database {name}: {incarnation} in V$DATABASE, and was {old_incarnation}",
    # What a reconciliation waits for, and why a role refuses.
    "consumer's backlog",
    "this release does not know signals of kind {kind}",
    # Instead of a setting that is gone.
    (
        "The table [sinks.NAME.breaker] says how many members may leave within 24 hours: leave this out to have its "
        "defaults, or set both partition_share and partition_least to 0 to hold every removal."
    ),
)
"""Complete sentences end in a full stop; several in one place are separated by "; ", sentences by a blank."""
