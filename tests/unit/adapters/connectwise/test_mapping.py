import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.connectwise.layout import EntraIdField, Layout, choose_types, parse_entra_id_field
from adapters.connectwise.mapping import draft_body, map_company, map_contact, map_schema, map_sites, split_phone
from adapters.connectwise.wire import CommunicationType, Named, WireCompany, WireContact, WireSite
from adapters.errors import RecordError
from adapters.records import ContactDraft
from adapters.texts import clean
from tests.unit.adapters.connectwise.installation import TYPES, email, phone, shown, stored

LAYOUT = Layout(types={"email": 13, "phone": 22, "mobile_phone": 26}, entra_id=EntraIdField("userDefinedField10"))
CAPTION = Layout(types=LAYOUT.types, entra_id=EntraIdField("EntraId", custom_field_id=15))
ID = "4f6c0a1e-0000-4000-8000-00000000a001"


def wire(**fields: object) -> WireContact:
    return WireContact.model_validate({"id": 57961, "firstName": "Ann", "company": {"id": 250}, **fields})


def kinds() -> list[CommunicationType]:
    return [CommunicationType.model_validate(row) for row in TYPES]


def test_contact_as_it_comes_back_is_read_in_our_names() -> None:
    contact = map_contact(
        wire(
            lastName="Example",
            title="Buyer",
            site={"id": 7, "name": "Main", "_info": {}},
            department={"id": 5, "name": "Sales"},
            relationship={"_info": {}},
            inactiveFlag=True,
            zip=10115,
            communicationItems=[phone("555 1234", extension="12"), email("ann@contoso.com")],
            userDefinedField10=ID,
            _info={"updatedBy": "x"},
        ),
        LAYOUT,
    )
    assert contact.id == "57961"
    assert contact.company_id == "250"
    assert contact.active is False
    assert contact.entra_id == ID
    assert contact.site_id == "7"
    assert contact.protected is None
    assert contact.fields == {
        "first_name": "Ann",
        "last_name": "Example",
        "job_title": "Buyer",
        "site": "Main",
        "department": "Sales",
        "zip": "10115",
        "email": "ann@contoso.com",
        "phone": "555 1234 x12",
    }


@pytest.mark.parametrize("empty", [{}, {"_info": {}}, None, {"id": None}])
def test_reference_without_an_id_is_no_reference(empty: object) -> None:
    contact = map_contact(wire(site=empty, department=empty, country=empty), LAYOUT)
    assert contact.site_id is None
    assert contact.fields == {"first_name": "Ann"}


def test_nulls_are_read_as_absent() -> None:
    contact = map_contact(wire(communicationItems=None, customFields=None, inactiveFlag=None, title=None), LAYOUT)
    assert contact.active is True
    assert contact.emails == ()


def test_all_addresses_are_listed_the_default_first() -> None:
    items = [email("old@contoso.com", default=False), email("info@contoso.com", type_id=14), phone("1")]
    contact = map_contact(wire(communicationItems=items), LAYOUT)
    assert contact.emails == ("info@contoso.com", "old@contoso.com")
    assert contact.fields["email"] == "info@contoso.com"


def test_address_that_is_not_the_default_is_not_the_field() -> None:
    contact = map_contact(wire(communicationItems=[email("old@contoso.com", default=False)]), LAYOUT)
    assert contact.emails == ("old@contoso.com",)
    assert "email" not in contact.fields


def test_number_of_another_kind_is_not_ours() -> None:
    contact = map_contact(wire(communicationItems=[phone("1", type_id=99), phone("2", type_id=26)]), LAYOUT)
    assert "phone" not in contact.fields
    assert contact.fields["mobile_phone"] == "2"


def test_default_one_of_several_of_our_kind_is_read_else_the_oldest() -> None:
    several = [phone("3", number=3, default=False), phone("2", number=2, default=False)]
    assert map_contact(wire(communicationItems=several), LAYOUT).fields["phone"] == "2"
    several.append(phone("4", number=4, default=True))
    assert map_contact(wire(communicationItems=several), LAYOUT).fields["phone"] == "4"


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ({"defaultFlag": True, "defaultBillingFlag": True}, "default"),
        ({"defaultBillingFlag": True}, "billing"),
        ({"defaultFlag": False}, None),
    ],
)
def test_default_and_billing_contacts_are_protected(flags: dict[str, bool], expected: str | None) -> None:
    assert map_contact(wire(**flags), LAYOUT).protected == expected


