import json
import threading
from typing import Any

import httpx
import pytest

from adapters.autotask import Access, FieldSettings
from adapters.errors import (
    AnswerLostError,
    BudgetError,
    InstanceError,
    NotFoundError,
    RecordError,
    TransientError,
    WireError,
)
from adapters.records import ContactChange, ContactDraft
from tasks.ports import Contacts
from tests.fakes.budget import DiaryBudget
from tests.fakes.slots import CountingSlots
from tests.unit.adapters.autotask.installation import ACCESS, REGISTRY, ZONE, Installation, caught, refused

ID = "4f6c0a1e-0000-4000-8000-00000000a001"
HTML = {"content-type": "text/html"}
OTHER_ZONE = "https://webservices5.autotask.net/ATServicesRest"


def permit() -> float:
    return 20.0


def draft(**fields: str) -> ContactDraft:
    return ContactDraft(company_id="250", entra_id=ID, fields={"first_name": "Ann", "last_name": "Example", **fields})


def change(number: int, **parts: Any) -> ContactChange:
    return ContactChange(contact_id=str(number), company_id="250", **parts)


def body_of(request: httpx.Request) -> Any:
    return json.loads(request.content)


def calls(server: Installation) -> list[str]:
    return [f"{request.method} {request.url.path.partition('/V1.0')[2]}" for request in server.asked]


def test_it_is_what_tasks_ask_for() -> None:
    port: Contacts = Installation().port()
    assert port.fetch_schema().fields


# --- zone -------------------------------------------------------------------------------------------------------------


def test_zone_is_asked_for_once_and_without_secrets() -> None:
    server = Installation()
    number = server.add()
    port = server.port()
    port.fetch_contact(str(number))
    port.fetch_contact(str(number))
    look_ups = [request for request in server.requests if request.url.path.endswith("/zoneInformation")]
    assert len(look_ups) == 1
    assert str(look_ups[0].url) == f"{REGISTRY}?user=api%2Bsync%40msp.example"
    assert not {"secret", "username", "apiintegrationcode"} & set(look_ups[0].headers)
    signed = server.asked[0]
    assert str(signed.url) == f"{ZONE}/V1.0/Contacts/{number}"
    sent = {name: signed.headers[name] for name in ("username", "secret", "apiintegrationcode")}
    assert sent == {"username": "api+sync@msp.example", "secret": "s3cr3t", "apiintegrationcode": "CODE1"}


def test_user_that_moved_is_found_again_and_the_write_repeated() -> None:
    server = Installation()
    number = server.add()
    port = server.port()
    port.fetch_schema()
    server.script.append(lambda _: httpx.Response(200, json={"item": server.contacts[number]}))
    server.zone = OTHER_ZONE
    left = [5.0, 20.0]
    after = port.update_contact(change(number, active=False), permit=left.pop)
    assert after.active is False
    assert left == []  # the second sending was permitted by itself
    assert server.contacts[number]["isActive"] == 0


