import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.errors import WireError
from adapters.halo.paging import Step, next_step, read_cursor


def walk(ids: list[int], *, size: int, record_count: int | None = None) -> list[int]:
    """Walk a list of pages of this size."""
    seen: list[int] = []
    step: Step | None = Step()
    while step is not None:
        page = ids[size * (step.page - 1) : size * step.page]
        seen += page
        step = next_step(step, page, record_count=len(ids) if record_count is None else record_count)
    return seen


@given(count=st.integers(0, 60), size=st.integers(1, 25))
def test_every_record_is_seen_once_whatever_the_server_caps_pages_at(count: int, size: int) -> None:
    assert walk(list(range(1, count + 1)), size=size) == list(range(1, count + 1))


def test_count_that_promises_more_ends_at_the_empty_page() -> None:
    assert walk([1, 2, 3], size=2, record_count=9) == [1, 2, 3]


def test_server_that_knows_no_pages_is_believed_at_once() -> None:
    assert next_step(Step(), list(range(1, 501)), record_count=500) is None


def test_page_that_comes_again_is_no_end() -> None:
    step = next_step(Step(), [1, 2], record_count=5)
    assert step is not None
    with pytest.raises(WireError) as caught:
        next_step(step, [1, 2], record_count=5)
    assert caught.value.reason == "paging_broken"


def test_walk_begins_behind_no_id_and_goes_on_behind_the_last() -> None:
    assert (read_cursor(None), read_cursor("1207")) == (0, 1207)


@pytest.mark.parametrize("cursor", ["", "x", "1:2", "1.5"])
def test_text_that_is_no_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        read_cursor(cursor)
