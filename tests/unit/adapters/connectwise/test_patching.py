import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.connectwise.layout import EntraIdField, Layout
from adapters.connectwise.mapping import ITEM_FIELDS, map_contact
from adapters.connectwise.patching import find_contradictions, needs_read, patch_of, with_all_custom_fields
from adapters.connectwise.wire import WireContact
from adapters.errors import RecordError
from adapters.records import Contact, ContactChange
from adapters.texts import clean
from tests.unit.adapters.connectwise.installation import Json, email, patched, phone, shown, stored

LAYOUT = Layout(types={"email": 13, "phone": 22, "mobile_phone": 26}, entra_id=EntraIdField("userDefinedField10"))
CAPTION = Layout(types=LAYOUT.types, entra_id=EntraIdField("EntraId", custom_field_id=15))
ID = "4f6c0a1e-0000-4000-8000-00000000a001"


def change(**parts: Any) -> ContactChange:
    return ContactChange(contact_id="1", company_id="250", **parts)


def document(*items: Json, **fields: Any) -> Json:
    body = {"firstName": "Ann", "company": {"id": 250}, "communicationItems": list(items), **fields}
    return stored(1, body)


def read(doc: Json) -> WireContact:
    return WireContact.model_validate(shown(doc))


def patch(doc: Json, *, layout: Layout = LAYOUT, references: dict[str, int] | None = None, **parts: Any) -> list[Json]:
    return patch_of(change(**parts), layout, references=references or {}, current=read(doc))


def after(doc: Json, *, layout: Layout = LAYOUT, references: dict[str, int] | None = None, **parts: Any) -> Contact:
    ops = patch(doc, layout=layout, references=references, **parts)
    return map_contact(read(patched(copy.deepcopy(doc), ops)), layout)


def test_plain_fields_and_flags_are_replaced_without_a_read() -> None:
    wanted = change(fields={"job_title": "Senior\nBuyer"}, active=False, entra_id=ID, site_id="7")
    assert needs_read(wanted) is False
    assert patch_of(wanted, LAYOUT, references={}, current=None) == [
        {"op": "replace", "path": "/title", "value": "Senior Buyer"},
        {"op": "replace", "path": "/site", "value": {"id": 7}},
        {"op": "replace", "path": "/inactiveFlag", "value": True},
        {"op": "replace", "path": "/userDefinedField10", "value": ID},
    ]


def test_reference_is_replaced_whole() -> None:
    ops = patch_of(change(fields={"department": "Sales"}), LAYOUT, references={"department": 5}, current=None)
    assert ops == [{"op": "replace", "path": "/department", "value": {"id": 5}}]


def test_company_is_left_alone_unless_the_contact_moves() -> None:
    assert patch_of(change(), LAYOUT, references={}, current=None) == []
    assert patch_of(change(moves=True), LAYOUT, references={}, current=None) == [
        {"op": "replace", "path": "/company", "value": {"id": 250}}
    ]


@pytest.mark.parametrize("fields", [{"email": "a@b.c"}, {"phone": "1"}, {"mobile_phone": None}, {"job_title": None}])
def test_items_and_clearings_need_a_read(fields: dict[str, str | None]) -> None:
    assert needs_read(change(fields=fields)) is True


def test_nothing_empty_is_sent() -> None:
    assert patch(document(), fields={"job_title": "\x00 ", "email": " ", "phone": ""}) == []


def test_only_what_is_there_is_removed() -> None:
    doc = document(title="Buyer", department={"id": 5})
    assert patch(doc, fields={"job_title": None, "city": None, "department": None, "country": None}) == [
        {"op": "remove", "path": "/title"},
        {"op": "remove", "path": "/department"},
    ]


def test_first_name_cannot_be_cleared() -> None:
    with pytest.raises(RecordError) as caught:
        patch(document(), fields={"first_name": None})
    assert caught.value.field == "first_name"


def test_field_that_we_do_not_know_is_refused() -> None:
    with pytest.raises(RecordError) as caught:
        patch(document(), fields={"hobby": "chess"})
    assert (caught.value.reason, caught.value.field) == ("field_unknown", "hobby")


def test_default_address_is_changed_in_place_wherever_it_stands() -> None:
    doc = document(phone("1"), email("x@contoso.com", number=3, default=False), email("old@contoso.com", type_id=14))
    assert patch(doc, fields={"email": "new@contoso.com"}) == [
        {"op": "replace", "path": "/communicationItems/2/value", "value": "new@contoso.com"}
    ]


