import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.halo import query


def test_inactive_users_are_always_asked_for() -> None:
    assert query.list_params(page=2, page_size=100, client_id=31, search="x") == {
        "pageinate": "true",
        "page_size": 100,
        "page_no": 2,
        "includeinactive": "true",
        "includeactive": "true",
        "order": "id",
        "orderdesc": "false",
        "client_id": 31,
        "search": "x",
    }


def test_one_client_is_asked_for_and_several_are_not() -> None:
    assert query.only_client([31]) == 31
    assert query.only_client([31, 32]) is None


def test_object_id_is_asked_for_exactly() -> None:
    asked = json.loads(query.equals("azureoid", 'a"b'))
    assert asked == [{"filter_name": "azureoid", "filter_type": 2, "filter_value": 'a"b'}]


@pytest.mark.parametrize(
    ("addresses", "terms"),
    [
        (["ann.example@contoso.com"], ["ann.example@contoso.com"]),
        (["ann.example@contoso.com", "Ann.Example@contoso.onmicrosoft.com", "a@b.c"], ["ann.example@", "a@b.c"]),
        (["a@contoso.com", "a@contoso.org"], ["a@contoso.com", "a@contoso.org"]),
        (['"ann b"@contoso.com', "100%@x.example"], ["@contoso.com", "@x.example"]),
        (['"'], []),
    ],
)
def test_addresses_become_as_few_searches_as_find_them(addresses: list[str], terms: list[str]) -> None:
    assert query.address_terms(addresses) == terms


@given(addresses=st.lists(st.emails(), max_size=12))
def test_every_address_contains_a_term_that_is_searched_for(addresses: list[str]) -> None:
    terms = query.address_terms(addresses)
    assert all(any(term.casefold() in address.casefold() for term in terms) for address in addresses)
    assert len(terms) <= len(addresses)


def test_whole_list_is_asked_for_with_inactive_users() -> None:
    asked = query.whole_list_params(client_id=31)
    assert (asked["pageinate"], asked["includeinactive"], asked["client_id"]) == ("false", "true", 31)
