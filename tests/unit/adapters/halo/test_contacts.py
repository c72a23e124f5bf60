from typing import Any

import httpx
import pytest

from adapters.errors import (
    AnswerLostError,
    BudgetError,
    InstanceError,
    NotFoundError,
    RecordError,
    TransientError,
    WireError,
)
from adapters.halo import FieldSettings, HaloContacts
from adapters.records import Contact, ContactChange, ContactDraft
from tasks.ports import Contacts
from tests.fakes.budget import DiaryBudget
from tests.unit.adapters.halo.installation import Installation, asked_for, caught, listed, refused

ID = "4f6c0a1e-0000-4000-8000-00000000a001"
OTHER = "4f6c0a1e-0000-4000-8000-00000000a002"
HTML = {"content-type": "text/html"}
JSON = {"content-type": "application/json"}
REPORT = FieldSettings(users_report=7)


def permit() -> float:
    return 20.0


def draft(**fields: str) -> ContactDraft:
    return ContactDraft(company_id="31", entra_id=ID, fields={"first_name": "Ann", **fields})


def change(number: int, **parts: Any) -> ContactChange:
    return ContactChange(contact_id=str(number), company_id="31", **parts)


def everything(port: HaloContacts, company_id: str = "31") -> list[Contact]:
    """Walk all pages."""
    found: list[Contact] = []
    cursor: str | None = None
    while True:
        page, cursor = port.fetch_contacts(company_id, cursor)
        found += page
        if cursor is None:
            return found


def reported(server: Installation, *numbers: int, **columns: Any) -> None:
    """Let the report show these users, with more columns."""
    names = ("id", "azureoid", "email2", "email3", "isimportantcontact2", "department")
    server.reports[7] = [{name: server.users[number][name] for name in names} | columns for number in numbers]


def test_it_is_what_tasks_ask_for() -> None:
    port: Contacts = Installation().port()
    assert port.fetch_schema().fields


# --- whole clients ----------------------------------------------------------------------------------------------------


def test_client_is_read_with_all_that_its_list_does_not_show() -> None:
    server = Installation()
    number = server.add(emailaddress="a@contoso.com", email2="b@contoso.com", department="IT", azureoid=ID)
    off = server.add(inactive=True)
    server.add(site_id=105)
    contacts = everything(server.port())
    assert [contact.id for contact in contacts] == [str(number), str(off)]
    assert (contacts[0].entra_id, contacts[0].emails) == (ID, ("a@contoso.com", "b@contoso.com"))
    assert contacts[0].fields["department"] == "IT"
    assert [contact.active for contact in contacts] == [True, False]
    assert asked_for(server.asked[0])["client_id"] == "31"


def test_each_user_costs_a_call_and_the_list_two() -> None:
    server = Installation()
    for _ in range(51):
        server.add()
    port = server.port()
    contacts = everything(port)
    assert len({contact.id for contact in contacts}) == 51
    assert server.calls.count("GET /Users") == 2
    assert len(server.calls) == 51 + 2 == port.cost.index(51)


def test_users_report_spares_the_calls_for_each_user() -> None:
    server = Installation(settings=REPORT)
    numbers = [server.add(azureoid=f"{ID[:-3]}{number:03}", email2=f"b{number}@contoso.com") for number in range(250)]
    reported(server, *numbers, Department=None)
    port = server.port()
    contacts = everything(port)
    assert len(server.calls) == 2 + 1 == port.cost.index(250)
    assert [contact.entra_id for contact in contacts] == [f"{ID[:-3]}{number:03}" for number in range(250)]
    assert contacts[7].emails == ("b7@contoso.com",)
    assert asked_for(server.asked[0]) == {"loadreport": "true"}


def test_user_that_the_report_lacks_is_read_by_itself() -> None:
    server = Installation(settings=REPORT)
    first, second = server.add(azureoid=ID), server.add(azureoid=OTHER)
    reported(server, first)
    assert [contact.entra_id for contact in everything(server.port())] == [ID, OTHER]
    assert f"GET /Users/{second}" in server.calls
    assert f"GET /Users/{first}" not in server.calls


