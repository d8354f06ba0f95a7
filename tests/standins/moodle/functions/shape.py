"""A cohort as the functions return it."""

from typing import Any

from tests.standins.moodle.calls import Call
from tests.standins.moodle.records import Cohort
from tests.standins.moodle.richtext import FORMAT_HTML, FORMAT_PLAIN, format_text


def described(call: Call, cohort: Cohort, *, from_above: bool = False, **instead: Any) -> dict[str, Any]:
    """All members of a result; cohorts found above the searched context come without description and theme."""
    text, text_format = ("", FORMAT_PLAIN) if from_above else _description(call, cohort)
    shape = {
        "id": cohort.id,
        "name": cohort.name,
        "idnumber": cohort.idnumber,
        "description": text,
        "descriptionformat": text_format,
        "visible": cohort.visible,
        "theme": "",
        "customfields": [],
    }
    if from_above:
        del shape["theme"]
    return shape | instead


def _description(call: Call, cohort: Cohort) -> tuple[str, int]:
    text = cohort.description
    if text == "":
        return "", cohort.descriptionformat
    if call.settings.fileurl:
        place = f"{call.address}/webservice/pluginfile.php/{cohort.contextid}/cohort/description/{cohort.id}/"
        text = text.replace("@@PLUGINFILE@@/", place)
    if call.settings.raw:
        return text, cohort.descriptionformat
    return format_text(text, cohort.descriptionformat), FORMAT_HTML
