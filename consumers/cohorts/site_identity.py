"""By what a Moodle is known again. Pure.

The ledger names accounts by number. Moodle never gives a number twice and answers for deleted accounts too, so a site
in which the newest of them were never made, or are somebody else, is an older copy of itself: restored, or cloned. A
person who renames or deletes an account changes neither its number nor, mostly, what else it is known by. Decision 22
tells how many witnesses say what.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from enum import Enum
from hashlib import sha256

from consumers.moodle.values import Sighting, User
from schemas.records import SiteAccount, SiteIdentity

NEWEST = 5
"""Accounts from the end of the ledger that a site is known by; the oldest comes besides."""
_STRANGERS = 2
"""Accounts that have become somebody else, from which on it is not a person who renamed one."""


class Verdict(Enum):
    """What a look at the site says."""

    SAME = "same"
    BLIND = "blind"
    """No account can be told: the service user lost a right, or it is a Moodle without them."""
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Oddity:
    """An account that is not what it was."""

    user_id: int
    before: str
    """Its username; empty if it was never seen."""
    now: str | None
    """None: there never was such an account."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """A site compared with what is known of it."""

    verdict: Verdict
    url: str
    before: str
    """The address that was known; the same one if it has not changed."""
    oddities: tuple[Oddity, ...]
    mark: str
    """Stands for exactly what was seen, so that a person accepts that and nothing else."""


def judge(known: SiteIdentity | None, named: Collection[int], seen: Sighting, names: str | None) -> Judgement:
    """``named``: accounts that the ledger names and that were never seen themselves; Moodle must at least have them.
    ``names``: the profile field that names students.

    ======================================================== =======
    what is seen                                             verdict
    ======================================================== =======
    another address                                          other
    no account can be seen, or none shows its name any more  blind
    an account was never there                               other
    one account among several is somebody else               same
    two are, or all that can be told                         other
    anything else                                            same
    ======================================================== =======
    """
    accounts = [*witnesses(known)]
    accounts += [SiteAccount(user_id, "") for user_id in named if user_id not in {one.user_id for one in accounts}]
    missing = [one for one in accounts if one.user_id not in seen.users]
    there = [(one, seen.users[one.user_id]) for one in accounts if one.user_id in seen.users]
    hidden = [one for one, user in there if one.username and not user.username]
    told = [(one, user) for one, user in there if one.username and user.username and not user.deleted]
    strangers = [(one, user) for one, user in told if not _alike(one, user, names)]
    before = seen.url if known is None else known.url
    oddities = [Oddity(one.user_id, one.username, None) for one in missing]
    oddities += [Oddity(one.user_id, one.username, user.username) for one, user in strangers]
    if _plain(before) != _plain(seen.url):
        verdict = Verdict.OTHER
    elif accounts and len(missing) + len(hidden) == len(accounts):
        verdict = Verdict.BLIND
    elif missing or len(strangers) >= _STRANGERS or (strangers and len(strangers) == len(told)):
        verdict = Verdict.OTHER
    else:
        verdict = Verdict.SAME
    mark = _mark(witnesses(known), seen)
    return Judgement(verdict, seen.url, before, tuple(sorted(oddities, key=_number)), mark)


def renew(known: SiteIdentity | None, named: Collection[int], seen: Sighting, names: str | None) -> SiteIdentity:
    """The identity after a look that found the site to be the same, or one that a person accepted.

    ``named``: the accounts to know it by from now on. ``names``: the profile field that names students.
    """
    last = {one.user_id: one for one in witnesses(known)}
    accounts: list[SiteAccount] = []
    for user_id in sorted(named, reverse=True):
        user = seen.users.get(user_id)
        if user is not None and user.username and not user.deleted:
            accounts.append(known_account(user, names))
        elif user_id in last and user is not None:
            accounts.append(last[user_id])  # deleted, or hidden: as it was last seen
    newest = accounts[0] if accounts else None
    identity = SiteIdentity(seen.url) if known is None else replace(known, url=seen.url)
    return replace(
        identity,
        user_id=None if newest is None else newest.user_id,
        username=None if newest is None else newest.username,
        accounts=tuple(accounts),
    )


def doubted(known: SiteIdentity | None, named: Collection[int], seen: Sighting) -> SiteIdentity:
    """The identity with all that was gone by, so that others who look find the same odd things."""
    identity = known or SiteIdentity(seen.url)
    accounts = witnesses(known)
    unseen = sorted(set(named) - {one.user_id for one in accounts}, reverse=True)
    return replace(identity, accounts=(*accounts, *(SiteAccount(user_id, "") for user_id in unseen)))


def witnesses(known: SiteIdentity | None) -> tuple[SiteAccount, ...]:
    """The accounts that the site is known by; an earlier release has noted one only."""
    if known is None:
        return ()
    if known.accounts or known.user_id is None:
        return known.accounts
    return (SiteAccount(known.user_id, known.username or ""),)


def known_account(user: User, names: str | None) -> SiteAccount:
    """What is remembered of an account. Besides its username these are hashes: they are only ever compared."""
    values = {
        "idnumber": user.idnumber,
        "email": user.email,
        "field": user.fields.get(names, "") if names is not None else "",
    }
    traits = (_hash(kind, value.lower()) for kind, value in values.items() if value)
    return SiteAccount(user.id, user.username, tuple(traits))


def _alike(account: SiteAccount, user: User, names: str | None) -> bool:
    """Whether it is the same person's. One thing in common is enough: nobody else has the same."""
    if account.username.lower() == user.username.lower():
        return True
    return not set(known_account(user, names).traits).isdisjoint(account.traits)


def _mark(accounts: Collection[SiteAccount], seen: Sighting) -> str:
    lines = [_plain(seen.url)]
    for user_id in sorted(one.user_id for one in accounts):
        user = seen.users.get(user_id)
        lines.append(f"{user_id}\t{'' if user is None else user.username}\t{user is None}")
    return sha256("\n".join(lines).encode()).hexdigest()[:16]


def _plain(url: str) -> str:
    return url.rstrip("/").lower()


def _hash(kind: str, value: str) -> str:
    return sha256(f"{kind}\t{value}".encode()).hexdigest()[:16]


def _number(oddity: Oddity) -> int:
    return -oddity.user_id


def chosen(user_ids: Iterable[int]) -> frozenset[int]:
    """Those to know a site by: the newest, and the oldest, which an older copy has as well."""
    every = sorted(set(user_ids))
    return frozenset(every[-NEWEST:]) | frozenset(every[:1])
