"""By what a site is known again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from consumers.cohorts.site_identity import Judgement, Verdict, chosen, doubted, judge, renew
from consumers.moodle.values import Sighting, User
from schemas.records import SiteAccount, SiteIdentity

URL = "https://moodle.example.test"
USERS = {n: User(n, f"stu{n:04d}", idnumber=f"I{n}", fields={"number": f"S{n}", "faculty": "SCI"}) for n in range(1, 8)}
KNOWN = renew(None, chosen(USERS), Sighting(URL, USERS), "number")
GONE = User(7, "stu0007@example.test.1795443803")


def look(*changed: User, without: set[int] | None = None, url: str = URL, named: set[int] | None = None) -> Judgement:
    """The site with some accounts changed, and some that are not there."""
    users = USERS | {user.id: user for user in changed}
    seen = Sighting(url, {n: user for n, user in users.items() if n not in (without or set())})
    return judge(KNOWN, named or set(), seen, "number")


def test_a_site_is_known_by_the_newest_accounts_and_the_oldest() -> None:
    """The oldest tells a lost right from an older copy."""
    assert [7, 6, 5, 4, 3, 1] == [account.user_id for account in KNOWN.accounts]
    assert (7, "stu0007", URL) == (KNOWN.user_id, KNOWN.username, KNOWN.url)


@pytest.mark.parametrize(
    "changed",
    [
        (),
        (GONE,),
        tuple(replace(GONE, id=n) for n in (3, 4, 5, 6, 7)),
        (replace(USERS[7], username="married"),),
        tuple(replace(user, username=f"new{user.id}") for user in USERS.values()),
        tuple(replace(user, username=f"new{user.id}", idnumber="") for user in USERS.values()),
        (User(7, "somebody.else", idnumber="I99", fields={"faculty": "SCI"}),),
        (replace(USERS[7], username="", idnumber="", fields={}),),
    ],
    ids=[
        "nothing",
        "deleted",
        "all deleted",
        "renamed",
        "all renamed",
        "all renamed, field left",
        "given away",
        "hidden",
    ],
)
def test_what_people_do_to_accounts_is_no_other_site(changed: tuple[User, ...]) -> None:
    """Moodle answers for deleted accounts; a renamed one keeps a number or a profile field."""
    assert look(*changed).verdict is Verdict.SAME


def test_a_faculty_in_common_makes_no_two_accounts_alike() -> None:
    """Only the field that names students does."""
    strangers = [User(n, f"x{n}", idnumber=f"J{n}", fields={"number": f"T{n}", "faculty": "SCI"}) for n in (6, 7)]
    judgement = look(*strangers)

    assert judgement.verdict is Verdict.OTHER
    assert [(7, "stu0007", "x7"), (6, "stu0006", "x6")] == [
        (odd.user_id, odd.before, odd.now) for odd in judgement.oddities
    ]


def test_the_only_account_that_can_be_told_must_be_what_it_was() -> None:
    """A ledger that names one account has one witness."""
    known = renew(None, [7], Sighting(URL, USERS), "number")
    stranger = Sighting(URL, {7: User(7, "x7")})

    assert judge(known, [], stranger, "number").verdict is Verdict.OTHER


def test_an_account_that_was_never_there_is_an_older_copy() -> None:
    """However many others are what they were."""
    judgement = look(without={7})

    assert (Verdict.OTHER, [(7, None)]) == (judgement.verdict, [(odd.user_id, odd.now) for odd in judgement.oddities])


def test_an_account_that_was_added_just_now_must_be_there() -> None:
    """Its username is not known yet; that it is there is enough."""
    assert (Verdict.OTHER, Verdict.SAME) == (look(named={8}).verdict, look(User(8, "stu0008"), named={8}).verdict)


@pytest.mark.parametrize("hidden", [{}, {n: User(n) for n in USERS}], ids=["none is seen", "no name is seen"])
def test_a_service_user_that_sees_nobody_tells_no_site_from_another(hidden: dict[int, User]) -> None:
    """A right may be lost; nothing says that the site is another one."""
    assert judge(KNOWN, [], Sighting(URL, hidden), "number").verdict is Verdict.BLIND


def test_another_address_is_another_site_until_a_person_says_otherwise() -> None:
    """Also when all accounts are what they were: a clone has them too."""
    assert (Verdict.OTHER, Verdict.SAME) == (look(url="https://copy.test").verdict, look(url=URL.upper() + "/").verdict)


def test_the_mark_stands_for_what_was_seen() -> None:
    """Another thing that happens meanwhile needs another look of a person."""
    assert look(without={7}).mark == look(without={7}).mark
    assert len({look().mark, look(without={7}).mark, look(without={6}).mark, look(url="https://copy.test").mark}) == 4


def test_what_an_earlier_release_noted_is_one_account() -> None:
    """It had room for one, without what else it is known by."""
    earlier = SiteIdentity(URL, 7, "stu0007")

    assert judge(earlier, [], Sighting(URL, USERS), None).verdict is Verdict.SAME
    assert judge(earlier, [], Sighting(URL, {}), None).verdict is Verdict.BLIND
    assert judge(None, [], Sighting(URL, {}), None).verdict is Verdict.SAME


def test_a_deleted_account_is_remembered_as_it_was() -> None:
    """Its number still has to be there; one that never was seen is not noted."""
    known = renew(KNOWN, [9, 7, 6], Sighting(URL, USERS | {7: GONE}), "number")

    assert (KNOWN.accounts[0], SiteAccount(6, "stu0006", KNOWN.accounts[1].traits)) == known.accounts


def test_whoever_looks_after_a_doubt_finds_the_same() -> None:
    """An account that was added just now is written down with the doubt."""
    seen = Sighting(URL, USERS)
    written = doubted(KNOWN, [8, 7], seen)

    assert judge(KNOWN, [8], seen, "number").oddities == judge(written, [], seen, "number").oddities
    assert judge(written, [8], seen, "number").mark == judge(written, [], seen, "number").mark