def test_report_row_that_is_no_user_is_read_by_itself() -> None:
    server = Installation(settings=REPORT)
    number = server.add(azureoid=ID)
    reported(server, number, isimportantcontact2="perhaps")
    assert [contact.entra_id for contact in everything(server.port())] == [ID]


def test_each_walk_runs_the_report_anew() -> None:
    server = Installation(settings=REPORT)
    number = server.add()
    reported(server, number)
    port = server.port()
    everything(port)
    server.users[number]["azureoid"] = ID
    reported(server, number)
    assert everything(port)[0].entra_id == ID


def test_report_shows_important_contacts_and_custom_fields() -> None:
    server = Installation(settings=FieldSettings(users_report=7, entra_id_field="EntraId"))
    number = server.add()
    reported(server, number, isimportantcontact2=1, CFEntraId=ID)
    [contact] = everything(server.port())
    assert (contact.entra_id, contact.protected) == (ID, "important")


def test_pseudo_users_are_in_no_list_and_in_no_count() -> None:
    server = Installation()
    for number in range(30):
        server.add(name="General User" if number % 10 == 0 else f"N{number}", isserviceaccount=number == 5)
    port = server.port()
    assert len(everything(port)) == 26
    assert port.count_contacts("31") == 26


def test_count_is_halos_own_before_the_first_walk() -> None:
    server = Installation()
    server.add(inactive=True)
    server.add(name="General User")
    server.add(site_id=105)
    assert server.port().count_contacts("31") == 2
    assert len(server.calls) == 1


def test_list_that_was_cut_short_disagrees_with_the_count() -> None:
    server = Installation()
    for _ in range(30):
        server.add()
    rows = [listed(row) for row in server.users.values()][:20]
    short, empty = ({"record_count": 30, "users": users} for users in (rows, []))
    details = [httpx.Response(200, json=user) for user in list(server.users.values())[:20]]
    walk = [httpx.Response(200, json=body) for body in (short, short, empty)]
    again = [httpx.Response(200, json=body) for body in (short, empty)]
    server.script = [*walk, *details, *again]
    port = server.port()
    page, end = port.fetch_contacts("31")
    assert (len(page), end) == (20, None)
    assert port.count_contacts("31") == 30


def test_user_that_is_deleted_during_the_walk_hides_nobody() -> None:
    server = Installation()
    numbers = [server.add() for _ in range(60)]
    port = server.port()
    page, cursor = port.fetch_contacts("31")
    del server.users[numbers[3]]
    found = [contact.id for contact in page]
    while cursor is not None:
        page, cursor = port.fetch_contacts("31", cursor)
        found += [contact.id for contact in page]
    assert found == [str(number) for number in numbers]


def test_pages_that_shift_while_they_are_read_are_read_again() -> None:
    server = Installation(gives_whole=False)
    numbers = [server.add() for _ in range(150)]

    def shown_and_gone(request: httpx.Request) -> httpx.Response:
        answer = server._list(request)
        del server.users[numbers[3]]
        return answer

    port = server.port()
    server.script = [httpx.Response(200, json={"record_count": 150, "users": []}), shown_and_gone]
    found = [contact.id for contact in everything(port)]
    assert found == [str(number) for number in numbers if number != numbers[3]]


def test_pages_that_never_stand_still_are_read_later() -> None:
    server = Installation(gives_whole=False)
    for _ in range(150):
        server.add()

    def shown_and_gone(request: httpx.Request) -> httpx.Response:
        answer = server._list(request)
        del server.users[min(server.users)]
        return answer

    server.script = [shown_and_gone] * 20
    error = caught(lambda: server.port().fetch_contacts("31"))
    assert isinstance(error, TransientError)
    assert error.reason == "list_shifted"


def test_installation_that_cuts_whole_lists_is_asked_by_pages_from_then_on() -> None:
    server = Installation(gives_whole=False)
    for _ in range(120):
        server.add()
    assert len(everything(server.port())) == 120
    asked = [asked_for(request)["pageinate"] for request in server.asked if request.url.path == "/api/Users"]
    assert asked == ["false", "true", "true", "true", "true"]


def test_list_that_takes_too_long_is_asked_by_pages() -> None:
    server = Installation()
    number = server.add()
    server.script = [httpx.ReadTimeout("slow")] * 3
    assert [contact.id for contact in everything(server.port())] == [str(number)]


