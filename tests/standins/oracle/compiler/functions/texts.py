"""Text functions. An empty result is NULL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.standins.oracle import datatypes as dt
from tests.standins.oracle.compiler import typed
from tests.standins.oracle.compiler.typed import Typed, literal, text, to_number, whole
from tests.standins.oracle.errors import OraError

if TYPE_CHECKING:
    from tests.standins.oracle.compiler.expressions import Expressions
    from tests.standins.oracle.sql.tree import Call


def _args(c: Expressions, node: Call, low: int, high: int | None = None) -> list[Typed]:
    """The arguments, the first as text."""
    args = c.required(node, low, high)
    return [c.text_of(args[0]), *args[1:]]


def _n(value: Typed) -> str:
    return to_number(value).sql


def _case(name: str):  # type: ignore[no-untyped-def]  # noqa: ANN202 - a Function, named below
    def function(c: Expressions, node: Call) -> Typed:
        (a,) = _args(c, node, 1, 1)
        return Typed(f"{name}({a.sql})", a.type if a.kind in dt.TEXTUAL else dt.ANY_TEXT)

    return function


def _substr(c: Expressions, node: Call) -> Typed:
    a, *rest = _args(c, node, 2, 3)
    if len(rest) == 1:
        return text(f"x_substr({a.sql}, {_n(rest[0])})", a.type.chars)
    return text(f"x_substr_n({a.sql}, {_n(rest[0])}, {_n(rest[1])})", a.type.chars)


def _instr(c: Expressions, node: Call) -> Typed:
    a, part, *rest = _args(c, node, 2, 4)
    part = c.text_of(part)
    if not rest:
        return whole(f"strpos({a.sql}, {part.sql})")
    occurrence = _n(rest[1]) if len(rest) > 1 else "1"
    return whole(f"x_instr({a.sql}, {part.sql}, {_n(rest[0])}, {occurrence})")


def _pad(side: str):  # type: ignore[no-untyped-def]  # noqa: ANN202
    def function(c: Expressions, node: Call) -> Typed:
        a, size, *rest = _args(c, node, 2, 3)
        fill = c.text_of(rest[0]).sql if rest else "' '"
        chars = int(size.sql) if size.sql.isdigit() else 4000
        return text(f"nullif({side}pad({a.sql}, CAST(greatest({_n(size)}, 0) AS INTEGER), {fill}), '')", chars)

    return function


def _trim(c: Expressions, node: Call) -> Typed:
    a, *rest = _args(c, node, 1, 2)
    name = {"LEADING": "ltrim", "TRAILING": "rtrim"}.get(node.option, "trim")
    what = c.text_of(rest[0]).sql if rest else "' '"
    return text(f"nullif({name}({a.sql}, {what}), '')", a.type.chars)


def _side_trim(name: str):  # type: ignore[no-untyped-def]  # noqa: ANN202
    def function(c: Expressions, node: Call) -> Typed:
        a, *rest = _args(c, node, 1, 2)
        what = c.text_of(rest[0]).sql if rest else "' '"
        return text(f"nullif({name}({a.sql}, {what}), '')", a.type.chars)

    return function


def _replace(c: Expressions, node: Call) -> Typed:
    a, old, *rest = _args(c, node, 2, 3)
    new = f"coalesce({c.text_of(rest[0]).sql}, '')" if rest else "''"
    old_sql = c.text_of(old).sql
    return text(f"CASE WHEN {old_sql} IS NULL THEN {a.sql} ELSE nullif(replace({a.sql}, {old_sql}, {new}), '') END")


def _translate(c: Expressions, node: Call) -> Typed:
    a, old, new = (c.text_of(v) for v in c.required(node, 3, 3))
    return text(f"x_translate({a.sql}, {old.sql}, {new.sql})", a.type.chars)


def _length(c: Expressions, node: Call) -> Typed:
    (a,) = _args(c, node, 1, 1)
    return whole(f"length({a.sql})")


def _length_bytes(c: Expressions, node: Call) -> Typed:
    (a,) = c.required(node, 1, 1)
    return whole(f"octet_length({a.sql})" if a.kind == dt.RAW else f"strlen({c.text_of(a).sql})")


def _concat(c: Expressions, node: Call) -> Typed:
    a, b = (c.text_of(v) for v in c.required(node, 2, 2))
    return typed.joined(a, b)


def _chr(c: Expressions, node: Call) -> Typed:
    (a,) = c.required(node, 1, 1)
    return text(f"chr(CAST({_n(a)} AS INTEGER))", 1)


def _ascii(c: Expressions, node: Call) -> Typed:
    (a,) = _args(c, node, 1, 1)
    return whole(f"ascii({a.sql})")


def _initcap(c: Expressions, node: Call) -> Typed:
    (a,) = _args(c, node, 1, 1)
    words = f"regexp_extract_all(lower({a.sql}), '[\\p{{L}}\\p{{N}}]+|[^\\p{{L}}\\p{{N}}]+')"
    return text(f"array_to_string(list_transform({words}, lambda w: upper(w[1]) || w[2:]), '')", a.type.chars)


# --- regular expressions ----------------------------------------------------------------


def _options(c: Expressions, args: list[Typed], at: int) -> str:
    """The match parameter as RE2 flags put ahead of the pattern."""
    if len(args) <= at or args[at].kind == dt.UNKNOWN:
        return ""
    flags = args[at].constant
    if flags is None or set(flags) - set("icnm"):
        raise OraError(3001, "unimplemented feature: this match parameter of a regular expression")
    kept = "".join({"i": "i", "n": "s", "m": "m", "c": ""}[f] for f in flags)
    return f"(?{kept})" if kept else ""


def _pattern(c: Expressions, args: list[Typed], flags_at: int) -> str:
    pattern, flags = c.text_of(args[1]).sql, _options(c, args, flags_at)
    return f"{literal(flags)} || {pattern}" if flags else pattern


def _from(args: list[Typed], text_sql: str, at: int = 2) -> str:
    """The text from the position on where the search starts."""
    if len(args) <= at or args[at].sql == "1":
        return text_sql
    return f"substr({text_sql}, CAST({_n(args[at])} AS BIGINT))"


def _regexp_like(c: Expressions, node: Call) -> Typed:
    args = _args(c, node, 2, 3)
    return Typed(f"regexp_matches({args[0].sql}, {_pattern(c, args, 2)})", dt.ANY_NUMBER)


def _regexp_substr(c: Expressions, node: Call) -> Typed:
    args = _args(c, node, 2, 6)
    occurrence = _n(args[3]) if len(args) > 3 else "1"
    group = _n(args[5]) if len(args) > 5 else "0"
    found = f"regexp_extract_all({_from(args, args[0].sql)}, {_pattern(c, args, 4)}, CAST({group} AS INTEGER))"
    return text(f"nullif(list_extract({found}, CAST({occurrence} AS BIGINT)), '')", args[0].type.chars)


def _regexp_replace(c: Expressions, node: Call) -> Typed:
    args = _args(c, node, 2, 6)
    new = f"coalesce({c.text_of(args[2]).sql}, '')" if len(args) > 2 else "''"
    occurrence = args[4].sql if len(args) > 4 else "0"
    if (len(args) > 3 and args[3].sql != "1") or occurrence not in ("0", "1"):
        raise OraError(3001, "unimplemented feature: REGEXP_REPLACE of one occurrence")
    every = ", 'g'" if occurrence == "0" else ""
    return text(f"nullif(regexp_replace({args[0].sql}, {_pattern(c, args, 5)}, {new}{every}), '')")


def _regexp_count(c: Expressions, node: Call) -> Typed:
    args = _args(c, node, 2, 4)
    return whole(f"length(regexp_extract_all({_from(args, args[0].sql)}, {_pattern(c, args, 3)}))")


def _regexp_instr(c: Expressions, node: Call) -> Typed:
    args = _args(c, node, 2, 2)
    found = f"regexp_extract({args[0].sql}, {_pattern(c, args, 9)})"
    return whole(
        f"CASE WHEN regexp_matches({args[0].sql}, {_pattern(c, args, 9)}) "
        f"THEN greatest(strpos({args[0].sql}, {found}), 1) ELSE 0 END"
    )


# --- bytes --------------------------------------------------------------------------------


def nlssort(c: Expressions, node: Call) -> Typed:
    """The bytes to sort by. Only binary sorting: linguistic tables are Oracle's own."""
    a, *rest = _args(c, node, 1, 2)
    wanted = (rest[0].constant or "").upper().replace(" ", "") if rest else "NLS_SORT=BINARY"
    if wanted == "NLS_SORT=BINARY":
        return Typed(f"(encode({a.sql}) || '\\x00'::BLOB)", dt.ANY_RAW)
    if wanted == "NLS_SORT=BINARY_CI":
        return Typed(f"(encode(lower({a.sql})) || '\\x00'::BLOB)", dt.ANY_RAW)
    if wanted == "NLS_SORT=BINARY_AI":
        return Typed(f"(encode(lower(strip_accents({a.sql}))) || '\\x00'::BLOB)", dt.ANY_RAW)
    raise OraError(12702, "invalid NLS parameter string used in SQL function")


