from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.errors import RecordError
from adapters.halo.layout import FieldSettings, Layout, layout_of, parse_entra_id_field
from adapters.halo.mapping import (
    change_body,
    draft_body,
    find_contradictions,
    is_pseudo_user,
    map_company,
    map_schema,
    map_sites,
    map_user,
)
from adapters.halo.wire import WireClient, WireSite, WireUser
from adapters.records import ContactChange, ContactDraft
from adapters.texts import clean
from tests.unit.adapters.halo.installation import CLIENTS, SITES, stored

ID = "4f6c0a1e-0000-4000-8000-00000000a001"
LAYOUT = layout_of(FieldSettings())
CUSTOM = layout_of(FieldSettings(entra_id_field="EntraId"))


def wire(**fields: Any) -> WireUser:
    return WireUser.model_validate({"id": 1207, "name": "Ann Example", "site_id": 95.0, "client_id": 31, **fields})


def change(**parts: Any) -> ContactChange:
    return ContactChange(contact_id="1207", company_id="31", **parts)


# --- wire → record ----------------------------------------------------------------------------------------------------


def test_user_as_it_comes_back_is_read_in_our_names() -> None:
    contact = map_user(
        wire(
            firstname="Ann",
            surname="Example",
            title="Buyer",
            site_id_int=95,
            site_name="Main",
            emailaddress="ann@contoso.com",
            email2=" a.example@contoso.com ",
            email3=None,
            phonenumber="+1 555 1234",
            mobilenumber2="+1 555 9",
            mobilenumber="not ours",
            department="Sales",
            inactive=True,
            azureoid=ID,
            something_new={"a": 1},
        ),
        LAYOUT,
    )
    assert (contact.id, contact.company_id, contact.site_id, contact.active) == ("1207", "31", "95", False)
    assert (contact.entra_id, contact.protected) == (ID, None)
    assert contact.emails == ("ann@contoso.com", "a.example@contoso.com")
    assert contact.fields == {
        "display_name": "Ann Example",
        "first_name": "Ann",
        "last_name": "Example",
        "job_title": "Buyer",
        "site": "Main",
        "department": "Sales",
        "email": "ann@contoso.com",
        "email2": "a.example@contoso.com",
        "phone": "+1 555 1234",
        "mobile_phone": "+1 555 9",
    }


def test_names_are_read_in_any_case() -> None:
    user = WireUser.model_validate({"Id": 7, "EmailAddress": "a@b.c", "Client_ID": "31", "Inactive": "True"})
    contact = map_user(user, LAYOUT)
    assert (contact.id, contact.company_id, contact.emails, contact.active) == ("7", "31", ("a@b.c",), False)


@pytest.mark.parametrize("site", [{"site_id": 95}, {"site_id": 95.0}, {"site_id": None, "site_id_int": 95}])
def test_site_is_read_by_either_name_and_as_a_double(site: dict[str, Any]) -> None:
    assert map_user(wire(**site), LAYOUT).site_id == "95"


@pytest.mark.parametrize("number", [0, -1, None])
def test_id_that_points_to_nothing_is_none(number: int | None) -> None:
    contact = map_user(wire(site_id=number, client_id=number), LAYOUT)
    assert (contact.site_id, contact.company_id) == (None, "")


def test_names_are_parted_where_halo_has_only_the_whole_one() -> None:
    fields = map_user(wire(name="Ann  Marie Example"), LAYOUT).fields
    assert (fields["first_name"], fields["last_name"]) == ("Ann", "Marie Example")
    assert map_user(wire(name="Ann Marie", surname="Example"), LAYOUT).fields.get("first_name") is None


