"""Numbers of the TTC conversation: message types, function codes, option bits.

What we present is a 19c server. TNS 318 keeps out-of-band breaks, fast authentication and
end-of-response markers (all 319/23ai) off; TTC field version 12 keeps the fields of 20c and
later out of every message.
"""

from __future__ import annotations

TNS_VERSION = 318
FIELD_VERSION = 12
SERVER_VERSION = 19 << 24 | 21 << 16  # 19.21.0.0.0
BANNER = b"Oracle stand-in (19c dialect)\0"

# Message types.
PROTOCOL, DATA_TYPES, FUNCTION, ERROR, ROW_HEADER, ROW_DATA = 1, 2, 3, 4, 6, 7
PARAMETER, STATUS, DESCRIBE, PIGGYBACK = 8, 9, 16, 17

# Functions and piggybacks.
F_REEXECUTE, F_FETCH, F_LOGOFF, F_COMMIT, F_ROLLBACK = 4, 5, 9, 14, 15
F_REEXECUTE_FETCH, F_EXECUTE, F_CLOSE_CURSORS = 78, 94, 105
F_AUTH_TWO, F_AUTH_ONE, F_SET_ATTRIBUTES, F_PING = 115, 118, 135, 147
F_SET_SCHEMA, F_SET_CONTEXT, F_SESSION_STATE = 152, 154, 176

# Bits of the execute options.
OPT_PARSE, OPT_BIND, OPT_DEFINE, OPT_EXECUTE, OPT_FETCH = 0x01, 0x08, 0x10, 0x20, 0x40
OPT_COMMIT, OPT_DESCRIBE, OPT_BATCH_ERRORS = 0x100, 0x20000, 0x80000

CALL_TXN_IN_PROGRESS = 0x02
NO_DATA_FOUND = 1403
