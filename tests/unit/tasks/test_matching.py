from collections.abc import Sequence
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.records import Contact, ContactDraft, Link, User
from tasks import codes
from tasks.matching import Facts, Match, Matcher, Needs, Refusal, index_keys, user_keys
from tasks.request import SyncRequest
from tests.unit.tasks.makers import ANN_ID, BEN_ID, TENANT_ID, make_connector, make_contact, make_draft, make_user

LINK = Link(contact_id="12345", company_id="250")
ME = f"{TENANT_ID}/{ANN_ID}"
BEN = f"{TENANT_ID}/{BEN_ID}"


def find(
    contacts: Sequence[Contact] = (),
    *,
    user: User | None = None,
    draft: ContactDraft | None = None,
    request: SyncRequest | None = None,
    withheld: frozenset[str] = frozenset(),
    settings: dict[str, object] | None = None,
    **facts: object,
) -> Match | Refusal | Needs:
    user = user or make_user()
    matcher = Matcher(make_connector(**(settings or {})), request or SyncRequest())
    known = Facts(contacts=contacts, **facts)  # type: ignore[arg-type] # a test names the facts that it needs
    return matcher.match(user, draft or make_draft(user), known, withheld=withheld)


def found(result: Match | Refusal | Needs) -> tuple[str | None, str]:
    assert isinstance(result, Match), result
    return (result.contact.id if result.contact else None, result.key)


def refused(result: Match | Refusal | Needs) -> tuple[str, tuple[str, ...]]:
    assert isinstance(result, Refusal), result
    for contact_id in result.contact_ids:
        assert contact_id in result.message
    assert "ann@contoso.com" in result.message
    return result.code, result.contact_ids


def warned(result: Match | Refusal | Needs) -> list[str]:
    assert isinstance(result, Match), result
    return [warning["code"] for warning in result.warnings]


# --- keys -------------------------------------------------------------------------------------------------------------


def test_contact_is_indexed_by_object_id_and_every_folded_address() -> None:
    contact = make_contact(entra_id=ANN_ID.upper(), emails=("Ann@Contoso.com", "a@x.com", "A@X.com"))
    assert index_keys(contact) == [f"id:{ANN_ID}", "mail:ann@contoso.com", "mail:a@x.com"]


def test_contact_is_indexed_by_name_only_if_active_without_address_and_object_id() -> None:
    assert index_keys(make_contact(emails=())) == ["name:ann|example"]
    assert index_keys(make_contact(emails=(), entra_id="LEGACY-77")) == ["name:ann|example"]
    assert index_keys(make_contact(emails=(), active=False)) == []
    assert index_keys(make_contact(emails=(), entra_id=ANN_ID)) == [f"id:{ANN_ID}"]


def test_user_looks_under_every_key_that_a_contact_may_be_indexed_by() -> None:
    user = make_user(proxy_addresses=("smtp:a.example@contoso.com",), user_principal_name="ann.e@contoso.com")
    keys = user_keys(user, make_draft(user))
    assert keys == [
        f"id:{ANN_ID}",
        "mail:ann@contoso.com",
        "mail:ann.e@contoso.com",
        "mail:a.example@contoso.com",
        "name:ann|example",
    ]


# --- nothing to match -------------------------------------------------------------------------------------------------


def test_nobody_known_means_a_new_contact() -> None:
    assert found(find()) == (None, "none")
    assert found(find([make_contact(emails=("ben@contoso.com",))])) == (None, "none")


def test_contact_of_a_company_outside_the_connector_is_never_taken() -> None:
    assert found(find([make_contact(company_id="999")])) == (None, "none")
    assert found(find([make_contact(company_id="999", entra_id=ANN_ID)])) == (None, "none")


# --- link -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "contact",
    [
        make_contact(entra_id=ANN_ID.upper(), emails=(), fields={}),
        make_contact(entra_id=f"{{{ANN_ID}}}", emails=(), fields={}),
        make_contact(fields={"first_name": "Other", "last_name": "Person"}),
        make_contact(entra_id="LEGACY-77"),
        make_contact(emails=()),
    ],
    ids=["object id", "object id in braces", "address", "address beside a foreign value", "name"],
)
def test_link_holds_by_object_id_address_or_name(contact: Contact) -> None:
    assert found(find([contact], link=LINK)) == ("12345", "link")


