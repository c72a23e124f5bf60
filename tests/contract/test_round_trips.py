"""Every field that a PSA has, through every PSA: planned, applied and read back, it leaves an empty plan."""

import itertools

import httpx
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from adapters.records import Contact, Link, Outcome, Planned, User
from tasks.connector import FieldRule
from tasks.default_mappings import default_mapping
from tasks.drafting import Drafter
from tasks.matching import Match
from tasks.planning import Planner, link_of
from tasks.request import SyncRequest
from tests.contract.autotask.psas import SandboxPsa as AutotaskPsa
from tests.contract.connectwise.psas import SandboxPsa as ConnectWisePsa
from tests.contract.halo.psas import HaloPsa
from tests.contract.kit.psa import COMPANY, object_id, permit
from tests.contract.sandbox import Sandbox
from tests.unit.tasks.makers import make_connector

EXAMPLES = 25
NUMBERS = itertools.count(1)
TEXTS = (
    st.none()
    | st.sampled_from(
        ["", " ", "x" * 200, "N" * 49 + "🚀🚀", "Zoe\u0308", "O'Brien", "D’Angelo", "  van  't Hoff ", "佐倉"]
    )
    | st.sampled_from(
        ["יעל", "Key\x00\x08holder", '=HYPERLINK("x")', "</td><b>", "{{ 7*7 }}", "null", "0", "\\", "%27 or 1=1"]
    )
    | st.text(max_size=128)
)
PHONES = (
    st.none()
    | st.sampled_from(
        ["+49 (0)30 5550100", "030 5550144 ext. 45", "+1 (555) 010-4477 x123", "0049 30 5550100", "ask Ann", "x9"]
    )
    | st.from_regex(r"\+?[0-9 ()/.-]{0,20}( ?(x|ext\.? ?|#)[0-9]{1,9})?", fullmatch=True)
)
PEOPLE = st.fixed_dictionaries(
    {
        "given_name": TEXTS,
        "surname": TEXTS,
        "job_title": TEXTS,
        "department": TEXTS | st.sampled_from(["sALES", "IT", "Facilities"]),
        "city": TEXTS,
        "country": TEXTS | st.sampled_from(["Germany", "germany", "DE"]),
        "mobile_phone": PHONES,
        "fax_number": PHONES,
        "business_phones": PHONES.map(lambda phone: () if phone is None else (phone,)),
        "mail": st.sampled_from(["ann@contoso.example", "Ann.O'Brien+team@Contoso.EXAMPLE", "x@contoso.example"]),
    }
)
AnyPsa = AutotaskPsa | ConnectWisePsa | HaloPsa
PSAS: dict[str, type[AnyPsa]] = {"autotask": AutotaskPsa, "connectwise": ConnectWisePsa, "halo": HaloPsa}


@pytest.fixture(params=sorted(PSAS))
def psa(request: pytest.FixtureRequest, psa_sandbox: Sandbox, psa_client: httpx.Client) -> AnyPsa:
    psa_sandbox.reset()
    return PSAS[request.param](psa_sandbox, psa_client)


@settings(max_examples=EXAMPLES, phases=[Phase.generate], suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=PEOPLE, after=PEOPLE)
def test_what_is_written_and_read_back_needs_no_second_write(
    psa: AnyPsa, before: dict[str, object], after: dict[str, object]
) -> None:
    user_id = object_id(next(NUMBERS))
    trip = RoundTrip(psa)
    created = trip.plan(user_id, before, None, None)
    if not isinstance(created, Planned):
        assert created.status == "error"  # what the PSA requires is missing, or a number is too long
        return
    assert created.draft is not None
    contact = psa.port.fetch_contact(psa.port.create_contact(created.draft, permit=permit).id)
    link = link_of(created).model_copy(update={"contact_id": contact.id})
    trip.assert_settled(user_id, before, contact, link)
    changed = trip.plan(user_id, after, contact, link)
    if isinstance(changed, Planned):
        assert changed.change is not None
        psa.port.update_contact(changed.change, permit=permit)
        trip.assert_settled(user_id, after, psa.port.fetch_contact(contact.id), link_of(changed))


FURTHER = {"text": "{{ user.city }}", "phone": "{{ user.faxNumber }}", "reference": "{{ user.country }}"}


class RoundTrip:
    """Plans for one PSA, by its own schema and the default mapping of its kind."""

    def __init__(self, psa: AnyPsa) -> None:
        self._schema = psa.port.fetch_schema()
        mapping = default_mapping(psa.vendor)
        for spec in self._schema.fields:  # what the default leaves out is mapped, too, and erased by null
            if spec.kind in FURTHER and spec.name not in mapping and (spec.kind != "reference" or spec.choices):
                mapping[spec.name] = FieldRule(value=FURTHER[spec.kind], clear=True)
        self._connector = make_connector(psa_kind=psa.vendor, psa_default_company_id=COMPANY, field_mapping=mapping)

    def plan(
        self, user_id: str, facts: dict[str, object], contact: Contact | None, link: Link | None
    ) -> Planned | Outcome:
        user = User.model_validate(
            {"id": user_id, "user_principal_name": "ann@contoso.example", "account_enabled": True, **facts}
        )
        drafted = Drafter(self._connector, self._schema, SyncRequest()).draft(user)
        match = Match(contact, "link" if contact else "none")
        planner = Planner(self._connector, self._schema, SyncRequest())
        return planner.plan(user, drafted, match=match, link=link, read_at_ms=7)

    def assert_settled(self, user_id: str, facts: dict[str, object], contact: Contact, link: Link) -> None:
        """Check that the contact needs nothing, and that nobody is said to have edited it."""
        again = self.plan(user_id, facts, contact, link)
        assert isinstance(again, Outcome), (again.before, again.change)
        assert again.status == "skipped"
        assert "ManualEdit" not in [warning["code"] for warning in again.warnings]
