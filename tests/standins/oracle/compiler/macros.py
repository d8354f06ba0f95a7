"""DuckDB macros that carry Oracle's semantics where DuckDB's own functions differ."""

from __future__ import annotations

from tests.standins.oracle.values import B64, ROWS_PER_BLOCK

NEVER = 9223372036854775807  # X$E of a row version nobody has ended

MACROS = f"""
-- numbers and text
CREATE MACRO x_num(s) AS CASE WHEN s IS NULL THEN NULL ELSE
  coalesce(TRY_CAST(trim(s) AS DECIMAL(38, 10)), error('ORA-01722: invalid number')) END;
CREATE MACRO x_text(n) AS regexp_replace(rtrim(rtrim(CAST(CAST(n AS DECIMAL(38, 10)) AS VARCHAR), '0'), '.'),
  '^(-?)0\\.', '\\1.');
CREATE MACRO x_div(a, b) AS CASE WHEN b = 0 THEN error('ORA-01476: divisor is equal to zero')
  ELSE CAST(a AS DOUBLE) / CAST(b AS DOUBLE) END;
CREATE MACRO x_cat(a, b) AS nullif(concat(a, b), '');
CREATE MACRO x_cat_fit(a, b) AS CASE WHEN coalesce(strlen(a), 0) + coalesce(strlen(b), 0) > 4000 THEN
  error('ORA-01489: result of string concatenation is too long') ELSE nullif(concat(a, b), '') END;
CREATE MACRO x_substr(s, p) AS nullif(CASE WHEN p = 0 THEN s WHEN p < 0 AND -p > length(s) THEN NULL
  ELSE substr(s, CAST(p AS BIGINT)) END, '');
CREATE MACRO x_substr_n(s, p, n) AS CASE WHEN n < 1 OR (p < 0 AND -p > length(s)) THEN NULL ELSE
  nullif(substr(s, CAST(CASE WHEN p = 0 THEN 1 ELSE p END AS BIGINT), CAST(n AS BIGINT)), '') END;
CREATE MACRO x_instr(s, part, p, n) AS CASE WHEN p < 1 THEN
    error('ORA-03001: unimplemented feature: INSTR from the end')
  WHEN length(string_split(substr(s, CAST(p AS BIGINT)), part)) <= n THEN 0 ELSE
  CAST(p AS BIGINT) + length(array_to_string(string_split(substr(s, CAST(p AS BIGINT)), part)[1:CAST(n AS BIGINT)],
    part)) END;
CREATE MACRO x_fit(s, most, what) AS CASE WHEN s IS NOT NULL AND length(s) > most THEN
  error('ORA-12899: value too large for column ' || what || ' (actual: ' || length(s) || ', maximum: ' || most || ')')
  ELSE s END;
CREATE MACRO x_fit_bytes(s, most, what) AS CASE WHEN s IS NOT NULL AND strlen(s) > most THEN
  error('ORA-12899: value too large for column ' || what || ' (actual: ' || strlen(s) || ', maximum: ' || most || ')')
  ELSE s END;
CREATE MACRO x_listagg(s) AS CASE WHEN s IS NOT NULL AND strlen(s) > 4000 THEN
  error('ORA-01489: result of string concatenation is too long') ELSE s END;
CREATE MACRO x_translate(s, f, t) AS nullif(translate(s, f, t), '');

-- moments
CREATE MACRO x_offset(z) AS (CASE WHEN z[1] = '-' THEN -1 ELSE 1 END)
  * (TRY_CAST(z[2:3] AS BIGINT) * 60 + TRY_CAST(z[5:6] AS BIGINT));
CREATE MACRO x_to_zone(u, z) AS CASE WHEN z IS NULL OR u IS NULL THEN NULL WHEN z[1] IN ('+', '-')
  THEN u + to_minutes(x_offset(z)) ELSE timezone(z, timezone('UTC', u)) END;
CREATE MACRO x_local(t) AS x_to_zone(t.u, t.z);
-- A local time that occurs twice is taken as standard time, one that never occurs is an error: as Oracle does.
CREATE MACRO x_from_zone(l, z) AS CASE WHEN l IS NULL OR z IS NULL THEN NULL
  WHEN z[1] IN ('+', '-') THEN l - to_minutes(x_offset(z))
  WHEN timezone(z, timezone(z, l)) <> l
    THEN error('ORA-01878: specified field not found in datetime or interval')
  WHEN timezone(z, timezone(z, l) + INTERVAL 1 HOUR) = l THEN timezone('UTC', timezone(z, l) + INTERVAL 1 HOUR)
  ELSE timezone('UTC', timezone(z, l)) END;
CREATE MACRO x_tstz(u, z) AS CASE WHEN u IS NULL OR z IS NULL THEN NULL ELSE {{'u': u, 'z': z}} END;
CREATE MACRO x_wire_offset(z) AS CASE WHEN z[1] IN ('+', '-') THEN x_offset(z) ELSE NULL END;
CREATE MACRO x_second(t) AS date_trunc('second', t);
CREATE MACRO x_day(t) AS CAST(date_trunc('day', t) AS TIMESTAMP);
CREATE MACRO x_last_day(d) AS CAST(last_day(d) AS TIMESTAMP) + (d - date_trunc('day', d));
CREATE MACRO x_add_months(d, n) AS CASE WHEN day(d) = day(last_day(d))
  THEN x_last_day(date_trunc('month', d) + to_months(CAST(trunc(n) AS INTEGER))) + (d - date_trunc('day', d))
  ELSE d + to_months(CAST(trunc(n) AS INTEGER)) END;
CREATE MACRO x_months_between(a, b) AS (year(a) - year(b)) * 12 + month(a) - month(b) + CASE
  WHEN day(a) = day(b) OR (day(a) = day(last_day(a)) AND day(b) = day(last_day(b))) THEN 0
  ELSE (day(a) - day(b) + (epoch_us(a) - epoch_us(date_trunc('day', a))
    - epoch_us(b) + epoch_us(date_trunc('day', b))) / 86400000000.0) / 31.0 END;
CREATE MACRO x_plus_days(d, n) AS x_second(d) + to_microseconds(CAST(round(CAST(n AS DOUBLE) * 86400) AS BIGINT)
  * 1000000);
CREATE MACRO x_days(micros) AS micros / 86400000000.0;
CREATE MACRO x_field(s, low, high, fault) AS CASE WHEN s IS NULL OR s = '' THEN NULL
  WHEN CAST(s AS BIGINT) BETWEEN low AND high THEN CAST(s AS BIGINT) ELSE error(fault) END;

-- row identities
CREATE MACRO x_b64(n, width) AS list_reduce(list_transform(range(width - 1, -1, -1),
  lambda i: substr('{B64}', (((n >> (6 * i)::INTEGER) & 63) + 1)::INTEGER, 1)), lambda a, b: a || b);
CREATE MACRO x_rowid(object, id) AS x_b64(object::BIGINT, 6) || 'AAE'
  || x_b64((id // {ROWS_PER_BLOCK})::BIGINT, 6) || x_b64((id % {ROWS_PER_BLOCK})::BIGINT, 3);
"""