def test_mobile_field_is_configured() -> None:
    layout = layout_of(FieldSettings(mobile_field="mobilenumber"))
    assert map_user(wire(mobilenumber="1", mobilenumber2="2"), layout).fields["mobile_phone"] == "1"


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ({"isimportantcontact": True}, "important"),
        ({"isimportantcontact2": True}, "important"),
        ({"isserviceaccount": True}, "service account"),
        ({"isimportantcontact": False, "isimportantcontact2": None}, None),
    ],
)
def test_important_contacts_are_protected(flags: dict[str, Any], expected: str | None) -> None:
    assert map_user(wire(**flags), LAYOUT).protected == expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"name": "General User"}, True),
        ({"name": " general user "}, True),
        ({"isserviceaccount": True}, True),
        ({"name": "General Manager"}, False),
    ],
)
def test_pseudo_users_are_told_from_people(fields: dict[str, Any], expected: bool) -> None:
    assert is_pseudo_user(wire(**fields)) is expected


@pytest.mark.parametrize("text", ["EntraId", "CFEntraId", "cfEntraId"])
def test_object_id_is_read_from_the_custom_field(text: str) -> None:
    layout = layout_of(FieldSettings(entra_id_field=text))
    fields = [{"id": 1, "name": "CFHobby", "value": "x"}, {"id": 221, "name": "CFEntraID", "value": ID}]
    assert map_user(wire(customfields=fields, azureoid="other"), layout).entra_id == ID
    assert map_user(wire(customfields=[]), layout).entra_id is None


@pytest.mark.parametrize(("text", "name"), [("AzureOID ", "azureoid"), ("Other3", "other3"), ("other6", "CFother6")])
def test_field_of_the_object_id_is_named_in_any_case(text: str, name: str) -> None:
    assert parse_entra_id_field(text).name == name


def test_field_that_holds_the_object_id_holds_nothing_else() -> None:
    layout = layout_of(FieldSettings(entra_id_field="other3"))
    contact = map_user(wire(other3=ID), layout)
    assert contact.entra_id == ID
    assert "other3" not in contact.fields
    assert "other3" not in {spec.name for spec in map_schema(layout, max_lengths={}).fields}


def test_company_lists_open_sites_and_all_domains() -> None:
    client = WireClient.model_validate({**CLIENTS[31], "domain": "contoso.org, contoso.com"})
    sites = [WireSite.model_validate(site) for site in SITES if site["client_id"] == 31]
    company = map_company(client, sites)
    assert (company.id, company.name, company.active, company.deleted) == ("31", "Contoso Ltd", True, False)
    assert map_sites(sites) == (("95", "Main"), ("96", "Berlin"))
    assert company.domains == ("contoso.com", "contoso.org")


@pytest.mark.parametrize("website", ["see our page", "https://[broken", "localhost", "", None])
def test_website_that_is_no_address_gives_no_domain(website: str | None) -> None:
    assert map_company(WireClient.model_validate({"id": 1, "website": website}), []).domains == ()


def test_schema_declares_no_lengths_but_the_configured_ones() -> None:
    schema = map_schema(LAYOUT, max_lengths={"job_title": 50})
    specs = {spec.name: spec for spec in schema.fields}
    assert [spec.name for spec in schema.fields if spec.required] == ["first_name"]
    assert {spec.max_length for spec in schema.fields} == {None, 50}
    assert specs["job_title"].max_length == 50
    assert (specs["email2"].kind, specs["mobile_phone"].kind, specs["fax"].kind) == ("email", "phone", "phone")
    assert (specs["department"].kind, specs["site"].kind, specs["site"].choices) == ("text", "reference", None)
    assert schema.contact_types == ()
    assert "contact_type_field" in str(schema.contact_type_hint)


def test_contact_types_are_the_values_of_their_field() -> None:
    settings = FieldSettings(contact_type_field="ContactType", contact_types=("Employee", "User"))
    schema = map_schema(layout_of(settings), max_lengths={})
    assert schema.contact_types == (("Employee", "Employee"), ("User", "User"))
    assert schema.contact_type_hint is None


