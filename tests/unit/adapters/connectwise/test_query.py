from urllib.parse import parse_qs, quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.connectwise.layout import EntraIdField
from adapters.connectwise.query import address_conditions, both, contact_fields, encode, equals, of_companies


def test_one_company_several_and_too_many() -> None:
    assert of_companies(["250"]) == "company/id=250"
    assert of_companies(["300", "250", "250", "x"]) == "company/id in (250,300)"
    assert of_companies([str(number) for number in range(1, 100)]) == ""


def test_empty_conditions_are_left_out() -> None:
    assert both("", "a=1", "") == "a=1"
    assert both("a=1", "b=2") == "a=1 AND b=2"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("ann@contoso.com", 'v="ann@contoso.com"'),
        ("o'brien+x&y@contoso.com", 'v="o\'brien+x&y@contoso.com"'),
        ('"ann b"@contoso.com', 'v contains "@contoso.com"'),
        ("a[x]bcd", 'v contains "bcd"'),
        ('"', ""),
        ('""" "', ""),
    ],
)
def test_value_that_cannot_be_said_is_asked_for_by_its_longest_part(value: str, expected: str) -> None:
    assert equals("v", value) == expected


def test_addresses_are_joined_so_that_each_has_its_type() -> None:
    value, kind = "communicationItems/value", 'communicationItems/communicationType="Email"'
    assert list(address_conditions(["a@x", "b@x"], room=1000)) == [
        f'{value}="a@x" AND {kind} OR {value}="b@x" AND {kind}',
    ]
    assert list(address_conditions(["a@x", '"', "b@x"], room=10)) == [
        f'{value}="a@x" AND {kind}',
        f'{value}="b@x" AND {kind}',
    ]
    assert list(address_conditions([], room=1000)) == []


@given(st.lists(st.emails(), max_size=30), st.integers(400, 1700))
def test_no_condition_is_longer_than_its_room_and_none_is_lost(addresses: list[str], room: int) -> None:
    asked = list(address_conditions(addresses, room=room))
    for condition in asked:
        assert len(quote(condition, safe="")) <= room or " OR " not in condition
    assert sum(condition.count("communicationType") for condition in asked) == len(addresses)


@given(st.dictionaries(st.from_regex(r"[a-z]{1,5}", fullmatch=True), st.text(min_size=1)))
def test_query_survives_escaping_without_a_raw_plus_or_blank(params: dict[str, str]) -> None:
    encoded = encode(params)
    assert "+" not in encoded
    assert " " not in encoded
    assert parse_qs(encoded) == {name: [value] for name, value in params.items()}


def test_contacts_are_trimmed_to_what_is_read() -> None:
    assert contact_fields(EntraIdField("userDefinedField3")) == (
        "id,firstName,lastName,title,addressLine1,addressLine2,city,state,zip,company/id,department,country,site,"
        "inactiveFlag,defaultFlag,defaultBillingFlag,communicationItems,userDefinedField3"
    )
    assert contact_fields(EntraIdField("EntraId")).endswith(",customFields")