def test_object_id_is_read_from_the_custom_field_of_the_caption() -> None:
    fields = [{"id": 14, "caption": "Hobby", "value": "x"}, {"id": 15, "caption": "entraid ", "value": ID}]
    assert map_contact(wire(customFields=fields), CAPTION).entra_id == ID
    assert map_contact(wire(customFields=[{"id": 15, "caption": "EntraId"}]), CAPTION).entra_id is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("+49 30 123 x12", ("+49 30 123", "12")),
        ("+49 30 123 ext. 12", ("+49 30 123", "12")),
        ("+49 30 123, Ext 12", ("+49 30 123", "12")),
        ("+4930123;ext=12", ("+4930123", "12")),
        ("555-1234 extension 7", ("555-1234", "7")),
        ("555#12", ("555", "12")),
        ("555 x1234567890123456", ("555 x1234567890123456", "")),
        ("x12", ("x12", "")),
        ("+49 30 123", ("+49 30 123", "")),
        ("call Max 12", ("call Max 12", "")),
    ],
)
def test_extension_is_parted_from_the_number(text: str, expected: tuple[str, str]) -> None:
    assert split_phone(text) == expected


def test_control_characters_and_lone_surrogates_are_stripped() -> None:
    assert clean(" Ann\r\nMarie\t\b\f\x00\ud800 ") == "Ann Marie"


def test_draft_becomes_a_body_without_empty_values() -> None:
    draft = ContactDraft(
        company_id="250",
        site_id="7",
        contact_type="2",
        entra_id=ID,
        fields={"first_name": "Ann\n", "job_title": "\x00", "email": "ann@contoso.com", "mobile_phone": "555 x1"},
    )
    assert draft_body(draft, LAYOUT, references={"department": 5}) == {
        "firstName": "Ann",
        "company": {"id": 250},
        "site": {"id": 7},
        "department": {"id": 5},
        "typeIds": [2],
        "userDefinedField10": ID,
        "communicationItems": [
            {"type": {"id": 13}, "value": "ann@contoso.com", "communicationType": "Email", "defaultFlag": True},
            {"type": {"id": 26}, "value": "555", "extension": "1", "communicationType": "Phone", "defaultFlag": True},
        ],
    }


def test_one_default_number_per_class() -> None:
    draft = ContactDraft(company_id="1", entra_id=ID, fields={"phone": "1", "mobile_phone": "2"})
    items = draft_body(draft, LAYOUT, references={})["communicationItems"]
    assert [item["defaultFlag"] for item in items] == [True, False]


def test_object_id_goes_into_the_custom_field_by_its_id() -> None:
    body = draft_body(ContactDraft(company_id="1", entra_id=ID, fields={}), CAPTION, references={})
    assert body["customFields"] == [{"id": 15, "value": ID}]
    assert "userDefinedField10" not in body


@pytest.mark.parametrize("company_id", ["", "abc", "-1", "٣", "1.0"])
def test_company_that_cannot_exist_is_refused_before_it_is_sent(company_id: str) -> None:
    with pytest.raises(RecordError) as caught:
        draft_body(ContactDraft(company_id=company_id, entra_id=ID, fields={}), LAYOUT, references={})
    assert (caught.value.reason, caught.value.field) == ("reference_unknown", "company")


def test_number_without_a_type_of_its_own_is_refused() -> None:
    layout = Layout(types={"email": 13}, entra_id=LAYOUT.entra_id)
    with pytest.raises(RecordError) as caught:
        draft_body(ContactDraft(company_id="1", entra_id=ID, fields={"phone": "1"}), layout, references={})
    assert caught.value.field == "phone"


@pytest.mark.parametrize("text", ["userDefinedField10", " USERDEFINEDFIELD10", "userdefinedfield10 "])
def test_user_defined_field_is_named_in_any_case(text: str) -> None:
    assert parse_entra_id_field(text) == EntraIdField("userDefinedField10")


@pytest.mark.parametrize("text", ["EntraId", "userDefinedField11", "userDefinedField0"])
def test_everything_else_is_a_caption(text: str) -> None:
    assert parse_entra_id_field(text).is_custom


def test_types_are_chosen_by_usual_names_within_their_class() -> None:
    assert choose_types(kinds(), {}) == {"email": 13, "phone": 22, "mobile_phone": 26}


def test_configured_type_names_win_folded_for_case() -> None:
    assert choose_types(kinds(), {"email": "email - private", "phone": " cell"})["email"] == 14


@pytest.mark.parametrize("name", ["Fax", "Nope", "Email - Business"])
def test_configured_type_of_another_class_or_none_is_refused(name: str) -> None:
    with pytest.raises(LookupError):
        choose_types(kinds(), {"phone": name})


