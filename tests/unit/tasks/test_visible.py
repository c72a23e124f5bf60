"""Hidden characters in other people's text: shown by their number to people, escapes to programs."""

import json
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from tasks.visible import HIDDEN, JOINERS, make_visible, to_json

JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=5)


@given(JSON)
def test_json_is_of_the_same_value_and_shows_nothing_hidden(value: object) -> None:
    text = to_json({"rows": value})
    assert json.loads(text) == {"rows": value}
    assert not [char for char in text if unicodedata.category(char) in HIDDEN and char not in JOINERS]


def test_json_keeps_letters_and_lines() -> None:
    assert to_json({"name": "Łukasz 山田"}, indent=1) == '{\n "name": "Łukasz 山田"\n}'
    assert to_json("\x9b31m\x7f\u202e") == '"\\u009b31m\\u007f\\u202e"'


def test_people_see_the_number_of_what_is_hidden() -> None:
    assert make_visible("a\x1b\u202eb") == "a␛⟨U+202E⟩b"