def test_many_threads_look_the_new_zone_up_once() -> None:
    server = Installation()
    number = server.add()
    port = server.port()
    port.fetch_contact(str(number))
    server.zone = OTHER_ZONE
    threads = [threading.Thread(target=port.fetch_contact, args=(str(number),)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(request.url.path.endswith("/zoneInformation") for request in server.requests) == 2


def test_keys_that_stay_refused_do_not_make_every_call_look_for_the_zone() -> None:
    server = Installation()
    port = server.port()
    for _ in range(5):
        server.script.append(httpx.Response(401))
        error = caught(lambda: port.fetch_company("250"))
        assert isinstance(error, InstanceError)
        assert error.reason == "credentials_refused"
    assert sum(request.url.path.endswith("/zoneInformation") for request in server.requests) == 2


def test_unknown_user_stops_the_instance() -> None:
    server = Installation(registry=[refused("Zone information could not be determined")])
    error = caught(lambda: server.port().fetch_company("250"))
    assert isinstance(error, InstanceError)
    assert error.reason == "zone_unknown"
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "zone",
    [
        "https://evil.example/ATServicesRest",
        "http://webservices14.autotask.net/ATServicesRest",
        "https://webservices14.autotask.net.evil.example/ATServicesRest",
        "https://evilautotask.net/ATServicesRest",
        "https://user@webservices14.autotask.net/ATServicesRest",
        "https://webservices14.autotask.net:8443/ATServicesRest",
        "",
        "//webservices14.autotask.net/",
    ],
)
def test_zone_that_is_not_the_vendors_gets_no_secret(zone: str) -> None:
    server = Installation(registry=[httpx.Response(200, json={"url": zone})])
    assert isinstance(caught(lambda: server.port().fetch_company("250")), WireError)
    assert len(server.requests) == 1


def test_zone_on_the_host_that_told_it_is_fine() -> None:
    server = Installation(zone="https://sandbox.internal:8443/ATServicesRest", companies={250: {"id": 250}})
    access = Access(
        username="u", secret="s", integration_code="c", zone_url="https://sandbox.internal:8443/zoneInformation"
    )
    server.zone = "https://sandbox.internal"
    assert server.port(access).fetch_company("250").id == "250"


def test_link_to_another_host_gets_no_secret() -> None:
    rows = [{"id": number, "companyID": 250} for number in (2, 1)]
    page = {"items": rows, "pageDetails": {"nextPageUrl": "https://evil.example/V1.0/Contacts/query/next"}}
    server = Installation(script=[httpx.Response(200, json=page)])
    port = server.port()
    port_page, cursor = _first_page(port)
    assert len(port_page) == 2
    error = caught(lambda: port.fetch_contacts("250", cursor))
    assert isinstance(error, WireError)
    assert error.reason == "foreign_origin"


def _first_page(port: Any) -> Any:
    return port.fetch_contacts("250")


# --- whole companies --------------------------------------------------------------------------------------------------


def walk(port: Any, company_id: str = "250") -> list[str]:
    seen: list[str] = []
    cursor: str | None = None
    while True:
        page, cursor = port.fetch_contacts(company_id, cursor)
        seen += [contact.id for contact in page]
        if cursor is None:
            return seen


@pytest.mark.parametrize(("contacts", "expected"), [(0, 1), (1, 1), (499, 1), (500, 2), (501, 2), (1000, 3), (1001, 3)])
def test_company_is_read_in_full_pages_and_one_more_behind_a_full_last_one(contacts: int, expected: int) -> None:
    server = Installation()
    ids = [str(server.add()) for _ in range(contacts)]
    server.add(companyID=251)
    assert walk(server.port()) == ids
    assert calls(server) == ["POST /Contacts/query"] * expected


def test_question_for_a_company_is_trimmed_and_names_the_id() -> None:
    server = Installation()
    for _ in range(500):
        server.add()
    walk(server.port(), "250")
    first, second = (body_of(request) for request in server.asked)
    assert first["MaxRecords"] == 500
    assert first["filter"] == [{"op": "eq", "field": "companyID", "value": 250}]
    assert second["filter"] == [*first["filter"], {"op": "gt", "field": "id", "value": 1500}]
    assert {"id", "isActive", "externalID", "emailAddress3", "extension", "companyLocationID"} <= set(
        first["IncludeFields"]
    )


def test_company_zero_is_the_msp_itself() -> None:
    server = Installation(companies={0: {"id": 0, "companyName": "MSP", "isActive": True}})
    number = server.add(companyID=0)
    port = server.port()
    assert port.fetch_company("0").name == "MSP"
    assert walk(port, "0") == [str(number)]
    after = port.update_contact(
        ContactChange(contact_id=str(number), company_id="0", fields={"job_title": "Chief"}), permit=permit
    )
    assert (after.company_id, after.fields["job_title"]) == ("0", "Chief")


def test_server_that_orders_otherwise_is_followed_by_the_same_verb_and_body() -> None:
    def page(ids: list[int], link: str | None) -> httpx.Response:
        rows = [{"id": number, "companyID": 250} for number in ids]
        return httpx.Response(200, json={"items": rows, "pageDetails": {"nextPageUrl": link}})

    links = [f"{ZONE}/V1.0/Contacts/query/next?paging=%7b{number}%7d" for number in (1, 2)]
    server = Installation()
    port = server.port()
    port.fetch_schema()
    server.script += [page([9, 3], links[0]), page([], links[1]), page([7], None)]
    assert walk(port) == ["9", "3", "7"]
    first, second, third = server.asked
    assert [str(second.url), str(third.url)] == links
    assert {request.method for request in server.asked} == {"POST"}
    assert first.content == second.content == third.content


@pytest.mark.parametrize(
    "body",
    [{"item": {}}, {"items": None}, {"items": [{"firstName": "no id"}]}, {"items": [None]}, [], "x", 7, None, {}],
)
def test_list_of_unknown_shape_is_no_empty_company(body: object) -> None:
    server = Installation(script=[httpx.Response(200, json=body)])
    error = caught(lambda: server.port().fetch_contacts("250"))
    assert isinstance(error, WireError)
    assert "no id" not in repr(error)


@pytest.mark.parametrize("status", [200, 500])
def test_refused_list_is_a_failure_of_ours_and_no_record(status: int) -> None:
    server = Installation(script=[refused("Unable to find companyName in the Contact Entity.", status=status)])
    error = caught(lambda: server.port().fetch_contacts("250"))
    assert isinstance(error, WireError)
    assert error.reason == "query_refused"
    assert len(server.asked) == 1


def test_refused_read_of_a_contact_is_not_taken_for_a_refused_record() -> None:
    server = Installation(script=[refused("never heard of")])
    error = caught(lambda: server.port().fetch_contact("7"))
    assert isinstance(error, WireError)
    assert error.reason == "query_refused"


@pytest.mark.parametrize("status", [200, 404, 500, 503])
def test_page_for_people_is_no_empty_company(status: int) -> None:
    server = Installation(script=[httpx.Response(status, text="<html>", headers=HTML)] * 3)
    error = caught(lambda: server.port().fetch_contacts("250"))
    assert isinstance(error, TransientError | InstanceError)


def test_contacts_are_counted_inactive_ones_included() -> None:
    server = Installation()
    server.add(isActive=0)
    server.add()
    assert server.port().count_contacts("250") == 2
    assert calls(server) == ["POST /Contacts/query/count"]


@pytest.mark.parametrize("company_id", ["abc", "", "1,2", "²", "-1"])
def test_what_cannot_exist_is_not_found_without_a_call(company_id: str) -> None:
    server = Installation()
    port = server.port()
    for call in (port.fetch_company, port.fetch_contacts, port.count_contacts, port.fetch_contact):
        assert isinstance(caught(lambda call=call: call(company_id)), NotFoundError)  # type: ignore[misc]  # a default binds it
    assert server.requests == []


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(404),
        httpx.Response(404, json={"errors": ["nothing there"]}),
        httpx.Response(200, json={"item": None}),
        refused("No message. No matching records found. The logged in Resource may not have the required permissions."),
    ],
)
def test_missing_record_is_not_found_in_every_dialect(answer: httpx.Response) -> None:
    server = Installation(script=[answer, answer])
    port = server.port()
    assert isinstance(caught(lambda: port.fetch_contact("7")), NotFoundError)
    assert isinstance(caught(lambda: port.fetch_company("7")), NotFoundError)


