from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.records import Contact, ContactChange, ContactDraft, Link, Outcome, Planned, User
from tasks import codes
from tasks.connector import CompanyRule, FieldRule, UpdatePolicy
from tasks.default_mappings import default_mapping
from tasks.drafting import Drafted, Drafter
from tasks.matching import Match
from tasks.planning import Planner, fingerprint_of, is_applied, link_of, plan_deactivation
from tasks.refusals import Refusal
from tasks.request import SyncRequest
from tests.unit.tasks.makers import (
    ANN_ID,
    BEN_ID,
    SCHEMA,
    apply_change,
    apply_draft,
    make_connector,
    make_contact,
    make_user,
)


def plan(
    contact: Contact | None = None,
    *,
    user: User | None = None,
    link: Link | None = None,
    request: SyncRequest | None = None,
    match: Match | Refusal | None = None,
    **settings: Any,
) -> Planned | Outcome:
    user, request, connector = user or make_user(), request or SyncRequest(), make_connector(**settings)
    drafted = Drafter(connector, SCHEMA, request).draft(user)
    match = match or Match(contact, "mail" if contact else "none")
    return Planner(connector, SCHEMA, request).plan(user, drafted, match=match, link=link, read_at_ms=7)


def planned(*args: Any, **kwargs: Any) -> Planned:
    result = plan(*args, **kwargs)
    assert isinstance(result, Planned), result
    return result


def skipped(*args: Any, **kwargs: Any) -> Outcome:
    result = plan(*args, **kwargs)
    assert isinstance(result, Outcome), result
    assert result.status == "skipped"
    return result


def warned(result: Planned | Outcome) -> list[str]:
    return [warning["code"] for warning in result.warnings]


def mapping(**rules: FieldRule) -> dict[str, FieldRule]:
    return default_mapping("connectwise") | rules


def right_contact(**facts: Any) -> Contact:
    """Make Ann's contact as a run leaves it."""
    return make_contact(**{"entra_id": ANN_ID, **facts})


# --- creation ---------------------------------------------------------------------------------------------------------


def test_user_without_contact_gets_one() -> None:
    result = planned()
    assert result.draft is not None
    assert result.change is None
    assert result.draft.fields["email"] == "ann@contoso.com"
    assert result.addresses == ("ann@contoso.com",)
    assert (result.read_at_ms, result.before) == (7, {})
    assert result.changed_fields == ("first_name", "last_name", "email", "phone", "job_title", "department")


def test_created_contact_without_phone_is_warned_of_in_the_specified_words() -> None:
    result = planned(user=make_user(business_phones=()))
    assert result.warnings == (
        {
            "user_principal_name": "ann@contoso.com",
            "code": "MissingPhoneNumber",
            "message": "User missing phone number, contact created without phone",
        },
    )


def test_disabled_user_gets_no_contact() -> None:
    request = SyncRequest(skip_disabled_users=False)
    for enabled in (False, None):
        assert skipped(user=make_user(account_enabled=enabled), request=request).link is None


def test_recreation_carries_the_warning_of_the_match() -> None:
    warning = {"user_principal_name": "ann@contoso.com", "code": codes.CONTACT_RECREATED, "message": "…"}
    assert warned(planned(match=Match(None, warnings=(warning,)))) == [codes.CONTACT_RECREATED]


def test_contact_just_created_needs_nothing_more() -> None:
    for user in (make_user(), make_user(given_name=None, business_phones=(), job_title="x" * 90)):
        result = planned(user=user)
        assert result.draft is not None
        assert skipped(apply_draft(result.draft), user=user, link=link_of(result)).warnings == ()


# --- update -----------------------------------------------------------------------------------------------------------


def test_contact_that_is_right_is_skipped_and_remembered() -> None:
    result = skipped(right_contact())
    assert result.link is not None
    assert (result.link.contact_id, result.link.company_id, result.link.read_at_ms) == ("12345", "250", 7)
    assert result.link.fingerprint == planned().fingerprint