def test_address_that_is_there_already_becomes_the_default() -> None:
    doc = document(email("old@contoso.com"), email("New@contoso.com", number=3, default=False))
    assert patch(doc, fields={"email": "new@contoso.com"}) == [
        {"op": "replace", "path": "/communicationItems/1/defaultFlag", "value": True},
        {"op": "replace", "path": "/communicationItems/0/defaultFlag", "value": False},
    ]
    assert after(doc, fields={"email": "new@contoso.com"}).emails == ("New@contoso.com", "old@contoso.com")


def test_first_address_is_added_at_the_end_of_the_list() -> None:
    assert patch(document(phone("1")), fields={"email": "a@contoso.com"}) == [
        {
            "op": "add",
            "path": "/communicationItems/1",
            "value": {"type": {"id": 13}, "value": "a@contoso.com", "communicationType": "Email", "defaultFlag": True},
        }
    ]


def test_added_number_is_the_default_only_where_the_class_has_none() -> None:
    ops = patch(document(phone("9", type_id=99)), fields={"phone": "1", "mobile_phone": "2"})
    assert [op["value"]["defaultFlag"] for op in ops] == [False, False]
    ops = patch(document(), fields={"phone": "1", "mobile_phone": "2"})
    assert [op["value"]["defaultFlag"] for op in ops] == [True, False]
    assert [op["path"] for op in ops] == ["/communicationItems/0", "/communicationItems/1"]
    ops = patch(document(phone("9")), fields={"phone": None, "mobile_phone": "2"})
    assert [op.get("value", {}).get("defaultFlag") for op in ops] == [True, None]


def test_clearing_removes_every_number_of_our_kind_at_once() -> None:
    doc = document(phone("1"), phone("2", number=3, default=False), phone("3", number=4, type_id=99, default=False))
    assert "phone" not in after(doc, fields={"phone": None}).fields
    assert [op["path"] for op in patch(doc, fields={"phone": None})] == [
        "/communicationItems/1",
        "/communicationItems/0",
    ]


def test_removals_come_last_from_the_highest_index() -> None:
    doc = document(email("a@contoso.com"), phone("1"), phone("2", type_id=26, number=4))
    ops = patch(doc, fields={"phone": None, "mobile_phone": None, "email": "b@contoso.com"})
    assert [(op["op"], op["path"]) for op in ops] == [
        ("replace", "/communicationItems/0/value"),
        ("remove", "/communicationItems/2"),
        ("remove", "/communicationItems/1"),
    ]


@pytest.mark.parametrize(
    ("before", "wanted", "expected"),
    [
        (None, "555 x12", [("replace", "value", "555"), ("replace", "extension", "12")]),
        ("12", "444 ext. 12", [("replace", "value", "444")]),
        ("12", "444", [("replace", "value", "444"), ("remove", "extension", None)]),
    ],
)
def test_extension_follows_its_number(before: str | None, wanted: str, expected: list[tuple[str, str, str]]) -> None:
    ops = patch(document(phone("111", extension=before)), fields={"phone": wanted})
    assert [(op["op"], op["path"].rpartition("/")[2], op.get("value")) for op in ops] == expected


def test_custom_field_is_sent_alone_first() -> None:
    ops = patch_of(change(entra_id=ID), CAPTION, references={}, current=None)
    assert ops == [{"op": "replace", "path": "/customFields", "value": [{"id": 15, "value": ID}]}]


def test_whole_custom_fields_go_back_as_they_came_with_the_object_id_put_in() -> None:
    fields = [
        {
            "id": 14,
            "caption": "Hobby",
            "type": "Text",
            "entryMethod": "EntryField",
            "numberOfDecimals": 0,
            "value": "x",
        },
        {"id": 15, "caption": "EntraId", "type": "Text", "entryMethod": "EntryField", "numberOfDecimals": 0},
    ]
    current = read(document(customFields=fields))
    ops = patch_of(change(entra_id=ID), CAPTION, references={}, current=current)
    assert with_all_custom_fields(ops, current, CAPTION) == [
        {"op": "replace", "path": "/customFields", "value": [fields[0], {**fields[1], "value": ID}]}
    ]


