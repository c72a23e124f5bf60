"""Writing, asked of every adapter alike."""

import pytest

from adapters.errors import (
    AnswerLostError,
    NotFoundError,
    RecordError,
    TransientError,
)
from tests.contract.kit.looking import DERIVED, everything, mapped, own, sample
from tests.contract.kit.psa import COMPANY, OTHER_COMPANY, Psa, change, draft, object_id, permit


def test_created_contact_is_returned_as_it_is_then_read(psa: Psa) -> None:
    wanted = draft(last_name="Exämple Łukasz-山田", email="Ann@contoso.example", phone="+49 30 123", job_title="Käufer")
    contact = psa.port.create_contact(wanted, permit=permit)
    assert contact == psa.port.fetch_contact(contact.id) == everything(psa)[0]
    assert own(contact) == wanted.fields
    assert (contact.company_id, contact.active, contact.entra_id) == (COMPANY, True, object_id(1))
    assert contact.emails == ("Ann@contoso.example",)


def test_contact_is_created_at_the_site_that_is_asked_for(psa: Psa) -> None:
    [(site_id, _)] = psa.port.fetch_sites(COMPANY)
    contact = psa.port.create_contact(draft().model_copy(update={"site_id": site_id}), permit=permit)
    assert contact.site_id == site_id


def test_every_mapped_field_is_written_changed_and_cleared(psa: Psa) -> None:
    specs = mapped(psa.port)
    contact = psa.port.create_contact(draft(**{spec.name: sample(spec) for spec in specs}), permit=permit)
    assert own(contact) == {spec.name: sample(spec) for spec in specs if spec.name not in DERIVED}
    for spec in specs:
        wanted = change(contact, fields={spec.name: sample(spec, turn=1)})
        after = psa.port.update_contact(wanted, permit=permit)
        assert own(after) == {**own(contact), spec.name: sample(spec, turn=1)}
        assert after == psa.port.fetch_contact(contact.id)
        contact = after
    names = ("first_name", "last_name")
    optional = [spec.name for spec in specs if not spec.required and spec.name not in names]
    cleared = psa.port.update_contact(change(contact, fields=dict.fromkeys(optional)), permit=permit)
    assert set(own(cleared)) == {spec.name for spec in specs} - set(optional)
    assert cleared == psa.port.fetch_contact(contact.id)


def test_update_writes_the_differences_and_nothing_else(psa: Psa) -> None:
    before = psa.port.create_contact(draft(job_title="Buyer", phone="+49 1 23", mobile_phone="+49 1 7"), permit=permit)
    wanted = change(before, fields={"job_title": "Chief", "phone": None}, entra_id=object_id(2))
    after = psa.port.update_contact(wanted, permit=permit)
    expected = {**before.fields, "job_title": "Chief"}
    del expected["phone"]
    assert (after.fields, after.entra_id) == (expected, object_id(2))
    assert after == psa.port.fetch_contact(before.id)


def test_object_id_is_taken_off_and_put_on_again(psa: Psa) -> None:
    contact = psa.port.create_contact(draft(job_title="Buyer"), permit=permit)
    for entra_id in ("", "", object_id(3)):
        after = psa.port.update_contact(change(contact, entra_id=entra_id), permit=permit)
        assert (after.entra_id or "") == entra_id
        assert (after.fields, after.active) == (contact.fields, True)
        assert after == psa.port.fetch_contact(contact.id)


def test_values_are_put_back_as_they_were_read(psa: Psa) -> None:
    values = {"email": "a@contoso.example", "job_title": "Buyer", "phone": "+49 1 23", "mobile_phone": "+49 1 7"}
    before = psa.port.create_contact(draft(**values), permit=permit)
    others = {"email": "b@contoso.example", "job_title": None, "phone": "+49 1 99", "mobile_phone": None}
    psa.port.update_contact(change(before, fields=others), permit=permit)
    back = {name: before.fields.get(name) for name in others}
    assert psa.port.update_contact(change(before, fields=back), permit=permit).fields == before.fields


