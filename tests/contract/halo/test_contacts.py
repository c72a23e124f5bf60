"""What of contacts is Halo's own: fields, names, missing users."""

import pytest

from adapters.errors import NotFoundError, RecordError
from adapters.records import Contact
from tests.contract.halo.psas import COMPANY, SITE_ID, HaloPsa, draft, object_id, permit


def everything(psa: HaloPsa) -> list[Contact]:
    """Walk all pages."""
    found: list[Contact] = []
    cursor: str | None = None
    while True:
        page, cursor = psa.port.fetch_contacts(COMPANY, cursor)
        found.extend(page)
        if cursor is None:
            return found


@pytest.mark.parametrize("number", ["99999", "none"])
@pytest.mark.parametrize("missing", ["404", "zero"])
def test_what_does_not_exist_is_not_found(psa: HaloPsa, number: str, missing: str) -> None:
    psa.sandbox.settings(halo__missing_user=missing)
    with pytest.raises(NotFoundError):
        psa.port.fetch_company(number)
    with pytest.raises(NotFoundError):
        psa.port.fetch_contact(number)


def test_created_contact_is_returned_as_it_is_then_read(psa: HaloPsa) -> None:
    wanted = draft(
        last_name="Exämple",
        email="Ann@contoso.example",
        email2="a@contoso.example",
        phone="+49 30 123 x12",
        mobile_phone="+49 170 1",
        job_title="Buyer \N{GRINNING FACE}",
        department="Projets spéciaux",
        fax="1",
        other3="x",
    )
    contact = psa.port.create_contact(wanted, permit=permit)
    assert contact == psa.port.fetch_contact(contact.id) == everything(psa)[0]
    assert contact.fields == wanted.fields | {"site": "Main", "display_name": "Ann Exämple"}
    assert (contact.company_id, contact.site_id, contact.active) == (COMPANY, SITE_ID, True)
    assert contact.entra_id == object_id(1)
    assert contact.emails == ("Ann@contoso.example", "a@contoso.example")


def test_namesake_without_a_last_name_is_found(psa: HaloPsa) -> None:
    wanted = psa.add(first_name="Reception", last_name="")
    psa.add(first_name="Reception", last_name="Desk")
    found = psa.port.find_namesakes([COMPANY], first_name="reception", last_name="")
    assert [contact.id for contact in found] == [wanted]


def test_value_that_does_not_fit_is_refused_and_nothing_is_written(psa: HaloPsa) -> None:
    psa.sandbox.settings(halo__max_length=50)
    with pytest.raises(RecordError) as caught:
        psa.port.create_contact(draft(job_title="x" * 60), permit=permit)
    assert caught.value.vendor_message == "String or binary data would be truncated in title"
    assert psa.port.count_contacts(COMPANY) == 1  # the pseudo-user: nothing has been walked yet
