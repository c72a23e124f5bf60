"""Every adapter under the kit. A test about a topic that an adapter cannot have is not made for it; the reason is."""

from collections.abc import Mapping, Sequence

import pytest

from adapters.autotask import AutotaskContacts
from adapters.connectwise import ConnectWiseContacts
from adapters.halo import HaloContacts
from adapters.limits import Budget
from adapters.records import Company
from tests.contract.autotask import psas as autotask
from tests.contract.connectwise import psas as connectwise
from tests.contract.example.tiny_psa import PLACES, TinyContacts
from tests.contract.halo import psas as halo
from tests.contract.kit.psa import COMPANY, OTHER_COMPANY, On, Psa, SandboxPsa
from tests.contract.sandbox import Sandbox
from tests.fakes.budget import NullBudget
from tests.fakes.contacts import FakeContacts

SANDBOXED: dict[str, type[SandboxPsa]] = {
    "connectwise": connectwise.SandboxPsa,
    "autotask": autotask.SandboxPsa,
    "halo": halo.HaloPsa,
    "halo with a report": halo.ReportingHaloPsa,
}
CANNOT: dict[str, Mapping[str, str]] = {
    "connectwise": ConnectWiseContacts.CANNOT,
    "autotask": AutotaskContacts.CANNOT,
    "halo": HaloContacts.CANNOT,
    "halo with a report": HaloContacts.CANNOT,
    "example": TinyContacts.CANNOT,
    "fake": FakeContacts.CANNOT,
}


class ExamplePsa(Psa):
    """The example adapter and its place in memory."""

    def __init__(self) -> None:
        PLACES.clear()
        self.place = PLACES["here"]
        for number in (COMPANY, OTHER_COMPANY):
            sites = ((f"{number}1", "Main"),)
            self.place.companies[number] = Company(id=number, name=f"Company {number}", active=True)
            self.place.sites[number] = sites
        self.port = self.contacts()

    def contacts(self, *, budget: Budget | None = None) -> TinyContacts:
        return TinyContacts("here", budget=budget or NullBudget())

    def add(
        self,
        *,
        company: str = COMPANY,
        first_name: str = "Bob",
        last_name: str = "-",
        emails: Sequence[str] = (),
        entra_id: str | None = None,
        active: bool = True,
    ) -> str:
        fake = FakeContacts()
        fields = {"first_name": first_name, "last_name": last_name}
        number = str(len(self.place.contacts) + 1)
        self.place.contacts[number] = fake.add_contact(
            contact_id=number, company_id=company, active=active, entra_id=entra_id, emails=emails, **fields
        )
        return number

    def add_many(self, count: int) -> list[str]:
        return [self.add() for _ in range(count)]

    def delete(self, contact_id: str) -> None:
        del self.place.contacts[contact_id]

    def lose_answer(self, on: On) -> None:
        raise NotImplementedError


class FakePsa(Psa):
    """The fake that tests of tasks use: what it promises, an adapter must keep."""

    page_size = 2

    def __init__(self) -> None:
        self.fake = FakeContacts(page_size=self.page_size)
        for company in (COMPANY, OTHER_COMPANY):
            self.fake.add_company(company, sites=((f"{company}1", "Main"),))
        self.port = self.fake

    def contacts(self, *, budget: Budget | None = None) -> FakeContacts:
        return self.fake

    def add(
        self,
        *,
        company: str = COMPANY,
        first_name: str = "Bob",
        last_name: str = "-",
        emails: Sequence[str] = (),
        entra_id: str | None = None,
        active: bool = True,
    ) -> str:
        names = {"first_name": first_name, "last_name": last_name}
        return self.fake.add_contact(company_id=company, emails=emails, entra_id=entra_id, active=active, **names).id

    def add_many(self, count: int) -> list[str]:
        return [self.add() for _ in range(count)]

    def delete(self, contact_id: str) -> None:
        self.fake.remove_contact(contact_id)

    def lose_answer(self, on: On) -> None:
        self.fake.lose_answer(f"{on}_contact")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "psa" in metafunc.fixturenames:
        topic = next((marker.args[0] for marker in metafunc.definition.iter_markers("topic")), None)
        names = [name for name, cannot in CANNOT.items() if topic not in cannot]
        metafunc.parametrize("psa", names, indirect=True)
    if "reason" in metafunc.fixturenames:
        rows = [(name, topic, reason) for name, cannot in CANNOT.items() for topic, reason in cannot.items()]
        metafunc.parametrize(("name", "topic", "reason"), rows)


@pytest.fixture
def psa(request: pytest.FixtureRequest) -> Psa:
    if request.param == "example":
        return ExamplePsa()
    if request.param == "fake":
        return FakePsa()
    sandbox: Sandbox = request.getfixturevalue("psa_sandbox")
    sandbox.reset()
    return SANDBOXED[request.param](sandbox, request.getfixturevalue("psa_client"))


@pytest.fixture
def warm(psa: Psa) -> Psa:
    """A PSA whose port has read what it keeps, so that trouble meets the call that is meant."""
    psa.port.fetch_schema()
    psa.port.fetch_company(COMPANY)
    psa.port.count_contacts(COMPANY)
    return psa