def test_repeated_update_writes_the_same_values(psa: Psa) -> None:
    before = psa.port.create_contact(draft(email="a@contoso.example", job_title="Buyer"), permit=permit)
    wanted = change(before, fields={"email": "b@contoso.example", "job_title": None, "last_name": "Sample"})
    after = psa.port.update_contact(wanted, permit=permit)
    assert psa.port.update_contact(wanted, permit=permit) == after


def test_change_of_nothing_changes_nothing(psa: Psa) -> None:
    before = psa.port.create_contact(draft(email="a@contoso.example"), permit=permit)
    assert psa.port.update_contact(change(before), permit=permit) == before == psa.port.fetch_contact(before.id)


def test_contact_is_deactivated_and_reactivated(psa: Psa) -> None:
    contact = psa.port.create_contact(draft(), permit=permit)
    for active in (False, True):
        assert psa.port.update_contact(change(contact, active=active), permit=permit).active is active
        assert psa.port.fetch_contact(contact.id).active is active


def test_new_address_takes_the_place_of_the_default_and_the_others_stay(psa: Psa) -> None:
    contact = psa.port.fetch_contact(psa.add(emails=("old@contoso.example", "alias@contoso.example")))
    after = psa.port.update_contact(change(contact, fields={"email": "new@contoso.example"}), permit=permit)
    assert after.fields["email"] == "new@contoso.example"
    assert set(after.emails) == {"new@contoso.example", "alias@contoso.example"}


@pytest.mark.topic("move")
def test_only_a_move_changes_the_company(psa: Psa) -> None:
    contact = psa.port.fetch_contact(psa.add())
    wanted = change(contact, moves=True).model_copy(update={"company_id": OTHER_COMPANY})
    assert psa.port.update_contact(wanted, permit=permit).company_id == OTHER_COMPANY
    assert everything(psa) == []


def test_update_of_a_deleted_contact_says_so(psa: Psa) -> None:
    contact = psa.port.fetch_contact(psa.add())
    psa.delete(contact.id)
    with pytest.raises(NotFoundError):
        psa.port.update_contact(change(contact, active=False), permit=permit)


@pytest.mark.topic("lengths")
def test_value_of_the_longest_length_fits_and_one_more_is_refused_with_its_field(psa: Psa) -> None:
    spec = next(spec for spec in psa.port.fetch_schema().fields if spec.name == "job_title")
    assert spec.max_length
    contact = psa.port.create_contact(draft(job_title="ä" * spec.max_length), permit=permit)
    assert contact.fields["job_title"] == "ä" * spec.max_length
    with pytest.raises(RecordError) as caught:
        psa.port.create_contact(draft(job_title="x" * (spec.max_length + 1)), permit=permit)
    assert caught.value.field == "job_title"
    assert psa.port.count_contacts(COMPANY) == 1


def test_contact_of_a_company_that_does_not_exist_is_refused(psa: Psa) -> None:
    with pytest.raises(RecordError):
        psa.port.create_contact(draft().model_copy(update={"company_id": "99999"}), permit=permit)


def test_write_without_a_permit_does_not_happen(psa: Psa) -> None:
    def no() -> float:
        raise TransientError("write_deadline_passed", vendor="worker")

    with pytest.raises(TransientError):
        psa.port.create_contact(draft(), permit=no)
    assert everything(psa) == []


@pytest.mark.topic("lost answers")
def test_lost_answer_of_a_creation_leaves_a_contact_that_a_look_up_finds(warm: Psa) -> None:
    warm.lose_answer("create")
    with pytest.raises(AnswerLostError):
        warm.port.create_contact(draft(email="ann@contoso.example"), permit=permit)
    found = warm.port.find_contacts([COMPANY], entra_id=object_id(1), emails=["ann@contoso.example"])
    assert len(found) == len(everything(warm)) == 1


@pytest.mark.topic("lost answers")
def test_lost_answer_of_an_update_leaves_it_written(psa: Psa) -> None:
    contact = psa.port.create_contact(draft(), permit=permit)
    psa.lose_answer("update")
    with pytest.raises(AnswerLostError):
        psa.port.update_contact(change(contact, fields={"job_title": "Chief"}), permit=permit)
    assert psa.port.fetch_contact(contact.id).fields["job_title"] == "Chief"
