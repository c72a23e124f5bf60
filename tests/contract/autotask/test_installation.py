"""What is Autotask's own: faults, keys, zones, threads and the hour, user-defined fields, paging beyond one page."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from adapters.autotask import FieldSettings
from adapters.errors import (
    AnswerLostError,
    InstanceError,
    NotFoundError,
    RecordError,
    SyncError,
    WireError,
)
from adapters.records import Contact
from tasks.ports import Contacts
from tests.contract.autotask.psas import COMPANY, OTHER_COMPANY, WRITES, SandboxPsa, change, draft, object_id, permit
from tests.fakes.budget import DiaryBudget
from tests.fakes.slots import NullSlots


class Places(NullSlots):
    """So many places of each name in this process."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._names: dict[str, threading.Semaphore] = {}
        self._lock = threading.Lock()

    @contextmanager
    def hold(self, name: str) -> Iterator[None]:
        with self._lock:
            place = self._names.setdefault(name, threading.Semaphore(self._most))
        with place:
            yield


# --- trouble ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "keys"),
    [
        ("lost_answer", {}),
        ("truncate", {}),
        ("status", {"status": 503, "body": "html"}),
        ("status", {"status": 500, "body": "html"}),
        ("reset", {}),
    ],
    ids=str,
)
@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_write_that_may_have_happened_is_never_repeated(
    sandbox_psa: SandboxPsa, kind: str, keys: dict[str, Any], method: str
) -> None:
    port = sandbox_psa.port
    contact = port.create_contact(draft(job_title="Buyer"), permit=permit)
    wanted = change(contact, fields={"job_title": "Chief"})
    sandbox_psa.fault(kind, method=method, path=WRITES, **keys)
    write: Callable[[], Contact] = {
        "POST": lambda: port.create_contact(draft(), permit=permit),
        "PATCH": lambda: port.update_contact(wanted, permit=permit),
    }[method]
    with pytest.raises(AnswerLostError):
        write()
    happened = kind in ("lost_answer", "truncate")
    assert port.count_contacts(COMPANY) == (2 if happened and method == "POST" else 1)
    title = "Chief" if happened and method == "PATCH" else "Buyer"
    assert port.fetch_contact(contact.id).fields["job_title"] == title


@pytest.mark.parametrize("status", [200, 500])
@pytest.mark.parametrize(
    ("text", "branch"),
    [
        ("Missing Required Field: lastName", RecordError),
        ("Something nobody has seen before", RecordError),
        ("IntegrationCode is invalid.", InstanceError),
        ("The logged in Resource does not have the adequate permissions to create Contact.", InstanceError),
    ],
)
def test_write_that_is_refused_in_words_certainly_did_not_happen(
    sandbox_psa: SandboxPsa, status: int, text: str, branch: type[SyncError]
) -> None:
    sandbox_psa.port.fetch_schema()
    sandbox_psa.fault("status", method="POST", path=WRITES, status=status, body={"errors": [text]})
    with pytest.raises(branch):
        sandbox_psa.port.create_contact(draft(), permit=permit)
    assert sandbox_psa.port.count_contacts(COMPANY) == 0


@pytest.mark.parametrize("body", [None, {}, {"item": None}, [], {"items": [[]]}, {"items": None}], ids=str)
def test_answer_of_unknown_shape_is_no_empty_company(sandbox_psa: SandboxPsa, body: object) -> None:
    sandbox_psa.port.fetch_schema()
    sandbox_psa.fault("status", status=200, body=body)
    with pytest.raises(WireError) as caught:
        sandbox_psa.port.fetch_contacts(COMPANY)
    assert caught.value.reason == "unknown_shape"


def test_empty_page_with_a_next_link_continues(sandbox_psa: SandboxPsa) -> None:
    contact_id = sandbox_psa.add()
    sandbox_psa.port.fetch_schema()
    sandbox_psa.fault("empty_page")
    assert everything(sandbox_psa.port) == [contact_id]


# --- keys, rights, zone -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("username", "zone_unknown"),
        ("secret", "credentials_refused"),
        ("integration_code", "credentials_refused"),
    ],
)
def test_wrong_key_stops_the_instance(sandbox_psa: SandboxPsa, key: str, reason: str) -> None:
    access: dict[str, Any] = {key: "wrong"}
    with pytest.raises(InstanceError) as caught:
        sandbox_psa.contacts(**access).check()
    assert caught.value.reason == reason
    assert "wrong" not in str(caught.value)