def test_linked_contact_that_is_not_at_hand_is_asked_for() -> None:
    assert find(link=LINK) == Needs("contacts", ("12345",))


def test_link_goes_before_an_object_id_elsewhere_and_addresses() -> None:
    marked = make_contact("2", entra_id=ANN_ID)
    assert found(find([marked, make_contact()], link=LINK)) == ("12345", "link")


def test_link_to_a_contact_with_another_object_id_is_void() -> None:
    taken = make_contact(entra_id=BEN_ID, emails=("ben@contoso.com",))
    assert found(find([taken, make_contact("2")], link=LINK, living_users=frozenset({BEN_ID}))) == ("2", "mail")


def test_renamed_user_keeps_the_linked_contact() -> None:
    married = make_user(
        surname="Newname", mail="ann.newname@contoso.com", user_principal_name="ann.newname@contoso.com"
    )
    assert found(find([make_contact(entra_id=ANN_ID)], user=married, link=LINK)) == ("12345", "link")


def test_linked_contact_beyond_recognition_is_refused_unless_it_went_to_somebody_else() -> None:
    stranger = make_contact(emails=("new@contoso.com",), fields={"first_name": "New", "last_name": "Hire"})
    assert refused(find([stranger], link=LINK)) == (codes.DUPLICATE_CONTACT, ("12345",))
    assert found(find([stranger], link=LINK, owners={"12345": BEN})) == (None, "none")


def test_deleted_contact_is_made_anew_with_a_warning_or_reported() -> None:
    gone = frozenset({"12345"})
    result = find(link=LINK, deleted_contacts=gone)
    assert found(result) == (None, "none")
    assert warned(result) == [codes.CONTACT_RECREATED]
    report: dict[str, object] = {"on_contact_deleted": "report"}
    assert refused(find(link=LINK, deleted_contacts=gone, settings=report)) == (codes.CONTACT_DELETED, ("12345",))


def test_deleted_contact_does_not_hide_another_match() -> None:
    result = find([make_contact("2")], link=LINK, deleted_contacts=frozenset({"12345"}))
    assert found(result) == ("2", "mail")
    assert warned(result) == [codes.CONTACT_MERGED]


# --- object id --------------------------------------------------------------------------------------------------------


def test_object_id_goes_before_addresses() -> None:
    marked = make_contact("2", entra_id=ANN_ID, emails=("old@contoso.com",))
    assert found(find([make_contact("1"), marked])) == ("2", "object_id")


def test_object_id_on_two_active_contacts_is_refused() -> None:
    twins = [make_contact("1", entra_id=ANN_ID), make_contact("2", entra_id=ANN_ID)]
    assert refused(find(twins)) == (codes.DUPLICATE_CONTACT, ("1", "2"))


def test_object_id_of_an_active_contact_goes_before_that_of_an_inactive_one() -> None:
    twins = [make_contact("1", entra_id=ANN_ID, active=False), make_contact("2", entra_id=ANN_ID)]
    assert found(find(twins)) == ("2", "object_id")


# --- addresses --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("properties", "key"),
    [
        ({"mail": "DESK@contoso.com"}, "mail"),
        ({"user_principal_name": "desk@contoso.com"}, "principal_name"),
        ({"proxy_addresses": ("smtp:desk@contoso.com",)}, "alias"),
    ],
)
def test_any_address_of_the_user_matches_any_address_of_the_contact(properties: dict[str, object], key: str) -> None:
    contact = make_contact(emails=("first@contoso.com", "Desk@Contoso.com"))
    assert found(find([contact], user=make_user(**properties))) == ("12345", key)


def test_alias_alone_with_another_surname_is_refused_and_never_created() -> None:
    desk = make_contact(emails=("desk@contoso.com",), fields={"first_name": "Help", "last_name": "Desk"})
    user = make_user(proxy_addresses=("smtp:desk@contoso.com",))
    assert refused(find([desk], user=user)) == (codes.DUPLICATE_CONTACT, ("12345",))


