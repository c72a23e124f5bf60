from tasks import codes
from tasks.conflicts import (
    AddressClaim,
    ContactClaim,
    resolve_address_conflict,
    resolve_contact_conflict,
    shared_addresses,
)
from tasks.matching import MatchKey
from tasks.refusals import Refusal
from tests.unit.tasks.makers import ANN_ID, BEN_ID, make_ben, make_contact, make_draft, make_user

DESK = "desk@contoso.com"
CID_ID = "4f6c0a1e-0000-4000-8000-00000000c003"
BY_MAIL: dict[str, object] = {"mail": DESK}
BY_NAME: dict[str, object] = {"user_principal_name": DESK}
BY_ALIAS: dict[str, object] = {"proxy_addresses": (f"smtp:{DESK}",)}


def resolve(
    ann: dict[str, object], ben: dict[str, object], ann_key: MatchKey = "none", ben_key: MatchKey = "none"
) -> tuple[str, str]:
    users = make_user(**ann), make_ben(**ben)
    claims = [AddressClaim(user, make_draft(user), key) for user, key in zip(users, (ann_key, ben_key), strict=True)]
    verdict = resolve_address_conflict(DESK, claims)
    assert set(verdict) == {ANN_ID, BEN_ID}
    return shape(verdict[ANN_ID]), shape(verdict[BEN_ID])


def shape(verdict: object) -> str:
    if isinstance(verdict, Refusal):
        assert verdict.code == codes.DUPLICATE_CONTACT
        assert verdict.user_ids
        return "refused"
    return str(verdict)


def test_shared_addresses_are_named_with_their_users() -> None:
    ann, ben = make_user(**BY_ALIAS), make_ben(mail="Desk@Contoso.com")
    assert shared_addresses([ann, ben]) == {DESK: (ann, ben)}
    assert shared_addresses([make_user(), make_ben()]) == {}


def test_mail_goes_before_principal_name_and_this_before_an_alias() -> None:
    assert resolve(BY_MAIL, BY_ALIAS) == ("keeps", "withheld")
    assert resolve(BY_ALIAS, BY_MAIL) == ("withheld", "keeps")
    assert resolve(BY_MAIL, BY_NAME) == ("keeps", "withheld")
    assert resolve(BY_NAME, BY_ALIAS) == ("keeps", "withheld")


def test_two_of_the_same_strength_are_both_refused() -> None:
    assert resolve(BY_MAIL, BY_MAIL) == ("refused", "refused")
    assert resolve(BY_ALIAS, BY_ALIAS) == ("refused", "refused")


def test_link_or_object_id_wins_over_any_address() -> None:
    assert resolve(BY_ALIAS, BY_ALIAS, "link", "alias") == ("keeps", "withheld")
    assert resolve(BY_MAIL, BY_NAME, "mail", "object_id") == ("refused", "keeps")
    assert resolve(BY_MAIL, BY_MAIL, "link", "object_id") == ("keeps", "keeps")


def test_address_to_be_written_counts_as_mail() -> None:
    ann, ben = make_user(**BY_ALIAS), make_ben(**BY_ALIAS)
    writes_desk = make_draft(ben, fields={"first_name": "Ben", "email": "Desk@contoso.com"})
    verdict = resolve_address_conflict(DESK, [AddressClaim(ann, make_draft(ann)), AddressClaim(ben, writes_desk)])
    assert (shape(verdict[ANN_ID]), shape(verdict[BEN_ID])) == ("withheld", "keeps")


def test_third_user_by_alias_goes_on_without_an_address_that_two_refused_ones_claim() -> None:
    cid = make_ben(id=CID_ID, user_principal_name="cid@contoso.com", mail="cid@contoso.com", **BY_ALIAS)
    users = [make_user(**BY_MAIL), make_ben(**BY_MAIL), cid]
    verdict = resolve_address_conflict(DESK, [AddressClaim(user, make_draft(user)) for user in users])
    assert [shape(verdict[user.id]) for user in users] == ["refused", "refused", "withheld"]


def test_contact_goes_to_the_better_right_and_to_nobody_among_equals() -> None:
    ann, ben, contact = make_user(), make_ben(), make_contact()

    def losers(ann_key: MatchKey, ben_key: MatchKey) -> set[str]:
        verdict = resolve_contact_conflict(contact, [ContactClaim(ann, ann_key), ContactClaim(ben, ben_key)])
        assert all(
            contact.id in refusal.message and refusal.contact_ids == (contact.id,) for refusal in verdict.values()
        )
        return set(verdict)

    assert losers("link", "mail") == {BEN_ID}
    assert losers("alias", "object_id") == {ANN_ID}
    assert losers("mail", "alias") == {BEN_ID}
    assert losers("mail", "principal_name") == {BEN_ID}
    assert losers("mail", "mail") == {ANN_ID, BEN_ID}
    assert losers("link", "object_id") == {ANN_ID, BEN_ID}