def test_only_what_differs_is_written_in_the_order_of_the_mapping() -> None:
    fields = {
        "first_name": "Anne",
        "last_name": "Example",
        "email": "ann@contoso.com",
        "phone": "030 1",
        "department": "IT",
    }
    result = planned(right_contact(fields=fields))
    assert result.draft is None
    assert result.change is not None
    assert result.changed_fields == ("first_name", "phone", "job_title", "department")
    assert result.change.fields == {
        "first_name": "Ann",
        "phone": "+49 30 1234567",
        "job_title": "Buyer",
        "department": "Sales",
    }
    assert result.before == {"first_name": "Anne", "phone": "030 1", "job_title": None, "department": "IT"}
    assert (result.change.active, result.change.entra_id, result.change.site_id) == (None, None, None)


def test_values_that_compare_equal_are_not_written() -> None:
    fields = {
        "first_name": "Ann ",
        "last_name": "Example",
        "email": "ANN@Contoso.com",
        "phone": "0049 30 1234567",
        "job_title": "Buyer",
        "department": "SALES",
    }
    skipped(right_contact(fields=fields, emails=("ANN@Contoso.com",), entra_id=ANN_ID.upper()))


def test_value_that_was_cut_is_not_written_again() -> None:
    user = make_user(job_title="x" * 80)
    contact = right_contact(fields={**make_contact().fields, "job_title": "x" * 50})
    assert skipped(contact, user=user).warnings == ()


def test_empty_value_never_erases() -> None:
    user = make_user(job_title=None, business_phones=(), department=None, surname=None)
    skipped(right_contact(), user=user)


def test_null_erases_where_the_rule_clears() -> None:
    rules = mapping(job_title=FieldRule(value="{{ user.jobTitle }}", clear=True))
    result = planned(right_contact(), user=make_user(job_title=None), field_mapping=rules)
    assert result.change is not None
    assert result.change.fields == {"job_title": None}
    assert (result.changed_fields, result.before) == (("job_title",), {"job_title": "Buyer"})
    after = apply_change(right_contact(), result.change)
    skipped(after, user=make_user(job_title=None), field_mapping=rules)


def test_object_id_alone_is_an_update_of_entra_id() -> None:
    result = planned(make_contact())
    assert result.changed_fields == ("entra_id",)
    assert result.change is not None
    assert (result.change.entra_id, result.change.fields) == (ANN_ID, {})


def test_object_id_of_a_user_that_is_gone_is_replaced() -> None:
    result = planned(match=Match(make_contact(entra_id=BEN_ID), "mail", relink=True))
    assert result.changed_fields == ("entra_id",)
    assert result.before == {"entra_id": BEN_ID}


def test_foreign_value_is_never_overwritten_but_warned_of() -> None:
    result = skipped(make_contact(entra_id="LEGACY-77"))
    assert warned(result) == [codes.FOREIGN_OBJECT_ID]
    assert result.link is not None
    assert result.link.contact_id == "12345"


def test_inactive_contact_is_reactivated_with_a_warning() -> None:
    result = planned(right_contact(active=False))
    assert result.changed_fields == ("active",)
    assert result.change is not None
    assert result.change.active is True
    assert warned(result) == [codes.CONTACT_REACTIVATED]


def test_disabled_users_contact_is_updated_but_active_stays() -> None:
    user, request = make_user(account_enabled=False, job_title="Director"), SyncRequest(skip_disabled_users=False)
    for active in (True, False):
        result = planned(right_contact(active=active), user=user, request=request)
        assert result.changed_fields == ("job_title",)
        assert result.change is not None
        assert result.change.active is None


def test_move_and_site_are_named_in_the_report() -> None:
    rules = (CompanyRule(when="true", company_id="251", site_id="7"),)
    result = planned(right_contact(site_id="3"), user=make_user(job_title="Boss"), company_rules=rules)
    assert result.changed_fields == ("job_title", "company", "site")
    assert result.change is not None
    assert (result.change.company_id, result.change.site_id) == ("251", "7")
    assert result.before == {"job_title": "Buyer", "company": "250", "site": "3"}
    after = apply_change(right_contact(site_id="3"), result.change)
    skipped(after, user=make_user(job_title="Boss"), company_rules=rules)


