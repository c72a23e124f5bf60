from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.connectwise.paging import NUMBERED, PAGE_SIZE, Step, fresh, next_step, read_cursor
from adapters.errors import WireError

FORWARD = '<https://inner.example/x?pageSize=1000&pageId=1000>; rel="next"'
NAVIGABLE = '<https://x/y?pageSize=1000&page=2>; rel="next", <https://x/y?page=3>; rel="last"'
LAST = '<https://x/y?page=1>; rel="first", <https://x/y?page=2>; rel="prev"'
FULL = list(range(1, PAGE_SIZE + 1))


def test_walk_begins_forward_only_without_an_order() -> None:
    step = read_cursor(None)
    assert step.params == {"pageSize": 1000, "pageId": 0}
    assert step.headers == {"pagination-type": "forward-only"}


def test_numbered_pages_are_asked_for_in_order_of_id() -> None:
    assert NUMBERED.params == {"pageSize": 1000, "page": 1, "orderBy": "id asc"}
    assert NUMBERED.headers == {}


@given(st.builds(Step, st.sampled_from(["forward", "numbered"]), st.integers(0), st.integers(0)))
def test_cursor_says_where_the_walk_stands(step: Step) -> None:
    assert read_cursor(step.cursor) == step


@pytest.mark.parametrize("text", ["", "7", "back:1:2", "forward:x:0"])
def test_foreign_cursor_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        read_cursor(text)


def test_full_page_goes_on_after_its_last_id_whatever_the_link_says() -> None:
    assert next_step(Step(), FULL, link=FORWARD) == Step("forward", at=1000)


@pytest.mark.parametrize("ids", [[], [1], list(range(1, 1000)), list(range(1, 1502))])
def test_empty_short_or_unlimited_page_ends_the_list(ids: Sequence[int]) -> None:
    assert next_step(Step(), ids, link=FORWARD) is None


def test_empty_first_page_that_says_that_others_follow_is_no_empty_list() -> None:
    with pytest.raises(WireError) as caught:
        next_step(NUMBERED, [], link=NAVIGABLE)
    assert caught.value.reason == "paging_broken"
    assert next_step(NUMBERED, [], link=LAST) is None


@pytest.mark.parametrize("size", [25, 50, 100, 250])
def test_page_that_a_server_capped_goes_on(size: int) -> None:
    assert next_step(Step(), list(range(1, size + 1)), link=FORWARD) == Step("forward", at=size)


@pytest.mark.parametrize("link", [NAVIGABLE, LAST, None])
def test_server_that_ignores_forward_only_is_walked_by_number(link: str | None) -> None:
    assert next_step(Step(), FULL, link=link) == NUMBERED


def test_unordered_first_page_is_walked_by_number() -> None:
    assert next_step(Step(), FULL[::-1], link=FORWARD) == NUMBERED


def test_short_unordered_page_is_everything() -> None:
    assert next_step(Step(), [3, 1, 2], link=None) is None


def test_forward_page_that_repeats_is_never_taken_for_the_end() -> None:
    with pytest.raises(WireError) as caught:
        next_step(Step("forward", at=1000), FULL, link=FORWARD)
    assert caught.value.reason == "paging_broken"


def test_numbered_walk_counts_on_and_remembers_the_highest_id() -> None:
    assert next_step(NUMBERED, FULL, link=NAVIGABLE) == Step("numbered", at=2, seen=1000)
    assert next_step(NUMBERED, FULL, link=None) == Step("numbered", at=2, seen=1000)


def test_numbered_walk_ends_where_no_next_page_is_named() -> None:
    assert next_step(NUMBERED, FULL, link=LAST) is None


def test_numbered_page_repeated_by_a_server_without_paging_is_the_end_of_a_small_list() -> None:
    assert next_step(Step("numbered", at=2, seen=25), list(range(1, 26)), link=None) is None


def test_numbered_page_repeated_at_full_length_is_an_error() -> None:
    with pytest.raises(WireError):
        next_step(Step("numbered", at=2, seen=1000), FULL, link=None)


def test_repeats_of_a_numbered_walk_are_sifted() -> None:
    assert fresh(Step("numbered", at=2, seen=10), [9, 10, 11]) == {11}
    assert fresh(Step("numbered", at=2, seen=10), [11, 3]) == {11, 3}
    assert fresh(Step("forward", at=2), [3, 4]) == {3, 4}
