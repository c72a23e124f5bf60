from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.records import FieldSpec, PsaSchema
from tasks import codes
from tasks.connector import CompanyRule, FieldRule
from tasks.default_mappings import DEFAULT_MAPPINGS, default_mapping
from tasks.drafting import Drafted, Drafter
from tasks.expressions.compiled import ExpressionError
from tasks.request import SyncRequest
from tests.unit.tasks.makers import SCHEMA, make_connector, make_user


def draft(
    user: dict[str, object], schema: PsaSchema = SCHEMA, request: SyncRequest | None = None, **settings: Any
) -> Drafted:
    return Drafter(make_connector(**settings), schema, request or SyncRequest()).draft(make_user(**user))


def fields(user: dict[str, object], **settings: Any) -> dict[str, str]:
    drafted = draft(user, **settings)
    assert drafted.draft is not None, drafted.error
    return drafted.draft.fields


def error_code(drafted: Drafted) -> str:
    assert drafted.draft is None
    assert drafted.error is not None
    assert drafted.error["user_principal_name"] == "ann@contoso.com"
    assert "ann@contoso.com" in drafted.error["message"]
    return str(drafted.error["code"])


def noted(drafted: Drafted) -> list[str]:
    return [note.code for note in drafted.notes]


def mapping(**rules: FieldRule) -> dict[str, FieldRule]:
    return default_mapping("connectwise") | rules


# --- fields -----------------------------------------------------------------------------------------------------------


def test_default_mapping_fills_the_usual_fields_with_trimmed_values() -> None:
    assert fields({"job_title": " Buyer ", "mobile_phone": "+49 170 1", "department": "sales"}) == {
        "first_name": "Ann",
        "last_name": "Example",
        "email": "ann@contoso.com",
        "phone": "+49 30 1234567",
        "mobile_phone": "+49 170 1",
        "job_title": "Buyer",
        "department": "Sales",
    }


def test_empty_values_are_absent() -> None:
    user: dict[str, object] = {"surname": None, "job_title": " ", "business_phones": (), "department": None}
    assert fields(user) == {"first_name": "Ann", "email": "ann@contoso.com"}


def test_names_lose_control_characters_and_doubled_spaces() -> None:
    found = fields({"given_name": "Ann\t\x00 Marie\u00a0", "surname": "Ex\x07ample\r\n"})
    assert (found["first_name"], found["last_name"]) == ("Ann Marie", "Example")


def test_draft_carries_object_id_company_and_contact_type() -> None:
    found = draft({}, psa_contact_type="employee").draft
    assert found is not None
    assert (found.entra_id, found.company_id, found.site_id, found.contact_type) == (make_user().id, "250", None, "1")


@pytest.mark.parametrize("wanted", ["Employee", " employee ", "1"])
def test_contact_type_is_found_by_name_or_id(wanted: str) -> None:
    found = draft({}, psa_contact_type=wanted).draft
    assert found is not None
    assert found.contact_type == "1"


def test_unknown_contact_type_is_left_out_with_a_note() -> None:
    drafted = draft({}, psa_contact_type="Boss")
    assert drafted.draft is not None
    assert drafted.draft.contact_type is None
    assert noted(drafted) == [codes.REFERENCE_NOT_FOUND]


def test_contact_type_that_this_psa_keeps_nowhere_is_left_out_with_a_note_that_says_where_it_could() -> None:
    schema = PsaSchema(fields=SCHEMA.fields, contact_type_hint="name a field by contact_type_field")
    drafted = draft({}, schema, psa_contact_type="Employee")
    assert noted(drafted) == [codes.REFERENCE_NOT_FOUND]
    assert "contact_type_field" in drafted.notes[0].message


def test_contact_type_means_nothing_to_a_psa_without_contact_types() -> None:
    assert noted(draft({}, PsaSchema(fields=SCHEMA.fields), psa_contact_type="Employee")) == []


def test_never_written_and_unknown_fields_are_left_out() -> None:
    rules = mapping(job_title=FieldRule(value="{{ user.jobTitle }}", update="never"), shoe_size=FieldRule(value="43"))
    found = fields({}, field_mapping=rules)
    assert "job_title" not in found
    assert "shoe_size" not in found


def test_long_text_is_cut_at_a_character_with_a_note() -> None:
    drafted = draft({"job_title": "😀" * 60})
    assert drafted.draft is not None
    assert drafted.draft.fields["job_title"] == "😀" * 50
    note = next(note for note in drafted.notes if note.code == codes.VALUE_TRUNCATED)
    assert (note.field, note.always) == ("job_title", False)
    assert "60" in note.message
    assert "50" in note.message


def test_text_of_exactly_the_length_is_not_cut() -> None:
    drafted = draft({"job_title": "x" * 50})
    assert codes.VALUE_TRUNCATED not in noted(drafted)


