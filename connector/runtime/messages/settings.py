"""Messages about the settings file: CS1xxx."""

from __future__ import annotations

from connector.runtime.messages.catalogue import Entry


class SettingsMessage(Entry):
    """What can be wrong with the settings, found before anything is touched."""

    FILE_MISSING = (
        "CS1001",
        "The settings file {path} does not exist.",
        'Name it with --config, or write one: "cohortstream config example > {path}".',
    )
    FILE_UNREADABLE = (
        "CS1002",
        "The settings file {path} cannot be read: {reason}.",
        "Let the user that runs cohortstream read it.",
    )
    NOT_TOML = (
        "CS1003",
        "The settings are not valid TOML: {reason}.",
        "Correct the line; texts stand in double quotes, tables in [brackets].",
    )
    UNKNOWN_KEY = "CS1004", 'There is no setting "{key}".', 'Did you mean "{near}"?'
    UNKNOWN_KEY_LISTED = "CS1005", 'There is no setting "{key}".', "The table knows: {known}."
    MISSING_KEY = "CS1006", 'The setting "{key}" is missing.', "Add it: {meaning}"
    BAD_VALUE = "CS1007", 'The setting "{key}" has a bad value: {reason}.', "It is: {meaning}"
    BAD_TABLE = "CS1008", 'The settings of "{key}" do not go together: {reason}.', "See the reference of the settings."
    SECRET_UNREADABLE = (
        "CS1009",
        'The secret "{key}" cannot be read: {reason}.',
        "Correct the path, or let the user that runs cohortstream read the file.",
    )
    BAD_OVERRIDE = (
        "CS1010",
        "The environment variable {variable} does not fit: {reason}.",
        "Two underscores separate the levels, as in COHORTSTREAM__KAFKA__BOOTSTRAP_SERVERS.",
    )
    MISSING_TABLE = (
        "CS1011",
        "The table [{table}] is missing.",
        "This command needs it; see the commented example: cohortstream config example.",
    )
    WHICH_SINK = "CS1012", 'No sink is called "{name}".', "Name one of these with --sink: {known}."
    WHICH_SOURCE = "CS1013", 'No source is called "{name}".', "The settings have: {known}."
    SUPERSEDED_KEY = "CS1014", 'The setting "{key}" is gone.', "{instead}"
