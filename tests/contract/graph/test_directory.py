"""The Directory port, as tasks rely on it: one suite for the fake and for Graph."""

import pytest

from adapters.errors import ResyncError
from adapters.records import Tombstone, User
from tests.contract.graph.tenants import Tenant, read_delta, read_list


def _users(entries: list[User | Tombstone]) -> dict[str, User]:
    return {entry.id: entry for entry in entries if isinstance(entry, User)}


def test_the_list_names_every_user_once_with_every_property(tenant: Tenant) -> None:
    pages = read_list(tenant.directory)
    entries = [entry for page in pages for entry in page.entries]

    assert len(pages) > 1
    assert sorted(entry.id for entry in entries) == sorted(tenant.ids())
    assert all(entry.model_fields_set == set(User.model_fields) for entry in entries)
    assert all(page.delta_link is None for page in pages)


def test_an_empty_page_with_a_next_link_continues(tenant: Tenant) -> None:
    tenant.blank_pages()
    pages = read_list(tenant.directory)

    assert any(not page.entries and page.next_link for page in pages)
    assert sorted(entry.id for page in pages for entry in page.entries) == sorted(tenant.ids())


def test_an_expired_page_link_asks_for_a_new_start(tenant: Tenant) -> None:
    link = tenant.directory.fetch_users().next_link
    tenant.expire_page_links()

    with pytest.raises(ResyncError) as raised:
        tenant.directory.fetch_users(link)

    assert raised.value.reason == "page_link_expired"
    assert len(read_list(tenant.directory)) > 1


def test_users_created_since_are_listed_and_others_not(tenant: Tenant) -> None:
    old = tenant.add_user(created_date_time="2030-01-01T00:00:00Z")
    new = tenant.add_user(created_date_time="2030-06-01T00:00:00Z")

    pages = read_list(tenant.directory, created_since="2030-03-01T00:00:00Z")
    listed = {entry.id for page in pages for entry in page.entries}

    assert new in listed
    assert old not in listed


def test_a_latest_link_knows_nothing_and_then_each_change(tenant: Tenant) -> None:
    link = tenant.directory.fetch_latest_delta_link()
    assert read_delta(tenant.directory, link)[0] == []

    created = tenant.add_user(job_title="Buyer")
    entries, following = read_delta(tenant.directory, link)

    assert _users(entries)[created].job_title == "Buyer"
    assert read_delta(tenant.directory, following)[0] == []


def test_a_delta_round_can_be_read_again(tenant: Tenant) -> None:
    link = tenant.directory.fetch_latest_delta_link()
    created = {tenant.add_user() for _ in range(7)}

    first, second = (read_delta(tenant.directory, link)[0] for _ in range(2))

    assert set(_users(first)) == set(_users(second)) == created


def test_a_cleared_property_is_null_and_one_never_set_is_absent(tenant: Tenant) -> None:
    user_id = tenant.add_user(job_title="Buyer")
    link = tenant.directory.fetch_latest_delta_link()
    tenant.change_user(user_id, job_title=None)

    user = _users(read_delta(tenant.directory, link)[0])[user_id]

    assert user.job_title is None
    assert "job_title" in user.model_fields_set
    assert "city" not in user.model_fields_set


def test_the_gone_are_tombstones_and_the_restored_are_users(tenant: Tenant) -> None:
    soft, hard, restored = tenant.add_user(), tenant.add_user(), tenant.add_user()
    link = tenant.directory.fetch_latest_delta_link()
    tenant.delete_user(soft)
    tenant.delete_user(hard, permanently=True)
    tenant.delete_user(restored)
    tenant.restore_user(restored)

    last = {entry.id: entry for entry in read_delta(tenant.directory, link)[0]}

    assert last[soft] == Tombstone(id=soft, reason="changed")
    assert last[hard] == Tombstone(id=hard, reason="deleted")
    assert isinstance(last[restored], User)


def test_a_dead_delta_link_asks_for_a_full_read(tenant: Tenant) -> None:
    link = tenant.directory.fetch_latest_delta_link()
    tenant.expire_delta_links()

    with pytest.raises(ResyncError) as raised:
        tenant.directory.fetch_delta(link)

    assert raised.value.reason == "delta_link_dead"
    assert read_delta(tenant.directory, tenant.directory.fetch_latest_delta_link())[0] == []


