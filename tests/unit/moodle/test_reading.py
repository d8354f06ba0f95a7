"""The reading half: what is asked, and what is made of recorded and of awkward answers."""

from __future__ import annotations

import httpx
import pytest

from connector.runtime.messages import MoodleMessage
from consumers.moodle.errors import Fault, Forbidden, Halted, Refused, Unavailable
from consumers.moodle.reading import GET_MEMBERS, MoodleReader, sift
from consumers.moodle.values import SYSTEM, Category, Cohort, Place, User
from tests.unit.moodle.doubles import Fields, Script, client_for, exchanges, form_of, refusal


def reader_for(*answers: object, home: Place = SYSTEM, max_input_vars: int = 1000) -> tuple[MoodleReader, Script]:
    script = Script(*answers)
    return MoodleReader(client_for(script), home=home, max_input_vars=max_input_vars), script


def recorded_answer(scenario: str) -> httpx.Response:
    return exchanges(scenario)[0].response()


def own(form: Fields) -> Fields:
    """A form without its control fields."""
    return form[2:-1]


def cohort(number: int, idnumber: str) -> dict[str, object]:
    return {"id": number, "idnumber": idnumber, "name": "N", "visible": True}


def test_the_site_tells_its_name_and_what_the_token_may_call() -> None:
    """As recorded; the private key in the answer goes nowhere."""
    reader, _ = reader_for(recorded_answer("auth-site-info-success"))
    site = reader.site_info()

    assert (site.url, site.user_id, site.username, site.version) == (
        "https://moodle.example.test",
        3,
        "svc_full",
        "2024100706",
    )
    assert "core_cohort_delete_cohorts" in site.functions
    assert "private" not in repr(site)


def test_an_idnumber_is_compared_here_because_moodle_searches_for_a_part() -> None:
    """What resembles it is told apart from what is it."""
    answer = {"cohorts": [cohort(1, "UNI:M1"), cohort(2, "UNI:M10"), cohort(3, "uni:m1"), cohort(4, "UNI:M1")]}
    reader, script = reader_for(answer)
    found = reader.find_cohort("UNI:M1")

    assert [c.id for c in found.exact] == [1, 4]
    assert [c.id for c in found.alike] == [3]
    assert dict(own(script.forms[0])) == {
        "query": "UNI:M1",
        "context[contextlevel]": "system",
        "context[instanceid]": "0",
        "includes": "all",
        "limitfrom": "0",
        "limitnum": "1000",
    }


def test_a_blank_idnumber_is_never_searched() -> None:
    """It would match every cohort."""
    reader, script = reader_for()

    with pytest.raises(ValueError, match="blank"):
        reader.find_cohort("  ")
    assert script.forms == []


def test_a_search_goes_on_by_page_number() -> None:
    """Moodle's ``limitfrom`` is the number of a page; taken for an offset, rows would be missed."""
    first = {"cohorts": [cohort(number, f"C{number}") for number in range(1000)]}
    second = {"cohorts": [cohort(999, "C999"), cohort(1000, "C1000")]}
    reader, script = reader_for(first, second, home=Category(2))
    found = reader.cohorts_in(Category(2))

    assert [dict(form)["limitfrom"] for form in script.forms] == ["0", "1"]
    assert dict(script.forms[0])["includes"] == "self"
    assert dict(script.forms[0])["context[instanceid]"] == "2"
    assert [placed.cohort.id for placed in found] == list(range(1001))
    assert {placed.place for placed in found} == {Category(2)}


def test_all_cohorts_come_by_search_if_one_of_them_is_forbidden() -> None:
    """A token with rights in one category fails the question for all."""
    reader, script = reader_for(
        recorded_answer("cohorts-category-caller-all"), {"cohorts": [cohort(1, "A")]}, home=Category(2)
    )

    assert [c.id for c in reader.all_cohorts()] == [1]
    assert dict(script.forms[1])["context[contextlevel]"] == "coursecat"


def test_all_cohorts_as_recorded() -> None:
    """Hidden ones and those without idnumber are among them."""
    reader, _ = reader_for(recorded_answer("cohorts-all"))
    found = reader.all_cohorts()

    assert Cohort(104, "UNI:HIDDEN", "Hidden Cohort", visible=False) in found
    assert [c.name for c in found if not c.idnumber] == ["No Idnumber"]


def test_members_of_many_cohorts_come_in_chunks_below_the_limit_of_form_fields() -> None:
    """A cut form would answer for fewer cohorts."""
    room = 20 - 3 - 1

    def answer(request: httpx.Request) -> httpx.Response:
        form = form_of(request)
        assert len(form) <= 20
        return httpx.Response(200, json=[{"cohortid": int(v), "userids": [int(v)]} for _, v in own(form)])

    reader = MoodleReader(client_for(answer), max_input_vars=20)
    found = reader.members(range(1, 3 * room))

    assert found.of == {number: frozenset({number}) for number in range(1, 3 * room)}


def test_cohorts_that_are_gone_do_not_hide_the_others() -> None:
    """One unknown id fails a call of Moodle's."""
    reader, script = reader_for(
        refusal("invalidrecord"), [cohort(1, "A"), cohort(3, "C")], [{"cohortid": n, "userids": []} for n in (1, 3)]
    )
    found = reader.members([1, 2, 3])

    assert found.of.keys() == {1, 3}
    assert found.missing == {2}
    assert script.left == 0