@pytest.mark.parametrize("body", [{}, {"items": []}, [], None])
def test_record_of_unknown_shape_is_not_taken_for_a_missing_one(body: object) -> None:
    server = Installation(script=[httpx.Response(200, json=body)])
    assert isinstance(caught(lambda: server.port().fetch_contact("7")), WireError)


def test_company_comes_with_its_locations_in_use_and_its_domain() -> None:
    body = {"id": 250, "companyName": "Contoso", "isActive": True, "webAddress": "https://www.contoso.com"}
    server = Installation(companies={250: body})
    port = server.port()
    company = port.fetch_company("250")
    assert (company.id, company.name, company.active, company.domains) == ("250", "Contoso", True, ("contoso.com",))
    assert port.fetch_sites("250") == port.fetch_sites("250") == (("7", "Main"),)
    assert sum(request.url.path.endswith("/CompanyLocations/query") for request in server.requests) == 1


def test_active_companies_are_listed_five_hundred_a_call() -> None:
    full = [{"id": number, "companyName": f"Company {number}", "isActive": True} for number in range(500)]
    rest = [{"id": 500, "companyName": "Z", "isActive": True}]
    answers = [httpx.Response(200, json={"items": page, "pageDetails": {}}) for page in (full, rest)]
    server = Installation(script=[*answers])
    pages = list(server.port().iter_companies())
    assert [len(page) for page in pages] == [500, 1]
    assert (pages[0][0].id, pages[1][0].name) == ("0", "Z")
    asked = [body_of(request)["filter"] for request in server.asked]
    assert asked[0] == [{"op": "eq", "field": "isActive", "value": True}]
    assert asked[1] == [*asked[0], {"op": "gt", "field": "id", "value": 499}]


# --- look-ups ---------------------------------------------------------------------------------------------------------