def test_alias_that_a_relative_shares_beside_an_address_of_its_own_is_refused() -> None:
    shared = ("amy@contoso.com", "sales@contoso.com")
    relative = make_contact(emails=shared, fields={"first_name": "Amy", "last_name": "Example"})
    user = make_user(proxy_addresses=("smtp:sales@contoso.com",))
    assert refused(find([relative], user=user)) == (codes.DUPLICATE_CONTACT, ("12345",))
    same_name = make_contact(emails=shared)
    assert found(find([same_name], user=user)) == ("12345", "alias")
    nickname = make_contact(emails=shared[1:], fields={"first_name": "Annie", "last_name": "Example"})
    assert found(find([nickname], user=user)) == ("12345", "alias")


def test_main_address_needs_no_surname() -> None:
    contact = make_contact(fields={"first_name": "Ann", "last_name": "Maiden"})
    assert found(find([contact])) == ("12345", "mail")


def test_contact_of_an_alias_with_another_surname_does_not_hide_the_users_own() -> None:
    desk = make_contact("1", emails=("desk@contoso.com",), fields={"first_name": "Help", "last_name": "Desk"})
    user = make_user(proxy_addresses=("smtp:desk@contoso.com",))
    assert found(find([desk, make_contact("2")], user=user)) == ("2", "mail")
    assert found(find([desk, make_contact("2", active=False)], user=user)) == ("2", "mail")


def test_address_that_the_draft_would_write_is_sought_like_an_alias() -> None:
    user = make_user()
    draft = make_draft(user, fields={"first_name": "Ann", "last_name": "Example", "email": "Ann@Home.example"})
    assert found(find([make_contact(emails=("ann@home.example",))], user=user, draft=draft)) == ("12345", "alias")
    other = make_contact(emails=("ann@home.example",), fields={"last_name": "Other"})
    assert refused(find([other], user=user, draft=draft)) == (codes.DUPLICATE_CONTACT, ("12345",))


def test_users_without_surname_agree_by_first_name() -> None:
    user = make_user(surname=None, proxy_addresses=("smtp:desk@contoso.com",))
    same = make_contact(emails=("desk@contoso.com",), fields={"first_name": "ANN"})
    other = make_contact(emails=("desk@contoso.com",), fields={"first_name": "Help"})
    assert found(find([same], user=user)) == ("12345", "alias")
    assert refused(find([other], user=user)) == (codes.DUPLICATE_CONTACT, ("12345",))


def test_two_active_contacts_of_the_users_addresses_are_refused() -> None:
    user = make_user(proxy_addresses=("smtp:a.example@contoso.com",))
    twins = [make_contact("10"), make_contact("9", emails=("a.example@contoso.com",))]
    assert refused(find(twins, user=user)) == (codes.DUPLICATE_CONTACT, ("9", "10"))


def test_active_goes_before_inactive_and_an_inactive_one_is_found() -> None:
    inactive = make_contact("1", active=False)
    assert found(find([inactive, make_contact("2")])) == ("2", "mail")
    assert found(find([inactive])) == ("1", "mail")
    assert refused(find([inactive, make_contact("2", active=False)])) == (codes.DUPLICATE_CONTACT, ("1", "2"))


def test_active_namesake_of_an_inactive_linked_contact_takes_over() -> None:
    inactive = make_contact(active=False, entra_id=ANN_ID)
    assert found(find([inactive, make_contact("2")], link=LINK)) == ("2", "mail")
    assert found(find([inactive], link=LINK)) == ("12345", "link")


@pytest.mark.parametrize(("entra_id", "link"), [(ANN_ID, LINK), (None, LINK), (ANN_ID, None)])
def test_inactive_certain_contact_does_not_yield_to_somebody_elses(entra_id: str | None, link: Link | None) -> None:
    inactive = make_contact(active=False, entra_id=entra_id)
    bens = make_contact("2", entra_id=BEN_ID)
    linked_to_ben = make_contact("3")
    result = find([inactive, bens, linked_to_ben], link=link, owners={"3": BEN})
    assert found(result) == ("12345", "link" if link else "object_id")


def test_withheld_address_does_not_match() -> None:
    assert found(find([make_contact()], withheld=frozenset({"ann@contoso.com"}))) == (None, "none")