def test_user_that_goes_while_the_client_is_read_is_none() -> None:
    server = Installation()
    first, second = server.add(), server.add()

    def shown_and_gone(request: httpx.Request) -> httpx.Response:
        answer = server._list(request)
        del server.users[first]
        return answer

    server.script.append(shown_and_gone)
    assert [contact.id for contact in everything(server.port())] == [str(second)]


def test_page_of_another_client_is_not_believed() -> None:
    server = Installation()
    number = server.add(site_id=105)
    rows = [listed(server.users[number])]
    server.script.append(httpx.Response(200, json={"record_count": 1, "users": rows}))
    error = caught(lambda: server.port().fetch_contacts("31"))
    assert isinstance(error, WireError)
    assert error.reason == "query_ignored"


@pytest.mark.parametrize(
    "body",
    [
        {"users": []},
        {"record_count": 1},
        {"record_count": 1, "users": None},
        {"record_count": 1, "users": ["x"]},
        {"record_count": 1, "users": [{"id": "no id"}]},
        [],
        None,
        "x",
    ],
)
def test_list_of_unknown_shape_is_no_empty_client(body: object) -> None:
    server = Installation(script=[httpx.Response(200, json=body)] * 2)
    error = caught(lambda: server.port().fetch_contacts("31"))
    assert isinstance(error, WireError)
    assert "no id" not in repr(error)


def test_maintenance_page_is_no_empty_client() -> None:
    server = Installation(script=[httpx.Response(200, text="<html>", headers=HTML)] * 3)
    assert isinstance(caught(lambda: server.port().fetch_contacts("31")), TransientError)


def test_refused_list_is_a_failure_of_ours_and_no_record() -> None:
    error = caught(lambda: Installation(script=[refused()]).port().fetch_contacts("31"))
    assert isinstance(error, WireError)
    assert error.reason == "query_refused"


def test_list_that_does_not_exist_is_a_wrong_address() -> None:
    error = caught(lambda: Installation(script=[httpx.Response(404)]).port().fetch_contacts("31"))
    assert isinstance(error, InstanceError)
    assert error.reason == "endpoint_unknown"


class BusyBudget(DiaryBudget):
    """Asks to come back at each of these calls."""

    busy_at: set[int] = set()

    def reserve(self) -> None:
        self.diary.append("asked")
        if self.diary.count("asked") in self.busy_at:
            raise BudgetError("budget_spent", vendor="test", retry_after_s=self.refuses_for_s)
        super().reserve()


def test_long_walk_waits_for_its_turn_instead_of_starting_over() -> None:
    budget = BusyBudget()
    budget.busy_at = {2, 4}
    server = Installation(budget=budget)
    for _ in range(5):
        server.add()
    assert len(everything(server.port())) == 5
    assert server.slept == [7.0, 7.0]


def test_walk_waits_only_so_long() -> None:
    server = Installation(budget=DiaryBudget(left=3))
    for _ in range(5):
        server.add()
    assert isinstance(caught(lambda: server.port().fetch_contacts("31")), BudgetError)
    assert sum(server.slept) <= 30


@pytest.mark.parametrize("company_id", ["abc", "", "0", "31 ", "²", "-1"])
def test_id_that_cannot_exist_is_not_found_without_a_call(company_id: str) -> None:
    server = Installation()
    port = server.port()
    for call in (port.fetch_company, port.fetch_contacts, port.count_contacts, port.fetch_contact):
        assert isinstance(caught(lambda call=call: call(company_id)), NotFoundError)  # type: ignore[misc]  # a default binds it
    assert server.requests == []


# --- clients and single users -----------------------------------------------------------------------------------------


def test_company_comes_with_its_sites_and_domains() -> None:
    server = Installation()
    port = server.port()
    company = port.fetch_company("31")
    assert (company.id, company.active, company.domains) == ("31", True, ("contoso.com",))
    assert port.fetch_sites("31") == (("95", "Main"), ("96", "Berlin"))
    assert len(server.calls) == 2
    assert server.port().fetch_company("32").active is False


