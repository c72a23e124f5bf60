import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.names import clean, closest, collapse, cut, fold

ANY_TEXT = st.text(alphabet=st.characters(codec=None))


@given(ANY_TEXT)
def test_cleaning_collapsing_and_folding_twice_equal_once(text: str) -> None:
    for function in (clean, collapse, fold):
        assert function(function(text)) == function(text)


@given(ANY_TEXT, st.integers(min_value=1, max_value=40))
def test_cutting_twice_equals_once_and_keeps_the_beginning(text: str, length: int) -> None:
    once = cut(clean(text), length)
    assert cut(once, length) == once
    assert len(once) <= length
    assert clean(text).startswith(once)


@given(ANY_TEXT)
def test_clean_text_holds_no_control_characters(text: str) -> None:
    assert not [char for char in clean(text) if unicodedata.category(char) in ("Cc", "Cs")]


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        (" Ann\x00\x07 ", "Ann"),
        ("Line 1\r\nLine 2", "Line 1  Line 2"),
        ("Mu\u0308ller", "Müller"),
        ("A\u00a0B", "A B"),
        ("x\ud800y", "xy"),
    ],
)
def test_clean_trims_drops_controls_and_composes(text: str, cleaned: str) -> None:
    assert clean(text) == cleaned


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("MÜLLER", "mu\u0308ller"),
        ("Straße", "STRASSE"),
        ("Ann  Marie", "ann marie "),
        ("İ", "i\u0307"),
        ("Σίσυφος", "ΣΊΣΥΦΟΣ"),
    ],
)
def test_names_that_read_the_same_fold_to_the_same(one: str, other: str) -> None:
    assert fold(one) == fold(other)


def test_different_names_do_not_fold_together() -> None:
    assert fold("Müller") != fold("Muller")


@pytest.mark.parametrize(
    ("text", "length", "rest"),
    [
        ("Buyer", 5, "Buyer"),
        ("Buyer", 3, "Buy"),
        ("Head of", 5, "Head"),
        ("😀😀😀", 2, "😀😀"),
        ("ab\u0323\u0302c", 3, "a"),
        ("x👩\u200d👩\u200d👧", 4, "x"),
    ],
)
def test_cut_falls_between_characters(text: str, length: int, rest: str) -> None:
    assert cut(text, length) == rest


def test_closest_names_what_was_probably_meant() -> None:
    assert closest("job_titel", ["job_title", "phone"]) == "job_title"
    assert closest("zzz", ["job_title", "phone"]) is None
