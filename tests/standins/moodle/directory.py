"""The user table with its look-ups and its order by name."""

from collections.abc import Iterable, Iterator
from hashlib import md5

from tests.standins.moodle.collation import Flavour, sort_key
from tests.standins.moodle.records import User

COLUMNS = ("username", "idnumber", "email")


class Directory:
    """Users by id, and by the keys under which the database holds texts to be equal.

    Indexes and the order by name are built when first asked for and dropped when a user changes.
    """

    def __init__(self, flavour: Flavour) -> None:
        self._flavour = flavour
        self._users: dict[int, User] = {}
        self._indexes: dict[str, dict[str, list[int]]] = {}
        self._ranks: dict[int, int] | None = None
        self._next_id = 1
        self.version = 0
        """Changes with every change of names, keys or states."""

    def __len__(self) -> int:
        return len(self._users)

    def __iter__(self) -> Iterator[User]:
        """Users by rising id."""
        return iter(self._users.values())

    def get(self, userid: int) -> User | None:
        return self._users.get(userid)

    def next_id(self) -> int:
        return self._next_id

    def add(self, user: User) -> User:
        if user.id in self._users:
            raise ValueError(f"user {user.id} exists")
        in_order = user.id >= self._next_id
        self._users[user.id] = user
        if not in_order:
            self._users = dict(sorted(self._users.items()))
        self._next_id = max(self._next_id, user.id + 1)
        for column, index in self._indexes.items():
            index.setdefault(self._flavour.text_key(getattr(user, column)), []).append(user.id)
        self._ranks = None
        self.version += 1
        return user

    def changed(self) -> None:
        """Forget what was derived; to be called after a user's names, keys or state were changed."""
        self._indexes.clear()
        self._ranks = None
        self.version += 1

    def find(self, column: str, value: str) -> list[User]:
        """Users whose *column* the database holds to equal *value*, by rising id, deleted ones too."""
        index = self._indexes.get(column)
        if index is None:
            index = {}
            for user in self:
                index.setdefault(self._flavour.text_key(getattr(user, column)), []).append(user.id)
            self._indexes[column] = index
        return [self._users[userid] for userid in sorted(index.get(self._flavour.text_key(value), ()))]

    def by_name(self, userids: Iterable[int]) -> list[int]:
        """Known ids in the order of last name, first name."""
        if self._ranks is None:
            ordered = sorted(self, key=lambda user: (sort_key(user.lastname), sort_key(user.firstname), user.id))
            self._ranks = {user.id: rank for rank, user in enumerate(ordered)}
        ranks = self._ranks
        return sorted((userid for userid in userids if userid in ranks), key=ranks.__getitem__)

    def delete(self, user: User, now: float) -> None:
        """Delete as Moodle does: the row stays, its names are made unusable."""
        digest = md5(user.username.encode(), usedforsecurity=False).hexdigest()
        user.username = f"{user.email or user.username}.{int(now)}".lower()
        user.email = digest
        user.idnumber = ""
        user.deleted = True
        user.profile.clear()
        self.changed()
