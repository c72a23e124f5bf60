"""Which contacts are the same person: by what they are joined, and by what they never are."""

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.records import Contact, User
from tasks.auditing.clusters import MOST_PAIRS, Cluster
from tests.unit.tasks.auditing.crowd import a_contact, a_user, clustering, members, user_id

JANE = a_user(1, "Jane Doe", "jane@x.example", "j.doe@x.example")
TOM = a_user(2, "Tom Ray", "tom@x.example")


def evidence(cluster: Cluster) -> list[tuple[tuple[str, str], str]]:
    return [(pair.contact_ids, each.kind) for pair in cluster.pairs for each in pair.evidence]


# --- what joins -------------------------------------------------------------------------------------------------------


def test_the_same_object_id_joins_whatever_else_differs() -> None:
    (cluster,) = clustering(
        [a_contact("1", "Jane Doe", entra_id=user_id(1).upper()), a_contact("2", "J. D.", entra_id=user_id(1))], [JANE]
    )
    assert evidence(cluster) == [(("1", "2"), "object_id")]
    assert cluster.users == ("jane@x.example",)


def test_the_same_address_joins_whatever_its_case_where_the_names_agree() -> None:
    (cluster,) = clustering([a_contact("1", "Ann Lee", "A@y.example"), a_contact("2", "Ann Day", "a@Y.example")])
    assert evidence(cluster) == [(("1", "2"), "mail")]


def test_aliases_of_one_user_join() -> None:
    (cluster,) = clustering(
        [a_contact("1", "Jane Doe", "jane@x.example"), a_contact("2", "Jane Doe", "j.doe@x.example")], [JANE]
    )
    ((pair,),) = [cluster.pairs]
    assert [(each.kind, each.value, each.by) for each in pair.evidence] == [
        ("same_user", "jane@x.example", ("mail", "alias"))
    ]


def test_a_link_of_ours_and_an_object_id_of_the_same_user_join() -> None:
    contacts = [a_contact("1", "Jane Doe"), a_contact("2", "Jane Doe", entra_id=user_id(1))]
    (cluster,) = clustering(contacts, [JANE], owners={"1": user_id(1)})
    assert cluster.pairs[0].evidence[0].by == ("link", "object_id")


def test_phone_and_name_together_join_however_the_number_is_written() -> None:
    fields = [{"phone": "+49 30 1234567"}, {"mobile_phone": "030/123 45 67"}]
    (cluster,) = clustering([a_contact(str(at), "Ann Lee", fields=each) for at, each in enumerate(fields)])
    assert evidence(cluster) == [(("0", "1"), "phone_and_name")]


def test_one_without_any_name_goes_with_the_one_person_of_its_address() -> None:
    contacts = [a_contact("1", "", "a@y.example"), a_contact("2", "Ann Lee", "a@y.example")]
    assert members(clustering(contacts)) == [{"1", "2"}]
    assert members(clustering([*contacts, a_contact("3", "Bob Ray", "a@y.example")])) == []


def test_who_carries_the_id_of_a_user_that_is_gone_goes_with_the_new_user_of_the_address() -> None:
    contacts = [
        a_contact("1", "Jane Doe", "jane@x.example", entra_id=user_id(99)),
        a_contact("2", "Jane Doe", entra_id=user_id(1)),
    ]
    assert members(clustering(contacts, [JANE])) == [{"1", "2"}]


# --- what does not ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "contacts",
    [
        pytest.param([a_contact("1", "Ann Lee"), a_contact("2", "Ann Lee")], id="name alone"),
        pytest.param(
            [a_contact(i, n, fields={"phone": "+49 30 1234567"}) for i, n in (("1", "Ann Lee"), ("2", "Bob Ray"))],
            id="phone alone",
        ),
        pytest.param(
            [a_contact(i, "Ann", fields={"phone": "+49 30 1234567"}) for i in "12"], id="phone with half a name"
        ),
        pytest.param([a_contact(i, "Ann Lee", fields={"phone": "4711"}) for i in "12"], id="extension with name"),
        pytest.param(
            [a_contact("1", "Ann Lee", "desk@y.example"), a_contact("2", "Bob Ray", "desk@y.example")],
            id="address of two names",
        ),
        pytest.param(
            [a_contact("1", "Ann Lee", "a@y.example"), a_contact("2", "Ann Lee", "a@y.example", company_id="251")],
            id="another company",
        ),
        pytest.param(
            [a_contact("1", "Ann Lee", entra_id="n/a"), a_contact("2", "Bob Ray", entra_id="n/a")], id="no id"
        ),
    ],
)
def test_weak_evidence_never_joins(contacts: list[Contact]) -> None:
    assert members(clustering(contacts)) == []


