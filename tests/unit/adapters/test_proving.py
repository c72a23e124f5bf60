import pytest

from adapters.proving import find_contradictions
from adapters.records import Contact, ContactChange

CONTACT = Contact(
    id="1", company_id="250", active=True, entra_id="A1", emails=(), fields={"job_title": "Chief"}, site_id="7"
)


def shows(name: str, wanted: str | None, shown: str) -> bool:
    del name
    return (wanted or "") == shown


@pytest.mark.parametrize(
    ("parts", "contradictions"),
    [
        ({"fields": {"job_title": "Chief"}, "entra_id": "a1", "active": True, "site_id": "7"}, []),
        ({"fields": {"job_title": "Buyer", "phone": None}}, ["job_title"]),
        ({"fields": {"phone": "+49"}, "entra_id": "B2"}, ["phone", "entra_id"]),
        ({"active": False, "site_id": "8"}, ["active", "site"]),
        ({"company_id": "251"}, ["company"]),
    ],
)
def test_each_part_of_a_change_must_be_shown(parts: dict[str, object], contradictions: list[str]) -> None:
    change = ContactChange.model_validate({"contact_id": "1", "company_id": "250", **parts})
    assert find_contradictions(change, CONTACT, shows=shows) == contradictions
