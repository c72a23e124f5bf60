from hypothesis import given
from hypothesis import strategies as st

from tasks.addresses import Strength, address_digests, addresses_of, fold_address, smtp_addresses, sought_addresses
from tests.unit.tasks.makers import make_ben, make_draft, make_user


def test_addresses_are_folded_once_each_with_their_greatest_strength() -> None:
    user = make_user(
        mail=" Ann@Contoso.com",
        user_principal_name="ANN.E@contoso.com",
        proxy_addresses=(
            "SMTP:ann@contoso.com",
            "smtp:Ann.E@contoso.com",
            "SmTp:alias@contoso.com",
            "SIP:ann@contoso.com",
            "x500:/o=x",
        ),
    )
    assert addresses_of(user) == {
        "ann@contoso.com": Strength.MAIL,
        "ann.e@contoso.com": Strength.PRINCIPAL_NAME,
        "alias@contoso.com": Strength.ALIAS,
    }
    assert next(iter(addresses_of(user))) == "ann@contoso.com"


def test_a_guests_principal_name_is_no_address() -> None:
    guest = make_user(mail=None, user_principal_name="ann_fabrikam.example#EXT#@contoso.onmicrosoft.com")
    assert addresses_of(guest) == {}


def test_a_user_without_any_address_has_none() -> None:
    assert addresses_of(make_user(mail=None, user_principal_name=None, proxy_addresses=("smtp:", "smtp: "))) == {}


def test_the_address_to_be_written_is_sought_like_an_alias() -> None:
    user = make_user()
    private = make_draft(user, fields={"first_name": "Ann", "email": "Ann@Home.example"})
    assert sought_addresses(user, private)["ann@home.example"] is Strength.ALIAS
    assert sought_addresses(user, make_draft(user))["ann@contoso.com"] is Strength.MAIL
    assert "" not in sought_addresses(user, make_draft(user, fields={"first_name": "Ann"}))


def test_users_that_share_an_address_share_a_digest() -> None:
    ann = make_user(proxy_addresses=("smtp:desk@contoso.com",))
    ben = make_ben(mail="DESK@contoso.com")
    assert len(set(address_digests(ann)) & set(address_digests(ben))) == 1
    assert not set(address_digests(make_user())) & set(address_digests(make_ben()))
    assert all(0 <= digest < 2**64 for digest in address_digests(ann))


@given(st.text())
def test_folding_an_address_twice_equals_once(text: str) -> None:
    assert fold_address(fold_address(text)) == fold_address(text)


def test_smtp_addresses_keep_their_order_and_case() -> None:
    assert smtp_addresses(["SMTP:B@x", "SIP:c@x", "smtp:a@x"]) == ["B@x", "a@x"]