def test_site_of_the_company_rule_goes_before_a_mapped_one() -> None:
    rules = (CompanyRule(when="true", company_id="250", site_id="7"),)
    result = planned(right_contact(), company_rules=rules, field_mapping=mapping(site=FieldRule(value="Elsewhere")))
    assert result.change is not None
    assert (result.change.site_id, result.change.fields) == ("7", {})


def test_existing_contacts_are_left_alone_when_the_run_says_so() -> None:
    known = Link(contact_id="9", company_id="250", fingerprint="f", read_at_ms=3, written={"job_title": "d"})
    wrong = make_contact(active=False, fields={})
    result = skipped(wrong, link=known, request=SyncRequest(update_existing=False))
    assert result.link == known.model_copy(update={"contact_id": "12345"})
    planned(request=SyncRequest(update_existing=False))


# --- warnings ---------------------------------------------------------------------------------------------------------


def test_missing_phone_is_warned_of_only_when_something_is_written() -> None:
    user = make_user(business_phones=())
    assert warned(skipped(right_contact(), user=user)) == []
    result = planned(make_contact(), user=user)
    assert warned(result) == [codes.MISSING_PHONE_NUMBER]
    assert result.warnings[0]["message"] == "User missing phone number, contact updated without phone"


def test_cut_value_is_warned_of_only_when_it_is_written() -> None:
    user = make_user(job_title="x" * 80)
    assert warned(planned(right_contact(), user=user)) == [codes.VALUE_TRUNCATED]
    contact = make_contact(fields={**make_contact().fields, "job_title": "x" * 50})
    assert warned(planned(contact, user=user)) == []


def test_reference_that_is_left_out_is_always_warned_of() -> None:
    assert warned(skipped(right_contact(), user=make_user(department="Shipping"))) == [codes.REFERENCE_NOT_FOUND]


def test_derived_first_name_fills_but_never_replaces() -> None:
    user = make_user(given_name=None)
    assert warned(skipped(right_contact(fields={**make_contact().fields, "first_name": "Annie"}), user=user)) == []
    fields = {name: value for name, value in make_contact().fields.items() if name != "first_name"}
    result = planned(right_contact(fields=fields), user=user)
    assert result.changed_fields == ("first_name",)
    assert warned(result) == [codes.FIRST_NAME_DERIVED]


# --- update policies --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "on_creation", "into_empty", "over_another"),
    [
        ("always", True, True, True),
        ("if_empty", True, True, False),
        ("on_create", True, False, False),
        ("never", False, False, False),
        ("source_changed", True, True, True),
    ],
)
def test_policy_says_when_a_field_is_written(
    policy: UpdatePolicy, *, on_creation: bool, into_empty: bool, over_another: bool
) -> None:
    rules = mapping(job_title=FieldRule(value="{{ user.jobTitle }}", update=policy))
    created = planned(field_mapping=rules).draft
    assert created is not None
    assert ("job_title" in created.fields) is on_creation
    fields = {name: value for name, value in make_contact().fields.items() if name != "job_title"}
    for contact, expected in ((fields, into_empty), ({**fields, "job_title": "Boss"}, over_another)):
        result = plan(right_contact(fields=contact), field_mapping=rules)
        assert isinstance(result, Planned) is expected


SOURCE_CHANGED = mapping(job_title=FieldRule(value="{{ user.jobTitle }}", update="source_changed"))


def test_hand_edit_lives_until_the_source_changes() -> None:
    created = planned(field_mapping=SOURCE_CHANGED)
    assert created.draft is not None
    contact = apply_draft(created.draft)
    edited = contact.model_copy(update={"fields": {**contact.fields, "job_title": "By hand"}})
    seen = skipped(edited, link=link_of(created), field_mapping=SOURCE_CHANGED)
    again = skipped(edited, link=seen.link, field_mapping=SOURCE_CHANGED)
    result = planned(edited, user=make_user(job_title="Director"), link=again.link, field_mapping=SOURCE_CHANGED)
    assert result.changed_fields == ("job_title",)


