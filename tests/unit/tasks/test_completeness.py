"""The proof that a read of the directory is complete: any one doubt is enough."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.completeness import Evidence, find_doubts

WHOLE = Evidence(users_read=500, users_counted=500, users_before=503, left_by_proof=0, usual_fall=5)


def test_list_that_agrees_with_the_count_and_with_before_is_believed() -> None:
    assert find_doubts(WHOLE) == []
    assert find_doubts(WHOLE._replace(users_counted=498, users_before=0)) == []  # the count lags behind


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"users_counted": None}, "does not say"),
        ({"users_counted": 501}, "counts 501"),
        ({"users_before": 506}, "6 fewer"),
        ({"users_read": 0, "users_counted": 0, "users_before": 0}, "nobody"),
    ],
)
def test_each_doubt_has_its_reason(facts: dict[str, Any], words: str) -> None:
    (doubt,) = find_doubts(WHOLE._replace(**facts))
    assert words in doubt


def test_users_that_are_known_to_have_left_are_not_missed() -> None:
    assert find_doubts(WHOLE._replace(users_before=700, left_by_proof=200)) == []


@given(read=st.integers(0, 10**5), lost=st.integers(1, 10**5), usual=st.integers(0, 100))
def test_half_a_directory_is_never_believed(read: int, lost: int, usual: int) -> None:
    honest = Evidence(read, users_counted=read + lost, users_before=0, left_by_proof=0, usual_fall=usual)
    assert find_doubts(honest)
    misled = honest._replace(users_counted=read, users_before=read + lost + usual)
    assert find_doubts(misled)