def test_missing_rights_are_told_apart_from_wrong_keys(sandbox_psa: SandboxPsa) -> None:
    sandbox_psa.mutate("psa.set_credentials", rights=["contacts.read"])
    facts = sandbox_psa.contacts().check()
    assert facts.missing == ("contacts (create)", "contacts (update)", "companies")
    with pytest.raises(InstanceError) as caught:
        sandbox_psa.port.create_contact(draft(), permit=permit)
    assert caught.value.reason == "permission_missing"


def test_check_of_a_sound_installation(sandbox_psa: SandboxPsa) -> None:
    facts = sandbox_psa.contacts().check()
    assert (facts.version, facts.vendor_sync, facts.missing) == ("1.0", None, ())
    assert facts.codebase.endswith("/zone14/ATServicesRest")


def test_move_to_another_zone_is_survived_by_reads_and_writes_of_many_threads(sandbox_psa: SandboxPsa) -> None:
    port = sandbox_psa.contacts(slots=Places(2))
    contact = port.create_contact(draft(), permit=permit)
    sandbox_psa.mutate("psa.move_zone", zone="zone15")
    assert port.update_contact(change(contact, active=False), permit=permit).active is False
    sandbox_psa.mutate("psa.move_zone", zone="zone16")
    errors: list[Exception] = []

    def read() -> None:
        try:
            port.fetch_contact(contact.id)
        except SyncError as error:
            errors.append(error)

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


# --- limits -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [429, 500])
def test_many_threads_with_two_places_are_never_too_many(sandbox_psa: SandboxPsa, status: int) -> None:
    sandbox_psa.sandbox.settings(autotask__thread_status=status)
    sandbox_psa.sandbox.post("limits", {"latency_ms": 20})
    budget = DiaryBudget()
    port = sandbox_psa.contacts(slots=Places(2), budget=budget)
    port.fetch_schema()
    contact = port.create_contact(draft(), permit=permit)

    def work() -> None:
        port.fetch_contact(contact.id)
        port.fetch_company(COMPANY)
        port.count_contacts(COMPANY)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not [entry for entry in budget.diary if entry.startswith("pause")]


def test_used_up_half_of_the_hour_pauses_the_instance(sandbox_psa: SandboxPsa) -> None:
    sandbox_psa.sandbox.settings(autotask__slow_under_load=False)
    sandbox_psa.sandbox.post("limits", {"autotask": {"used": 5000}})
    budget = DiaryBudget()
    sandbox_psa.contacts(budget=budget).fetch_company(COMPANY)
    assert "pause 60" in budget.diary


# --- whole companies --------------------------------------------------------------------------------------------------


def everything(port: Contacts) -> list[str]:
    found: list[str] = []
    cursor: str | None = None
    while True:
        page, cursor = port.fetch_contacts(COMPANY, cursor)
        found += [contact.id for contact in page]
        if cursor is None:
            return found


def fill(psa: SandboxPsa, contacts: int) -> list[str]:
    operation = {"op": "psa.create_contact", "vendor": "autotask", "company": COMPANY, "set": {"firstName": "N"}}
    results = psa.sandbox.post("mutate", {"operations": [operation] * contacts})["results"]
    return [str(made["id"]) for made in results]


@pytest.mark.parametrize(("contacts", "calls"), [(499, 1), (500, 2), (501, 2), (1000, 3)])
def test_company_is_read_in_full_pages_and_one_more_behind_a_full_last_one(
    sandbox_psa: SandboxPsa, contacts: int, calls: int
) -> None:
    ids = fill(sandbox_psa, contacts)
    budget = DiaryBudget()
    port = sandbox_psa.contacts(budget=budget)
    port.fetch_schema()
    spent = budget.left
    assert everything(port) == ids
    assert spent - budget.left == calls
    assert port.count_contacts(COMPANY) == contacts


def test_company_zero_is_a_company(sandbox_psa: SandboxPsa) -> None:
    port = sandbox_psa.port
    assert port.fetch_company("0").active
    before = port.count_contacts("0")
    contact = port.create_contact(draft().model_copy(update={"company_id": "0"}), permit=permit)
    assert contact.company_id == "0"
    assert port.count_contacts("0") == before + 1


# --- fields -----------------------------------------------------------------------------------------------------------


