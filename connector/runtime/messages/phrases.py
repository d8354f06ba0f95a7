"""What the product itself fills into messages in so many words, so that it is translated with them.

The texts stand where they are made, and again here with ``{placeholders}``; a test compares. What other programs say
(Oracle, Kafka, Moodle, the operating system) is filled in as it comes.
"""

from __future__ import annotations

_OF_STATES = (
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
    "snapshot of {sources}",
    "election in {group}",
    "signal {id} begins it anew, as its own",
    # What a reconciliation left, by kind.
    "missing: {count}",
    "extra: {count}",
    "foreign: {count}",
    "cohort deleted: {count}",
    "cohort doubled: {count}",
    "cohort renamed: {count}",
    "cohort moved: {count}",
    "cohort forbidden: {count}",
    "user deleted: {count}",
    "user merged: {count}",
    "account changed: {count}",
    "account found: {count}",
    "this release does not know signals of kind {kind}",
    # Why a mail cannot be sent.
    "user and password must be in ASCII",
    # Instead of a setting that is gone.
    (
        "The table [sinks.NAME.breaker] says how many members may leave within 24 hours: leave this out to have its "
        "defaults, or set both partition_share and partition_least to 0 to hold every removal."
    ),
)
"""Why something is not as it should be, and what would help."""

_OF_SETTINGS = (
    "it must be a table",
    'it must be a text or {{ file = "..." }}',
    "the file",
    "give exactly one of value and file",
    "{file} is empty; it must hold the secret",
    'not a duration: {value}; write a number and a unit, such as "250ms", "15s", "10m", "2h", "1d"',
    'not a time of the day; write it as "03:30"',
    'no time zone is called "{name}"; write one such as "Europe/Paris"',
    'not a moment; write a date, such as 2026-09-01, or a time with its zone: "2026-09-01T08:00+02:00"',
    "it ends before it begins",
    "two allowances have one name",
    "a level is empty",
    '"{path}" is no table',
    '"{name}" must be a number below {length}, the count of the elements in the file',
    "not a table name; write OWNER.TABLE, or give a query",
    "a query begins with SELECT or WITH",
    "give values or except_values, not both",
    "give values, except_values or when_null",
    "give exactly one of table and query",
    "give table or query, not both",
    "two hints have the same name",
    "a hint by cohort has no student column",
    "{name} is for {kinds} only, not for {kind}",
    "a hint of kind {kind} needs {name}",
    'deletes names no value; write the one that operation has for a delete, such as "D"',
    "{key} must name exactly one column; join several in the query",
    "{key} names no column, so all rows would be one cohort",
    'pattern "{pattern}", character {position}:',
    'filter "{name}":',
    "this brace is never closed; end the part with }}",
    "a closing brace without an opening one; write }}}} for a literal brace",
    "a column name must follow the brace, for example {{CODE|trim}}; write {{{{ for a literal one",
    'after the column name comes "|" and a filter, or "}}"; put a name with other characters in double quotes',
    'unknown filter "{name}"',
    'did you mean "{near}"?',
    "known filters: {known}",
    'filter "{name}" has {count} argument(s); write {usage}',
    "give the characters to remove, or leave out the colon to remove white space",
    "the width must be between 1 and 255, for example pad:8",
    "the fill must be one character, for example pad:8:0",
    "give a start, an end or both, for example slice:0:3 for the first three characters",
    "the end must lie after the start; slice:0:3 means the first three characters",
    "the text to look for is empty; write replace:OLD:NEW",
    'there is no value map "{name}" ({known}); define it as a table "maps.{name}" of the section',
    '{what} must be a whole number, not "{text}"',
    'write the address of the site as in Moodle\'s own settings, e.g. "https://moodle.example.org"',
    "the address must not hold a user name, a query or a fragment; the token has its own setting",
    'write "http://host:port"; user name and password have settings of their own',
    "proxy_user and proxy_password mean nothing without proxy",
    "give both of proxy_user and proxy_password, or none",
    'field names the profile field, so give it if, and only if, by is "profile_field"',
    "report_id and field_header belong together: give both or none",
    'a report is needed only if by is "profile_field"',
    "telemetry.hash_key has {length} characters; it needs {least} or more",
    "give both of user and password, or none",
    'a password must not travel in the clear: security must be "starttls" or "tls"',
    "give exactly one of email and webhook",
    "authorization and signing_key mean nothing without webhook",
    "two recipients are called {name}",
    "a recipient has a mail address, so smtp must name the mail server",
    "poll_age must be 0 or at least a minute",
    "every must be at least a minute",
    "{kinds} cannot be repaired; those that can be: {known}",
    "{kinds} cannot be both repaired and only reported",
)
"""What is wrong with a setting."""

_OF_WAITING = (
    (
        "No account in Moodle has the key. If the account will come, nothing: it is looked for. Otherwise "
        'compare the key with the field in Moodle, and look at "normalise" in the settings.'
    ),
    "Several accounts have the key. Correct the field of all but one; the rest happens by itself.",
    (
        'Moodle refuses this row. "cohortstream explain" shows its answer; when the cause is removed, '
        '"cohortstream replay" for the cohort tries again.'
    ),
    "The cohort's own record has not come yet. If it lasts, take a snapshot of the source.",
    (
        "Moodle's database may hold the idnumber equal to another one. Change the pattern, or the data, so that "
        "they differ by more than case, accents or trailing blanks."
    ),
    (
        "Moodle has no course category with the idnumber that the pattern names, or the service user has no "
        "rights there. Make it, or correct the pattern; it is tried again by itself."
    ),
    "Moodle refuses to make the cohort. See Moodle's log; it is tried again by itself.",
    "Give the service user its role in the category where the cohort is; it is tried again.",
    "Several cohorts in Moodle carry the idnumber. Empty it in all but one.",
    (
        'A person deleted the cohort in Moodle. "cohortstream recreate" makes it anew; one made by hand with its '
        "idnumber is found."
    ),
    "It vanished from the source before Moodle had it, so it is not made. Nothing to do.",
)
"""What to do about memberships that are parked."""

OF_TYPES = (
    "it should be a valid integer, unable to parse string as an integer",
    "it should be a valid integer, got a number with a fractional part",
    "it should be a valid integer",
    "it should be a valid number, unable to parse string as a number",
    "it should be a valid number",
    "it should be a valid boolean, unable to interpret input",
    "it should be a valid boolean",
    "it should be a valid string",
    "it should be a valid list",
    "it should be a valid tuple",
    "it should be a valid dictionary",
    "it should be greater than or equal to {least}",
    "it should be greater than {bound}",
    "it should be less than or equal to {most}",
    "it should be less than {bound}",
    "it should be a finite number",
    "it should be {expected}",
    "String should have at least {least} character",
    "String should have at least {least} characters",
    "Tuple should have at least {least} item after validation, not {count}",
)
"""The same as the reader of settings says it (pydantic), for the types that settings have."""

PHRASES = (*_OF_STATES, *_OF_WAITING, *_OF_SETTINGS, *OF_TYPES)
"""What ends in a full stop or a colon is followed by a blank and the next one; of several that fit the first one counts."""

JOINED = "{one}; {another}"
"""How the others stand beside each other."""