def _standard_hash(c: Expressions, node: Call) -> Typed:
    args = c.required(node, 1, 2)
    if args[0].kind not in dt.TEXTUAL:
        raise OraError(3001, f"unimplemented feature: STANDARD_HASH of {args[0].kind}")
    name = (args[1].constant or "").upper() if len(args) > 1 else "SHA1"
    function = {"SHA1": "sha1", "SHA256": "sha256", "MD5": "md5"}.get(name)
    if function is None:
        raise OraError(3001, f"unimplemented feature: STANDARD_HASH by {name}")
    # Oracle hashes NULL too; the digest of nothing.
    return Typed(f"unhex({function}(coalesce({args[0].sql}, '')))", dt.ANY_RAW)


def _ora_hash(c: Expressions, node: Call) -> Typed:
    """Spreads like Oracle's, with other numbers: the real function is not published. As there, it is the value as it is
    stored that counts, so that 1 and '1' differ, and so do two moments of a second; NULL has 0.
    """
    args = c.required(node, 1, 3)
    value = args[0]
    if value.kind in dt.NUMERIC:
        stored = f"'N' || {typed.number_text(value)}"
    elif value.kind in (dt.TEXTUAL | {dt.ROWID}):
        stored = f"'T' || {value.sql}"
    elif value.kind == dt.UNKNOWN:
        return whole("0")
    else:
        stored = f"'{value.kind}' || CAST({value.sql} AS VARCHAR)"
    buckets = _n(args[1]) if len(args) > 1 else "4294967295"
    seed = f" || '#' || {typed.number_text(to_number(args[2]))}" if len(args) > 2 else ""
    hashed = f"CAST(hash({stored}{seed}) % (CAST({buckets} AS UBIGINT) + 1) AS BIGINT)"
    return whole(f"(CASE WHEN {value.sql} IS NULL THEN 0 ELSE {hashed} END)")


