"""Links, owners, watermarks and schedule marks."""

from adapters.records import Link
from adapters.store import Store
from tests.unit.adapters.store.making import HOME


def test_links_of_two_tenants_of_one_instance_share_their_owners(store: Store) -> None:
    one = {"u1": Link(contact_id="1", company_id="250", read_at_ms=1)}
    two = {"u1": Link(contact_id="2", company_id="251", read_at_ms=1)}
    store.memory.save_links("t1@main", one)
    store.memory.save_links("t2@main", two)
    assert store.memory.links("t1@main", ["u1"]) == one
    assert store.memory.links("t2@main", ["u1"]) == two
    assert store.memory.owners("t1@main", ["1", "2"]) == {"1": "t1/u1", "2": "t2/u1"}
    assert store.memory.owners("t1@other", ["1"]) == {}


def test_owner_of_an_abandoned_contact_is_forgotten(store: Store) -> None:
    for number in (1, 2):
        link = Link(contact_id=str(number), company_id="250", read_at_ms=number)
        store.memory.save_links(HOME, {"u1": link})
    assert store.memory.owners(HOME, ["1", "2"]) == {"2": "tenant-1/u1"}


def test_contact_that_another_user_took_over_stays_its(store: Store) -> None:
    store.memory.save_links(HOME, {"u1": Link(contact_id="1", company_id="250", read_at_ms=1)})
    store.memory.save_links(HOME, {"u2": Link(contact_id="1", company_id="250", read_at_ms=1)})
    store.memory.save_links(HOME, {"u1": Link(contact_id="2", company_id="250", read_at_ms=2)})
    assert store.memory.owners(HOME, ["1", "2"]) == {"1": "tenant-1/u2", "2": "tenant-1/u1"}


def test_many_links_are_saved_in_parts(store: Store) -> None:
    links = {f"u{n}": Link(contact_id=str(n), company_id="250", written={"a": "b"}) for n in range(2500)}
    store.memory.save_links(HOME, links)
    assert store.memory.links(HOME, list(links)) == links


def test_first_sight_of_a_connector_stands(store: Store) -> None:
    assert store.memory.last_tick("contoso") is None
    store.memory.see_connector("contoso", at_ms=5)
    store.memory.see_connector("contoso", at_ms=9)
    assert store.memory.last_tick("contoso") == 5


def test_nothing_is_remembered_of_the_unknown(store: Store) -> None:
    assert store.memory.watermark("x") is None
    assert store.memory.unfinished("x") == {}
    assert store.memory.links(HOME, []) == {}
    assert store.memory.owners(HOME, []) == {}