def test_active_clients_are_listed_page_by_page_up_to_their_count() -> None:
    rows = [{"id": number, "name": f"Client {number}", "inactive": number == 2} for number in range(1, 5)]
    answers = [httpx.Response(200, json={"record_count": 4, "clients": page}) for page in (rows[:3], rows[3:])]
    server = Installation(script=[*answers])
    assert [[company.id for company in page] for page in server.port().iter_companies()] == [["1", "3"], ["4"]]
    assert len(server.calls) == 2


@pytest.mark.parametrize("answer", [httpx.Response(404), httpx.Response(200, json={"id": 0, "name": ""})])
def test_what_is_gone_is_not_found_whatever_the_status(answer: httpx.Response) -> None:
    for name in ("fetch_contact", "fetch_company"):
        port = Installation(script=[answer]).port()
        assert isinstance(caught(lambda port=port, name=name: getattr(port, name)("31")), NotFoundError)  # type: ignore[misc]  # defaults bind them


def test_pseudo_user_of_a_site_is_not_found_and_a_service_account_protected() -> None:
    server = Installation()
    general, service = server.add(name="General User"), server.add(isserviceaccount=True)
    assert isinstance(caught(lambda: server.port().fetch_contact(str(general))), NotFoundError)
    assert server.port().fetch_contact(str(service)).protected == "service account"


# --- look-ups ---------------------------------------------------------------------------------------------------------


def test_look_up_asks_by_object_id_and_by_address_and_compares_again() -> None:
    server = Installation()
    by_id = server.add(azureoid=ID.upper())
    by_mail = server.add(emailaddress="other@contoso.com", email2="ANN+x@contoso.com", inactive=True)
    server.add(emailaddress="joann+x@contoso.com")
    server.add(site_id=105, azureoid=ID)
    server.add(name="General User", emailaddress="ann+x@contoso.com")
    found = server.port().find_contacts(["31"], entra_id=ID, emails=["ann+x@contoso.com", "Ann+x@contoso.com "])
    assert [contact.id for contact in found] == [str(by_id), str(by_mail)]
    assert asked_for(server.asked[1])["search"] == "Ann+x@contoso.com"
    assert [asked_for(request)["client_id"] for request in server.asked[:2]] == ["31", "31"]
    assert len(server.calls) == 2 + 3


def test_addresses_that_differ_in_their_domain_cost_one_call() -> None:
    server = Installation()
    number = server.add(emailaddress="ann.example@contoso.onmicrosoft.com")
    addresses = ["ann.example@contoso.com", "Ann.Example@contoso.onmicrosoft.com"]
    found = server.port().find_contacts(["31"], entra_id="", emails=addresses)
    assert [contact.id for contact in found] == [str(number)]
    assert server.calls == ["GET /Users", f"GET /Users/{number}"]


def test_look_up_in_several_clients_sifts_here() -> None:
    server = Installation()
    numbers = [server.add(site_id=site, emailaddress="ann@contoso.com") for site in (95, 105)]
    found = server.port().find_contacts(["32", "31"], entra_id=ID, emails=["ann@contoso.com"])
    assert [contact.id for contact in found] == [str(number) for number in numbers]
    assert "client_id" not in asked_for(server.asked[0])


@pytest.mark.parametrize("has_report", [False, True])
def test_refused_search_by_object_id_is_not_tried_again(has_report: bool) -> None:
    server = Installation(knows_advanced_search=False, settings=REPORT if has_report else None)
    number = server.add(azureoid=ID)
    reported(server, number)
    port = server.port()
    for _ in range(2):
        found = port.find_contacts(["31"], entra_id=ID, emails=[])
        assert [contact.id for contact in found] == ([str(number)] if has_report else [])
    assert sum("advanced_search" in str(request.url) for request in server.asked) == 1


def test_ignored_search_by_object_id_does_not_read_everybody() -> None:
    server = Installation()
    for _ in range(30):
        server.add(azureoid=ID)
    port = server.port()
    assert port.find_contacts(["31"], entra_id=ID, emails=[]) == ()
    assert len(server.calls) == 1


def test_trouble_with_the_search_by_object_id_is_no_refusal() -> None:
    server = Installation(script=[httpx.Response(503)] * 3)
    number = server.add(azureoid=ID)
    port = server.port()
    assert isinstance(caught(lambda: port.find_contacts(["31"], entra_id=ID, emails=[])), TransientError)
    assert [contact.id for contact in port.find_contacts(["31"], entra_id=ID, emails=[])] == [str(number)]


