"""Oracle's format masks for moments: TO_CHAR, and TO_DATE with its kin."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tests.standins.oracle.compiler.typed import literal
from tests.standins.oracle.errors import OraError

# Longest first, so that HH24 is not read as HH.
_ELEMENTS = [
    "SSSSS",
    "SYYYY",
    "YYYY",
    "RRRR",
    "IYYY",
    "MONTH",
    "HH24",
    "HH12",
    "YYY",
    "IYY",
    "DDD",
    "DAY",
    "MON",
    "FF1",
    "FF2",
    "FF3",
    "FF4",
    "FF5",
    "FF6",
    "FF7",
    "FF8",
    "FF9",
    "A.M.",
    "P.M.",
    "TZH",
    "TZM",
    "TZR",
    "TZD",
    "YY",
    "RR",
    "IY",
    "MM",
    "DD",
    "DY",
    "HH",
    "MI",
    "SS",
    "FF",
    "WW",
    "IW",
    "AM",
    "PM",
    "FM",
    "FX",
    "DS",
    "DL",
    "TS",
    "Y",
    "I",
    "D",
    "J",
    "Q",
    "W",
    "X",
]

_STRFTIME = {
    "YYYY": "%Y",
    "RRRR": "%Y",
    "IYYY": "%G",
    "YY": "%y",
    "RR": "%y",
    "MM": "%m",
    "DD": "%d",
    "DDD": "%j",
    "HH24": "%H",
    "HH12": "%I",
    "HH": "%I",
    "MI": "%M",
    "SS": "%S",
    "IW": "%V",
}
# With FM the leading zeros go.
_SHORT = {"MM": "%-m", "DD": "%-d", "DDD": "%-j", "HH24": "%-H", "HH12": "%-I", "HH": "%-I", "MI": "%-M", "SS": "%-S"}


@dataclass(frozen=True, slots=True)
class Element:
    """One element of a mask; `written` keeps the case, which steers names of days and months."""

    name: str
    written: str


def elements(mask: str) -> list[Element]:
    """A mask's elements: names, and literal text under the name ''."""
    out, at = [], 0
    while at < len(mask):
        if mask[at] == '"':
            end = mask.find('"', at + 1)
            if end < 0:
                raise OraError(1821, "date format not recognized")
            out.append(Element("", mask[at + 1 : end]))
            at = end + 1
            continue
        upper = mask[at:].upper()
        found = next((e for e in _ELEMENTS if upper.startswith(e)), None)
        if found:
            out.append(Element(found, mask[at : at + len(found)]))
            at += len(found)
        elif mask[at].isalnum():
            raise OraError(1821, "date format not recognized")
        else:
            out.append(Element("", mask[at]))
            at += 1
    return out


def moment_text(local: str, mask: str, zone: str | None, scale: int) -> str:
    """SQL for a wall clock as text. `zone`: SQL of the zone's name, for TZH and its like."""
    parts: list[str] = []
    run = ""
    short = False
    for element in elements(mask):
        code = (_SHORT.get(element.name) if short else None) or _STRFTIME.get(element.name)
        if element.name == "FM":
            short = not short
        elif element.name == "FX":
            continue
        elif element.name == "":
            run += element.written.replace("%", "%%")
        elif element.name == "X":
            run += "."
        elif code:
            run += code
        else:
            if run:
                parts.append(f"strftime({local}, {literal(run)})")
                run = ""
            parts.append(_piece(local, element, zone, scale, short=short))
    if run or not parts:
        parts.append(f"strftime({local}, {literal(run)})")
    return f"({' || '.join(parts)})"


def _cased(sql: str, written: str) -> str:
    if written.isupper():
        return f"upper({sql})"
    return f"lower({sql})" if written.islower() else sql


