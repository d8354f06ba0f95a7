"""Messages of the command line and of the life of a process: CS6xxx."""

from __future__ import annotations

from connector.runtime.messages.catalogue import Entry


class CliMessage(Entry):
    """What a command may have to say before, around and after its work."""

    UNEXPECTED = (
        "CS6001",
        "Something unexpected happened: {reason}.",
        "Run again with --debug and report the traceback.",
    )
    PORT_TAKEN = (
        "CS6002",
        "The health page cannot listen on {host}:{port}: {reason}.",
        "Choose another telemetry.http_port, or 0 for a free one.",
    )
    ROLE_DIED = (
        "CS6003",
        'The role "{role}" stopped: {reason}.',
        "The whole process stops, so that its supervisor starts it anew.",
    )
    INTERRUPTED = "CS6004", "Stopped at your request.", ""