def test_a_user_is_found_by_id_and_by_name_whatever_its_case(tenant: Tenant) -> None:
    user_id = tenant.add_user(display_name="Ann O'Brien")
    by_id = tenant.directory.fetch_user(user_id)

    assert by_id is not None
    assert by_id.model_fields_set == set(User.model_fields)
    assert by_id.user_principal_name is not None
    assert tenant.directory.fetch_user(by_id.user_principal_name.upper()) == by_id


def test_an_odd_name_is_found(tenant: Tenant) -> None:
    name = "o'brien_fabrikam.example#EXT#@contoso.example"
    user_id = tenant.add_user(user_principal_name=name)

    found = tenant.directory.fetch_user(name)

    assert found is not None
    assert (found.id, found.user_principal_name) == (user_id, name)


@pytest.mark.parametrize("name", ["nobody@contoso.example", "00000000-0000-4000-8000-ffffffffffff", "delta", ""])
def test_an_unknown_name_is_none(tenant: Tenant, name: str) -> None:
    assert tenant.directory.fetch_user(name) is None


def test_a_deleted_user_is_none(tenant: Tenant) -> None:
    user_id = tenant.add_user()
    tenant.delete_user(user_id)

    assert tenant.directory.fetch_user(user_id) is None


def test_counts_tell_all_users_and_the_enabled(tenant: Tenant) -> None:
    enabled = tenant.directory.count_users(enabled_only=True)
    everybody = tenant.directory.count_users(enabled_only=False)
    tenant.add_user(account_enabled=False)
    tenant.add_user(user_type="Guest")

    assert everybody == len(tenant.ids()) - 2
    assert enabled < everybody
    assert tenant.directory.count_users(enabled_only=True) == enabled + 1
    assert tenant.directory.count_users(enabled_only=False) == everybody + 2


def test_deleted_users_are_listed_by_name_until_they_are_gone_for_good(tenant: Tenant) -> None:
    deleted = {tenant.add_user() for _ in range(7)}
    for user_id in deleted:
        tenant.delete_user(user_id)
    assert set(_users(_deleted(tenant))) >= deleted
    one, *others = sorted(deleted)
    tenant.delete_user(one, permanently=True)
    tenant.restore_user(others[0])
    listed = _users(_deleted(tenant))
    assert {one, others[0]}.isdisjoint(listed)
    assert set(others[1:]) <= set(listed)
    assert all("@" in str(listed[user_id].user_principal_name) for user_id in others[1:])


def test_users_are_found_by_mail_and_by_alias_whatever_its_case(tenant: Tenant) -> None:
    mail, alias = "x.o'hara+1@contoso.example", "old.name@contoso.example"
    user_id = tenant.add_user(mail=mail, proxy_addresses=(f"SMTP:{mail}", f"smtp:{alias}"))
    for address in (mail, mail.upper(), alias, f" {alias.title()} "):
        (found,) = tenant.directory.find_users(address.strip())
        assert found.id == user_id
        assert found.mail == mail
    assert tenant.directory.find_users("nobody@contoso.example") == ()
    assert tenant.directory.find_users("x' or mail ne 'x") == ()


def test_deleted_user_is_found_by_id_under_the_name_that_it_had(tenant: Tenant) -> None:
    user_id = tenant.add_user()
    name = tenant.directory.fetch_user(user_id)
    assert name is not None
    assert tenant.directory.fetch_deleted_user(user_id) is None
    tenant.delete_user(user_id)
    deleted = tenant.directory.fetch_deleted_user(user_id)
    assert deleted is not None
    assert (deleted.id, deleted.user_principal_name) == (user_id, name.user_principal_name)
    tenant.delete_user(user_id, permanently=True)
    assert tenant.directory.fetch_deleted_user(user_id) is None


def _deleted(tenant: Tenant) -> list[User | Tombstone]:
    found: list[User | Tombstone] = []
    link = None
    while True:
        page = tenant.directory.fetch_deleted_users(link)
        found += page.entries
        link = page.next_link
        if link is None:
            return found