def test_field_that_neither_list_nor_report_shows_is_none() -> None:
    names = {spec.name for spec in map_schema(LAYOUT, max_lengths={}, columns={"email2", "department"}).fields}
    assert {"first_name", "email", "email2", "department", "site", "mobile_phone"} <= names
    assert not {"fax", "other1", "email3", "home_phone"} & names


# --- record → wire ----------------------------------------------------------------------------------------------------


def draft(**fields: str) -> ContactDraft:
    return ContactDraft(company_id="31", entra_id=ID, fields={"first_name": "Ann", **fields})


def test_draft_becomes_a_body_without_empty_values() -> None:
    wanted = draft(last_name="Example\n", job_title="\x00", email="ann@contoso.com", department="Sales", site="Main")
    assert draft_body(wanted, LAYOUT, site_id=95) == {
        "name": "Ann Example",
        "firstname": "Ann",
        "surname": "Example",
        "emailaddress": "ann@contoso.com",
        "department": "Sales",
        "site_id": 95,
        "azureoid": ID,
        "inactive": False,
    }


def test_mapped_display_name_wins() -> None:
    assert draft_body(draft(display_name="Example, Ann"), LAYOUT, site_id=95)["name"] == "Example, Ann"


def test_object_id_and_contact_type_go_into_custom_fields_by_name() -> None:
    settings = FieldSettings(entra_id_field="EntraId", contact_type_field="ContactType", contact_types=("User",))
    body = draft_body(draft().model_copy(update={"contact_type": "User"}), layout_of(settings), site_id=95)
    assert body["customfields"] == [
        {"name": "CFEntraId", "value": ID},
        {"name": "CFContactType", "value": "User"},
    ]
    assert "azureoid" not in body


def test_contact_type_without_a_field_for_it_is_refused() -> None:
    with pytest.raises(RecordError) as caught:
        draft_body(draft().model_copy(update={"contact_type": "User"}), LAYOUT, site_id=95)
    assert (caught.value.reason, caught.value.field) == ("field_unknown", "contact_type")


@pytest.mark.parametrize("fields", [{}, {"first_name": "\x00"}])
def test_contact_without_any_name_is_refused(fields: dict[str, str]) -> None:
    with pytest.raises(RecordError) as caught:
        draft_body(ContactDraft(company_id="31", entra_id=ID, fields=fields), LAYOUT, site_id=95)
    assert caught.value.reason == "required_missing"


def test_field_that_halo_has_not_is_refused() -> None:
    with pytest.raises(RecordError) as caught:
        draft_body(draft(city="Bonn"), LAYOUT, site_id=95)
    assert (caught.value.reason, caught.value.field) == ("field_unknown", "city")


def test_change_becomes_a_body_of_its_differences() -> None:
    wanted = change(fields={"job_title": "Chief", "fax": None}, active=False, entra_id=ID)
    assert change_body(wanted, LAYOUT, site_id=96) == {
        "id": 1207,
        "title": "Chief",
        "fax": "",
        "site_id": 96,
        "inactive": True,
        "azureoid": ID,
    }


def test_display_name_follows_the_names_it_consists_of() -> None:
    current = wire(firstname="Ann", surname="Example")
    body = change_body(change(fields={"last_name": "Sample"}), LAYOUT, current=current)
    assert body == {"id": 1207, "name": "Ann Sample", "firstname": "Ann", "surname": "Sample"}


def test_display_name_of_somebody_elses_making_stays() -> None:
    current = wire(name="Annie (Sales)", firstname="Ann", surname="Example")
    body = change_body(change(fields={"first_name": "Anna"}), LAYOUT, current=current)
    assert body == {"id": 1207, "name": "Annie (Sales)", "firstname": "Anna", "surname": "Example"}


def test_display_name_that_is_asked_for_is_written() -> None:
    current = wire(firstname="Ann", surname="Example")
    body = change_body(change(fields={"display_name": "A. Example", "first_name": "Anna"}), LAYOUT, current=current)
    assert (body["name"], body["firstname"]) == ("A. Example", "Anna")