@pytest.mark.parametrize(
    "mail", ["ann", "ann@", "@contoso.com", "ann@x@y", "a nn@contoso.com", "ann@con toso.com", "a" * 60 + "@x.com"]
)
def test_address_that_is_none_or_too_long_is_an_error(mail: str) -> None:
    assert error_code(draft({"mail": mail})) == codes.INVALID_FIELD_MAPPING


def test_phone_that_is_too_long_is_an_error() -> None:
    assert error_code(draft({"business_phones": ("+49 30 123456789 ext 1234567890",)})) == codes.INVALID_FIELD_MAPPING


@pytest.mark.parametrize(
    ("phone", "fits"),
    [
        ("1" * 25 + " x1234567890", True),
        ("1" * 25 + ", ext. 12", True),
        ("1" * 26 + " x1", False),
        ("1" * 20 + " x12345678901", False),
        ("1" * 26, False),
    ],
)
def test_extension_with_a_field_of_its_own_does_not_count(phone: str, *, fits: bool) -> None:
    specs = [
        spec.model_copy(update={"extension_length": 10}) if spec.kind == "phone" else spec for spec in SCHEMA.fields
    ]
    drafted = draft({"business_phones": (phone,)}, PsaSchema(fields=tuple(specs)))
    assert (drafted.error is None) is fits


def test_phone_and_address_of_exactly_the_length_fit() -> None:
    found = fields({"business_phones": ("1" * 25,), "mail": "a" * 54 + "@x.com"})
    assert (len(found["phone"]), len(found["email"])) == (25, 60)


def test_reference_is_written_as_the_psa_spells_it() -> None:
    assert fields({"department": "human  RESOURCES"})["department"] == "Human Resources"


def test_reference_that_the_psa_lacks_is_left_out_and_always_noted() -> None:
    drafted = draft({"department": "Shipping"})
    assert drafted.draft is not None
    assert "department" not in drafted.draft.fields
    note = next(note for note in drafted.notes if note.code == codes.REFERENCE_NOT_FOUND)
    assert (note.field, note.always) == ("department", True)
    assert "Shipping" in note.message


def test_reference_without_a_known_list_is_taken_as_it_is() -> None:
    assert fields({}, field_mapping=mapping(site=FieldRule(value="Main")))["site"] == "Main"


@pytest.mark.parametrize(("phones", "mobile", "missing"), [((), None, True), (("1",), None, False), ((), "1", False)])
def test_neither_phone_nor_mobile_is_noted(phones: tuple[str, ...], mobile: str | None, *, missing: bool) -> None:
    drafted = draft({"business_phones": phones, "mobile_phone": mobile})
    assert (codes.MISSING_PHONE_NUMBER in noted(drafted)) is missing


# --- first name and required fields -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("user", "first_name"),
    [
        ({"display_name": "Support Desk"}, "Support"),
        ({"display_name": " \x00 "}, "ann"),
        ({"display_name": None, "mail": None, "user_principal_name": "bob.smith@contoso.com"}, "bob.smith"),
        ({"display_name": "X" * 40}, "X" * 30),
    ],
)
def test_missing_first_name_is_derived_and_noted(user: dict[str, object], first_name: str) -> None:
    drafted = draft({"given_name": None, **user})
    assert drafted.draft is not None
    assert drafted.draft.fields["first_name"] == first_name
    assert drafted.derived == {"first_name"}
    note = next(note for note in drafted.notes if note.code == codes.FIRST_NAME_DERIVED)
    assert note.field == "first_name"


def test_user_without_any_name_is_incomplete() -> None:
    nameless = make_user(given_name=None, display_name=None, mail=None, user_principal_name=None)
    drafted = Drafter(make_connector(), SCHEMA, SyncRequest()).draft(nameless)
    assert drafted.error is not None
    assert drafted.error["code"] == codes.USER_DATA_INCOMPLETE
    assert drafted.error["user_principal_name"] == nameless.id


def test_given_first_name_is_not_derived() -> None:
    assert draft({}).derived == frozenset()


def test_missing_surname_is_no_error_where_it_is_not_required() -> None:
    assert "last_name" not in fields({"surname": None})


def test_required_surname_that_is_missing_is_an_error_and_a_stand_in_mends_it() -> None:
    schema = PsaSchema(
        fields=tuple(
            spec.model_copy(update={"required": spec.name in ("first_name", "last_name")}) for spec in SCHEMA.fields
        )
    )
    drafted = draft({"surname": None}, schema)
    assert error_code(drafted) == codes.USER_DATA_INCOMPLETE
    assert "last_name" in (drafted.error or {})["message"]
    rules = mapping(last_name=FieldRule(value="{{ user.surname | default('-') }}"))
    mended = draft({"surname": None}, schema, field_mapping=rules).draft
    assert mended is not None
    assert mended.fields["last_name"] == "-"


# --- clearing ---------------------------------------------------------------------------------------------------------

