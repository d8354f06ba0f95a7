"""Moodle's exceptions as values: the class name, the code and the sentence that a client gets to see."""

from typing import Any

from tests.standins.moodle import php

CORE = "core\\exception\\"


class MoodleError(Exception):
    """An exception that Moodle turns into an answer; everything the call did is rolled back."""

    def __init__(self, exception: str, errorcode: str | None, message: str, debuginfo: str | None = None) -> None:
        super().__init__(message)
        self.exception = exception
        """The PHP class as Moodle 4.5 names it."""
        self.errorcode = errorcode
        self.message = message
        self.debuginfo = debuginfo
        """The true reason; in the answer only while the site's debugging is on."""


def moodle_error(errorcode: str, message: str, debuginfo: str | None = None) -> MoodleError:
    return MoodleError(CORE + "moodle_exception", errorcode, message, debuginfo)


def invalid_parameter(debuginfo: str | None) -> MoodleError:
    return MoodleError(
        CORE + "invalid_parameter_exception", "invalidparameter", "Invalid parameter value detected", debuginfo
    )


def invalid_response(debuginfo: str | None) -> MoodleError:
    return MoodleError(
        CORE + "invalid_response_exception", "invalidresponse", "Invalid response value detected", debuginfo
    )


def coding_error(hint: str, debuginfo: str | None = None) -> MoodleError:
    message = f"Coding error detected, it must be fixed by a programmer: {hint}"
    return MoodleError(CORE + "coding_exception", "codingerror", message, debuginfo)


CAPABILITY_NAMES = {
    "moodle/cohort:assign": "Add and remove cohort members",
    "moodle/cohort:manage": "Create, delete and move cohorts",
    "moodle/cohort:view": "View site-wide cohorts",
    "moodle/user:viewalldetails": "View user full information",
}


def missing_capability(capability: str) -> MoodleError:
    name = CAPABILITY_NAMES[capability]
    return MoodleError(
        CORE + "required_capability_exception",
        "nopermissions",
        f"Sorry, but you do not currently have permissions to do that ({name}).",
    )


def access_refused(debuginfo: str) -> MoodleError:
    return MoodleError("webservice_access_exception", "accessexception", "Access control exception", debuginfo)


def report_refused() -> MoodleError:
    return MoodleError(
        "core_reportbuilder\\exception\\report_access_exception", "errorreportview", "You cannot view this report"
    )


def missing_record(table: str, conditions: dict[str, Any]) -> MoodleError:
    """``get_record(..., MUST_EXIST)`` found nothing."""
    where = " AND ".join(f"{name} = ?" for name in conditions)
    values = php.var_export(list(conditions.values()))
    debuginfo = f"SELECT * FROM {{{table}}} WHERE {where}\n[{values}]"
    if table == "user":
        return MoodleError("dml_missing_record_exception", "invaliduser", "Invalid user", debuginfo)
    message = f"Can't find data record in database table {table}."
    return MoodleError("dml_missing_record_exception", "invalidrecord", message, debuginfo)


def write_failed(error: str, sql: str, values: list[Any]) -> MoodleError:
    debuginfo = f"{error}\n{sql}\n[{php.var_export(values)}]"
    return MoodleError("dml_write_exception", "dmlwriteexception", "Error writing to database", debuginfo)


def read_failed(error: str, sql: str, values: list[Any]) -> MoodleError:
    debuginfo = f"{error}\n{sql}\n[{php.var_export(values)}]"
    return MoodleError("dml_read_exception", "dmlreadexception", "Error reading from database", debuginfo)


def database_down() -> MoodleError:
    message = (
        "<p>Error: Database connection failed</p>\n"
        "<p>It is possible that the database is overloaded or otherwise not running properly.</p>\n"
        "<p>The site administrator should also check that the database details have been correctly specified in"
        " config.php</p>"
    )
    return MoodleError("dml_connection_exception", "dbconnectionfailed", message)


def upgrade_running() -> MoodleError:
    return moodle_error("upgraderunning", "Site is being upgraded, please retry later.")


def maintenance() -> MoodleError:
    return moodle_error("sitemaintenance", "The site is undergoing maintenance and is currently not available")


def invalid_token() -> MoodleError:
    return moodle_error("invalidtoken", "Invalid token - token not found")