def test_crowd_that_a_search_finds_is_read_the_likely_first_and_not_whole() -> None:
    server = Installation()
    for index in range(150):
        server.add(emailaddress=f"x{index}.ann@contoso.com")
    hidden = server.add(emailaddress="b@contoso.com", email3="ann@contoso.com")
    exact = server.add(emailaddress="Ann@contoso.com")
    found = server.port().find_contacts(["31"], entra_id="", emails=["ann@contoso.com"])
    assert [contact.id for contact in found] == [str(hidden), str(exact)]
    assert len(server.calls) == 2 + 40


def test_look_up_without_anything_to_ask_asks_nothing() -> None:
    server = Installation()
    port = server.port()
    assert port.find_contacts(["31"], entra_id="", emails=["", " "]) == ()
    assert port.find_contacts([], entra_id=ID, emails=["a@b.c"]) == ()
    assert port.find_contacts(["none"], entra_id=ID, emails=["a@b.c"]) == ()
    assert port.find_namesakes(["31"], first_name=" ", last_name="") == ()
    assert port.find_namesakes([], first_name="Ann", last_name="") == ()
    assert server.asked == []


def test_namesakes_are_compared_again() -> None:
    server = Installation()
    first = server.add(firstname="ann ", surname="O'Brien", inactive=True)
    second = server.add(name="Ann O'Brien")
    server.add(firstname="Anna", surname="O'Brien")
    found = server.port().find_namesakes(["31"], first_name="Ann", last_name="O'BRIEN")
    assert [contact.id for contact in found] == [str(first), str(second)]
    assert server.calls == ["GET /Users", f"GET /Users/{first}", f"GET /Users/{second}"]


# --- schema -----------------------------------------------------------------------------------------------------------


def test_schema_costs_nothing() -> None:
    server = Installation(settings=FieldSettings(max_lengths={"job_title": 100}))
    schema = server.port().fetch_schema()
    specs = {spec.name: spec for spec in schema.fields}
    assert schema.contacts_per_call == 1
    assert (specs["job_title"].max_length, specs["department"].max_length) == (100, None)
    assert server.requests == []


def test_schema_of_an_installation_with_a_report_is_what_can_be_seen() -> None:
    server = Installation(settings=REPORT)
    reported(server, server.add())
    port = server.port()
    names = {spec.name for spec in port.fetch_schema().fields}
    assert port.fetch_schema().contacts_per_call == 1000
    assert "department" in names
    assert "fax" not in names
    assert server.calls == ["GET /Report/7"]


def test_report_that_does_not_exist_or_lacks_a_column_is_a_fault_of_the_configuration() -> None:
    server = Installation(settings=REPORT)
    assert caught(server.port().fetch_schema).reason == "users_report_unknown"
    for rows in ([{"id": 1, "azureoid": ID}], []):
        server.reports[7] = rows
        error = caught(server.port().fetch_schema)
        assert isinstance(error, InstanceError)
        assert error.reason == "users_report_lacks_columns"


@pytest.mark.parametrize("body", [{"id": 7}, {"report": []}, {"report": {"rows": None}}, {"report": {"rows": [1]}}, []])
def test_report_of_unknown_shape_is_not_taken_for_an_empty_one(body: Any) -> None:
    server = Installation(settings=REPORT, script=[httpx.Response(200, json=body)])
    assert isinstance(caught(server.port().fetch_schema), WireError)


# --- creating ---------------------------------------------------------------------------------------------------------


def test_contact_is_created_at_the_main_site_and_returned_as_it_is_held() -> None:
    server = Installation()
    port = server.port()
    contact = port.create_contact(draft(last_name="Example", email="ann@contoso.com"), permit=permit)
    assert (contact.entra_id, contact.company_id, contact.site_id) == (ID, "31", "95")
    assert contact.fields["site"] == "Main"
    [[body]] = server.bodies
    assert (body["site_id"], type(body["site_id"])) == (95, int)
    assert "sendwelcomeemail" not in body
    assert "_dont_fire_automations" not in body
    assert server.calls == ["GET /Client/31", "GET /Site", "POST /Users"]
    port.create_contact(draft(), permit=permit)
    assert server.calls[3:] == ["POST /Users"]
    server.clock[0] += 601
    port.create_contact(draft(), permit=permit)
    assert server.calls[4:] == ["GET /Client/31", "GET /Site", "POST /Users"]