def test_custom_fields_of_others_are_sent_back_unchanged_where_the_patch_must_carry_them() -> None:
    fields = [{"id": 14, "caption": "Hobby", "value": "x"}]
    current = read(document(customFields=fields))
    title = {"op": "replace", "path": "/title", "value": "Buyer"}
    assert with_all_custom_fields([title], current, LAYOUT) == [
        title,
        {"op": "replace", "path": "/customFields", "value": fields},
    ]
    assert with_all_custom_fields([title], read(document()), LAYOUT)[1]["value"] == []


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ({"fields": {"job_title": "Buyer"}}, ["job_title"]),
        ({"fields": {"last_name": "Longer"}}, []),
        ({"fields": {"last_name": None}}, ["last_name"]),
        ({"fields": {"phone": "(555) 12-34"}}, []),
        ({"fields": {"phone": "+1 555 1234"}}, []),
        ({"fields": {"phone": "555 9999"}}, ["phone"]),
        ({"fields": {"email": "ANN@contoso.com"}}, []),
        ({"fields": {"email": "bob@contoso.com"}}, ["email"]),
        ({"active": False}, ["active"]),
        ({"active": True, "entra_id": ID.upper()}, []),
        ({"entra_id": "other"}, ["entra_id"]),
        ({"site_id": "8"}, ["site"]),
    ],
)
def test_answer_that_does_not_show_the_change_contradicts_it(parts: dict[str, Any], expected: list[str]) -> None:
    doc = document(email("ann@contoso.com"), phone("5551234"), lastName="Long", userDefinedField10=ID, site={"id": 7})
    assert find_contradictions(change(**parts), map_contact(read(doc), LAYOUT)) == expected


def test_answer_from_another_company_contradicts() -> None:
    contact = map_contact(read(document(company={"id": 251})), LAYOUT)
    assert find_contradictions(change(), contact) == ["company"]


# --- any change, applied by another implementation --------------------------------------------------------------------

NUMBERS = st.from_regex(r"[1-9][0-9]{4,9}( x[0-9]{1,15})?", fullmatch=True)
DIGITS = st.from_regex(r"[1-9][0-9]{4,9}", fullmatch=True)
TEXTS = st.text(min_size=1, max_size=30).filter(lambda text: bool(clean(text)))
VALUES = {
    "first_name": TEXTS,
    "last_name": TEXTS | st.none(),
    "job_title": TEXTS | st.none(),
    "city": TEXTS | st.none(),
    "email": st.emails() | st.sampled_from(["a@x.example", "b@x.example"]),
    "phone": NUMBERS | st.none(),
    "mobile_phone": NUMBERS | st.none(),
}


@st.composite
def documents(draw: st.DrawFn) -> Json:
    """Make a contact with items of any kind, one default per class at most."""
    values = draw(st.lists(st.sampled_from(["a@x.example", "b@x.example", "c@x.example"]), unique=True))
    emails = [email(value, type_id=draw(st.sampled_from([13, 14])), default=False) for value in values]
    kinds = draw(st.lists(st.sampled_from([22, 26, 99])))
    extension = st.none() | st.just("77")
    phones = [phone(draw(DIGITS), type_id=kind, default=False, extension=draw(extension)) for kind in kinds]
    for ones in (emails, phones):
        default = draw(st.integers(0, len(ones)))
        if default < len(ones):
            ones[default]["defaultFlag"] = True
    items: list[Json] = draw(st.permutations(emails + phones))
    numbered = [{**item, "id": index + 1} for index, item in enumerate(items)]
    return document(*numbered, title=draw(st.none() | TEXTS), lastName=draw(st.none() | TEXTS))


@given(doc=documents(), fields=st.fixed_dictionaries({}, optional=VALUES), active=st.none() | st.booleans())
def test_patch_applied_by_another_library_shows_the_change_and_nothing_else(
    doc: Json, fields: dict[str, str | None], active: bool | None
) -> None:
    before = copy.deepcopy(doc)
    ops = patch(doc, fields=fields, active=active)
    result = patched(copy.deepcopy(doc), ops)
    contact = map_contact(read(result), LAYOUT)
    wanted = change(fields=fields, active=active)
    assert find_contradictions(wanted, contact) == []
    for name, value in fields.items():
        if value is not None:
            assert contact.fields[name].casefold() == clean(value).casefold()
    ours = {read(before).communication_items[index].id for index in _ours(before, fields)}
    for item in before["communicationItems"]:
        if item["id"] not in ours:
            kept = next(kept for kept in result["communicationItems"] if kept["id"] == item["id"])
            assert {**kept, "defaultFlag": None} == {**item, "defaultFlag": None}
    _at_most_one_default(result)
    assert patch(result, fields={n: v for n, v in fields.items() if v is not None and n in ("email", "phone")}) == []


def _ours(doc: Json, fields: dict[str, str | None]) -> set[int]:
    """Return the indices of the items that this change may touch: one that is changed, all that are cleared."""
    items = read(doc).communication_items
    found: set[int] = set()
    for purpose in ITEM_FIELDS:
        if purpose in fields:
            ours = LAYOUT.our_items(purpose, items)
            found.update(ours if fields[purpose] is None else ours[:1])
    return found


def _at_most_one_default(doc: Json) -> None:
    for communication_class in ("Email", "Phone"):
        items = [item for item in doc["communicationItems"] if item["communicationType"] == communication_class]
        assert sum(item["defaultFlag"] for item in items) <= 1