# --- other users' marks -----------------------------------------------------------------------------------------------


def test_another_object_id_is_asked_after_then_refused_or_relinked() -> None:
    contacts = [make_contact(entra_id=BEN_ID.upper())]
    assert find(contacts) == Needs("users", (BEN_ID,))
    assert refused(find(contacts, living_users=frozenset({BEN_ID}))) == (codes.DUPLICATE_CONTACT, ("12345",))
    result = find(contacts, gone_users=frozenset({BEN_ID}))
    assert found(result) == ("12345", "mail")
    assert isinstance(result, Match)
    assert result.relink
    assert warned(result) == [codes.CONTACT_RELINKED]


def test_contact_linked_to_another_user_is_refused_while_that_user_lives() -> None:
    owners = {"12345": BEN}
    assert find([make_contact()], owners=owners) == Needs("users", (BEN_ID,))
    result = find([make_contact()], owners=owners, living_users=frozenset({BEN_ID}))
    assert refused(result) == (codes.DUPLICATE_CONTACT, ("12345",))
    assert isinstance(result, Refusal)
    assert result.user_ids == (BEN_ID,)
    assert found(find([make_contact()], owners=owners, gone_users=frozenset({BEN_ID}))) == ("12345", "mail")


def test_contact_linked_from_another_tenant_is_refused_without_asking() -> None:
    result = find([make_contact()], owners={"12345": f"other-tenant/{BEN_ID}"})
    assert refused(result) == (codes.DUPLICATE_CONTACT, ("12345",))


def test_own_link_and_own_object_id_outweigh_a_stale_owner() -> None:
    result = find([make_contact()], link=LINK, owners={"12345": ME})
    assert found(result) == ("12345", "link")
    assert isinstance(result, Match)
    assert not result.relink
    assert found(find([make_contact(entra_id=ANN_ID)], owners={"12345": BEN})) == ("12345", "object_id")


def test_foreign_value_that_is_no_object_id_does_not_stand_in_the_way() -> None:
    assert found(find([make_contact(entra_id="LEGACY-77")])) == ("12345", "mail")


# --- companies --------------------------------------------------------------------------------------------------------

TWO_COMPANIES: dict[str, object] = {"company_rules": ({"when": "user.officeLocation == 'B'", "company_id": "251"},)}


@pytest.mark.parametrize(
    ("contact", "link"),
    [
        (make_contact(company_id="251"), LINK),
        (make_contact(company_id="999", entra_id=ANN_ID), LINK),
        (make_contact(company_id="251", entra_id=ANN_ID), None),
        (make_contact(company_id="251"), None),
    ],
    ids=["link", "link outside the connector", "object id", "mail"],
)
def test_contact_in_another_company_is_a_mismatch_or_moved_never_a_creation(
    contact: Contact, link: Link | None
) -> None:
    assert refused(find([contact], link=link, settings=TWO_COMPANIES)) == (codes.COMPANY_MISMATCH, ("12345",))
    moves = {**TWO_COMPANIES, "on_company_change": "move"}
    assert found(find([contact], link=link, settings=moves))[0] == "12345"


def test_company_of_one_run_never_moves_a_contact() -> None:
    request = SyncRequest(company_id="9")
    draft = make_draft(company_id="9")
    moves: dict[str, object] = {"on_company_change": "move"}
    result = find([make_contact()], link=LINK, request=request, draft=draft, settings=moves)
    assert refused(result) == (codes.COMPANY_MISMATCH, ("12345",))


def test_contact_in_the_users_company_goes_before_one_in_a_sister_company() -> None:
    sister = make_contact("1", company_id="251")
    assert found(find([sister, make_contact("2")], settings=TWO_COMPANIES)) == ("2", "mail")


# --- namesakes --------------------------------------------------------------------------------------------------------


def test_active_namesake_without_address_and_object_id_is_refused() -> None:
    namesake = make_contact(emails=(), fields={"first_name": "ANN", "last_name": "example"})
    assert refused(find([namesake])) == (codes.DUPLICATE_CONTACT, ("12345",))