def test_source_seen_equal_is_remembered_like_a_written_one() -> None:
    seen = skipped(right_contact(), field_mapping=SOURCE_CHANGED)
    edited = right_contact(fields={**make_contact().fields, "job_title": "By hand"})
    skipped(edited, link=seen.link, field_mapping=SOURCE_CHANGED)


EDITED: dict[tuple[UpdatePolicy, bool], tuple[tuple[str, ...], str]] = {
    ("always", False): (("job_title",), "is overwritten"),
    ("always", True): (("job_title",), "is overwritten"),
    ("source_changed", False): ((), "stays until"),
    ("source_changed", True): (("job_title",), "changed, too"),
    ("if_empty", False): ((), "stays"),
    ("on_create", True): ((), "stays"),
}


@pytest.mark.parametrize(("policy", "source_changes"), list(EDITED))
def test_field_edited_by_hand_is_reported_with_what_becomes_of_it(
    policy: UpdatePolicy, *, source_changes: bool
) -> None:
    rules = mapping(job_title=FieldRule(value="{{ user.jobTitle }}", update=policy))
    written = link_of(planned(field_mapping=rules)).model_copy(update={"contact_id": "12345"})
    user = make_user(job_title="Director") if source_changes else make_user()
    edited = right_contact(fields={**make_contact().fields, "job_title": "By hand"})
    result = plan(edited, user=user, link=written, field_mapping=rules)
    changed, fate = EDITED[policy, source_changes]
    assert warned(result) == [codes.MANUAL_EDIT]
    assert "job_title of contact 12345 of ann@contoso.com" in result.warnings[0]["message"]
    assert fate in result.warnings[0]["message"]
    assert (result.changed_fields if isinstance(result, Planned) else ()) == changed


def test_field_emptied_by_hand_is_reported() -> None:
    written = link_of(planned()).model_copy(update={"contact_id": "12345"})
    fields = {name: value for name, value in make_contact().fields.items() if name != "job_title"}
    assert warned(planned(right_contact(fields=fields), link=written)) == [codes.MANUAL_EDIT]


@pytest.mark.parametrize("phone", ["0049 30 1234567", "+49 (30) 123-4567"])
def test_value_that_the_psa_spells_otherwise_is_no_edit(phone: str) -> None:
    written = link_of(planned()).model_copy(update={"contact_id": "12345"})
    spelt = right_contact(fields={**make_contact().fields, "phone": phone})
    assert warned(planned(spelt, user=make_user(business_phones=("+49 30 7654321",)), link=written)) == []


def test_contact_made_anew_is_not_judged_by_what_was_written_to_the_former_one() -> None:
    before = link_of(planned(field_mapping=SOURCE_CHANGED)).model_copy(update={"contact_id": "777"})
    again = link_of(planned(user=make_user(job_title=None), link=before, field_mapping=SOURCE_CHANGED))
    assert "job_title" not in again.written
    fields = {name: value for name, value in make_contact().fields.items() if name != "job_title"}
    link = again.model_copy(update={"contact_id": "12345"})
    result = planned(right_contact(fields=fields), link=link, field_mapping=SOURCE_CHANGED)
    assert (result.changed_fields, warned(result)) == (("job_title",), [])


def test_field_that_the_survivor_of_a_merge_always_held_is_no_edit() -> None:
    rules = mapping(job_title=FieldRule(value="{{ user.jobTitle }}", update="if_empty"))
    link = link_of(planned(field_mapping=rules)).model_copy(update={"contact_id": "777"})
    survivor = right_contact(fields={**make_contact().fields, "job_title": "Its own"})
    seen = skipped(survivor, link=link, field_mapping=rules)
    assert warned(skipped(survivor, link=seen.link, field_mapping=rules)) == []