def test_contact_is_created_at_the_site_that_is_asked_for_by_id_or_name() -> None:
    server = Installation()
    port = server.port()
    by_id = port.create_contact(draft().model_copy(update={"site_id": "96"}), permit=permit)
    assert server.calls == ["POST /Users"]
    by_name = port.create_contact(draft(site=" BERLIN"), permit=permit)
    assert (by_id.site_id, by_name.site_id) == ("96", "96")


def test_client_without_a_main_site_takes_its_first() -> None:
    server = Installation()
    contact = server.port().create_contact(draft().model_copy(update={"company_id": "32"}), permit=permit)
    assert (contact.company_id, contact.site_id) == ("32", "105")


@pytest.mark.parametrize(
    ("update", "field"),
    [
        ({"company_id": "33"}, "company"),
        ({"company_id": "x"}, "company"),
        ({"site_id": "Main"}, "site"),
        ({"fields": {"first_name": "Ann", "site": "Nowhere"}}, "site"),
        ({"fields": {"first_name": "Ann", "site": "Gone"}}, "site"),
    ],
)
def test_place_that_does_not_exist_is_refused_before_it_is_sent(update: dict[str, Any], field: str) -> None:
    server = Installation()
    error = caught(lambda: server.port().create_contact(draft().model_copy(update=update), permit=permit))
    assert isinstance(error, RecordError)
    assert (error.reason, error.field) == ("reference_unknown", field)
    assert server.bodies == []


def test_client_without_any_site_is_refused() -> None:
    empty = httpx.Response(200, json={"record_count": 0, "sites": []})
    client = httpx.Response(200, json={"id": 31})
    server = Installation(script=[client, empty])
    error = caught(lambda: server.port().create_contact(draft(), permit=permit))
    assert isinstance(error, RecordError)
    assert (error.reason, error.field) == ("reference_unknown", "site")


def test_short_answer_of_a_creation_is_completed_by_a_read() -> None:
    server = Installation(answers_whole=False)
    contact = server.port().create_contact(draft(email2="b@contoso.com"), permit=permit)
    assert (contact.entra_id, contact.emails) == (ID, ("b@contoso.com",))
    assert server.calls[-2:] == ["POST /Users", f"GET /Users/{contact.id}"]


def test_automations_are_kept_quiet_on_demand() -> None:
    server = Installation(settings=FieldSettings(fires_automations=False))
    contact = server.port().create_contact(draft(), permit=permit)
    server.port().update_contact(change(int(contact.id), active=False), permit=permit)
    assert [body["_dont_fire_automations"] for [body] in server.bodies] == [True, True]


def test_permit_is_asked_before_the_sending_and_stops_it() -> None:
    server = Installation()

    def no() -> float:
        raise TransientError("write_deadline_passed", vendor="worker")

    assert isinstance(caught(lambda: server.port().create_contact(draft(), permit=no)), TransientError)
    assert server.users == {}


@pytest.mark.parametrize(
    "answer",
    [
        httpx.ReadTimeout("late"),
        httpx.Response(503, text="<html>", headers=HTML),
        httpx.Response(500, json={"ClassName": "System.Exception", "Message": "x"}),
        httpx.Response(201, json={"name": "no id"}),
        httpx.Response(201, json={"id": 0}),
        httpx.Response(201, json=[]),
        httpx.Response(201, json=[{"id": 1}, {"id": 2}]),
        httpx.Response(201, text="{", headers=JSON),
        httpx.Response(201),
        httpx.Response(200, text="<html>", headers=HTML),
    ],
)
def test_creation_whose_answer_is_no_contact_may_have_happened(answer: httpx.Response | Exception) -> None:
    wanted = draft().model_copy(update={"site_id": "95"})
    error = caught(lambda: Installation(script=[answer]).port().create_contact(wanted, permit=permit))
    assert isinstance(error, AnswerLostError)