def test_an_address_that_contacts_of_two_users_share_joins_nobody() -> None:
    contacts = [
        a_contact("1", "Jane Doe", "jane@x.example", "desk@x.example"),
        a_contact("2", "Tom Ray", "tom@x.example", "desk@x.example"),
        a_contact("3", "Jane Ray", "desk@x.example"),
    ]
    assert members(clustering(contacts, [JANE, TOM])) == []


def test_two_users_of_one_name_and_phone_are_two_people() -> None:
    namesake = a_user(3, "Jane Doe", "jane2@x.example")
    contacts = [
        a_contact(i, "Jane Doe", mail, fields={"phone": "+49 30 1234567"})
        for i, mail in (("1", "jane@x.example"), ("2", "jane2@x.example"))
    ]
    assert members(clustering(contacts, [JANE, namesake])) == []


def test_a_relative_that_shares_an_alias_is_somebody_else() -> None:
    contacts = [
        a_contact("1", "Jane Doe", "jane@x.example"),
        a_contact("2", "Rolf Doe", "rolf@home.example", "j.doe@x.example"),
        a_contact("3", "Max Ray", "j.doe@x.example"),
    ]
    assert members(clustering(contacts, [JANE])) == []


def test_an_address_that_two_users_have_alike_is_neither_ones() -> None:
    twins = [a_user(n, f"{name} Fox", f"{name}@x.example", "desk@x.example") for n, name in ((4, "Kim"), (5, "Lou"))]
    contacts = [a_contact("1", "Kim Fox", "kim@x.example"), a_contact("2", "Al Fox", "desk@x.example")]
    assert members(clustering(contacts, twins)) == []


def test_a_contact_with_addresses_of_two_users_is_the_one_whose_name_it_has() -> None:
    contacts = [
        a_contact("1", "Jane Doe", "tom@x.example", "jane@x.example"),
        a_contact("2", "Jane Doe", "jane@x.example"),
        a_contact("3", "Tom Ray", "tom@x.example"),
    ]
    assert members(clustering(contacts, [JANE, TOM])) == [{"1", "2"}]


def test_contacts_that_belong_to_several_users_get_no_survivor() -> None:
    contacts = [
        a_contact("1", "Jane Doe", "jane@x.example", entra_id=user_id(99)),
        a_contact("2", "Tom Ray", "tom@x.example", entra_id=user_id(99)),
    ]
    (cluster,) = clustering(contacts, [JANE, TOM])
    assert cluster.survivor is None
    assert cluster.users == ("jane@x.example", "tom@x.example")


# --- what is said of a cluster ----------------------------------------------------------------------------------------


RICH = {"job_title": "Buyer", "department": "Sales"}


@pytest.mark.parametrize(
    ("better", "worse", "reason"),
    [
        ({}, {"entra_id": user_id(1)}, "linked by contact-sync"),
        ({"entra_id": user_id(1), "active": False}, {}, "carries the user's object id"),
        ({}, {"active": False, "protected": "default", "fields": RICH}, "active"),
        ({"protected": "billing"}, {"fields": RICH}, "protected by the PSA"),
        ({"fields": RICH}, {}, "most complete"),
        ({}, {}, "oldest"),
    ],
)
def test_the_survivor_is_the_first_by_the_first_criterion_that_differs(
    better: dict[str, Any], worse: dict[str, Any], reason: str
) -> None:
    is_last, is_linked = reason != "oldest", reason.startswith("linked")
    ids = ("10", "9") if is_last else ("9", "10")
    contacts = [
        a_contact(i, "Jane Doe", "jane@x.example", **facts) for i, facts in zip(ids, (better, worse), strict=True)
    ]
    for order in (contacts, contacts[::-1]):
        (cluster,) = clustering(order, [JANE], owners={ids[0]: user_id(1)} if is_linked else {})
        assert cluster.survivor is not None
        assert (cluster.survivor.listed.id, cluster.reason) == (ids[0], reason)
        assert cluster.name == "250/9"


def test_all_pairs_have_their_evidence_and_a_large_cluster_as_many_as_hold_it_together() -> None:
    few = [a_contact(str(at), "Ann Lee", "a@y.example") for at in range(4)]
    (cluster,) = clustering(few)
    assert len(cluster.pairs) == 6
    assert cluster.has_all_pairs
    many = [a_contact(str(at), "Ann Lee", "a@y.example") for at in range(MOST_PAIRS)]
    (cluster,) = clustering(many)
    assert len(cluster.pairs) == MOST_PAIRS - 1
    assert not cluster.has_all_pairs