def test_lengths_and_countries_are_those_of_the_installation(sandbox_psa: SandboxPsa) -> None:
    specs = {spec.name: spec for spec in sandbox_psa.port.fetch_schema().fields}
    assert (specs["first_name"].max_length, specs["phone"].max_length, specs["alternate_phone"].max_length) == (
        50,
        25,
        32,
    )
    assert {name for name, spec in specs.items() if spec.required} == {"first_name", "last_name"}
    assert "Germany" in (specs["country"].choices or ())
    assert "Yugoslavia" not in (specs["country"].choices or ())


def test_every_field_arrives_and_can_be_cleared(sandbox_psa: SandboxPsa) -> None:
    port = sandbox_psa.port
    schema = port.fetch_schema()
    values = {
        spec.name: {"email": "a@contoso.example", "phone": "+49 1 23", "text": "Text"}[spec.kind]
        for spec in schema.fields
        if spec.kind != "reference"
    }
    values |= {"phone": "+49 1 23 x45", "country": "Germany", "site": "Main"}
    values["email2"], values["email3"] = "b@contoso.example", "c@contoso.example"
    contact = port.create_contact(draft(**values), permit=permit)
    assert contact.fields == values
    assert port.fetch_contact(contact.id) == contact
    optional: dict[str, str | None] = dict.fromkeys(set(values) - {"first_name", "last_name"})
    cleared = port.update_contact(change(contact, fields=optional), permit=permit)
    assert cleared == port.fetch_contact(contact.id)
    assert set(cleared.fields) == {"first_name", "last_name"}
    assert cleared.emails == ()


def test_location_of_another_company_or_out_of_use_is_refused(sandbox_psa: SandboxPsa) -> None:
    port = sandbox_psa.port
    [(elsewhere, _)] = port.fetch_sites(OTHER_COMPANY)
    for site_id in (elsewhere, f"{COMPANY}2"):
        with pytest.raises(RecordError) as caught:
            port.create_contact(draft().model_copy(update={"site_id": site_id}), permit=permit)
        assert caught.value.field == "site"
    assert port.count_contacts(COMPANY) == 0


def test_wanted_address_that_is_there_already_becomes_the_default(sandbox_psa: SandboxPsa) -> None:
    contact = sandbox_psa.port.fetch_contact(sandbox_psa.add(emails=("old@contoso.example", "New@contoso.example")))
    after = sandbox_psa.port.update_contact(change(contact, fields={"email": "new@contoso.example"}), permit=permit)
    assert after.emails == ("new@contoso.example", "old@contoso.example")
    assert after == sandbox_psa.port.fetch_contact(contact.id)


def test_fields_of_others_are_left_alone(sandbox_psa: SandboxPsa) -> None:
    badge = [{"name": "Badge number", "value": "B7"}]
    contact_id = sandbox_psa.add_raw(note="theirs", roomNumber="12", userDefinedFields=badge)
    contact = sandbox_psa.port.fetch_contact(contact_id)
    sandbox_psa.port.update_contact(change(contact, fields={"job_title": "Chief"}, active=False), permit=permit)
    raw = sandbox_psa.raw(contact_id)
    assert (raw["note"], raw["roomNumber"], raw["title"], raw["isActive"]) == ("theirs", "12", "Chief", 0)
    assert {"name": "Badge number", "value": "B7"} in raw["userDefinedFields"]


def test_object_id_is_kept_in_a_user_defined_field(sandbox_psa: SandboxPsa) -> None:
    port = sandbox_psa.contacts(settings=FieldSettings(entra_id_field="entra id"))
    contact = port.create_contact(draft(), permit=permit)
    assert contact.entra_id == object_id(1)
    after = port.update_contact(change(contact, entra_id=object_id(2)), permit=permit)
    assert after.entra_id == object_id(2)
    found = port.find_contacts([COMPANY], entra_id=object_id(2), emails=["nobody@contoso.example"])
    assert [c.id for c in found] == [contact.id]
    page, _ = port.fetch_contacts(COMPANY)
    assert [c.entra_id for c in page] == [object_id(2)]
    assert sandbox_psa.raw(contact.id)["externalID"] is None


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        (FieldSettings(entra_id_field="Nope"), "entra_id_field_unknown"),
        (FieldSettings(contact_type_field="Nope"), "contact_type_field_unknown"),
        (FieldSettings(contact_type_field="Badge number"), "contact_type_field_without_choices"),
    ],
)
def test_unknown_label_is_a_fault_of_the_configuration(
    sandbox_psa: SandboxPsa, settings: FieldSettings, reason: str
) -> None:
    with pytest.raises(InstanceError) as caught:
        sandbox_psa.contacts(settings=settings).fetch_schema()
    assert caught.value.reason == reason


