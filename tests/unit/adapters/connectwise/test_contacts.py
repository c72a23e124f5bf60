import threading
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest

from adapters.connectwise import FieldSettings
from adapters.errors import AnswerLostError, InstanceError, NotFoundError, RecordError, TransientError, WireError
from adapters.records import ContactChange, ContactDraft
from tasks.ports import Contacts
from tests.fakes.budget import DiaryBudget
from tests.unit.adapters.connectwise.installation import (
    ACCESS,
    TYPES,
    Installation,
    caught,
    credentials,
    email,
    phone,
    refused,
)

ID = "4f6c0a1e-0000-4000-8000-00000000a001"
OTHER = "4f6c0a1e-0000-4000-8000-00000000a002"


def permit() -> float:
    return 20.0


def draft(**fields: str) -> ContactDraft:
    return ContactDraft(company_id="250", entra_id=ID, fields={"first_name": "Ann", **fields})


def change(number: int, **parts: Any) -> ContactChange:
    return ContactChange(contact_id=str(number), company_id="250", **parts)


def asked_for(request: httpx.Request) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(request.url.query.decode()).items()}


def calls(server: Installation) -> list[str]:
    return [f"{request.method} {request.url.path.partition('/apis/3.0')[2]}" for request in server.asked]


def test_it_is_what_tasks_ask_for() -> None:
    port: Contacts = Installation().port()
    assert port.fetch_schema().contact_types


# --- where the API lives ----------------------------------------------------------------------------------------------


def test_codebase_is_asked_for_once_and_without_secrets() -> None:
    server = Installation()
    number = server.add()
    port = server.port()
    port.fetch_contact(str(number))
    port.fetch_contact(str(number))
    look_ups = [request for request in server.requests if request.url.path == "/login/companyinfo/msp"]
    assert len(look_ups) == 1
    assert "authorization" not in look_ups[0].headers
    assert "clientid" not in look_ups[0].headers
    signed = server.asked[0]
    assert signed.url.path == f"/v2026_1/apis/3.0/company/contacts/{number}"
    assert credentials(signed) == "msp+pub:s3cr3t"
    assert signed.headers["clientid"] == "c1-guid"


def test_upgraded_installation_is_found_again_and_the_call_repeated() -> None:
    server = Installation()
    number = server.add()
    port = server.port()
    port.fetch_contact(str(number))
    server.codebase = "v2026_2/"
    left = [5.0, 20.0]
    after = port.update_contact(change(number, active=False), permit=left.pop)
    assert after.active is False
    assert left == []  # the second sending was permitted by itself