@pytest.mark.parametrize(
    "facts",
    [
        {"active": False},
        {"company_id": "251"},
        {"emails": ("other@contoso.com",)},
        {"entra_id": BEN_ID},
        {"fields": {"first_name": "Ann", "last_name": "Other"}},
    ],
)
def test_namesake_that_is_told_apart_does_not_prevent_a_creation(facts: dict[str, Any]) -> None:
    namesake = make_contact(**{"emails": (), "fields": {"first_name": "Ann", "last_name": "Example"}, **facts})
    assert found(find([namesake], settings=TWO_COMPANIES)) == (None, "none")


def test_namesake_that_is_linked_to_somebody_else_does_not_prevent_a_creation() -> None:
    assert found(find([make_contact(emails=())], owners={"12345": BEN})) == (None, "none")


# --- properties -------------------------------------------------------------------------------------------------------


def contacts_of_ann() -> st.SearchStrategy[list[Contact]]:
    contact = st.builds(
        make_contact,
        st.integers(1, 5).map(str),
        company_id=st.sampled_from(["250", "251", "999"]),
        active=st.booleans(),
        entra_id=st.sampled_from([None, ANN_ID, BEN_ID, "LEGACY-77"]),
        emails=st.lists(st.sampled_from(["ann@contoso.com", "A@contoso.com", "x@contoso.com"]), max_size=2).map(tuple),
        fields=st.fixed_dictionaries(
            {}, optional={"first_name": st.just("Ann"), "last_name": st.sampled_from(["Example", "X"])}
        ),
    )
    return st.lists(contact, max_size=4, unique_by=lambda each: each.id)


@given(
    contacts=contacts_of_ann(),
    linked=st.sampled_from([None, "1", "2"]),
    ben_lives=st.booleans(),
    owner=st.sampled_from([None, "1", "3"]),
)
def test_answer_is_reached_in_few_questions_and_does_not_depend_on_order(
    contacts: list[Contact], linked: str | None, owner: str | None, *, ben_lives: bool
) -> None:
    user = make_user(proxy_addresses=("smtp:a@contoso.com",))
    matcher = Matcher(make_connector(**TWO_COMPANIES), SyncRequest())
    link = Link(contact_id=linked, company_id="250") if linked else None
    answers = set()
    for ordered in permutations(contacts):
        facts = Facts(
            link=link,
            contacts=ordered,
            owners={owner: BEN} if owner else {},
            deleted_contacts=frozenset({linked}) - {contact.id for contact in contacts} if linked else frozenset(),
        )
        first = matcher.match(user, make_draft(user), facts)
        if isinstance(first, Needs):
            assert first == Needs("users", (BEN_ID,))
            known: dict[str, Any] = {"living_users" if ben_lives else "gone_users": frozenset({BEN_ID})}
            first = matcher.match(
                user,
                make_draft(user),
                Facts(link, facts.contacts, facts.owners, facts.deleted_contacts, **known),
            )
        answers.add(found(first) if isinstance(first, Match) else refused_shape(first))
    assert len(answers) == 1


def refused_shape(result: Refusal | Needs) -> tuple[str | None, str]:
    assert isinstance(result, Refusal), "asked the same question twice"
    return (",".join(result.contact_ids), result.code)


@given(contacts=contacts_of_ann())
def test_match_is_never_a_contact_of_nobodys_company_or_of_another_living_user(contacts: list[Contact]) -> None:
    result = find(contacts, settings=TWO_COMPANIES, living_users=frozenset({BEN_ID}))
    if isinstance(result, Match) and result.contact is not None:
        assert result.contact.company_id == "250"
        assert result.contact.entra_id != BEN_ID
        active_rivals = [
            contact
            for contact in contacts
            if contact.active and contact.company_id == "250" and contact.entra_id == ANN_ID
        ]
        assert result.contact.active or not active_rivals


@given(contacts=contacts_of_ann())
def test_index_finds_every_contact_that_matters(contacts: list[Contact]) -> None:
    user = make_user(proxy_addresses=("smtp:a@contoso.com",))
    keys = set(user_keys(user, make_draft(user)))
    indexed = [contact for contact in contacts if keys.intersection(index_keys(contact))]
    living = frozenset({BEN_ID})
    assert find(indexed, user=user, living_users=living) == find(contacts, user=user, living_users=living)