def test_what_we_never_wrote_and_what_another_contact_holds_is_no_edit() -> None:
    fields = {**make_contact().fields, "job_title": "By hand"}
    assert warned(planned(right_contact(fields=fields))) == []
    elsewhere = link_of(planned()).model_copy(update={"contact_id": "777"})
    assert warned(planned(right_contact(fields=fields), link=elsewhere)) == []


def test_value_that_went_and_came_back_leaves_a_hand_edit() -> None:
    seen = skipped(right_contact(), field_mapping=SOURCE_CHANGED)
    emptied = skipped(right_contact(), user=make_user(job_title=None), link=seen.link, field_mapping=SOURCE_CHANGED)
    edited = right_contact(fields={**make_contact().fields, "job_title": "By hand"})
    skipped(edited, link=emptied.link, field_mapping=SOURCE_CHANGED)


# --- errors -----------------------------------------------------------------------------------------------------------


def test_user_without_draft_is_an_error_and_refused_until_something_changes() -> None:
    result = plan(psa_default_company_id=None)
    assert isinstance(result, Outcome)
    assert (result.status, result.retry, result.row["code"]) == ("error", "refused", codes.MISSING_COMPANY_ID)
    assert set(result.row) == {"user_principal_name", "code", "message"}


def test_refused_match_is_an_error_with_its_words() -> None:
    refusal = Refusal(codes.DUPLICATE_CONTACT, "Several contacts: 1, 2", ("1", "2"))
    result = plan(match=refusal)
    assert isinstance(result, Outcome)
    assert (result.status, result.retry) == ("error", "refused")
    assert result.row == {
        "user_principal_name": "ann@contoso.com",
        "code": "DuplicateContact",
        "message": refusal.message,
    }


# --- leavers ----------------------------------------------------------------------------------------------------------


def test_leavers_contact_is_switched_off_once() -> None:
    result = plan_deactivation(make_user(), right_contact(), read_at_ms=7)
    assert isinstance(result, Planned)
    assert result.change is not None
    assert (result.change.active, result.change.fields, result.changed_fields) == (False, {}, ("active",))
    again = plan_deactivation(make_user(), apply_change(right_contact(), result.change), read_at_ms=8)
    assert isinstance(again, Outcome)
    assert again.status == "skipped"


def test_protected_contact_is_never_switched_off() -> None:
    result = plan_deactivation(make_user(), right_contact(protected="billing"), read_at_ms=7)
    assert isinstance(result, Outcome)
    assert warned(result) == [codes.PROTECTED_CONTACT]
    assert "billing" in result.warnings[0]["message"]


# --- what is remembered -----------------------------------------------------------------------------------------------


def test_link_of_a_plan_remembers_what_it_writes() -> None:
    created = link_of(planned(field_mapping=SOURCE_CHANGED))
    assert (created.contact_id, created.company_id, created.read_at_ms) == ("", "250", 7)
    assert set(created.written) == {"first_name", "last_name", "email", "phone", "job_title", "department"}
    updated = link_of(planned(make_contact()))
    assert (updated.contact_id, updated.written) == ("12345", created.written)


def test_fingerprint_tells_drafts_apart_and_does_not_depend_on_order() -> None:
    def of(fields: dict[str, str], **facts: Any) -> str:
        return fingerprint_of(Drafted(draft=ContactDraft(company_id="250", entra_id=ANN_ID, fields=fields), **facts))

    assert of({"a": "1", "b": "2"}) == of({"b": "2", "a": "1"})
    assert len({of({"a": "1"}), of({"a": "2"}), of({"b": "1"}), of({"a": "1"}, cleared=frozenset({"b"}))}) == 4


def test_change_is_applied_when_every_target_is_there() -> None:
    result = planned(make_contact(active=False, fields={"phone": "1"}))
    assert result.change is not None
    before = make_contact(active=False, fields={"phone": "1"})
    after = apply_change(before, result.change)
    assert is_applied(result.change, after)
    assert is_applied(result.change, after, schema=SCHEMA)
    halves: list[dict[str, Any]] = [{"active": False}, {"entra_id": None}, {"fields": {}}, {"company_id": "9"}]
    for half in halves:
        assert not is_applied(result.change, after.model_copy(update=half))


