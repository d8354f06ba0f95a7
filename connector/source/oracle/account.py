"""How one source is logged on to, and what was refused.

A refused password is tried once per value of the secret: a wrong one must not lock the account. A locked or expired
account is left alone for some minutes between two attempts, since only a person can open it, with the same password.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from threading import Lock
from typing import Any

import oracledb

from connector.runtime.clock import Clock
from connector.runtime.errors import Halted
from connector.runtime.messages import SettingsMessage, message
from connector.runtime.settings import Secret
from connector.source.oracle import errors
from connector.source.oracle.errors import DriverError
from connector.source.settings import SourceSettings

CLOSED_FOR_S = 300.0
"""How long a locked or expired account is left alone."""
_thick = Lock()


@dataclass(frozen=True, slots=True)
class Credentials:
    """What to log on with."""

    password: str
    wallet_password: str | None
    mark: bytes
    """Tells values of the secret from each other."""


class Account:
    """The account of one source. All sessions of the source share it, also from several threads."""

    def __init__(self, source: str, settings: SourceSettings, clock: Clock) -> None:
        self._source, self._settings, self._clock = source, settings, clock
        self._refused: tuple[bytes, Halted, float] | None = None

    def credentials(self) -> Credentials:
        """What to log on with now.

        Raises:
            Halted: the secret cannot be read, or the database refused it and it is too early to try it again.
        """
        settings = self._settings
        password = self._secret("password", settings.password)
        wallet = settings.wallet_password
        opens_wallet = None if wallet is None else self._secret("wallet_password", wallet)
        mark = hashlib.sha256(f"{settings.user}\0{password}".encode()).digest()
        refused = self._refused
        if refused is not None and refused[0] == mark and self._clock.monotonic() < refused[2]:
            raise refused[1]
        return Credentials(password, opens_wallet, mark)

    def log_on(self, given: Credentials) -> oracledb.Connection:
        """A new connection, however long it takes.

        Raises:
            oracledb.Error: as the driver says.
        """
        settings = self._settings
        more: dict[str, Any] = {}
        if settings.config_dir is not None:
            more["config_dir"] = str(settings.config_dir)
        if settings.wallet is not None:
            more["wallet_location"] = str(settings.wallet)
        if given.wallet_password is not None:
            more["wallet_password"] = given.wallet_password
        try:
            if settings.mode == "thick":
                _use_client_libraries(settings)
            else:
                more["tcp_connect_timeout"] = settings.connect_timeout.total_seconds()
            return oracledb.connect(user=settings.user, password=given.password, dsn=settings.dsn, **more)
        except oracledb.Error as error:
            said = DriverError.of(error)
            if said.wrong_password or said.account_closed:
                fault = errors.connecting(self._source, error)
                assert isinstance(fault, Halted)
                until = math.inf if said.wrong_password else self._clock.monotonic() + CLOSED_FOR_S
                self._refused = (given.mark, fault, until)
            raise

    def _secret(self, name: str, secret: Secret) -> str:
        try:
            return secret.read()
        except (OSError, ValueError) as error:
            key = f"sources.{self._source}.{name}"
            raise Halted(message(SettingsMessage.SECRET_UNREADABLE, key=key, reason=error)) from error


def _use_client_libraries(settings: SourceSettings) -> None:
    """Switch the driver to thick mode, once a process."""
    with _thick:
        if oracledb.is_thin_mode():
            oracledb.init_oracle_client(
                lib_dir=str(settings.lib_dir) if settings.lib_dir is not None else None,
                config_dir=str(settings.config_dir) if settings.config_dir is not None else None,
            )