def test_contacts_without_a_user_and_surplus_ones_are_counted() -> None:
    contacts = [
        a_contact("1", "Jane Doe", "jane@x.example"),
        a_contact("2", "Jane Doe", "jane@x.example"),
        a_contact("3", "Ann Lee", "ann@y.example"),
        a_contact("4", "Bob Lee", "bob@y.example", active=False),
    ]
    found = clustering(contacts, [JANE, TOM])
    assert (found.active, found.active_without_user, found.surplus, len(found)) == (3, 1, 1, 1)


# --- whatever there is ------------------------------------------------------------------------------------------------

NAMES = ("Ann Lee", "Ann Ray", "Bob Ray", "Bob", "")
ADDRESSES = ("a@x.example", "A@x.example", "b@x.example", "c@x.example", "desk@x.example")
PHONES = ("", "+49 30 1234567", "030 1234567", "11")
ID_NUMBERS = (None, 1, 2, 99)


@st.composite
def crowds(draw: st.DrawFn) -> tuple[list[Contact], list[User], dict[str, str]]:
    """Some contacts of two companies that have much in common, users, and links."""
    contacts = []
    for at in range(draw(st.integers(0, 9))):
        number = draw(st.sampled_from(ID_NUMBERS))
        contacts.append(
            a_contact(
                str(at),
                draw(st.sampled_from(NAMES)),
                *draw(st.lists(st.sampled_from(ADDRESSES), max_size=2)),
                company_id=draw(st.sampled_from(("250", "251"))),
                active=draw(st.booleans()),
                entra_id=None if number is None else user_id(number),
                fields={"phone": draw(st.sampled_from(PHONES))},
            )
        )
    users = [
        a_user(
            number,
            draw(st.sampled_from(NAMES[:3])),
            *draw(st.lists(st.sampled_from(ADDRESSES), min_size=1, max_size=3)),
        )
        for number in (1, 2)
    ]
    owners = {contact.id: user_id(draw(st.sampled_from((1, 2, 99)))) for contact in contacts if draw(st.booleans())}
    return contacts, users[: draw(st.integers(0, 2))], owners


def found(contacts: Iterable[Contact], users: Iterable[User], owners: dict[str, str]) -> list[Cluster]:
    return list(clustering(contacts, users, owners=owners))


@given(crowds())
def test_clusters_part_the_contacts_and_never_cross_companies(
    crowd: tuple[list[Contact], list[User], dict[str, str]],
) -> None:
    contacts = {contact.id: contact for contact in crowd[0]}
    clusters = found(*crowd)
    ids = [each.listed.id for cluster in clusters for each in cluster.candidates]
    assert len(ids) == len(set(ids))
    assert set(ids) <= set(contacts)
    for cluster in clusters:
        assert len(cluster.candidates) > 1
        assert {each.listed.company_id for each in cluster.candidates} == {cluster.company_id}


@given(crowds(), st.randoms(use_true_random=False))
def test_the_order_of_contacts_and_users_changes_nothing(
    crowd: tuple[list[Contact], list[User], dict[str, str]], random: Any
) -> None:
    contacts, users, owners = crowd
    shuffled = random.sample(contacts, len(contacts)), users[::-1], owners
    assert [_plain(each) for each in found(*shuffled)] == [_plain(each) for each in found(*crowd)]


@given(crowds(), st.integers(0, 9))
def test_an_unrelated_contact_changes_nothing(
    crowd: tuple[list[Contact], list[User], dict[str, str]], place: int
) -> None:
    contacts, users, owners = crowd
    stranger = a_contact("777", "Zed Zulu", "zed@z.example", entra_id=user_id(777), fields={"phone": "+1 212 9999999"})
    more = [*contacts[:place], stranger, *contacts[place:]]
    assert [_plain(each) for each in found(more, users, owners)] == [_plain(each) for each in found(*crowd)]


@given(crowds())
def test_the_pairs_that_are_shown_hold_each_cluster_together(
    crowd: tuple[list[Contact], list[User], dict[str, str]],
) -> None:
    for cluster in found(*crowd):
        ids = {each.listed.id for each in cluster.candidates}
        reached = {min(ids)}
        for _ in ids:
            reached |= {i for pair in cluster.pairs if reached & set(pair.contact_ids) for i in pair.contact_ids}
        assert reached == ids
        assert all(pair.evidence for pair in cluster.pairs)


def _plain(cluster: Cluster) -> object:
    """Return a cluster without the numbers that the roster gives by order."""
    candidates = [
        (each.listed, [belonging._replace(number=None) for belonging in each.belongings]) for each in cluster.candidates
    ]
    return cluster._replace(candidates=()), candidates