def test_creation_that_cannot_be_read_back_may_have_happened() -> None:
    short = httpx.Response(201, json=[{"id": 1201, "name": "Ann"}])
    server = Installation(script=[short, *[httpx.Response(503)] * 3])
    wanted = draft().model_copy(update={"site_id": "95"})
    assert isinstance(caught(lambda: server.port().create_contact(wanted, permit=permit)), AnswerLostError)


@pytest.mark.parametrize(
    ("answer", "branch"),
    [
        (httpx.ConnectError("refused"), TransientError),
        (httpx.Response(429, json={"Message": "later"}), TransientError),
        (refused(), RecordError),
        (refused(500, {"ClassName": "System.FormatException", "Message": "x"}), RecordError),
        (httpx.Response(403), InstanceError),
    ],
)
def test_creation_that_was_certainly_not_taken_says_so(answer: httpx.Response | Exception, branch: type) -> None:
    wanted = draft().model_copy(update={"site_id": "95"})
    error = caught(lambda: Installation(script=[answer] * 3).port().create_contact(wanted, permit=permit))
    assert isinstance(error, branch)
    assert not isinstance(error, AnswerLostError)


def test_creation_that_lost_the_object_id_is_noticed_and_named() -> None:
    body = {"id": 5, "name": "Ann", "client_id": 31, "site_id": 95.0, "email2": ""}
    wanted = draft().model_copy(update={"site_id": "95"})
    server = Installation(script=[httpx.Response(201, json=body)])
    error = caught(lambda: server.port().create_contact(wanted, permit=permit))
    assert isinstance(error, WireError)
    assert (error.reason, error.contact_id) == ("write_not_applied", "5")


# --- updating ---------------------------------------------------------------------------------------------------------


def test_plain_update_is_one_call_and_touches_nothing_else() -> None:
    server = Installation()
    number = server.add(title="Buyer", emailaddress="a@contoso.com", email2="b@contoso.com", phonenumber="1")
    wanted = change(number, fields={"job_title": "Chief", "phone": None}, active=False, entra_id=ID)
    after = server.port().update_contact(wanted, permit=permit)
    assert (after.fields["job_title"], after.active, after.entra_id) == ("Chief", False, ID)
    assert "phone" not in after.fields
    assert after.emails == ("a@contoso.com", "b@contoso.com")
    assert server.calls == ["POST /Users"]
    body = {"id": number, "title": "Chief", "phonenumber": "", "inactive": True, "azureoid": ID}
    assert server.bodies == [[body]]


def test_update_of_a_name_reads_the_user_just_before() -> None:
    server = Installation()
    number = server.add(firstname="Ann", surname="Example")
    after = server.port().update_contact(change(number, fields={"last_name": "Sample"}), permit=permit)
    assert (after.fields["last_name"], after.fields["display_name"]) == ("Sample", "Ann Sample")
    assert server.calls == [f"GET /Users/{number}", "POST /Users"]


def test_update_without_differences_writes_nothing() -> None:
    server = Installation()
    number = server.add(title="Buyer")
    after = server.port().update_contact(change(number), permit=permit)
    assert after.fields["job_title"] == "Buyer"
    assert server.bodies == []


@pytest.mark.parametrize("fields", [{"job_title": "x"}, {"last_name": "x"}])
def test_update_of_a_user_that_is_gone_says_so(fields: dict[str, str | None]) -> None:
    error = caught(lambda: Installation().port().update_contact(change(7, fields=fields), permit=permit))
    assert isinstance(error, NotFoundError)


def test_answer_about_somebody_else_is_noticed() -> None:
    server = Installation(script=[httpx.Response(201, json={"id": 8, "email2": "", "client_id": 31, "inactive": True})])
    number = server.add()
    error = caught(lambda: server.port().update_contact(change(number, active=False), permit=permit))
    assert isinstance(error, WireError)


def test_short_answer_of_an_update_is_completed_by_a_read() -> None:
    server = Installation(answers_whole=False)
    number = server.add(email2="b@contoso.com")
    after = server.port().update_contact(change(number, active=False), permit=permit)
    assert after.emails == ("b@contoso.com",)
    assert server.calls == ["POST /Users", f"GET /Users/{number}"]