def _raw_to_hex(c: Expressions, node: Call) -> Typed:
    (a,) = c.required(node, 1, 1)
    return text(f"hex({a.sql})" if a.kind == dt.RAW else f"hex(encode({c.text_of(a).sql}))")


def _hex_to_raw(c: Expressions, node: Call) -> Typed:
    (a,) = _args(c, node, 1, 1)
    return Typed(f"unhex({a.sql})", dt.ANY_RAW)


def _cast_to_raw(c: Expressions, node: Call) -> Typed:
    (a,) = _args(c, node, 1, 1)
    return Typed(f"encode({a.sql})", dt.ANY_RAW)


def _cast_to_text(c: Expressions, node: Call) -> Typed:
    (a,) = c.required(node, 1, 1)
    return text(f"decode({typed.to_raw(a).sql})")


FUNCTIONS = {
    "UPPER": _case("upper"),
    "LOWER": _case("lower"),
    "INITCAP": _initcap,
    "SUBSTR": _substr,
    "INSTR": _instr,
    "LPAD": _pad("l"),
    "RPAD": _pad("r"),
    "TRIM": _trim,
    "LTRIM": _side_trim("ltrim"),
    "RTRIM": _side_trim("rtrim"),
    "REPLACE": _replace,
    "TRANSLATE": _translate,
    "LENGTH": _length,
    "LENGTHB": _length_bytes,
    "CONCAT": _concat,
    "CHR": _chr,
    "ASCII": _ascii,
    "REGEXP_LIKE": _regexp_like,
    "REGEXP_SUBSTR": _regexp_substr,
    "REGEXP_REPLACE": _regexp_replace,
    "REGEXP_COUNT": _regexp_count,
    "REGEXP_INSTR": _regexp_instr,
    "NLSSORT": nlssort,
    "STANDARD_HASH": _standard_hash,
    "ORA_HASH": _ora_hash,
    "RAWTOHEX": _raw_to_hex,
    "HEXTORAW": _hex_to_raw,
    "UTL_RAW.CAST_TO_RAW": _cast_to_raw,
    "UTL_RAW.CAST_TO_VARCHAR2": _cast_to_text,
}