def test_look_up_asks_once_for_object_id_and_all_addresses() -> None:
    server = Installation()
    by_id = server.add(externalID=ID.upper())
    by_mail = server.add(emailAddress="info@contoso.com", emailAddress3="ANN+x@contoso.com", isActive=0)
    server.add(emailAddress="joann@contoso.com")
    server.add(companyID=999, externalID=ID)
    found = server.port().find_contacts(["251", "250"], entra_id=ID, emails=["ann+x@contoso.com", "a@b.c", "A@b.c "])
    assert [contact.id for contact in found] == [str(by_id), str(by_mail)]
    [request] = server.asked
    where, alternatives = body_of(request)["filter"]
    assert where == {"op": "in", "field": "companyID", "value": [250, 251]}
    assert {"op": "eq", "field": "externalID", "value": ID} in alternatives["items"]
    assert {"op": "eq", "field": "emailAddress2", "value": "ann+x@contoso.com"} in alternatives["items"]


def test_no_question_holds_more_conditions_than_allowed() -> None:
    server = Installation()
    wanted = server.add(emailAddress2="a399@contoso.example")
    addresses = [f"A{number}@contoso.example" for number in range(400)]
    found = server.port().find_contacts([str(number) for number in range(200, 300)], entra_id=ID, emails=addresses)
    assert [contact.id for contact in found] == [str(wanted)]
    for request in server.asked:
        where, alternatives = body_of(request)["filter"]
        assert len(where["value"]) + len(alternatives["items"]) <= 500


def test_what_the_server_finds_too_much_is_sifted() -> None:
    rows = [{"id": 1, "companyID": 250, "externalID": ID + "x", "emailAddress": "joann@contoso.com"}]
    server = Installation(script=[httpx.Response(200, json={"items": rows, "pageDetails": {}})])
    assert server.port().find_contacts(["250"], entra_id=ID, emails=["ann@contoso.com"]) == ()


def test_look_up_without_anything_to_ask_asks_nothing() -> None:
    server = Installation()
    assert server.port().find_contacts(["250"], entra_id="", emails=["", " "]) == ()
    assert server.port().find_namesakes(["250"], first_name=" ", last_name="") == ()
    assert server.asked == []


def test_look_up_by_a_user_defined_field_is_a_question_of_its_own() -> None:
    server = Installation(settings=FieldSettings(entra_id_field="entra id"))
    number = server.add(userDefinedFields=[{"name": "Entra ID", "value": ID}])
    found = server.port().find_contacts(["250"], entra_id=ID, emails=["ann@contoso.com"])
    assert [(contact.id, contact.entra_id) for contact in found] == [(str(number), ID)]
    marked, addressed = (body_of(request) for request in server.asked)
    assert marked["filter"][1] == {"op": "eq", "field": "Entra ID", "value": ID, "udf": True}
    assert "IncludeFields" not in marked
    assert "udf" not in json.dumps(addressed)


def test_namesakes_are_compared_again() -> None:
    server = Installation()
    number = server.add(firstName="ann ", lastName="O'Brien", isActive=0)
    rows = [server.contacts[number], {"id": 9, "companyID": 250, "firstName": "Anna", "lastName": "O'Brien"}]
    server.script.append(httpx.Response(200, json={"items": rows[::-1], "pageDetails": {}}))
    found = server.port().find_namesakes(["250"], first_name="Ann", last_name="O'BRIEN")
    assert [contact.id for contact in found] == [str(number)]
    assert body_of(server.asked[0])["filter"][1:] == [
        {"op": "eq", "field": "firstName", "value": "Ann"},
        {"op": "eq", "field": "lastName", "value": "O'BRIEN"},
    ]


# --- schema -----------------------------------------------------------------------------------------------------------


def test_schema_has_the_lengths_of_this_installation_and_is_read_once_for_many_customers() -> None:
    fields = [{"name": "title", "length": 40}, {"name": "firstName", "length": 20, "isRequired": True}]
    server = Installation(fields=fields, settings=FieldSettings(max_lengths={"city": 7}))
    port = server.port()
    schema = port.fetch_schema()
    specs = {spec.name: spec for spec in schema.fields}
    assert (specs["job_title"].max_length, specs["first_name"].max_length) == (40, 20)
    assert (specs["last_name"].max_length, specs["city"].max_length) == (50, 7)
    assert {name for name, spec in specs.items() if spec.required} == {"first_name", "last_name"}
    assert specs["country"].choices == ("Great Britain", "Germany")
    assert not {"department", "manager"} & set(specs)
    assert schema.contact_types == ()
    assert port.fetch_schema() == schema
    asked = len(server.requests)
    server.clock[0] += 121
    port.fetch_schema()
    paths = [request.url.path.rpartition("/V1.0")[2] for request in server.requests[asked:]]
    assert sorted(set(paths) - {"/ThresholdInformation"}) == ["/Contacts/entityInformation/fields", "/Countries/query"]