def test_mobile_without_a_type_is_left_out_rather_than_mixed_with_the_phone() -> None:
    work = CommunicationType(id=3, description="Work", phone_flag=True, default_flag=True)
    assert choose_types([work], {}) == {"phone": 3}


def test_phone_does_not_fall_back_to_the_mobile_type() -> None:
    cell = CommunicationType(id=4, description="Mobile phone", phone_flag=True, default_flag=True)
    home = CommunicationType(id=5, description="Home", phone_flag=True)
    assert choose_types([cell, home], {}) == {"phone": 5, "mobile_phone": 4}


@pytest.mark.parametrize(
    ("website", "domains"),
    [
        ("www.contoso.com", ("contoso.com",)),
        ("https://WWW.Contoso.com/de?x=1", ("contoso.com",)),
        ("contoso.com:8080/path", ("contoso.com",)),
        ("see our page", ()),
        ("https://[broken", ()),
        ("localhost", ()),
        (None, ()),
    ],
)
def test_domain_is_the_host_of_the_website(website: str | None, domains: tuple[str, ...]) -> None:
    assert map_company(WireCompany(id=1, name="C", website=website)).domains == domains


@pytest.mark.parametrize(
    ("fields", "active", "deleted"),
    [
        ({"status": {"id": 1, "name": "Active"}}, True, False),
        ({"status": {"id": 2, "name": "inactive "}}, False, False),
        ({"status": {"id": 1, "name": "Active"}, "deletedFlag": True}, False, True),
        ({}, True, False),
    ],
)
def test_company_is_active_by_status_and_deleted_flag(fields: dict[str, object], active: bool, deleted: bool) -> None:
    company = map_company(WireCompany.model_validate({"id": 1, "name": "C", **fields}))
    assert (company.active, company.deleted) == (active, deleted)


def test_only_sites_in_use_are_listed() -> None:
    sites = [WireSite(id=7, name="Main"), WireSite(id=8, name="Gone", inactive_flag=True)]
    assert map_sites(sites) == (("7", "Main"),)


def test_schema_knows_lengths_references_and_types() -> None:
    schema = map_schema(
        LAYOUT,
        departments=[Named(id=5, name="Sales")],
        countries=[],
        contact_types=[Named(id=1, name="Employee")],
        max_lengths={"job_title": 100},
    )
    specs = {spec.name: spec for spec in schema.fields}
    assert [spec.name for spec in schema.fields if spec.required] == ["first_name"]
    assert (specs["first_name"].max_length, specs["last_name"].max_length, specs["zip"].max_length) == (30, 30, 12)
    assert specs["job_title"].max_length == 100
    assert (specs["email"].kind, specs["phone"].kind, specs["mobile_phone"].kind) == ("email", "phone", "phone")
    assert specs["department"].choices == ("Sales",)
    assert specs["country"].choices == ()
    assert specs["site"].choices is None
    assert schema.contact_types == (("1", "Employee"),)


def test_number_that_cannot_be_kept_is_no_field() -> None:
    layout = Layout(types={"email": 13, "phone": 22}, entra_id=LAYOUT.entra_id)
    schema = map_schema(layout, departments=[], countries=[], contact_types=[], max_lengths={})
    assert "mobile_phone" not in {spec.name for spec in schema.fields}


def texts() -> st.SearchStrategy[str]:
    return st.text(min_size=1, max_size=40).filter(lambda text: bool(clean(text)))


NUMBERS = st.from_regex(r"\+[1-9][0-9 ]{3,12}[0-9]( x[0-9]{1,15})?", fullmatch=True)
DRAFTED = st.fixed_dictionaries(
    {"first_name": texts()},
    optional={
        "last_name": texts(),
        "job_title": texts(),
        "email": st.emails(),
        "phone": NUMBERS,
        "mobile_phone": NUMBERS,
        "city": texts(),
        "address_line1": texts(),
    },
)


@given(fields=DRAFTED, caption=st.booleans())
def test_created_contact_shows_its_draft(fields: dict[str, str], caption: bool) -> None:
    layout = CAPTION if caption else LAYOUT
    body = draft_body(ContactDraft(company_id="250", entra_id=ID, fields=fields), layout, references={})
    if caption:
        body["customFields"][0]["caption"] = "EntraId"
    contact = map_contact(WireContact.model_validate(shown(stored(1, body))), layout)
    assert contact.fields == {name: clean(value) for name, value in fields.items()}
    assert contact.entra_id == ID
    assert contact.active is True
