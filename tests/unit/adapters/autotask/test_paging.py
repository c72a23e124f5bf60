import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.autotask.paging import PAGE_SIZE, Step, next_step, read_cursor
from adapters.errors import WireError

FULL = list(range(1, PAGE_SIZE + 1))


def test_short_page_ends_the_list_and_a_full_one_does_not() -> None:
    assert next_step(Step(), [1, 2], link=None) is None
    assert next_step(Step(), [], link=None) is None
    assert next_step(Step(), FULL, link=None) == Step(after=500)
    assert next_step(Step(after=500), [], link=None) is None


def test_page_that_a_server_capped_is_not_the_last_while_it_knows_a_next_one() -> None:
    assert next_step(Step(), [1, 2], link="https://x/next") == Step(after=2)


def test_empty_page_with_a_next_link_is_followed() -> None:
    step = next_step(Step(after=9), [], link="https://x/next")
    assert step == Step(after=9, link="https://x/next")
    assert step.conditions == [{"op": "gt", "field": "id", "value": 9}]  # the body stays as it was


def test_unordered_answers_are_followed_by_their_links() -> None:
    assert next_step(Step(), [2, 1], link="https://x/1") == Step(link="https://x/1")
    assert next_step(Step(link="https://x/1"), [1, 2], link="https://x/2") == Step(link="https://x/2")
    assert next_step(Step(link="https://x/2"), FULL, link=None) is None


@pytest.mark.parametrize(
    ("step", "ids", "link"),
    [
        (Step(after=5), [5, 6], None),
        (Step(after=500), FULL, "https://x/1"),
        (Step(after=5), [7, 6], None),
        (Step(link="https://x/1"), [1], "https://x/1"),
    ],
)
def test_walk_that_does_not_get_ahead_is_broken(step: Step, ids: list[int], link: str | None) -> None:
    with pytest.raises(WireError) as caught:
        next_step(step, ids, link=link)
    assert caught.value.reason == "paging_broken"


@given(
    st.builds(Step, after=st.one_of(st.none(), st.integers(0)), link=st.one_of(st.none(), st.text(min_size=1))).filter(
        lambda step: step != Step()
    )
)
def test_cursor_is_read_back_as_it_was_written(step: Step) -> None:
    assert read_cursor(step.cursor) == step


@pytest.mark.parametrize("cursor", ["", "5", "x|"])
def test_text_that_no_step_wrote_is_refused(cursor: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - its text is the cursor
        read_cursor(cursor)


@given(st.sets(st.integers(0, 5000), max_size=40), st.integers(1, 7))
def test_every_record_is_met_once_whatever_the_size_of_pages(ids: set[int], size: int) -> None:
    ordered = sorted(ids)
    met: list[int] = []
    step: Step | None = Step()
    while step is not None:
        rest = [number for number in ordered if step.after is None or number > step.after]
        page = rest[:size]
        met += page
        step = next_step(step, page, link="https://x/next" if len(rest) > size else None)
    assert met == ordered