def test_contact_types_are_the_choices_of_a_user_defined_list() -> None:
    server = Installation(settings=FieldSettings(contact_type_field="kind"))
    port = server.port()
    assert port.fetch_schema().contact_types == (("1", "Employee"), ("2", "User"))
    port.create_contact(draft().model_copy(update={"contact_type": "2"}), permit=permit)
    assert server.written[0]["userDefinedFields"] == [{"name": "Kind", "value": "2"}]


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        (FieldSettings(entra_id_field="Nope"), "entra_id_field_unknown"),
        (FieldSettings(contact_type_field="Nope"), "contact_type_field_unknown"),
        (FieldSettings(contact_type_field="Hobby"), "contact_type_field_without_choices"),
    ],
)
def test_user_defined_field_that_does_not_fit_is_a_fault_of_the_configuration(
    settings: FieldSettings, reason: str
) -> None:
    error = caught(lambda: Installation(settings=settings).port().fetch_schema())
    assert isinstance(error, InstanceError)
    assert error.reason == reason


def test_names_that_we_may_not_read_are_none() -> None:
    denied = refused("The logged in Resource does not have the adequate permissions to query this entity type.")
    server = Installation(script=[denied, denied])
    specs = {spec.name: spec for spec in server.port().fetch_schema().fields}
    assert (specs["country"].choices, specs["job_title"].max_length) == ((), 50)


def test_location_made_meanwhile_is_looked_up_again_by_its_number() -> None:
    server = Installation()
    port = server.port()
    assert port.fetch_contact(str(server.add(companyLocationID=7))).fields["site"] == "Main"
    server.locations.append({"id": 77, "companyID": 250, "name": "New"})
    number = server.add(companyLocationID=77, countryID=12)
    assert "site" not in port.fetch_contact(str(number)).fields
    server.clock[0] += 61
    contact = port.fetch_contact(str(number))
    assert (contact.site_id, contact.fields["site"], contact.fields["country"]) == ("77", "New", "Gone")


# --- creating ---------------------------------------------------------------------------------------------------------


def test_contact_is_created_below_its_company_and_read_back_once() -> None:
    server = Installation()
    port = server.port()
    fields = {"email": "ann@contoso.com", "phone": "+49 30 1 x12", "country": "germany", "job_title": "Buyer"}
    wanted = draft(**fields).model_copy(update={"site_id": "7"})
    contact = port.create_contact(wanted, permit=permit)
    assert server.written == [
        {
            "companyID": 250,
            "isActive": 1,
            "firstName": "Ann",
            "lastName": "Example",
            "title": "Buyer",
            "emailAddress": "ann@contoso.com",
            "phone": "+49 30 1",
            "extension": "12",
            "countryID": 49,
            "companyLocationID": 7,
            "externalID": ID,
        }
    ]
    assert contact.fields == {**wanted.fields, "country": "Germany", "site": "Main"}
    assert (contact.entra_id, contact.site_id, contact.emails) == (ID, "7", ("ann@contoso.com",))
    assert calls(server) == ["POST /Companies/250/Contacts", f"GET /Contacts/{contact.id}"]
    again = port.create_contact(wanted, permit=permit)
    assert again == port.fetch_contact(again.id)
    assert calls(server)[2:] == [
        "POST /Companies/250/Contacts",
        f"GET /Contacts/{again.id}",
    ]  # the second is the test's


def test_field_that_was_never_seen_to_arrive_is_proved_by_a_read() -> None:
    server = Installation()
    port = server.port()
    port.create_contact(draft(), permit=permit)
    port.create_contact(draft(city="Bonn"), permit=permit)
    port.create_contact(draft(city="Ulm"), permit=permit)
    assert [call.partition(" ")[0] for call in calls(server)] == ["POST", "GET", "POST", "GET", "POST"]


def test_creation_that_lost_the_object_id_is_noticed_and_named() -> None:
    number = 5
    lost = {"id": number, "companyID": 250, "firstName": "Ann", "lastName": "Example", "isActive": 1}
    answers = [httpx.Response(200, json={"itemId": number}), httpx.Response(200, json={"item": lost})]
    server = Installation()
    port = server.port()
    port.fetch_schema()
    server.script += answers
    error = caught(lambda: port.create_contact(draft(), permit=permit))
    assert isinstance(error, WireError)
    assert (error.reason, error.contact_id) == ("write_not_applied", "5")


def test_read_that_fails_after_a_confirmed_creation_takes_nothing_from_it() -> None:
    server = Installation()
    port = server.port()
    port.fetch_schema()
    server.script += [httpx.Response(200, json={"itemId": 5}), *[httpx.Response(503)] * 3]
    contact = port.create_contact(draft(job_title="Buyer"), permit=permit)
    assert (contact.id, contact.company_id, contact.fields["job_title"], contact.entra_id) == ("5", "250", "Buyer", ID)