def test_change_of_a_site_is_applied_only_there() -> None:
    change = ContactChange(contact_id="12345", company_id="250", site_id="7")
    assert is_applied(change, make_contact(site_id="7"))
    assert not is_applied(change, make_contact(site_id="8"))


# --- properties -------------------------------------------------------------------------------------------------------

TEXTS = (
    st.none()
    | st.sampled_from(["Buyer", "buyer ", "x" * 70, "Mu\u0308ller", "\x00", "+49 30 1", "Sales", "shipping"])
    | st.text(max_size=70)
)
POLICIES: st.SearchStrategy[FieldRule] = st.builds(
    lambda update, clear: FieldRule(value="{{ user.jobTitle }}", update=update, clear=clear),
    st.sampled_from(["always", "source_changed", "if_empty", "on_create", "never"]),
    st.booleans(),
)
CONTACT_FIELDS = st.dictionaries(
    st.sampled_from([spec.name for spec in SCHEMA.fields]), st.text(min_size=1, max_size=20), max_size=6
)


@given(
    given_name=TEXTS,
    surname=TEXTS,
    job_title=TEXTS,
    department=TEXTS,
    phone=TEXTS,
    enabled=st.booleans(),
    rule=POLICIES,
    fields=CONTACT_FIELDS,
    active=st.booleans(),
    entra_id=st.sampled_from([None, "", ANN_ID.upper(), BEN_ID, "LEGACY"]),
    site=st.sampled_from([None, "7"]),
)
def test_plan_applied_leaves_an_empty_plan(
    *,
    given_name: str | None,
    surname: str | None,
    job_title: str | None,
    department: str | None,
    phone: str | None,
    rule: FieldRule,
    fields: dict[str, str],
    entra_id: str | None,
    site: str | None,
    enabled: bool,
    active: bool,
) -> None:
    user = make_user(
        given_name=given_name,
        surname=surname,
        job_title=job_title,
        department=department,
        business_phones=(phone,) if phone else (),
        account_enabled=enabled,
    )
    settings: dict[str, Any] = {
        "field_mapping": mapping(job_title=rule),
        "company_rules": (CompanyRule(when="true", company_id="251", site_id=site),),
    }
    contact = make_contact(fields=fields, active=active, entra_id=entra_id)
    first = plan(contact, user=user, **settings)
    if isinstance(first, Outcome):
        assert first.status == "error"  # the company differs, so there is always something to write
        return
    assert first.change is not None
    assert set(first.before) == set(first.changed_fields)
    after = apply_change(contact, first.change)
    assert is_applied(first.change, after, schema=SCHEMA)
    second = plan(after, user=user, link=link_of(first), **settings)
    assert isinstance(second, Outcome)
    assert second.status == "skipped"
    third = plan(after, user=user, link=second.link, **settings)
    assert isinstance(third, Outcome)
    assert third.link == second.link


@given(given_name=TEXTS, surname=TEXTS, job_title=TEXTS, department=TEXTS, phone=TEXTS, rule=POLICIES)
def test_creation_applied_leaves_an_empty_plan(
    *,
    given_name: str | None,
    surname: str | None,
    job_title: str | None,
    department: str | None,
    phone: str | None,
    rule: FieldRule,
) -> None:
    user = make_user(
        given_name=given_name,
        surname=surname,
        job_title=job_title,
        department=department,
        business_phones=(phone,) if phone else (),
    )
    first = plan(user=user, field_mapping=mapping(job_title=rule))
    if isinstance(first, Outcome):
        assert first.status == "error"
        return
    assert first.draft is not None
    second = plan(apply_draft(first.draft), user=user, link=link_of(first), field_mapping=mapping(job_title=rule))
    assert isinstance(second, Outcome)
    assert second.status == "skipped"