def test_false_201_is_noticed_until_the_field_was_seen_to_arrive() -> None:
    server = Installation()
    number = server.add(title="Buyer")
    port = server.port()
    false = httpx.Response(201, json=dict(server.users[number]))
    wanted = change(number, fields={"job_title": "Chief"})
    server.script.append(false)
    error = caught(lambda: port.update_contact(wanted, permit=permit))
    assert isinstance(error, WireError)
    assert error.reason == "write_not_applied"
    port.update_contact(wanted, permit=permit)
    server.script.append(false)
    assert port.update_contact(wanted, permit=permit).fields["job_title"] == "Buyer"


def test_user_that_was_moved_meanwhile_is_always_noticed() -> None:
    server = Installation()
    number = server.add(site_id=105)
    port = server.port()
    for _ in range(2):
        error = caught(lambda: port.update_contact(change(number, active=True), permit=permit))
        assert isinstance(error, WireError)


@pytest.mark.parametrize(
    ("parts", "site_id"),
    [
        ({"moves": True}, "95"),
        ({"moves": True, "site_id": "96"}, "96"),
        ({"fields": {"site": "Berlin"}, "moves": True}, "96"),
    ],
)
def test_user_that_moves_goes_to_the_main_site_or_the_named_one(parts: dict[str, Any], site_id: str) -> None:
    server = Installation()
    number = server.add(site_id=105)
    after = server.port().update_contact(change(number, **parts), permit=permit)
    assert (after.company_id, after.site_id) == ("31", site_id)


def test_site_changes_by_name_and_cannot_be_cleared() -> None:
    server = Installation()
    number = server.add()
    after = server.port().update_contact(change(number, fields={"site": "berlin"}), permit=permit)
    assert (after.site_id, after.fields["site"]) == ("96", "Berlin")
    error = caught(lambda: server.port().update_contact(change(number, fields={"site": None}), permit=permit))
    assert isinstance(error, RecordError)
    assert (error.reason, error.field) == ("required_missing", "site")


def test_refusal_carries_the_vendors_words_and_our_field() -> None:
    answer = refused(400, {"errors": {"[0].title": ["Title is too long"]}, "status": 400})
    server = Installation(script=[answer])
    number = server.add()
    error = caught(lambda: server.port().update_contact(change(number, fields={"job_title": "x"}), permit=permit))
    assert isinstance(error, RecordError)
    assert (error.field, error.vendor_message) == ("job_title", "Title is too long")
    assert len(server.asked) == 1


# --- lanes and checks -------------------------------------------------------------------------------------------------


def test_lanes_share_what_is_known_and_spend_their_own_budget() -> None:
    server = Installation(budget=DiaryBudget())
    number = server.add()
    port = server.port()
    port.fetch_contact(str(number))
    lane = DiaryBudget()
    port.with_budget(lane).fetch_contact(str(number))
    assert lane.diary == ["reserve", "succeeded"]
    assert len(server.logged_in) == 1


def test_check_tells_rights_and_the_vendors_own_sync() -> None:
    users = httpx.Response(200, json={"record_count": 0, "users": []})
    server = Installation(script=[users, httpx.Response(403), httpx.Response(200, json=[{"id": 1}])])
    facts = server.port().check()
    assert (facts.codebase, facts.version, facts.vendor_sync) == ("https://msp.halopsa.com/api", None, True)
    assert facts.missing == ("companies",)
    assert len(server.calls) == 3


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (httpx.Response(200, json=[]), False),
        (httpx.Response(200, json={"record_count": 1, "connections": [{"id": 1}]}), True),
        (httpx.Response(200, json={}), False),
        (httpx.Response(403), None),
        (httpx.Response(404), None),
    ],
)
def test_check_does_without_what_it_may_not_know(answer: httpx.Response, expected: bool | None) -> None:
    rows = httpx.Response(200, json={"record_count": 0, "users": []})
    facts = Installation(script=[rows, rows, answer]).port().check()
    assert (facts.vendor_sync, facts.missing) == (expected, ())


@pytest.mark.parametrize("status", [404, 401])
def test_check_tells_a_wrong_address_and_dead_keys(status: int) -> None:
    error = caught(lambda: Installation(script=[httpx.Response(status)] * 2).port().check())
    assert isinstance(error, InstanceError)
