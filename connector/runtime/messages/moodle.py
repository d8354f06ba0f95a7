"""Messages about Moodle: CS4xxx."""

from __future__ import annotations

from connector.runtime.messages.catalogue import Entry


class MoodleMessage(Entry):
    """What a Moodle site may answer."""

    UNREACHABLE = (
        "CS4001",
        "Moodle at {url} cannot be reached: {reason}.",
        "Check the site, the proxy and the certificate authority. Work resumes by itself.",
    )
    TOKEN_REFUSED = (
        "CS4002",
        "Moodle at {url} refuses the token: {reason}.",
        "Make a new token for the service user and put it where the settings read it; it is taken without a restart.",
    )
    DELETES_COHORTS = (
        "CS4003",
        "The token's service offers core_cohort_delete_cohorts.",
        "Remove that function from the service: this product never deletes a cohort and refuses a token that could.",
    )
    FUNCTION_MISSING = (
        "CS4004",
        "The token's service lacks {functions}.",
        "Add it to the external service, under Site administration > Server > Web services > External services.",
    )
    CAPABILITY_MISSING = (
        "CS4005",
        "The service user lacks the capability for {function}: {reason}.",
        "Allow it in the role of the service user, in the system context.",
    )
