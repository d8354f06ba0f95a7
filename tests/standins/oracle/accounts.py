"""Who may log on: passwords, locked and expired accounts, failed attempts."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from tests.standins.oracle.errors import OraError

FAILED_LOGON_LIMIT = 10  # Oracle's DEFAULT profile: the account locks at this many in a row


@dataclass(slots=True)
class Account:
    """One database user."""

    name: str
    password: str
    locked: bool = False
    expired: bool = False
    dba: bool = False
    """Sees and may do everything."""
    failed_in_a_row: int = 0


@dataclass
class Accounts:
    """All users. Thread-safe."""

    failed_logon_limit: int = FAILED_LOGON_LIMIT
    _accounts: dict[str, Account] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock, repr=False)

    def add(self, account: Account) -> None:
        with self._lock:
            if account.name in self._accounts:
                raise OraError(1920, f"user name '{account.name}' conflicts with another user or role name")
            self._accounts[account.name] = account

    def drop(self, name: str) -> None:
        with self._lock:
            self.known(name)
            del self._accounts[name]

    def find(self, name: str) -> Account | None:
        with self._lock:
            return self._accounts.get(name)

    def known(self, name: str) -> Account:
        """The account, or ORA-01918."""
        account = self.find(name)
        if account is None:
            raise OraError(1918, f"user '{name}' does not exist")
        return account

    def all(self) -> list[Account]:
        with self._lock:
            return sorted(self._accounts.values(), key=lambda account: account.name)

    def logged_on(self, name: str, *, proved: bool, may_connect: bool) -> Account:
        """Decide an attempt whose password was proved or not, as Oracle orders the reasons."""
        with self._lock:
            account = self._accounts.get(name)
            if account and account.locked:
                raise OraError(28000, "The account is locked.")
            if account is None or not proved:
                if account:
                    account.failed_in_a_row += 1
                    account.locked = account.failed_in_a_row >= self.failed_logon_limit
                raise OraError(1017, "invalid username/password; logon denied")
            account.failed_in_a_row = 0
            if account.expired:
                raise OraError(28001, "the password has expired")
            if not may_connect:
                raise OraError(1045, f"user {name} lacks CREATE SESSION privilege; logon denied")
            return account
