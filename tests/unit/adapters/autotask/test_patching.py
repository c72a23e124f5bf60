from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.autotask.layout import EntraIdField, Layout
from adapters.autotask.mapping import map_contact
from adapters.autotask.patching import find_contradictions, laid_over, patch_body
from adapters.autotask.wire import WireContact
from adapters.errors import RecordError
from adapters.records import Contact, ContactChange
from adapters.texts import clean
from tests.unit.adapters.autotask.installation import patched, stored
from tests.unit.adapters.autotask.test_mapping import NUMBERS, texts

LAYOUT = Layout(fields={}, entra_id=EntraIdField("externalID"))
LABEL = Layout(fields={}, entra_id=EntraIdField("Entra ID"))
ID = "4f6c0a1e-0000-4000-8000-00000000a001"


def wire(**fields: object) -> WireContact:
    return WireContact.model_validate(stored(7, {"companyID": 250, **fields}))


def change(**parts: Any) -> ContactChange:
    return ContactChange(contact_id="7", company_id="250", **parts)


def body(wanted: ContactChange, current: WireContact, *, layout: Layout = LAYOUT, **references: int) -> dict[str, Any]:
    return patch_body(wanted, layout, references=references, current=current)


def test_only_differences_are_named() -> None:
    current = wire(title="Buyer", city="Bonn", countryID=49)
    wanted = change(fields={"job_title": "Chief", "city": "Bonn ", "country": "Germany", "zip": None}, active=True)
    assert body(wanted, current, country=49) == {"title": "Chief"}


def test_number_brings_its_extension_and_loses_it() -> None:
    current = wire(phone="1", extension="2")
    assert body(change(fields={"phone": "1 x3"}), current) == {"extension": "3"}
    assert body(change(fields={"phone": "1"}), current) == {"extension": ""}
    assert body(change(fields={"phone": None}), current) == {"phone": "", "extension": ""}


def test_references_are_written_as_numbers_and_cleared_as_null() -> None:
    current = wire(countryID=49, companyLocationID=7)
    wanted = change(fields={"country": None, "site": "Main"}, site_id="9")
    assert body(wanted, current, site=8) == {"countryID": None, "companyLocationID": 9}


def test_active_is_written_as_a_number() -> None:
    written = body(change(active=False), wire(isActive=1))
    assert written == {"isActive": 0}
    assert written["isActive"] is not False
    assert body(change(active=True), wire(isActive=0))["isActive"] is not True


def test_object_id_that_is_there_already_is_not_written() -> None:
    entries = [{"name": "Entra ID", "value": ID}]
    assert body(change(entra_id=ID), wire(externalID=ID)) == {}
    assert body(change(entra_id=ID), wire(userDefinedFields=entries), layout=LABEL) == {}
    assert body(change(entra_id=ID), wire(), layout=LABEL) == {"userDefinedFields": entries}


@pytest.mark.parametrize("name", ["first_name", "last_name"])
def test_required_name_cannot_be_cleared(name: str) -> None:
    with pytest.raises(RecordError) as caught:
        body(change(fields={name: None}), wire())
    assert (caught.value.reason, caught.value.field) == ("required_missing", name)


def test_field_that_contacts_do_not_have_is_refused() -> None:
    with pytest.raises(RecordError) as caught:
        body(change(fields={"department": "Sales"}), wire())
    assert (caught.value.reason, caught.value.field) == ("field_unknown", "department")


def test_address_that_is_mapped_itself_is_not_swapped() -> None:
    current = wire(emailAddress="old@x.example", emailAddress2="new@x.example")
    swapped = body(change(fields={"email": "new@x.example"}), current)
    assert swapped == {"emailAddress": "new@x.example", "emailAddress2": "old@x.example"}
    mapped = body(change(fields={"email": "new@x.example", "email2": "third@x.example"}), current)
    assert mapped == {"emailAddress": "new@x.example", "emailAddress2": "third@x.example"}


def held(**fields: str) -> Contact:
    return Contact(id="7", company_id="250", active=True, fields=fields)


@pytest.mark.parametrize(
    ("wanted", "contact"),
    [
        ({"fields": {"job_title": "Chief"}}, held(job_title="Buyer")),
        ({"fields": {"job_title": None}}, held(job_title="Buyer")),
        ({"fields": {"phone": "+49 30 1"}}, held()),
        ({"entra_id": ID}, held()),
        ({"active": False}, held()),
        ({"site_id": "7"}, held()),
    ],
)
def test_read_that_does_not_show_the_change_contradicts_it(wanted: dict[str, Any], contact: Contact) -> None:
    assert len(find_contradictions(change(**wanted), contact)) == 1


@pytest.mark.parametrize(
    "contact",
    [
        held(job_title="Chief Buy", phone="(030) 1 x2", email="A@x.example"),
        held(job_title="chief buyer", phone="0301x2", email="a@x.example"),
    ],
)
def test_value_that_was_cut_or_spelt_otherwise_is_no_contradiction(contact: Contact) -> None:
    fields: dict[str, str | None] = {
        "job_title": "Chief Buyer",
        "phone": "030 1 x2",
        "email": "a@X.example",
        "city": None,
    }
    assert find_contradictions(change(fields=fields), contact) == []


def test_another_company_is_a_contradiction() -> None:
    assert find_contradictions(change(), held().model_copy(update={"company_id": "251"})) == ["company"]


CHANGED = st.dictionaries(
    st.sampled_from(["job_title", "city", "zip", "email2"]), st.one_of(st.none(), texts(16)), max_size=4
)
VALUES = st.fixed_dictionaries(
    {},
    optional={
        "title": texts(16),
        "city": st.one_of(st.none(), texts(16)),
        "emailAddress": st.emails(),
        "emailAddress2": st.emails(),
        "phone": texts(16),
        "extension": st.from_regex(r"[0-9]{1,5}", fullmatch=True),
        "isActive": st.sampled_from([0, 1]),
        "externalID": st.one_of(st.none(), st.just("theirs")),
        "userDefinedFields": st.just([{"name": "Hobby", "value": "chess"}]),
    },
)


WRITTEN = st.builds(
    lambda fields, phone, email, active: change(
        fields={**fields, "phone": phone, "email": email}, active=active, entra_id=ID
    ),
    CHANGED,
    st.one_of(st.none(), NUMBERS),
    st.one_of(st.none(), st.emails()),
    st.one_of(st.none(), st.booleans()),
)


@given(before=VALUES, wanted=WRITTEN, label=st.booleans())
def test_written_change_is_seen_and_leaves_nothing_to_write(
    before: dict[str, Any], wanted: ContactChange, label: bool
) -> None:
    layout = LABEL if label else LAYOUT
    document = stored(7, {"companyID": 250, **before})
    current = WireContact.model_validate(document)
    written = patch_body(wanted, layout, references={}, current=current)

    after = WireContact.model_validate(patched(document, written))
    contact = map_contact(after, layout, names={})

    assert contact == map_contact(laid_over(current, written), layout, names={})
    assert find_contradictions(wanted, contact) == []
    assert patch_body(wanted, layout, references={}, current=after) == {}
    expected = {name: clean(value or "") for name, value in wanted.fields.items() if name != "phone"}
    assert {name: contact.fields.get(name, "") for name in expected} == expected
    assert set(current.user_defined_fields) <= set(after.user_defined_fields)
