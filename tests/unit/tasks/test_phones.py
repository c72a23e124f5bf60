import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.phones import comparable, to_e164, to_national


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("+49 30 1234567", "0049301234567"),
        ("+49 (0)30 1234567", "+49 30 1234567"),
        ("0049 (0) 30 123", "0049 (0) 30 123"),
        ("(555) 123-4567", "555.123.4567"),
        ("+1 555 1234 x12", "+15551234 ext. 12"),
        ("5551234x12", "555-1234 #12"),
        ("+1 555 1234;ext=12", "1 555 1234 Extension 12"),
        ("٠٣٠١٢٣", "030123"),
        ("5551234", " 5551234\u00a0"),
        ("N/A", "n/a"),
        ("1-800-FLOWERS", "1-800-flowers"),
    ],
)
def test_numbers_that_ring_the_same_phone_are_the_same(one: str, other: str) -> None:
    assert comparable(one) == comparable(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("5551234", "5551235"),
        ("5551234 x1", "5551234 x2"),
        ("5551234 x1", "5551234"),
        ("55512341", "5551234 x1"),
        ("030 123", "30 123"),
        ("1-800-FLOWERS", "1-800-MATTRES"),
        ("n/a", ""),
        ("+1 555 1234 (home)", "+1 555 1234 (work)"),
    ],
)
def test_other_numbers_are_different(one: str, other: str) -> None:
    assert comparable(one) != comparable(other)


@given(st.text(alphabet="0123456789+()-./ x#ext;=abc\u0660"))
def test_comparable_form_compares_as_itself(text: str) -> None:
    assert comparable(comparable(text)) == comparable(text)


@given(st.text())
def test_comparable_form_of_any_text_is_stable(text: str) -> None:
    assert comparable(comparable(text)) == comparable(text)


@pytest.mark.parametrize(
    ("text", "country", "written"),
    [
        ("030 1234567", "DE", "+49301234567"),
        ("030 1234567", "de", "+49301234567"),
        ("+1 650 253 0000 ext 12", None, "+16502530000 x12"),
        ("030 1234567", None, "030 1234567"),
        ("12", "DE", "12"),
        ("by mail only", "DE", "by mail only"),
        ("", "DE", ""),
    ],
)
def test_e164_is_written_for_valid_numbers_only(text: str, country: str | None, written: str) -> None:
    assert to_e164(text, country) == written


def test_national_form_is_dialled_inside_the_country() -> None:
    assert to_national("+1 650-253-0000 x12", "US") == "(650) 253-0000 x12"


@given(st.from_regex(r"\+?[0-9 ()/-]{3,18}", fullmatch=True))
def test_writing_a_number_twice_equals_once(text: str) -> None:
    assert to_e164(to_e164(text, "DE"), "DE") == to_e164(text, "DE")