def test_budget_that_is_spent_after_a_confirmed_creation_takes_nothing_from_it() -> None:
    server = Installation()
    port = server.port()
    port.fetch_schema()
    assert port.with_budget(DiaryBudget(left=1)).create_contact(draft(), permit=permit).entra_id == ID


def test_creation_that_a_read_cannot_find_may_have_happened() -> None:
    server = Installation()
    port = server.port()
    port.fetch_schema()
    server.script += [httpx.Response(200, json={"itemId": 5}), httpx.Response(200, json={"item": None})]
    assert isinstance(caught(lambda: port.create_contact(draft(), permit=permit)), AnswerLostError)


@pytest.mark.parametrize(
    "answer",
    [
        httpx.ReadTimeout("late"),
        httpx.Response(503, text="<html>", headers=HTML),
        httpx.Response(500, text="<html>", headers=HTML),
        httpx.Response(500),
        httpx.Response(200, text="<html>", headers=HTML),
        httpx.Response(200, json={"id": 5}),
        httpx.Response(200, json={"itemId": None}),
        httpx.Response(200, text="{", headers={"content-type": "application/json"}),
        refused("Transaction was deadlocked, try again."),
    ],
)
def test_creation_whose_answer_is_no_id_may_have_happened(answer: httpx.Response | Exception) -> None:
    server = Installation()
    port = server.port()
    port.fetch_schema()
    server.script.append(answer)
    assert isinstance(caught(lambda: port.create_contact(draft(), permit=permit)), AnswerLostError)
    assert len(server.written) == 1


@pytest.mark.parametrize(
    ("answer", "branch"),
    [
        (httpx.ConnectError("refused"), TransientError),
        (httpx.Response(429), TransientError),
        (refused("You have reached the thread threshold. Itgenatr005"), TransientError),
        (refused("Missing Required Field: lastName"), RecordError),
        (refused("Missing Required Field: lastName", status=200), RecordError),
        (refused("Something nobody has seen before"), RecordError),
        (refused("IntegrationCode is invalid."), InstanceError),
        (httpx.Response(401), InstanceError),
    ],
)
def test_creation_that_was_certainly_not_taken_says_so(answer: httpx.Response | Exception, branch: type) -> None:
    server = Installation()
    port = server.port()
    port.fetch_schema()
    server.script += [answer] * 3
    error = caught(lambda: port.create_contact(draft(), permit=permit))
    assert isinstance(error, branch)
    assert not isinstance(error, AnswerLostError)


def test_permit_is_asked_before_the_sending_and_stops_it() -> None:
    server = Installation()

    def no() -> float:
        raise TransientError("write_deadline_passed", vendor="worker")

    assert isinstance(caught(lambda: server.port().create_contact(draft(), permit=no)), TransientError)
    assert server.contacts == {}


def test_company_that_does_not_exist_refuses_the_contact() -> None:
    server = Installation()
    port = server.port()
    port.fetch_schema()
    server.script.append(httpx.Response(404))
    assert isinstance(caught(lambda: port.create_contact(draft(), permit=permit)), NotFoundError)


@pytest.mark.parametrize(
    ("fields", "field", "reason"),
    [
        ({"job_title": "x" * 60}, "job_title", "too_long"),
        ({"phone": "1" * 26}, "phone", "too_long"),
        ({"country": "Atlantis"}, "country", "reference_unknown"),
        ({"country": "Gone"}, "country", "reference_unknown"),
        ({"site": "Closed"}, "site", "reference_unknown"),
        ({"last_name": " \x00"}, "last_name", "required_missing"),
    ],
)
def test_value_that_does_not_fit_is_refused_before_it_is_sent(fields: dict[str, str], field: str, reason: str) -> None:
    server = Installation()
    error = caught(lambda: server.port().create_contact(draft(**fields), permit=permit))
    assert isinstance(error, RecordError)
    assert (error.field, error.reason) == (field, reason)
    assert server.written == []


def test_unknown_country_is_looked_up_again_before_it_is_refused() -> None:
    server = Installation()
    port = server.port()
    assert isinstance(caught(lambda: port.create_contact(draft(country="Elbonia"), permit=permit)), RecordError)
    server.clock[0] += 61
    server.countries.append({"id": 99, "displayName": "Elbonia"})
    assert port.create_contact(draft(country="ELBONIA"), permit=permit).fields["country"] == "Elbonia"