@pytest.mark.parametrize("name", ["first_name", "display_name"])
def test_user_cannot_lose_its_name(name: str) -> None:
    with pytest.raises(RecordError) as caught:
        change_body(change(fields={name: None}), LAYOUT, current=wire())
    assert (caught.value.reason, caught.value.field) == ("required_missing", name)


# --- did it happen? ---------------------------------------------------------------------------------------------------


def test_answer_that_lacks_what_was_written_contradicts() -> None:
    wanted = change(fields={"job_title": "Chief", "phone": "+49 30 1"}, entra_id=ID, active=False, site_id="96")
    answer = map_user(wire(title="Buyer", phonenumber="0049 30 1", client_id=32), LAYOUT)
    assert find_contradictions(wanted, answer) == ["job_title", "phone", "entra_id", "active", "site", "company"]


def test_cut_or_rewritten_values_do_not_contradict() -> None:
    wanted = change(fields={"job_title": "Head of  Sales", "phone": "+49 (30) 1", "fax": None}, entra_id=ID)
    answer = map_user(wire(title="head of", phonenumber="49301", azureoid=ID.upper()), LAYOUT)
    assert find_contradictions(wanted, answer) == []


# --- there and back ---------------------------------------------------------------------------------------------------


def texts() -> st.SearchStrategy[str]:
    return st.text(min_size=1, max_size=40).filter(lambda text: bool(clean(text)))


FIELDS: dict[str, st.SearchStrategy[str]] = {
    "last_name": texts(),
    "job_title": texts(),
    "department": texts(),
    "email": st.emails(),
    "email2": st.emails(),
    "phone": texts(),
    "mobile_phone": texts(),
    "other1": texts(),
}
DRAFTED = st.fixed_dictionaries({"first_name": texts()}, optional=FIELDS)
LAYOUTS = st.sampled_from([LAYOUT, CUSTOM, layout_of(FieldSettings(mobile_field="mobilenumber"))])


@given(fields=DRAFTED, layout=LAYOUTS)
def test_created_contact_shows_its_draft(fields: dict[str, str], layout: Layout) -> None:
    body = draft_body(ContactDraft(company_id="31", entra_id=ID, fields=fields), layout, site_id=95)
    contact = map_user(WireUser.model_validate(stored(1, body)), layout)
    shown = {name: value for name, value in contact.fields.items() if name not in ("site", "display_name")}
    assert shown == {name: clean(value) for name, value in fields.items()}
    assert contact.entra_id == ID
    assert contact.active is True


@given(before=DRAFTED, after=st.dictionaries(st.sampled_from(sorted(FIELDS)), st.one_of(st.none(), texts())))
def test_changed_contact_shows_the_change_and_nothing_else(
    before: dict[str, str], after: dict[str, str | None]
) -> None:
    first = stored(1207, draft_body(ContactDraft(company_id="31", entra_id=ID, fields=before), LAYOUT, site_id=95))
    body = change_body(change(fields=after), LAYOUT, current=WireUser.model_validate(first))
    contact = map_user(WireUser.model_validate(stored(1207, {**first, **body})), LAYOUT)
    expected = {name: clean(value) for name, value in {**before, **after}.items() if value is not None}
    shown = {name: value for name, value in contact.fields.items() if name not in ("site", "display_name")}
    assert shown == expected
    assert find_contradictions(change(fields=after), contact) == []


@given(before=DRAFTED, name=texts())
def test_renamed_user_is_called_by_all_its_names(before: dict[str, str], name: str) -> None:
    first = stored(1207, draft_body(ContactDraft(company_id="31", entra_id=ID, fields=before), LAYOUT, site_id=95))
    body = change_body(change(fields={"last_name": name}), LAYOUT, current=WireUser.model_validate(first))
    assert body["name"].split() == f"{clean(before['first_name'])} {clean(name)}".split()