def test_many_threads_look_the_new_codebase_up_once() -> None:
    server = Installation()
    number = server.add()
    port = server.port()
    port.fetch_contact(str(number))
    server.codebase = "v2026_2/"
    threads = [threading.Thread(target=port.fetch_contact, args=(str(number),)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(request.url.path.startswith("/login/") for request in server.requests) == 2


def test_address_that_stays_wrong_is_not_looked_up_by_every_call() -> None:
    server = Installation()
    port = server.port()
    for _ in range(5):
        server.script += [httpx.Response(400, text="Cannot route. Codebase/company is invalid.")] * 2
        error = caught(lambda: port.fetch_contact("1"))
        assert isinstance(error, InstanceError)
        assert error.reason == "endpoint_unknown"
    assert sum(request.url.path.startswith("/login/") for request in server.requests) == 2


@pytest.mark.parametrize(
    "answer", [httpx.Response(404, text="<html>"), httpx.Response(403), httpx.Response(200, text="fine")]
)
def test_installation_that_does_not_tell_its_codebase_is_called_by_the_old_name(answer: httpx.Response) -> None:
    server = Installation(codebase="v4_6_release/", companyinfo=[answer])
    number = server.add()
    assert server.port().fetch_contact(str(number)).id == str(number)


def test_codebase_without_its_slash_is_understood() -> None:
    server = Installation(companyinfo=[httpx.Response(200, json={"Codebase": "v2026_1"})])
    number = server.add()
    assert server.port().fetch_contact(str(number)).id == str(number)


def test_unknown_company_stops_the_instance() -> None:
    server = Installation(companyinfo=[httpx.Response(200, text="null", headers={"content-type": "application/json"})])
    error = caught(lambda: server.port().fetch_contact("1"))
    assert isinstance(error, InstanceError)
    assert error.reason == "company_unknown"


@pytest.mark.parametrize(
    "codebase", ["//evil.example/", "../x/", "https://evil.example/", "a/b/", "v1?x=", "", "v1\n", "..", "@evil/"]
)
def test_codebase_that_could_lead_elsewhere_gets_no_secret(codebase: str) -> None:
    server = Installation(companyinfo=[httpx.Response(200, json={"Codebase": codebase})])
    assert isinstance(caught(lambda: server.port().fetch_contact("1")), WireError)
    assert all("authorization" not in request.headers for request in server.requests)


# --- whole companies --------------------------------------------------------------------------------------------------


def test_company_is_read_by_id_in_large_trimmed_pages() -> None:
    server = Installation()
    for _ in range(1001):
        server.add()
    port = server.port()
    page, cursor = port.fetch_contacts("250")
    rest, end = port.fetch_contacts("250", cursor)
    assert (len(page), len(rest), end) == (1000, 1, None)
    assert len({contact.id for contact in page + rest}) == 1001
    first, second = server.asked
    assert first.headers["pagination-type"] == "forward-only"
    assert asked_for(first)["conditions"] == "company/id=250"
    assert (asked_for(first)["pageId"], asked_for(second)["pageId"]) == ("0", "2000")
    assert "communicationItems" in asked_for(first)["fields"]
    assert second.url.host == "api-na.myconnectwise.net"


def test_company_is_read_from_a_server_that_only_numbers_its_pages() -> None:
    def numbered(request: httpx.Request) -> httpx.Response:
        query = asked_for(request)
        ids = sorted(range(1, 2001), reverse="orderBy" not in query)
        start = (int(query.get("page", 1)) - 1) * 1000
        rows = [{"id": number, "company": {"id": 250}} for number in ids[start : start + 1000]]
        return httpx.Response(200, json=rows, headers={"link": '<https://x/y?page=9>; rel="next"'})

    server = Installation(script=[numbered] * 9)
    port = server.port()
    seen: list[str] = []
    cursor: str | None = None
    while True:
        page, cursor = port.fetch_contacts("250", cursor)
        seen += [contact.id for contact in page]
        if cursor is None:
            break
    assert seen == [str(number) for number in range(1, 2001)]


def test_refused_list_is_a_failure_of_ours_and_no_record() -> None:
    server = Installation(script=[refused()])
    error = caught(lambda: server.port().fetch_contacts("250"))
    assert isinstance(error, WireError)
    assert error.reason == "query_refused"


@pytest.mark.parametrize("body", [{"items": []}, [{"firstName": "no id"}], [None], "x", 7, None])
def test_list_of_unknown_shape_is_no_empty_company(body: object) -> None:
    server = Installation(script=[httpx.Response(200, json=body)])
    error = caught(lambda: server.port().fetch_contacts("250"))
    assert isinstance(error, WireError)
    assert "no id" not in repr(error)


@pytest.mark.parametrize("title", [rb'"a\ud83d"', b'"a\xed\xa0\xbd"'])
def test_value_that_was_cut_inside_an_emoji_spoils_nothing(title: bytes) -> None:
    text = b'[{"id": 1, "company": {"id": 250}, "city": "\\ud83d\\ude00", "customFields": [{"value": ' + title
    text += b'}], "title": ' + title + b"}]"
    server = Installation(script=[httpx.Response(200, content=text, headers={"content-type": "application/json"})])
    page, _ = server.port().fetch_contacts("250")
    assert page[0].fields["city"] == "\N{GRINNING FACE}"
    assert page[0].fields["job_title"].startswith("a\N{REPLACEMENT CHARACTER}")
    page[0].model_dump_json().encode()


def test_maintenance_page_is_no_empty_company() -> None:
    server = Installation(script=[httpx.Response(200, text="<html>", headers={"content-type": "text/html"})] * 3)
    assert isinstance(caught(lambda: server.port().fetch_contacts("250")), TransientError)


def test_contacts_are_counted_inactive_ones_included() -> None:
    server = Installation(script=[httpx.Response(200, json={"count": 412})])
    assert server.port().count_contacts("250") == 412
    assert asked_for(server.asked[0]) == {"conditions": "company/id=250"}


@pytest.mark.parametrize("company_id", ["abc", "", "1 OR id>0", "²"])
def test_company_that_cannot_exist_is_not_found_without_a_call(company_id: str) -> None:
    server = Installation()
    port = server.port()
    for call in (port.fetch_company, port.fetch_contacts, port.count_contacts, port.fetch_contact):
        assert isinstance(caught(lambda call=call: call(company_id)), NotFoundError)  # type: ignore[misc]  # a default binds it
    assert server.requests == []


def test_company_comes_with_its_sites_and_domain() -> None:
    body = {"id": 250, "name": "Contoso", "status": {"id": 1, "name": "Active"}, "website": "https://www.contoso.com"}
    server = Installation(script=[httpx.Response(200, json=body)])
    port = server.port()
    company = port.fetch_company("250")
    assert (company.id, company.active, company.domains) == ("250", True, ("contoso.com",))
    assert len(server.asked) == 1
    assert port.fetch_sites("250") == port.fetch_sites("250") == (("7", "Main"),)
    assert len(server.asked) == 2


def test_active_companies_are_listed_a_thousand_a_call() -> None:
    active = {"status": {"id": 1, "name": "Active"}, "deletedFlag": False}
    full = [{"id": number, "name": f"Company {number}", **active} for number in range(1, 1001)]
    rest = [
        {"id": 1001, "name": "Closed", "status": {"id": 2, "name": "Inactive"}},
        {"id": 1002, "name": "Z", **active},
    ]
    server = Installation(script=[httpx.Response(200, json=full), httpx.Response(200, json=rest)])
    pages = list(server.port().iter_companies())
    assert [len(page) for page in pages] == [1000, 1]
    assert [company.id for company in pages[1]] == ["1002"]
    assert [asked_for(request)["page"] for request in server.asked] == ["1", "2"]
    assert asked_for(server.asked[0])["conditions"] == "deletedFlag=False"


# --- look-ups ---------------------------------------------------------------------------------------------------------


def test_look_up_asks_once_by_object_id_and_once_by_all_addresses() -> None:
    server = Installation()
    by_id = server.add(userDefinedField10=ID.upper())
    by_mail = server.add(communicationItems=[email("info@contoso.com"), email("ANN+x@contoso.com", default=False)])
    server.add(communicationItems=[email("joann@contoso.com")])
    server.add(company={"id": 999}, userDefinedField10=ID)
    found = server.port().find_contacts(["251", "250"], entra_id=ID, emails=["ann+x@contoso.com", "a@b.c", "A@b.c "])
    assert [contact.id for contact in found] == [str(by_id), str(by_mail)]
    first, second = server.asked
    assert asked_for(first)["conditions"] == f'company/id in (250,251) AND userDefinedField10="{ID}"'
    assert asked_for(second)["conditions"] == "company/id in (250,251)"
    assert asked_for(second)["childConditions"] == (
        'communicationItems/value="ann+x@contoso.com" AND communicationItems/communicationType="Email" OR '
        'communicationItems/value="A@b.c" AND communicationItems/communicationType="Email"'
    )
    assert "+" not in second.url.query.decode()
    assert "inactiveFlag=" not in second.url.query.decode()


def test_look_up_keeps_every_url_short() -> None:
    server = Installation()
    addresses = [f"{'a' * 60}{number}@subsidiary.contoso.example" for number in range(40)]
    server.port().find_contacts([str(number) for number in range(300)], entra_id=ID, emails=addresses)
    assert max(len(str(request.url)) for request in server.asked) < 2000
    assert len(server.asked) < 20


def test_look_up_without_anything_to_ask_asks_nothing() -> None:
    server = Installation()
    assert server.port().find_contacts(["250"], entra_id="", emails=["", " "]) == ()
    assert server.port().find_namesakes(["250"], first_name=" ", last_name="") == ()
    assert server.asked == []


def test_look_up_by_a_caption_asks_among_the_custom_fields() -> None:
    server = Installation(settings=FieldSettings(entra_id_field="EntraId"))
    fields = [{"id": 15, "caption": "EntraId", "value": ID}]
    number = server.add(customFields=fields)
    found = server.port().find_contacts(["250"], entra_id=ID, emails=[])
    assert [contact.id for contact in found] == [str(number)]
    asked = asked_for(server.asked[0] if "customFieldConditions" in str(server.asked[0].url) else server.asked[1])
    assert asked["customFieldConditions"] == f'caption="EntraId" AND value="{ID}"'
    assert asked["conditions"] == "company/id=250"


def test_namesakes_are_compared_again() -> None:
    server = Installation()
    number = server.add(firstName="ann ", lastName="O'Brien", inactiveFlag=True)
    server.add(firstName="Anna", lastName="O'Brien")
    found = server.port().find_namesakes(["250"], first_name="Ann", last_name="O'BRIEN")
    assert [contact.id for contact in found] == [str(number)]
    assert asked_for(server.asked[0])["conditions"] == ('company/id=250 AND firstName="Ann" AND lastName="O\'BRIEN"')


# --- schema -----------------------------------------------------------------------------------------------------------


def test_schema_is_read_once_for_many_customers() -> None:
    server = Installation(settings=FieldSettings(max_lengths={"job_title": 100}))
    port = server.port()
    schema = port.fetch_schema()
    specs = {spec.name: spec for spec in schema.fields}
    assert specs["department"].choices == ("Sales", "IT")
    assert specs["country"].choices == ("Germany",)
    assert specs["job_title"].max_length == 100
    assert schema.contact_types == (("1", "Employee"), ("2", "User"))
    assert port.fetch_schema() == schema
    asked = len(server.requests)
    server.clock[0] += 121
    port.fetch_schema()
    assert len(server.requests) == asked + 4


def test_table_that_an_installation_lacks_is_empty() -> None:
    answers = [httpx.Response(404, json={"code": "ConnectWiseApi", "message": "The endpoint does not exist."})] * 3
    schema = Installation(script=list(answers)).port().fetch_schema()
    assert {spec.choices for spec in schema.fields if spec.name in ("department", "country")} == {()}


def test_caption_that_does_not_exist_is_a_fault_of_the_configuration() -> None:
    server = Installation(settings=FieldSettings(entra_id_field="Nope"))
    server.add(customFields=[{"id": 15, "caption": "EntraId"}])
    error = caught(lambda: server.port().fetch_schema())
    assert isinstance(error, InstanceError)
    assert error.reason == "entra_id_field_unknown"


def test_caption_is_found_among_the_definitions_where_there_is_no_contact() -> None:
    definitions = [
        {"id": 14, "caption": "EntraId", "screenId": "co100"},
        {"id": 15, "caption": "EntraId", "screenId": "ct300"},
    ]
    answers = [httpx.Response(200, json=[]), httpx.Response(200, json=definitions)]
    kept = {"id": 1, "company": {"id": 250}, "customFields": [{"id": 15, "caption": "EntraId", "value": ID}]}
    answers.append(httpx.Response(201, json=kept))
    server = Installation(settings=FieldSettings(entra_id_field="entraid"), script=list(answers))
    server.port().create_contact(draft(), permit=permit)
    assert server.bodies[0]["customFields"] == [{"id": 15, "value": ID}]


def test_communication_type_that_does_not_exist_is_a_fault_of_the_configuration() -> None:
    server = Installation(settings=FieldSettings(communication_types={"phone": "Carrier pigeon"}))
    error = caught(lambda: server.port().fetch_schema())
    assert isinstance(error, InstanceError)
    assert error.reason == "communication_type_unknown"


def test_installation_that_seems_to_have_no_communication_type_gives_no_schema_without_addresses() -> None:
    server = Installation()
    server.tables["/company/communicationTypes"] = []
    port = server.port()
    error = caught(port.fetch_schema)
    assert isinstance(error, WireError)
    assert error.reason == "communication_types_missing"
    server.tables["/company/communicationTypes"] = TYPES
    assert "email" in {spec.name for spec in port.fetch_schema().fields}


# --- creating ---------------------------------------------------------------------------------------------------------


def test_contact_is_created_in_one_call_and_returned_as_it_is_held() -> None:
    server = Installation()
    wanted = draft(email="ann@contoso.com", phone="555 x12", department="sales", country="Germany")
    contact = server.port().create_contact(
        wanted.model_copy(update={"site_id": "7", "contact_type": "2"}), permit=permit
    )
    assert contact.entra_id == ID
    assert contact.fields["department"] == "Sales"
    assert contact.fields["phone"] == "555 x12"
    assert contact.site_id == "7"
    assert server.bodies[0]["typeIds"] == [2]
    assert calls(server)[-1] == "POST /company/contacts"


def test_unknown_department_is_looked_up_again_before_it_is_refused() -> None:
    server = Installation()
    port = server.port()
    assert isinstance(caught(lambda: port.create_contact(draft(department="Law"), permit=permit)), RecordError)
    server.clock[0] += 61
    server.tables["/company/contacts/departments"] = [{"id": 6, "name": "IT"}, {"id": 9, "name": "Law"}]
    server.contacts.clear()
    assert port.create_contact(draft(department="LAW"), permit=permit).fields["department"] == "Law"


def test_permit_is_asked_before_the_sending_and_stops_it() -> None:
    server = Installation()

    def no() -> float:
        raise TransientError("write_deadline_passed", vendor="worker")

    assert isinstance(caught(lambda: server.port().create_contact(draft(), permit=no)), TransientError)
    assert server.contacts == {}


@pytest.mark.parametrize(
    "answer",
    [
        httpx.ReadTimeout("late"),
        httpx.Response(503, text="<html>", headers={"content-type": "text/html"}),
        httpx.Response(500, json={"code": "Oops", "message": "x"}),
        httpx.Response(201, json={"firstName": "no id"}),
        httpx.Response(201, text="{", headers={"content-type": "application/json"}),
    ],
)
def test_creation_whose_answer_is_no_contact_may_have_happened(answer: httpx.Response | Exception) -> None:
    error = caught(lambda: Installation(script=[answer]).port().create_contact(draft(), permit=permit))
    assert isinstance(error, AnswerLostError)


@pytest.mark.parametrize(
    ("answer", "branch"),
    [
        (httpx.ConnectError("refused"), TransientError),
        (httpx.Response(429, json={"error": "ConnectWiseAPI", "message": "later"}), TransientError),
        (refused(field="firstName"), RecordError),
        (httpx.Response(401), InstanceError),
    ],
)
def test_creation_that_was_certainly_not_taken_says_so(answer: httpx.Response | Exception, branch: type) -> None:
    error = caught(lambda: Installation(script=[answer] * 3).port().create_contact(draft(), permit=permit))
    assert isinstance(error, branch)
    assert not isinstance(error, AnswerLostError)


def test_creation_that_lost_the_object_id_is_noticed_and_named() -> None:
    body = {"id": 5, "firstName": "Ann", "company": {"id": 250}}
    error = caught(
        lambda: Installation(script=[httpx.Response(201, json=body)]).port().create_contact(draft(), permit=permit)
    )
    assert isinstance(error, WireError)
    assert (error.reason, error.contact_id) == ("write_not_applied", "5")


# --- updating ---------------------------------------------------------------------------------------------------------


def test_plain_update_is_one_call() -> None:
    server = Installation()
    number = server.add(title="Buyer")
    after = server.port().update_contact(
        change(number, fields={"job_title": "Chief", "department": "IT"}, active=False, entra_id=ID), permit=permit
    )
    assert (after.fields["job_title"], after.fields["department"], after.active) == ("Chief", "IT", False)
    assert calls(server)[-1:] == [f"PATCH /company/contacts/{number}"]
    assert f"GET /company/contacts/{number}" not in calls(server)


def test_update_of_an_item_reads_the_contact_just_before() -> None:
    server = Installation()
    number = server.add(communicationItems=[phone("1"), email("old@contoso.com", number=1)])
    after = server.port().update_contact(change(number, fields={"email": "new@contoso.com"}), permit=permit)
    assert after.fields == {"first_name": "Ann", "email": "new@contoso.com", "phone": "1"}
    assert calls(server) == [f"GET /company/contacts/{number}", f"PATCH /company/contacts/{number}"]


def test_update_that_is_there_already_writes_nothing() -> None:
    server = Installation()
    number = server.add(communicationItems=[email("ann@contoso.com")])
    after = server.port().update_contact(
        change(number, fields={"email": "ann@contoso.com", "city": None}), permit=permit
    )
    assert after.fields["email"] == "ann@contoso.com"
    assert server.bodies == []


def test_update_of_a_contact_that_is_gone_says_so() -> None:
    error = caught(lambda: Installation().port().update_contact(change(7, active=False), permit=permit))
    assert isinstance(error, NotFoundError)


def test_false_200_is_noticed_until_the_field_was_seen_to_arrive() -> None:
    server = Installation()
    number = server.add(title="Buyer")
    port = server.port()
    false = httpx.Response(200, json={"id": number, "firstName": "Ann", "title": "Buyer", "company": {"id": 250}})
    wanted = change(number, fields={"job_title": "Chief"})
    server.script.append(false)
    error = caught(lambda: port.update_contact(wanted, permit=permit))
    assert isinstance(error, WireError)
    assert error.reason == "write_not_applied"
    port.update_contact(wanted, permit=permit)
    server.script.append(false)
    assert port.update_contact(wanted, permit=permit).fields["job_title"] == "Buyer"


def test_contact_that_was_moved_meanwhile_is_always_noticed() -> None:
    server = Installation()
    number = server.add(company={"id": 251})
    port = server.port()
    for _ in range(2):
        error = caught(lambda: port.update_contact(change(number, active=True), permit=permit))
        assert isinstance(error, WireError)


def test_move_is_written_only_when_it_is_asked_for() -> None:
    server = Installation()
    number = server.add(company={"id": 251})
    after = server.port().update_contact(change(number, moves=True), permit=permit)
    assert after.company_id == "250"


def test_answer_without_a_body_is_read_back() -> None:
    server = Installation(script=[httpx.Response(204)])
    number = server.add(title="Chief")
    after = server.port().update_contact(change(number, fields={"job_title": "Chief"}), permit=permit)
    assert after.fields["job_title"] == "Chief"


def test_update_that_was_taken_but_cannot_be_read_back_may_have_happened() -> None:
    server = Installation(script=[httpx.Response(204), *[httpx.Response(503)] * 3])
    number = server.add()
    error = caught(lambda: server.port().update_contact(change(number, active=False), permit=permit))
    assert isinstance(error, AnswerLostError)


def test_refusal_of_a_field_is_not_tried_again() -> None:
    server = Installation(script=[refused(field="title")])
    number = server.add()
    error = caught(lambda: server.port().update_contact(change(number, fields={"job_title": "x"}), permit=permit))
    assert isinstance(error, RecordError)
    assert (error.field, error.vendor_message) == ("job_title", "ann@contoso.com is bad")
    assert len(server.asked) == 1


def test_installation_that_wants_custom_fields_in_every_patch_is_remembered() -> None:
    server = Installation(script=[refused()])
    hobby = {"id": 14, "caption": "Hobby", "type": "Text", "value": "chess"}
    number = server.add(customFields=[hobby])
    port = server.port()
    port.update_contact(change(number, fields={"job_title": "A"}), permit=permit)
    port.with_budget(DiaryBudget()).update_contact(change(number, fields={"job_title": "B"}), permit=permit)
    assert calls(server) == [
        f"PATCH /company/contacts/{number}",
        f"GET /company/contacts/{number}",
        f"PATCH /company/contacts/{number}",
        f"GET /company/contacts/{number}",
        f"PATCH /company/contacts/{number}",
    ]
    assert server.bodies[-1] == [
        {"op": "replace", "path": "/title", "value": "B"},
        {"op": "replace", "path": "/customFields", "value": [hobby]},
    ]


def test_object_id_in_a_custom_field_is_sent_alone_then_with_the_whole_array() -> None:
    server = Installation(settings=FieldSettings(entra_id_field="EntraId"))
    fields = [{"id": 14, "caption": "Hobby", "value": "chess"}, {"id": 15, "caption": "EntraId"}]
    number = server.add(customFields=fields)
    port = server.port()
    port.fetch_schema()
    server.script.append(refused(field="customFields"))
    after = port.update_contact(change(number, entra_id=ID), permit=permit)
    assert after.entra_id == ID
    alone, whole = server.bodies
    assert alone == [{"op": "replace", "path": "/customFields", "value": [{"id": 15, "value": ID}]}]
    assert whole[0]["value"] == [fields[0], {"id": 15, "caption": "EntraId", "value": ID}]


# --- lanes and checks -------------------------------------------------------------------------------------------------


def test_lanes_share_what_is_known_and_spend_their_own_budget() -> None:
    server = Installation(budget=DiaryBudget())
    number = server.add()
    port = server.port()
    port.fetch_contact(str(number))
    lane = DiaryBudget()
    port.with_budget(lane).fetch_contact(str(number))
    assert lane.diary == ["reserve", "succeeded"]


def test_check_tells_release_rights_and_the_vendors_own_sync() -> None:
    server = Installation()
    port = server.port()
    port.fetch_schema()
    server.script += [
        httpx.Response(200, json=[]),
        httpx.Response(403, json={"code": "Forbidden", "message": "no"}),
        httpx.Response(200, json={"version": "v2026.1.1", "isCloud": True}),
        httpx.Response(200, json=[{"contactRecId": 5}]),
    ]
    facts = port.check()
    assert (facts.codebase, facts.version, facts.vendor_sync) == ("v2026_1/", "v2026.1.1", True)
    assert facts.missing == ("companies",)


def test_check_does_without_what_it_may_not_know() -> None:
    server = Installation()
    port = server.port()
    port.fetch_schema()
    server.script += [httpx.Response(200, json=[])] * 2 + [httpx.Response(403)] + [httpx.Response(403)]
    facts = port.check()
    assert (facts.version, facts.vendor_sync, facts.missing) == (None, None, ())


def test_dead_keys_are_told_by_the_check() -> None:
    error = caught(lambda: Installation(script=[httpx.Response(401)]).port().check())
    assert isinstance(error, InstanceError)
    assert error.reason == "credentials_refused"


def test_secrets_are_in_no_representation() -> None:
    assert "s3cr3t" not in repr(ACCESS)
    assert "pub" not in repr(ACCESS).replace("public", "")