# --- updating ---------------------------------------------------------------------------------------------------------


def test_update_sends_only_what_differs_below_the_company_with_the_id_inside() -> None:
    server = Installation()
    number = server.add(title="Buyer", city="Bonn")
    port = server.port()
    wanted = change(number, fields={"job_title": "Chief", "city": "Bonn", "state": None}, active=False, entra_id=ID)
    after = port.update_contact(wanted, permit=permit)
    assert (after.fields["job_title"], after.active, after.entra_id) == ("Chief", False, ID)
    assert server.written == [{"id": number, "title": "Chief", "isActive": 0, "externalID": ID}]
    assert calls(server) == [f"GET /Contacts/{number}", "PATCH /Companies/250/Contacts", f"GET /Contacts/{number}"]
    again = port.update_contact(change(number, fields={"job_title": "Boss"}, active=True), permit=permit)
    assert again == port.fetch_contact(str(number))
    assert calls(server)[3:5] == [f"GET /Contacts/{number}", "PATCH /Companies/250/Contacts"]


def test_update_that_is_there_already_writes_nothing() -> None:
    server = Installation()
    number = server.add(emailAddress="ann@contoso.com", city=None, externalID=ID)
    wanted = change(number, fields={"email": "ann@contoso.com", "city": None}, active=True, entra_id=ID)
    assert server.port().update_contact(wanted, permit=permit).fields["email"] == "ann@contoso.com"
    assert server.written == []


def test_cleared_fields_are_gone() -> None:
    server = Installation()
    number = server.add(title="Buyer", phone="1", extension="2", countryID=49, companyLocationID=7)
    fields: dict[str, str | None] = dict.fromkeys(("job_title", "phone", "country", "site"))
    after = server.port().update_contact(change(number, fields=fields), permit=permit)
    assert after.fields == {"first_name": "Ann", "last_name": "Example"}
    assert after.site_id is None
    assert server.written[0] == {
        "id": number, "title": "", "phone": "", "extension": "", "countryID": None, "companyLocationID": None
    }  # fmt: skip


def test_update_of_a_contact_that_is_gone_says_so() -> None:
    error = caught(lambda: Installation().port().update_contact(change(7, active=False), permit=permit))
    assert isinstance(error, NotFoundError)


def test_contact_that_somebody_moved_is_gone_from_its_company() -> None:
    server = Installation()
    number = server.add(companyID=251)
    error = caught(lambda: server.port().update_contact(change(number, active=False), permit=permit))
    assert isinstance(error, NotFoundError)
    assert server.written == []


def test_move_is_refused_and_says_what_to_do() -> None:
    server = Installation()
    number = server.add(companyID=251)
    error = caught(lambda: server.port().update_contact(change(number, moves=True), permit=permit))
    assert isinstance(error, RecordError)
    assert not isinstance(error, NotFoundError)
    assert (error.reason, error.field) == ("move_unsupported", "company")
    assert "deactivate the old one" in str(error.vendor_message)
    assert server.written == []


def test_false_200_is_noticed_until_the_field_was_seen_to_arrive() -> None:
    server = Installation()
    number = server.add(title="Buyer")
    port = server.port()
    port.fetch_schema()

    def held(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"item": server.contacts[number]})

    wanted = change(number, fields={"job_title": "Chief"})
    false = httpx.Response(200, json={"itemId": number})
    server.script += [held, false]
    error = caught(lambda: port.update_contact(wanted, permit=permit))
    assert isinstance(error, WireError)
    assert error.reason == "write_not_applied"
    assert port.update_contact(wanted, permit=permit).fields["job_title"] == "Chief"


def test_default_address_is_replaced_and_the_others_stay() -> None:
    server = Installation()
    number = server.add(emailAddress="old@contoso.com", emailAddress2="alias@contoso.com")
    after = server.port().update_contact(change(number, fields={"email": "new@contoso.com"}), permit=permit)
    assert after.emails == ("new@contoso.com", "alias@contoso.com")


def test_wanted_address_that_is_there_already_changes_places_with_the_default() -> None:
    server = Installation()
    number = server.add(emailAddress="old@contoso.com", emailAddress3="New@contoso.com")
    after = server.port().update_contact(change(number, fields={"email": "new@contoso.com"}), permit=permit)
    assert after.emails == ("new@contoso.com", "old@contoso.com")
    assert server.contacts[number]["emailAddress3"] == "old@contoso.com"


