import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.autotask.layout import EntraIdField, Layout, parse_entra_id_field
from adapters.autotask.mapping import (
    draft_body,
    map_company,
    map_contact,
    map_schema,
    map_sites,
    split_phone,
)
from adapters.autotask.wire import Choice, Country, FieldInfo, Location, WireCompany, WireContact
from adapters.errors import RecordError
from adapters.records import ContactDraft
from adapters.texts import clean
from tests.unit.adapters.autotask.installation import EMPTY, stored

LAYOUT = Layout(fields={}, entra_id=EntraIdField("externalID"))
LABEL = Layout(fields={}, entra_id=EntraIdField("Entra ID"))
ID = "4f6c0a1e-0000-4000-8000-00000000a001"


def wire(**fields: object) -> WireContact:
    return WireContact.model_validate({**EMPTY, "id": 30683, "companyID": 174, **fields})


def draft(**fields: str) -> ContactDraft:
    return ContactDraft(company_id="174", entra_id=ID, fields={"first_name": "Ann", "last_name": "Example", **fields})


def test_contact_as_it_comes_back_is_read_in_our_names() -> None:
    contact = map_contact(
        wire(
            title=" Buyer",
            emailAddress="ann@contoso.com",
            emailAddress3="alias@contoso.com",
            phone="5551234",
            extension="12",
            mobilePhone="+49 170 1",
            addressLine="1 High St",
            addressLine1="Floor 2",
            zipCode="LS1",
            companyLocationID=55,
            countryID=237,
            isActive=0,
            primaryContact=True,
            externalID=ID,
            userDefinedFields=[{"name": "Entra ID", "value": None}],
            unknown={"new": 1},
        ),
        LAYOUT,
        names={"country": "Great Britain", "site": "Leeds"},
    )
    assert (contact.id, contact.company_id, contact.active, contact.entra_id) == ("30683", "174", False, ID)
    assert (contact.site_id, contact.protected) == ("55", "primary")
    assert contact.emails == ("ann@contoso.com", "alias@contoso.com")
    assert contact.fields == {
        "first_name": "Ann",
        "last_name": "Example",
        "job_title": "Buyer",
        "email": "ann@contoso.com",
        "email3": "alias@contoso.com",
        "phone": "5551234 x12",
        "mobile_phone": "+49 170 1",
        "address_line1": "1 High St",
        "address_line2": "Floor 2",
        "zip": "LS1",
        "country": "Great Britain",
        "site": "Leeds",
    }


@pytest.mark.parametrize("empty", ["", None, "  "])
def test_empty_text_and_null_are_both_empty(empty: str | None) -> None:
    names = ("title", "emailAddress", "phone", "extension", "city", "externalID")
    contact = map_contact(wire(**dict.fromkeys(names, empty)), LAYOUT, names={})
    assert contact.fields == {"first_name": "Ann", "last_name": "Example"}
    assert (contact.emails, contact.entra_id, contact.site_id) == ((), None, None)


def test_every_address_counts_the_first_is_the_default() -> None:
    contact = map_contact(wire(emailAddress2="b@contoso.com", emailAddress3="c@contoso.com"), LAYOUT, names={})
    assert contact.emails == ("b@contoso.com", "c@contoso.com")
    assert "email" not in contact.fields


@pytest.mark.parametrize(("value", "active"), [(1, True), (0, False), (True, True), ("1", True)])
def test_active_is_a_number(value: object, active: bool) -> None:
    assert map_contact(wire(isActive=value), LAYOUT, names={}).active is active


def test_company_zero_is_a_company() -> None:
    assert map_contact(wire(companyID=0, companyLocationID=0), LAYOUT, names={}).company_id == "0"
    assert draft_body(draft().model_copy(update={"company_id": "0"}), LAYOUT, references={})["companyID"] == 0


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([{"name": "Hobby", "value": "x"}, {"name": "entra id ", "value": ID}], ID),
        ([{"name": "Entra ID", "value": None}], None),
        ([], None),
        ({}, None),
        (None, None),
    ],
)
def test_object_id_is_read_from_the_user_defined_field(entries: object, expected: str | None) -> None:
    assert map_contact(wire(userDefinedFields=entries), LABEL, names={}).entra_id == expected