def _piece(local: str, element: Element, zone: str | None, scale: int, *, short: bool) -> str:
    name = element.name
    if name in ("MONTH", "DAY"):
        full = _cased(f"strftime({local}, '{'%B' if name == 'MONTH' else '%A'}')", element.written)
        return full if short else f"rpad({full}, 9, ' ')"
    if name in ("MON", "DY"):
        return _cased(f"strftime({local}, '{'%b' if name == 'MON' else '%a'}')", element.written)
    if name.startswith("FF"):
        digits = int(name[2:]) if name[2:] else min(scale, 9)
        return f"substr(strftime({local}, '%f') || '000', 1, {digits})"
    if name in ("AM", "PM", "A.M.", "P.M."):
        half = f"CASE WHEN hour({local}) < 12 THEN 'A' ELSE 'P' END"
        dotted = f"({half}) || '{'.M.' if '.' in name else 'M'}'"
        return _cased(f"({dotted})", element.written)
    numbers = {
        "SSSSS": f"lpad(CAST((epoch_us({local}) - epoch_us(date_trunc('day', {local}))) // 1000000 AS VARCHAR), 5, '0')",
        "WW": f"lpad(CAST((dayofyear({local}) - 1) // 7 + 1 AS VARCHAR), 2, '0')",
        "W": f"CAST((day({local}) - 1) // 7 + 1 AS VARCHAR)",
        "Q": f"CAST(quarter({local}) AS VARCHAR)",
        "D": f"CAST(dayofweek({local}) + 1 AS VARCHAR)",
        "J": f"CAST(CAST(julian({local}) AS BIGINT) AS VARCHAR)",
        "YYY": f"right(strftime({local}, '%Y'), 3)",
        "Y": f"right(strftime({local}, '%Y'), 1)",
        "IYY": f"right(strftime({local}, '%G'), 3)",
        "IY": f"right(strftime({local}, '%G'), 2)",
        "I": f"right(strftime({local}, '%G'), 1)",
        "SYYYY": f"' ' || strftime({local}, '%Y')",
    }
    if name in numbers:
        return f"({numbers[name]})"
    if zone and name in ("TZH", "TZM", "TZR"):
        utc = f"x_from_zone({local}, {zone})"
        minutes = f"(epoch_us({local}) - epoch_us({utc})) // 60000000"
        return {
            "TZR": zone,
            "TZH": f"(CASE WHEN {minutes} < 0 THEN '-' ELSE '+' END || lpad(CAST(abs({minutes}) // 60 AS VARCHAR), 2, '0'))",
            "TZM": f"lpad(CAST(abs({minutes}) % 60 AS VARCHAR), 2, '0')",
        }[name]
    raise OraError(1821, "date format not recognized")


# How each element is read: the pattern of its digits and the name of its group.
_READ = {
    "YYYY": (r"\d{1,4}", "year"),
    "SYYYY": (r"\d{1,4}", "year"),
    "RRRR": (r"\d{1,4}", "year4"),
    "YYY": (r"\d{1,3}", "year3"),
    "YY": (r"\d{1,2}", "year2"),
    "RR": (r"\d{1,2}", "roundyear"),
    "MM": (r"\d{1,2}", "month"),
    "MON": (r"[[:alpha:]]{3}", "monthname"),
    "MONTH": (r"[[:alpha:]]{3,9}", "monthname"),
    "DD": (r"\d{1,2}", "day"),
    "DDD": (r"\d{1,3}", "yearday"),
    "DY": (r"[[:alpha:]]+", "ignored1"),
    "DAY": (r"[[:alpha:]]+", "ignored2"),
    "HH24": (r"\d{1,2}", "hour"),
    "HH12": (r"\d{1,2}", "hour12"),
    "HH": (r"\d{1,2}", "hour12"),
    "MI": (r"\d{1,2}", "minute"),
    "SS": (r"\d{1,2}", "second"),
    "SSSSS": (r"\d{1,5}", "daysecond"),
    "AM": (r"[AaPp]\.?[Mm]\.?", "half"),
    "TZH": (r"[+-]?\d{1,2}", "zonehour"),
    "TZM": (r"\d{1,2}", "zoneminute"),
    "TZR": (r"\S+", "region"),
}
_OPTIONAL = frozenset(("hour", "hour12", "minute", "second", "daysecond", "fraction", "half", "zoneminute"))


@dataclass(frozen=True, slots=True)
class Reading:
    """SQL for a text read by a mask: its wall clock, and its zone if the mask has one."""

    local: str
    zone: str | None


def read_moment(text: str, mask: str, today: str, session_zone: str) -> Reading:
    """Reads leniently like Oracle: any punctuation, leading zeros optional, the time may be missing.

    What the mask does not mention is the present year and month, day 1, midnight.
    """
    pattern, names, closing, pending = "(?i)^\\s*", [], "", ""
    for element in elements(mask):
        name = "AM" if element.name in ("AM", "PM", "A.M.", "P.M.") else element.name
        if name == "" and element.written.isalnum():
            pending += "[^0-9A-Za-z]*?" + re.escape(element.written)
        if name in ("", "X", "FM", "FX"):
            continue
        digits, group = (r"\d{1,9}", "fraction") if name.startswith("FF") else _READ.get(name, ("", ""))
        if not digits or group in names:
            raise OraError(1821, "date format not recognized")
        names.append(group)
        if group in _OPTIONAL:
            pattern, closing = pattern + "(?:", closing + ")?"
        separator = "[^0-9A-Za-z+-]*?" if group in ("zonehour", "region") else "[^0-9A-Za-z]*?"
        pattern, pending = f"{pattern}{pending}{separator}({digits})", ""
    pattern += closing + (f"(?:{pending})?" if pending else "") + "\\s*$"
    fields = f"regexp_extract({text}, {literal(pattern)}, [{', '.join(literal(n) for n in names)}])"
    checked = f"CASE WHEN regexp_matches({text}, {literal(pattern)}) THEN {fields} ELSE error({_MISMATCH}) END"
    return Reading(
        f"CASE WHEN {text} IS NULL THEN NULL ELSE {_assembled(f'({checked})', set(names), today)} END",
        _zone(f"({checked})", set(names), session_zone),
    )


