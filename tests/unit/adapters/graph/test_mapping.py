import copy
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.errors import WireError
from adapters.graph.mapping import map_entry, map_organization, map_user, restore_name
from adapters.graph.wire import WireOrganization
from adapters.records import USER_PROPERTIES, Tombstone, User

SKU = "05e9a617-0261-4cee-bb44-138d3ef5d965"
FULL: dict[str, Any] = {
    "@odata.type": "#microsoft.graph.user",
    "id": "3f0a7a52-6f0e-4d7e-8b6d-0b8f6f2f1a01",
    "userPrincipalName": "o'brien_fabrikam.example#EXT#@contoso.onmicrosoft.com",
    "displayName": "Ann O'Brien",
    "givenName": "Ann",
    "surname": "O'Brien",
    "mail": "ann@contoso.example",
    "otherMails": ["ann@home.example"],
    "proxyAddresses": ["SMTP:ann@contoso.example", "smtp:a@contoso.example", "SIP:ann@contoso.example"],
    "jobTitle": None,
    "department": "Ventes & Qualité",
    "companyName": None,
    "officeLocation": "Zürich",
    "businessPhones": ["+41 44 000 00 00"],
    "mobilePhone": None,
    "faxNumber": None,
    "streetAddress": None,
    "city": None,
    "state": None,
    "postalCode": None,
    "country": None,
    "usageLocation": "CH",
    "preferredLanguage": None,
    "employeeId": None,
    "employeeType": None,
    "accountEnabled": True,
    "userType": "Guest",
    "createdDateTime": "2026-01-01T08:00:00Z",
    "onPremisesSyncEnabled": None,
    "assignedLicenses": [{"disabledPlans": [], "skuId": SKU}],
    "onPremisesExtensionAttributes": {f"extensionAttribute{i}": None for i in range(1, 16)},
}


def test_every_property_that_is_asked_for_is_mapped() -> None:
    user = map_user(FULL)

    assert set(USER_PROPERTIES) == set(FULL) - {"@odata.type"}
    assert user.model_fields_set == set(User.model_fields)
    assert user.assigned_licenses == (SKU,)
    assert user.business_phones == ("+41 44 000 00 00",)
    assert user.proxy_addresses[0] == "SMTP:ann@contoso.example"
    assert user.user_principal_name == FULL["userPrincipalName"]


def test_absent_is_not_null() -> None:
    user = map_user({"id": "1", "jobTitle": None, "otherMails": None, "onPremisesExtensionAttributes": None})

    assert user.model_fields_set == {"id", "job_title", "other_mails", "on_premises_extension_attributes"}
    assert (user.job_title, user.other_mails, user.on_premises_extension_attributes) == (None, (), {})


def test_an_unknown_property_is_dropped() -> None:
    assert map_user({"id": "1", "manager@delta": [], "hireDate": 5}).model_fields_set == {"id"}


@pytest.mark.parametrize("reason", ["changed", "deleted"])
def test_removed_is_a_tombstone(reason: str) -> None:
    entry = map_entry({"id": "1", "@removed": {"reason": reason}})

    assert entry == Tombstone.model_validate({"id": "1", "reason": reason})


@pytest.mark.parametrize(
    "raw",
    [
        {"@removed": {"reason": "changed"}},
        {"id": "1", "@removed": {"reason": "moved"}},
        {"id": "1", "@removed": {}},
        {"id": "1", "@removed": None},
        {"id": "1", "@removed": "deleted"},
        {"id": 7, "@removed": {"reason": "deleted"}},
    ],
    ids=repr,
)
def test_an_unknown_removal_is_a_wire_error(raw: dict[str, Any]) -> None:
    with pytest.raises(WireError):
        map_entry(raw)


@pytest.mark.parametrize(
    "odd",
    [
        {"id": None},
        {"id": ""},
        {"id": 5},
        {"mail": 5},
        {"mail": ["a@b.example"]},
        {"accountEnabled": "true"},
        {"accountEnabled": 1},
        {"otherMails": "ann@home.example"},
        {"businessPhones": [5]},
        {"businessPhones": {"a": "b"}},
        {"assignedLicenses": [{}]},
        {"assignedLicenses": ["x"]},
        {"assignedLicenses": [{"skuId": 5}]},
        {"onPremisesExtensionAttributes": {"extensionAttribute1": 5}},
        {"onPremisesExtensionAttributes": "x"},
    ],
    ids=repr,
)
def test_a_wrong_type_is_a_wire_error_that_quotes_nobody(odd: dict[str, Any]) -> None:
    with pytest.raises(WireError) as raised:
        map_user({**FULL, **odd})

    assert raised.value.__cause__ is None
    assert "ann" not in f"{raised.value}{raised.value.__dict__}"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(), children, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from([*USER_PROPERTIES, "@removed"]), JSON, max_size=8))
def test_no_json_crashes_the_mapping(odd: dict[str, Any]) -> None:
    before = copy.deepcopy(odd)
    try:
        entry = map_entry(odd)
    except WireError:
        return
    finally:
        assert odd == before
    assert entry.id == odd["id"]


def test_the_organization_names_its_default_domain_first() -> None:
    wire = WireOrganization.model_validate(
        {
            "id": "t1",
            "displayName": "Contoso",
            "verifiedDomains": [
                {"name": "contoso.onmicrosoft.com", "isDefault": False},
                {"name": "contoso.example", "isDefault": True, "capabilities": "Email"},
            ],
        }
    )

    organization = map_organization(wire)

    assert (organization.name, organization.domains) == ("Contoso", ("contoso.example", "contoso.onmicrosoft.com"))


def test_a_hundred_thousand_users_are_mapped_in_seconds() -> None:
    started = time.process_time()
    for _ in range(20_000):
        map_entry(FULL)

    assert (time.process_time() - started) * 5 < 10


@pytest.mark.parametrize(
    ("name", "restored"),
    [
        ("3F0a7a526f0e4d7e8b6d0b8f6f2f1a01ann@contoso.example", "ann@contoso.example"),
        ("ann@contoso.example", "ann@contoso.example"),
        ("3f0a7a526f0e4d7e8b6d0b8f6f2f1a01@contoso.example", "3f0a7a526f0e4d7e8b6d0b8f6f2f1a01@contoso.example"),
        (None, None),
    ],
)
def test_deleted_users_name_is_what_it_was(name: str | None, restored: str | None) -> None:
    user = User(id=FULL["id"], user_principal_name=name)
    assert restore_name(user) == user.model_copy(update={"user_principal_name": restored})


def test_no_mark_of_graphs_is_a_user_that_a_read_did_not_find() -> None:
    with pytest.raises(WireError):
        map_entry({"id": FULL["id"], "@removed": {"reason": "missing"}})