@pytest.mark.parametrize("text", ["externalID", " EXTERNALID", "externalid "])
def test_external_id_is_named_in_any_case(text: str) -> None:
    assert parse_entra_id_field(text) == EntraIdField("externalID")
    assert not parse_entra_id_field(text).is_user_defined


@pytest.mark.parametrize("text", ["Entra ID", "externalID2"])
def test_everything_else_is_a_label(text: str) -> None:
    assert parse_entra_id_field(text).is_user_defined


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("+49 30 123 x12", ("+49 30 123", "12")),
        ("+49 30 123 ext. 12", ("+49 30 123", "12")),
        ("+4930123;ext=12", ("+4930123", "12")),
        ("555 x12345678901", ("555 x12345678901", "")),
        ("x12", ("x12", "")),
        ("call Max 12", ("call Max 12", "")),
    ],
)
def test_extension_is_parted_from_the_number(text: str, expected: tuple[str, str]) -> None:
    assert split_phone(text) == expected


def test_control_characters_and_lone_surrogates_are_stripped() -> None:
    assert clean(" Ann\r\nMarie\t\b\f\x00\ud800 ") == "Ann Marie"


def test_draft_becomes_a_body_without_empty_values() -> None:
    kinds = FieldInfo(name="Kind", choices=(Choice(value="2", label="User"),))
    layout = Layout(fields={}, entra_id=EntraIdField("externalID"), contact_type=kinds)
    wanted = draft(first_name="Ann\n", job_title="\x00", email="ann@contoso.com", mobile_phone="555 x1").model_copy(
        update={"site_id": "7", "contact_type": "2"}
    )
    assert draft_body(wanted, layout, references={"country": 49, "site": 8}) == {
        "companyID": 174,
        "isActive": 1,
        "firstName": "Ann",
        "lastName": "Example",
        "emailAddress": "ann@contoso.com",
        "mobilePhone": "555 x1",
        "countryID": 49,
        "companyLocationID": 7,
        "externalID": ID,
        "userDefinedFields": [{"name": "Kind", "value": "2"}],
    }


def test_active_is_sent_as_a_number() -> None:
    assert draft_body(draft(), LAYOUT, references={})["isActive"] is not True


def test_object_id_goes_into_the_user_defined_field() -> None:
    body = draft_body(draft(), LABEL, references={})
    assert body["userDefinedFields"] == [{"name": "Entra ID", "value": ID}]
    assert "externalID" not in body


@pytest.mark.parametrize("company_id", ["", "abc", "-1", "٣", "1.0"])
def test_company_that_cannot_exist_is_refused_before_it_is_sent(company_id: str) -> None:
    with pytest.raises(RecordError) as caught:
        draft_body(draft().model_copy(update={"company_id": company_id}), LAYOUT, references={})
    assert (caught.value.reason, caught.value.field) == ("reference_unknown", "company")


@pytest.mark.parametrize("name", ["first_name", "last_name"])
def test_both_names_are_required(name: str) -> None:
    with pytest.raises(RecordError) as caught:
        draft_body(draft(**{name: ""}), LAYOUT, references={})
    assert (caught.value.reason, caught.value.field) == ("required_missing", name)


def test_length_of_the_installation_wins_and_the_extension_does_not_count() -> None:
    layout = Layout(fields={"phone": FieldInfo(name="phone", length=10)}, entra_id=LAYOUT.entra_id)
    body = draft_body(draft(phone="1234567890 x1234567890"), layout, references={})
    assert (body["phone"], body["extension"]) == ("1234567890", "1234567890")
    with pytest.raises(RecordError) as caught:
        draft_body(draft(phone="12345678901"), layout, references={})
    assert (caught.value.reason, caught.value.field) == ("too_long", "phone")