CLEARING = FieldRule(value="{{ user.jobTitle }}", clear=True)


def test_null_clears_only_where_the_rule_says_so() -> None:
    assert draft({"job_title": None}).cleared == frozenset()
    assert draft({"job_title": None}, field_mapping=mapping(job_title=CLEARING)).cleared == {"job_title"}


def test_absent_property_never_clears() -> None:
    user = make_user().model_dump(exclude_unset=True, exclude={"job_title"})
    assert draft_of_exactly(user).cleared == frozenset()
    assert draft_of_exactly({**user, "job_title": None}).cleared == {"job_title"}


def draft_of_exactly(properties: dict[str, object]) -> Drafted:
    user = make_user().__class__.model_validate(properties)
    return Drafter(make_connector(field_mapping=mapping(job_title=CLEARING)), SCHEMA, SyncRequest()).draft(user)


def test_required_field_is_never_cleared() -> None:
    rules = mapping(first_name=FieldRule(value="{{ user.givenName }}", clear=True))
    assert draft({"given_name": None}, field_mapping=rules).cleared == frozenset()


def test_field_that_the_psa_fills_by_itself_is_never_cleared() -> None:
    schema = PsaSchema(fields=(*SCHEMA.fields, FieldSpec(name="display_name", kind="text", lasting=True)))
    rules = mapping(display_name=FieldRule(value="{{ user.jobTitle }}", clear=True))
    assert draft({"job_title": None}, schema, field_mapping=rules).cleared == frozenset()


# --- company ----------------------------------------------------------------------------------------------------------

RULES = (
    CompanyRule(when="user.officeLocation == 'Berlin'", company_id="251", site_id="7"),
    CompanyRule(when="user.officeLocation in ['Berlin', 'Munich']", company_id="252"),
)


@pytest.mark.parametrize(
    ("office", "company"),
    [("Berlin", ("251", "7")), ("Munich", ("252", None)), ("Paris", ("250", None)), (None, ("250", None))],
)
def test_first_company_rule_wins_else_the_default(office: str | None, company: tuple[str, str | None]) -> None:
    found = draft({"office_location": office}, company_rules=RULES).draft
    assert found is not None
    assert (found.company_id, found.site_id) == company


def test_requested_company_goes_before_rules_and_default() -> None:
    found = draft({"office_location": "Berlin"}, request=SyncRequest(company_id="9"), company_rules=RULES).draft
    assert found is not None
    assert (found.company_id, found.site_id) == ("9", None)


def test_company_zero_is_a_company() -> None:
    found = draft({}, psa_default_company_id="0").draft
    assert found is not None
    assert found.company_id == "0"


def test_no_company_is_an_error() -> None:
    assert error_code(draft({}, psa_default_company_id=None, company_rules=RULES)) == codes.MISSING_COMPANY_ID


# --- faults -----------------------------------------------------------------------------------------------------------


def test_expression_that_fails_for_one_user_is_that_users_error() -> None:
    rules = mapping(job_title=FieldRule(value="{{ 1 / (user.displayName | length - 7) }}"))
    drafter = Drafter(make_connector(field_mapping=rules), SCHEMA, SyncRequest())
    assert error_code(drafter.draft(make_user(display_name="7 chars"))) == codes.INVALID_FIELD_MAPPING
    assert drafter.draft(make_user()).draft is not None


def test_broken_mapping_is_refused_before_anybody_is_drafted() -> None:
    with pytest.raises(ExpressionError):
        draft({}, field_mapping=mapping(job_title=FieldRule(value="{{ user.jobTitel }}")))


@pytest.mark.parametrize("kind", DEFAULT_MAPPINGS)
def test_default_mapping_of_every_psa_drafts(kind: str) -> None:
    schema = PsaSchema(fields=tuple(FieldSpec(name=name, kind="text") for name in default_mapping(kind)))
    found = draft({}, schema, field_mapping=default_mapping(kind)).draft
    assert found is not None
    assert found.fields["email"] == "ann@contoso.com"


NASTY = st.none() | st.text(max_size=80)


@given(given_name=NASTY, surname=NASTY, display_name=NASTY, job_title=NASTY, department=NASTY, phone=NASTY)
def test_every_user_gets_a_draft_that_fits_or_an_error(phone: str | None, **user: str | None) -> None:
    drafted = draft({**user, "business_phones": (phone,) if phone else ()})
    if drafted.draft is None:
        assert drafted.error is not None
        return
    specs = {spec.name: spec for spec in SCHEMA.fields}
    for name, value in drafted.draft.fields.items():
        assert value
        assert value == value.strip()
        assert len(value) <= (specs[name].max_length or len(value))
        assert specs[name].choices is None or value in (specs[name].choices or ())
    assert {spec.name for spec in SCHEMA.fields if spec.required} <= set(drafted.draft.fields)