# --- companies, moves and cost ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("company_id", "active"), [("250", True), ("252", False)])
def test_company_is_read_with_its_state(sandbox_psa: SandboxPsa, company_id: str, active: bool) -> None:
    company = sandbox_psa.port.fetch_company(company_id)
    assert (company.active, company.deleted) == (active, False)
    assert company.domains


@pytest.mark.parametrize("dialect", ["null", "404"])
def test_what_was_removed_is_not_found(sandbox_psa: SandboxPsa, dialect: str) -> None:
    sandbox_psa.sandbox.settings(autotask__missing_item=dialect)
    with pytest.raises(NotFoundError):
        sandbox_psa.port.fetch_company("253")
    with pytest.raises(NotFoundError):
        sandbox_psa.port.fetch_contact("77777")


def test_contact_is_not_moved_and_says_what_to_do(sandbox_psa: SandboxPsa) -> None:
    contact = sandbox_psa.port.fetch_contact(sandbox_psa.add())
    wanted = change(contact, moves=True).model_copy(update={"company_id": OTHER_COMPANY})
    with pytest.raises(RecordError) as caught:
        sandbox_psa.port.update_contact(wanted, permit=permit)
    assert caught.value.reason == "move_unsupported"
    assert sandbox_psa.port.fetch_contact(contact.id).company_id == COMPANY


def test_contact_that_somebody_moved_is_gone_from_its_company(sandbox_psa: SandboxPsa) -> None:
    contact = sandbox_psa.port.fetch_contact(sandbox_psa.add())
    sandbox_psa.mutate("psa.move_contact", contact=contact.id, company=OTHER_COMPANY)
    with pytest.raises(NotFoundError):
        sandbox_psa.port.update_contact(change(contact, active=False), permit=permit)
    assert sandbox_psa.port.fetch_contact(contact.id).active is True


def test_calls_cost_what_they_say(sandbox_psa: SandboxPsa) -> None:
    budget = DiaryBudget()
    port = sandbox_psa.contacts(budget=budget)

    def cost() -> int:
        spent = len([entry for entry in budget.diary if entry == "reserve"])
        budget.diary.clear()
        return spent

    port.fetch_schema()
    assert cost() == 2 + 2  # the zone and the hour's threshold, once
    port.fetch_company(COMPANY)
    assert cost() == 1
    port.fetch_sites(COMPANY)
    port.fetch_sites(COMPANY)
    assert cost() == 1
    contact = port.create_contact(draft(email="a@contoso.example"), permit=permit)
    assert cost() == 2  # proved by a read
    port.create_contact(draft(email="b@contoso.example"), permit=permit)
    assert cost() == 1
    port.update_contact(change(contact, fields={"email": "c@contoso.example"}), permit=permit)
    assert cost() == 2
    port.update_contact(change(contact, fields={"email": "c@contoso.example"}), permit=permit)
    assert cost() == 1  # nothing to write
    port.find_contacts([COMPANY], entra_id=object_id(1), emails=["a@contoso.example", "b@contoso.example"])
    assert cost() == 1
    port.find_namesakes([COMPANY], first_name="Ann", last_name="Example")
    assert cost() == 1
    port.fetch_contacts(COMPANY)
    assert cost() == 1
    port.count_contacts(COMPANY)
    assert cost() == 1


@pytest.mark.parametrize(
    ("fields", "field"),
    [({"job_title": "x" * 60}, "job_title"), ({"zip": "x" * 20}, "zip")],
)
def test_value_that_does_not_fit_is_refused_with_its_field(
    sandbox_psa: SandboxPsa, fields: dict[str, str], field: str
) -> None:
    with pytest.raises(RecordError) as caught:
        sandbox_psa.port.create_contact(draft(**fields), permit=permit)
    assert caught.value.field == field
    assert sandbox_psa.port.count_contacts(COMPANY) == 0


def test_empty_page_with_a_next_one_goes_on(sandbox_psa: SandboxPsa) -> None:
    ids = sandbox_psa.add_many(3)
    sandbox_psa.fault("empty_page", path="/Contacts/query")
    nobody, cursor = sandbox_psa.port.fetch_contacts(COMPANY)
    assert nobody == ()
    assert cursor is not None
    everybody, _ = sandbox_psa.port.fetch_contacts(COMPANY, cursor)
    assert [contact.id for contact in everybody] == ids
