"""Oracle's format masks for numbers: TO_CHAR(n, mask) and TO_NUMBER(text, mask)."""

from __future__ import annotations

import re

from tests.standins.oracle.compiler.typed import literal
from tests.standins.oracle.errors import OraError

_MASK = re.compile(
    r"(?P<fm>FM)?(?P<sign>S)?(?P<money>[$L])?(?P<whole>[09,G]*)(?:[.DV](?P<fraction>[09]*))?(?P<tail>MI|PR|S)?"
)
_HEX = re.compile(r"(?P<fm>FM|fm)?(?P<zeros>0*)(?P<digits>X+|x+)")


def number_text(value: str, mask: str) -> str:
    """SQL for a number as text: too large a number becomes hash marks, as in Oracle."""
    if mask.upper() in ("TM", "TM9"):
        return f"x_text({value})"
    if hexadecimal := _HEX.fullmatch(mask):
        return _hex_text(value, hexadecimal)
    found = _MASK.fullmatch(mask.upper())
    if not found or not (found["whole"] or found["fraction"]):
        raise OraError(1481, "invalid number format model")
    whole, fraction = found["whole"], found["fraction"] or ""
    positions = sum(c in "09" for c in whole)
    grouped = "," in whole or "G" in whole
    if grouped and not re.fullmatch(r"[09]{1,3}([,G][09]{3})+", whole):
        raise OraError(3001, f"unimplemented feature: number format {mask}")
    zeros = sum(c in "09" for c in whole[whole.index("0") :]) if "0" in whole else 0
    scale = len(fraction)
    rounded = f"round(CAST({value} AS DECIMAL(38, 10)), {min(scale, 10)})"
    scaled = f"CAST(abs({rounded}) AS DECIMAL(38, {scale}))"
    digits = f"split_part(CAST({scaled} AS VARCHAR), '.', 1)"
    digits = f"(CASE WHEN {digits} = '0' THEN '' ELSE {digits} END)"
    if not zeros and not scale:
        digits = f"(CASE WHEN {digits} = '' THEN '0' ELSE {digits} END)"
    shown = f"CASE WHEN length({digits}) < {zeros} THEN lpad({digits}, {zeros}, '0') ELSE {digits} END"
    if grouped:
        shown = _grouped(f"({digits})", zeros)
    body = f"({shown})"
    if found["fraction"] is not None:
        tail = f"split_part(CAST({scaled} AS VARCHAR), '.', 2)" if scale else "''"
        if found["fm"]:
            kept = fraction.rfind("0") + 1  # FM drops the zeros that a 9 stands for
            tail = f"rpad(rtrim({tail}, '0'), CAST(greatest({kept}, length(rtrim({tail}, '0'))) AS INTEGER), '0')"
        body = f"({body} || '.' || {tail})"
    if found["money"]:
        body = f"('$' || {body})"
    negative = f"{rounded} < 0"
    width = len(whole) + (1 + scale if found["fraction"] is not None else 0) + bool(found["money"])
    signed = {
        "S": f"{body} || CASE WHEN {negative} THEN '-' ELSE '+' END",
        "MI": f"{body} || CASE WHEN {negative} THEN '-' ELSE ' ' END",
        "PR": f"CASE WHEN {negative} THEN '<' || {body} || '>' ELSE ' ' || {body} || ' ' END",
    }.get(found["tail"] or "")
    if signed is None:
        plus = "'+'" if found["sign"] else "''" if found["fm"] else "' '"
        signed = f"CASE WHEN {negative} THEN '-' ELSE {plus} END || {body}"
    padded = f"trim({signed})" if found["fm"] else f"lpad({signed}, {width + (2 if found['tail'] == 'PR' else 1)}, ' ')"
    hashes = literal("#" * (width + 1))
    return f"CASE WHEN {value} IS NULL THEN NULL WHEN length({digits}) > {positions} THEN {hashes} ELSE {padded} END"


def _hex_text(value: str, mask: re.Match[str]) -> str:
    digits = f"format('{{:{mask['digits'][0]}}}', CAST(round({value}) AS BIGINT))"
    size, zeros = len(mask["digits"]) + len(mask["zeros"]), mask["zeros"] != ""
    fill = f"CASE WHEN length({digits}) > {size} THEN {literal('#' * (size + 1))} ELSE "
    padded = f"lpad({digits}, {size}, '0')" if zeros else digits
    shown = padded if mask["fm"] else f"lpad({padded}, {size + 1}, ' ')"
    return f"CASE WHEN {value} IS NULL THEN NULL ELSE {fill}{shown} END END"


def _grouped(digits: str, zeros: int) -> str:
    padded = f"CASE WHEN length({digits}) < {zeros} THEN lpad({digits}, {zeros}, '0') ELSE {digits} END"
    return (
        f"CASE WHEN length({padded}) <= 3 THEN {padded} ELSE ltrim(regexp_replace(lpad({padded}, "
        f"CAST(ceil(length({padded}) / 3.0) * 3 AS INTEGER), ' '), '(.{{3}})', ',\\1', 'g'), ', ') END"
    )


def number_read(value: str, mask: str) -> str:
    """SQL for a text read as a number by a mask."""
    if hexadecimal := _HEX.fullmatch(mask):
        size = len(hexadecimal["zeros"]) + len(hexadecimal["digits"])
        fault = literal("ORA-01722: invalid number")
        return (
            f"CASE WHEN {value} IS NULL THEN NULL WHEN length(trim({value})) > {size} THEN error({fault}) "
            f"ELSE coalesce(TRY_CAST('0x' || trim({value}) AS HUGEINT), error({fault})) END"
        )
    if not _MASK.fullmatch(mask.upper()):
        raise OraError(1481, "invalid number format model")
    return f"x_num(replace(replace(replace({value}, ',', ''), '$', ''), ' ', ''))"
