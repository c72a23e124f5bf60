"""Companies that no connector serves are a note, and so is a PSA that does not list its companies."""

from collections.abc import Iterator
from itertools import count

from adapters.errors import InstanceError
from adapters.records import Company
from tests.fakes.contacts import FakeContacts
from worker.cli.unserved import MOST_NAMED, MOST_PAGES, find_unserved


class Pages(FakeContacts):
    """A PSA that never comes to the end of its companies."""

    def iter_companies(self) -> Iterator[tuple[Company, ...]]:
        """Yield a company a page, without end."""
        for number in count(1):
            self.calls["iter_companies"] += 1
            yield (Company(id=str(number), name=f"Company {number}", active=True),)


def furnish(*company_ids: str) -> FakeContacts:
    psa = FakeContacts()
    for company_id in company_ids:
        psa.add_company(company_id, name=f"Customer {company_id}")
    return psa


def test_forgotten_customer_is_named_by_id_and_name() -> None:
    psa = furnish("250", "9", "10")
    psa.companies["11"] = Company(id="11", name="Gone", active=False)
    found = find_unserved("main", psa, served={"250"})
    assert (found.connector, found.verdict) == ("(PSA main)", "note")
    assert found.detail == "2 of 3 active companies: 9 Customer 9, 10 Customer 10"
    assert found.as_json()["companies"] == [{"id": "9", "name": "Customer 9"}, {"id": "10", "name": "Customer 10"}]


def test_nothing_is_noted_where_everybody_is_served() -> None:
    found = find_unserved("main", furnish("250"), served={"250", "251"})
    assert (found.verdict, found.detail) == ("ok", "none of 1 active companies")
    assert "companies" not in found.as_json()


def test_list_that_is_refused_is_a_note() -> None:
    psa = furnish("250")
    psa.fail("iter_companies", InstanceError("permission_missing", vendor="connectwise", status=403))
    found = find_unserved("main", psa, served=())
    assert found.verdict == "note"
    assert "could not be listed" in found.detail
    assert "permission" in found.detail


def test_list_without_an_end_is_left_and_names_are_few() -> None:
    psa = Pages()
    found = find_unserved("main", psa, served=())
    assert psa.calls["iter_companies"] == MOST_PAGES
    assert f"{MOST_PAGES} active companies, no more were looked at" in found.detail
    assert f"and {MOST_PAGES - MOST_NAMED} more" in found.detail
    assert len(found.companies) == MOST_PAGES
