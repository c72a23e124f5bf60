import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.records.contacts import FieldKind
from tasks.comparing import are_same, comparable_form, guess_kind, kinds_of
from tests.unit.tasks.makers import SCHEMA

KINDS: list[FieldKind] = ["text", "email", "phone", "reference"]


@pytest.mark.parametrize("kind", KINDS)
@given(text=st.text(alphabet=st.characters(codec=None)))
def test_comparable_form_compares_as_itself(kind: FieldKind, text: str) -> None:
    form = comparable_form(kind, text)
    assert comparable_form(kind, form) == form
    assert are_same(kind, text, form)


@pytest.mark.parametrize(
    ("kind", "one", "other", "same"),
    [
        ("text", " Buyer\x00", "Buyer", True),
        ("text", "Mu\u0308ller", "Müller", True),
        ("text", "buyer", "Buyer", False),
        ("text", "A  B", "A B", False),
        ("email", "Ann@Contoso.com ", "ann@contoso.com", True),
        ("email", "ann@contoso.com", "anne@contoso.com", False),
        ("phone", "+49 (30) 123", "004930123", True),
        ("phone", "+49 30 123 x1", "+49 30 123", False),
        ("reference", "human  resources", "Human Resources", True),
        ("reference", "Sales", "IT", False),
        ("text", None, "", True),
        ("text", None, "  ", True),
        ("phone", None, "n/a", False),
    ],
)
def test_values_compare_by_their_kind(kind: FieldKind, one: str | None, other: str | None, *, same: bool) -> None:
    assert are_same(kind, one, other) is same
    assert are_same(kind, other, one) is same


def test_kind_is_guessed_as_the_schema_has_it() -> None:
    assert {name: guess_kind(name) for name in kinds_of(SCHEMA)} == kinds_of(SCHEMA)