def test_schema_names_lengths_kinds_and_choices() -> None:
    fields = {
        "title": FieldInfo(name="title", length=40),
        "city": FieldInfo(name="city", length=0),
        "state": FieldInfo(name="state", length=40, is_read_only=True),
        "phone": FieldInfo(name="phone", length=25, is_required=True),
    }
    countries = [
        Country(id=1, name="Germany"),
        Country(id=2, name="Gone", is_active=False),
        Country(id=3, name="Germany"),
    ]
    kinds = FieldInfo(
        name="Kind", choices=(Choice(value="2", label="User"), Choice(value="3", label="Old", is_active=False))
    )
    layout = Layout(fields=fields, entra_id=LAYOUT.entra_id, contact_type=kinds)
    schema = map_schema(layout, countries=countries, max_lengths={"email": 50})
    specs = {spec.name: spec for spec in schema.fields}
    assert (specs["job_title"].max_length, specs["city"].max_length, specs["email"].max_length) == (40, 32, 50)
    assert "state" not in specs
    assert {name for name, spec in specs.items() if spec.required} == {"first_name", "last_name", "phone"}
    assert {name for name, spec in specs.items() if spec.kind == "email"} == {"email", "email2", "email3"}
    assert {name for name, spec in specs.items() if spec.kind == "phone"} == {
        "phone",
        "mobile_phone",
        "alternate_phone",
        "fax",
    }
    assert (specs["country"].choices, specs["site"].choices) == (("Germany",), None)
    assert (schema.contact_types, schema.contact_type_hint) == ((("2", "User"),), None)
    assert specs["phone"].extension_length == 10
    assert specs["mobile_phone"].extension_length is None


def test_contacts_without_a_list_field_have_no_type_and_say_so() -> None:
    assert "contact_type_field" in str(map_schema(LAYOUT, countries=[], max_lengths={}).contact_type_hint)


@pytest.mark.parametrize(
    ("web_address", "domains"),
    [
        ("www.contoso.com", ("contoso.com",)),
        ("https://WWW.Contoso.com/de?x=1", ("contoso.com",)),
        ("see our page", ()),
        ("https://[broken", ()),
        ("localhost", ()),
        (None, ()),
    ],
)
def test_domain_is_the_host_of_the_web_address(web_address: str | None, domains: tuple[str, ...]) -> None:
    assert map_company(WireCompany(id=1, web_address=web_address)).domains == domains


def test_only_locations_in_use_are_listed() -> None:
    locations = [Location(id=7, name="Main"), Location(id=8, name="Gone", is_active=False)]
    assert map_sites(locations) == (("7", "Main"),)
    assert not map_company(WireCompany(id=1, name="C", is_active=False)).active


def texts(most: int) -> st.SearchStrategy[str]:
    return st.text(min_size=1, max_size=most).filter(lambda text: bool(clean(text)))


NUMBERS = st.from_regex(r"\+[1-9][0-9 ]{3,12}[0-9]( x[0-9]{1,10})?", fullmatch=True)
DRAFTED = st.fixed_dictionaries(
    {"first_name": texts(50), "last_name": texts(50)},
    optional={
        "job_title": texts(50),
        "email": st.emails(),
        "email2": st.emails(),
        "phone": NUMBERS,
        "mobile_phone": texts(25),
        "city": texts(32),
        "address_line1": texts(128),
        "address_line2": texts(128),
        "zip": texts(16),
    },
)


@given(fields=DRAFTED, label=st.booleans())
def test_created_contact_shows_its_draft(fields: dict[str, str], label: bool) -> None:
    layout = LABEL if label else LAYOUT
    body = draft_body(ContactDraft(company_id="250", entra_id=ID, fields=fields), layout, references={})
    contact = map_contact(WireContact.model_validate(stored(1, body)), layout, names={})
    assert contact.fields == {name: clean(value) for name, value in fields.items()}
    assert (contact.entra_id, contact.active) == (ID, True)
    sent = map_contact(WireContact.model_validate({**body, "id": 1}), layout, names={})
    assert sent == contact  # what is returned without a read is what a read would return