_MISMATCH = "'ORA-01861: literal does not match format string'"


def _assembled(fields: str, names: set[str], today: str) -> str:
    def field(name: str, low: int, high: int, fault: str) -> str:
        return f"x_field({fields}.{name}, {low}, {high}, {literal(fault)})"

    year = f"year({today})"
    if "year" in names or "year4" in names:
        one = "year" if "year" in names else "year4"
        year = field(one, 1, 9999, "ORA-01841: (full) year must be between -4713 and +9999, and not be 0")
    elif "year2" in names:
        year = f"(year({today}) // 100 * 100 + CAST({fields}.year2 AS BIGINT))"
    elif "roundyear" in names:  # within 50 years of the century's turn
        two = f"CAST({fields}.roundyear AS BIGINT)"
        year = f"({two} + CASE WHEN {two} < 50 THEN 2000 ELSE 1900 END)"
    month = f"month({today})"
    if "month" in names:
        month = field("month", 1, 12, "ORA-01843: not a valid month")
    elif "monthname" in names:
        position = f"strpos('janfebmaraprmayjunjulaugsepoctnovdec', lower(substr({fields}.monthname, 1, 3)))"
        month = (
            f"(CASE WHEN {position} % 3 = 1 THEN {position} // 3 + 1 ELSE error('ORA-01843: not a valid month') END)"
        )
    day = (
        field("day", 1, 31, "ORA-01847: day of month must be between 1 and last day of month")
        if "day" in names
        else "1"
    )
    first = f"make_timestamp({year}, {month}, 1, 0, 0, 0)"
    date = f"make_timestamp({year}, {month}, {day}, 0, 0, 0)"
    if "day" in names:
        date = (
            f"(CASE WHEN {day} <= day(last_day({first})) THEN {first} + to_days(CAST({day} - 1 AS INTEGER)) "
            f"ELSE error('ORA-01839: date not valid for month specified') END)"
        )
    if "yearday" in names:
        date = f"(make_timestamp({year}, 1, 1, 0, 0, 0) + to_days(CAST({fields}.yearday AS INTEGER) - 1))"
    seconds = []
    if "hour" in names:
        seconds.append(f"coalesce({field('hour', 0, 23, 'ORA-01850: hour must be between 0 and 23')}, 0) * 3600")
    if "hour12" in names:
        hour = f"coalesce({field('hour12', 1, 12, 'ORA-01849: hour must be between 1 and 12')}, 12) % 12"
        late = f" + CASE WHEN lower({fields}.half) LIKE 'p%' THEN 12 ELSE 0 END" if "half" in names else ""
        seconds.append(f"({hour}{late}) * 3600")
    if "minute" in names:
        seconds.append(f"coalesce({field('minute', 0, 59, 'ORA-01851: minutes must be between 0 and 59')}, 0) * 60")
    if "second" in names:
        seconds.append(f"coalesce({field('second', 0, 59, 'ORA-01852: seconds must be between 0 and 59')}, 0)")
    if "daysecond" in names:
        seconds.append(f"coalesce(CAST(nullif({fields}.daysecond, '') AS BIGINT), 0)")
    out = f"{date} + to_seconds({' + '.join(seconds) or '0'})"
    if "fraction" in names:
        out += f" + to_microseconds(CAST(substr(rpad({fields}.fraction, 9, '0'), 1, 6) AS BIGINT))"
    return f"({out})"


def _zone(fields: str, names: set[str], session_zone: str) -> str | None:
    if "region" in names:
        return f"{fields}.region"
    if "zonehour" not in names:
        return None
    sign = f"CASE WHEN {fields}.zonehour LIKE '-%' THEN '-' ELSE '+' END"
    hours = f"lpad(ltrim({fields}.zonehour, '+-'), 2, '0')"
    minutes = f"lpad({fields}.zoneminute, 2, '0')" if "zoneminute" in names else "'00'"
    return f"CASE WHEN {fields}.zonehour = '' THEN {session_zone} ELSE ({sign}) || {hours} || ':' || {minutes} END"
