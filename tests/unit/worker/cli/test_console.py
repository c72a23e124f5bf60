import io
import unicodedata

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.text import Text

from worker.cli.console import make_table, plain


def printed(*things: object) -> str:
    out = io.StringIO()
    Console(file=out, width=200, force_terminal=True, color_system="truecolor").print(*things)
    return out.getvalue()


@given(st.text())
def test_nothing_that_a_terminal_obeys_is_left(text: str) -> None:
    left = {unicodedata.category(char) for char in plain(text) if char != "\u200d"}
    assert not left & {"Cc", "Cf", "Cs", "Zl", "Zp"}


@given(st.text(alphabet=st.characters(categories=["L", "N", "P", "S", "Zs"])))
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert plain(text) == text


def test_escape_sequences_lose_their_escape() -> None:
    assert plain("\x1b[31mred\x1b[0m \x9b2J\x07") == "[31mred[0m 2J"


def test_overrides_of_direction_are_dropped() -> None:
    assert plain("evil\u202egpj.exe\u2069") == "evilgpj.exe"


def test_joined_emoji_stay_joined() -> None:
    assert plain("👩\u200d💻") == "👩\u200d💻"


def test_line_breaks_become_spaces_so_that_a_value_forges_no_line() -> None:
    assert plain("one\ntwo") == "one two"


def test_cells_are_not_read_as_markup() -> None:
    shown = printed(make_table(["user"], [["[bold red]Ann[/bold red]"], ["[link=file:///]x[/link]"], [":smile:"]]))
    assert "[bold red]Ann[/bold red]" in shown
    assert "[link=file:///]x[/link]" in shown
    assert ":smile:" in shown


def test_an_empty_cell_is_empty_and_a_styled_one_keeps_its_style() -> None:
    shown = printed(make_table(["a", "b"], [[None, Text("bad", style="red")]]))
    assert "None" not in shown
    assert "\x1b[31mbad" in shown