def test_user_defined_fields_of_others_are_left_alone() -> None:
    server = Installation(settings=FieldSettings(entra_id_field="Entra ID"))
    number = server.add(userDefinedFields=[{"name": "Hobby", "value": "chess"}, {"name": "Entra ID", "value": None}])
    after = server.port().update_contact(change(number, entra_id=ID), permit=permit)
    assert after.entra_id == ID
    assert server.written == [{"id": number, "userDefinedFields": [{"name": "Entra ID", "value": ID}]}]
    assert {"name": "Hobby", "value": "chess"} in server.contacts[number]["userDefinedFields"]


def test_refusal_of_a_field_is_not_tried_again() -> None:
    server = Installation()
    number = server.add(companyLocationID=7)
    port = server.port()
    port.fetch_contact(str(number))
    text = "Reference value on field: companyLocationID of type: CompanyLocation does not exist or is invalid."
    server.script += [httpx.Response(200, json={"item": server.contacts[number]}), refused(text)]
    error = caught(lambda: port.update_contact(change(number, site_id="99"), permit=permit))
    assert isinstance(error, RecordError)
    assert (error.reason, error.field, error.vendor_message) == ("reference_unknown", "site", text)
    assert len(server.written) == 1


# --- limits -----------------------------------------------------------------------------------------------------------


def test_requests_hold_a_place_of_their_object() -> None:
    slots = CountingSlots()
    server = Installation(slots=slots, companies={250: {"id": 250}})
    port = server.port()
    port.fetch_company("250")
    port.fetch_sites("250")
    port.create_contact(draft(country="Germany"), permit=permit)
    assert set(slots.held) == {"Contacts", "CompanyLocations", "Countries", "ThresholdInformation"}
    assert set(slots.inside.values()) == {0}


def test_full_house_sends_nothing() -> None:
    server = Installation(slots=CountingSlots(taken={"Contacts"}))
    error = caught(lambda: server.port().create_contact(draft(), permit=permit))
    assert isinstance(error, BudgetError)
    assert server.asked == []


def test_threads_beyond_the_threshold_are_asked_again_in_seconds() -> None:
    budget = DiaryBudget()
    server = Installation(budget=budget, companies={250: {"id": 250}})
    server.script.append(refused("thread threshold of 3 threads has been exceeded", status=400))
    assert server.port().fetch_company("250").id == "250"
    assert "pause 2" in budget.diary


def test_hour_is_asked_about_once_a_minute_and_stops_the_instance_at_its_half() -> None:
    budget = DiaryBudget()
    server = Installation(budget=budget)
    number = server.add()
    port = server.port()
    for _ in range(3):
        port.fetch_contact(str(number))
        port.with_budget(budget).fetch_contact(str(number))
    asked = [request for request in server.requests if request.url.path.endswith("/ThresholdInformation")]
    assert len(asked) == 1
    assert not [entry for entry in budget.diary if entry.startswith("pause")]
    server.clock[0] += 60
    server.threshold = {"externalRequestThreshold": 10000, "currentTimeframeRequestCount": 5000}
    port.fetch_contact(str(number))
    assert [entry for entry in budget.diary if entry.startswith("pause")] == ["pause 60"]


# --- lanes and checks -------------------------------------------------------------------------------------------------


def test_lanes_share_what_is_known_and_spend_their_own_budget() -> None:
    server = Installation(budget=DiaryBudget())
    number = server.add()
    port = server.port()
    port.fetch_contact(str(number))
    lane = DiaryBudget()
    port.with_budget(lane).fetch_contact(str(number))
    assert lane.diary == ["reserve", "succeeded"]


def test_check_tells_zone_release_and_rights() -> None:
    server = Installation(rights={"canQuery": True, "canCreate": True, "canUpdate": False})
    facts = server.port().check()
    assert (facts.codebase, facts.version, facts.vendor_sync) == (ZONE, "1.0", None)
    assert facts.missing == ("contacts (update)",)
    assert {request.method for request in server.requests} <= {"GET", "POST"}
    assert server.written == []


def test_check_without_any_right_names_them_all() -> None:
    denied = refused("The logged in Resource does not have the adequate permissions to query this entity type.")
    server = Installation(script=[denied, denied])
    assert len(server.port().check().missing) == 4


@pytest.mark.parametrize("answer", [httpx.Response(401), refused("IntegrationCode is invalid.")])
def test_dead_keys_are_told_by_the_check(answer: httpx.Response) -> None:
    error = caught(lambda: Installation(script=[answer]).port().check())
    assert isinstance(error, InstanceError)
    assert error.reason == "credentials_refused"


def test_secrets_are_in_no_representation() -> None:
    for secret in ("s3cr3t", "CODE1", "msp.example"):
        assert secret not in repr(ACCESS)