def test_cohorts_that_may_not_be_seen_do_not_hide_the_others() -> None:
    """A token with rights in one category, asked about a cohort of another."""

    def answer(request: httpx.Request) -> httpx.Response:
        ids = {int(value) for _, value in own(form_of(request))}
        if 7 in ids:
            return httpx.Response(200, json=refusal("nopermissions"))
        return httpx.Response(200, json=[{"cohortid": number, "userids": [5]} for number in ids])

    found = MoodleReader(client_for(answer)).members(range(1, 11))

    assert found.of.keys() == set(range(1, 11)) - {7}
    assert found.forbidden == {7}
    assert found.missing == frozenset()


def test_a_cut_answer_is_noticed() -> None:
    """1,001 answers came for 1,100 cohorts when PHP's limit was lower than thought: smaller calls then."""

    def answer(request: httpx.Request) -> httpx.Response:
        form = form_of(request)
        assert form[-1] == ("wsfunction", GET_MEMBERS)
        ids = [int(value) for _, value in own(form)]
        return httpx.Response(200, json=[{"cohortid": number, "userids": [9]} for number in ids[:4]])

    found = MoodleReader(client_for(answer)).members(range(1, 11))

    assert found.of == {number: frozenset({9}) for number in range(1, 11)}
    assert (found.missing, found.forbidden) == (frozenset(), frozenset())


def test_trouble_of_another_kind_is_not_taken_for_a_missing_cohort() -> None:
    """Refused for an unknown reason even alone: an error."""
    reader, _ = reader_for(refusal("odd"), [cohort(1, "A")], refusal("odd"))

    with pytest.raises(Refused, match="odd"):
        reader.members([1])


def test_users_as_recorded() -> None:
    """With the custom profile fields that the caller may see."""
    reader, _ = reader_for(recorded_answer("users-by-username-one"))
    (user,) = reader.users("username", ["stu0001"])

    assert (user.id, user.username, user.email, user.idnumber) == (1001, "stu0001", "stu0001@example.test", "S0000001")
    assert user.fields["student_number"] == "S0000001"
    assert not user.deleted


def test_a_deleted_user_is_recognised() -> None:
    """Moodle has no flag for it: username and e-mail are mangled."""
    reader, _ = reader_for(recorded_answer("users-by-id-deleted"))
    (user,) = reader.users("id", ["1034"])

    assert user.deleted


@pytest.mark.parametrize(
    ("user", "deleted"),
    [
        (User(1, "a@b.test.1795386613", "1815840b79d8dc5adb4d640c5f968658"), True),
        (User(1, "a@b.test.1795386613", ""), True),
        (User(1, "a@b.test.1795386613", "a@b.test"), False),
        (User(1, "jane.2004", "jane@b.test"), False),
        (User(1, "jane", "1815840b79d8dc5adb4d640c5f968658"), False),
    ],
)
def test_what_looks_deleted(user: User, *, deleted: bool) -> None:
    """Both marks are needed where both are shown."""
    assert user.deleted is deleted


def test_usernames_are_asked_in_lower_case_and_odd_ones_apart() -> None:
    """One value that Moodle would alter fails a whole call; it must not be that of the others."""
    reader, script = reader_for(
        [{"id": 1, "username": "jane"}],
        refusal("invalidparameter"),
        refusal("invalidparameter"),
        [{"id": 2, "username": "zoé"}],
    )
    found = reader.users("username", ["JANE ", "o'neill", "zoé", " ", "jane"])

    assert [user.id for user in found] == [1, 2]
    assert [[value for _, value in own(form)[1:]] for form in script.forms] == [
        ["jane"],
        ["o'neill", "zoé"],
        ["o'neill"],
        ["zoé"],
    ]


@pytest.mark.parametrize("code", ["nopermissions", "dmlwriteexception"])
def test_a_refused_look_up_is_no_unknown_user(code: str) -> None:
    """Nobody is taken for missing because of a right that is gone."""
    reader, _ = reader_for(*[refusal(code)] * 3)

    with pytest.raises((Forbidden, Refused)):
        reader.users("username", ["jane"])


def test_a_report_page_as_recorded() -> None:
    """Cells are positional, and the headers say what they are."""
    reader, script = reader_for(recorded_answer("report-page-0"))
    page = reader.report_page(1, 0, 5)

    assert page.headers[:2] == ("Username", "Student number")
    assert page.rows[1][:2] == ("perf00001", "P0000001")
    assert page.total == 50073
    assert own(script.forms[0]) == [("reportid", "1"), ("page", "0"), ("perpage", "5")]


def test_a_site_is_seen_by_its_address_and_its_accounts() -> None:
    """An older copy of the site lacks the newest ones."""
    reader, script = reader_for(recorded_answer("auth-site-info-success"), [{"id": 9, "username": "new"}])
    seen = reader.sight([10, 9])

    assert (seen.url, dict(seen.users)) == ("https://moodle.example.test", {9: User(9, "new")})
    assert own(script.forms[1]) == [("field", "id"), ("values[0]", "9"), ("values[1]", "10")]


def test_a_site_is_seen_by_its_address_alone_when_no_account_is_known() -> None:
    """Then there is no second call."""
    reader, script = reader_for(recorded_answer("auth-site-info-success"))

    assert not reader.sight([]).users
    assert len(script.forms) == 1


@pytest.mark.parametrize("answer", [{}, [], None, "x", {"siteurl": 1}, {"functions": [{}]}])
def test_an_answer_of_another_shape_is_an_error_of_ours(answer: object) -> None:
    """Something that speaks JSON but is no Moodle."""
    reader, _ = reader_for(answer)

    with pytest.raises(Halted, match="CS4017"):
        reader.site_info()


def test_halving_lets_a_failure_of_the_whole_through() -> None:
    """Only refusals are halved."""

    def ask(items: object) -> None:
        raise Unavailable(Fault("f", "http-502", MoodleMessage.DOWN))

    with pytest.raises(Unavailable):
        sift([1, 2, 3], ask)
