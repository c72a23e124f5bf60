"""The short version of `ops/bin/chaos --enumerated`: that nothing is left out of the list, and a death of each kind."""

import pytest

from tests.chaos.boundaries import Death
from tests.chaos.enumerated import Recording, kill_at, record
from tests.chaos.ground import Ground
from tests.chaos.trial import PATIENCE

KINDS = {
    "vendor write": ("upsert_contact: connectwise POST /company/contacts", "upsert_contact: connectwise PATCH"),
    "vendor read": ("start_run: connectwise GET /company/contacts", "fan_out: graph GET /users"),
    "intent": ("upsert_contact: store user_intent",),
    "outcome": ("upsert_contact: store user_record",),
    "user's lease and claim": ("upsert_contact: store user_begin", "upsert_contact: store user_claim"),
    "publish": tuple(f"{step}: broker lpush" for step in ("start_run", "fan_out", "judge", "feed", "summarize_batch")),
    "part of a chord": ("upsert_contact: broker chord part",),
    "delivery and acknowledgement": ("consumer: broker delivery", "consumer: broker zrem+hdel"),
    "summary": ("summarize_batch: store plan_summarize",),
    "close, with its delta link": ("close_run: store run_close", "fan_out: graph GET /users/delta"),
    "page save": ("fan_out: store page_save",),
    "index load": ("start_run: store index_add", "start_run: store index_seal"),
    "judge": ("judge: store judging_begin", "judge: store plan_add", "judge: store plan_seal"),
    "connector's lease": ("start_run: store run_begin_reading",),
}
DEATHS = [
    Death("upsert_contact: connectwise POST /company/contacts", "after", 5),
    Death("close_run: store run_close", "before", 1),
]


@pytest.fixture(scope="module")
def recording(ground: Ground) -> Recording:
    return record(ground, "full")


@pytest.mark.parametrize("kind", KINDS)
def test_boundaries_of_each_kind_are_found_by_themselves(recording: Recording, kind: str) -> None:
    deaths = recording.deaths()
    for name in KINDS[kind]:
        moments = {death.moment for death in deaths if death.boundary.startswith(name)}
        assert moments == {"before", "after"}, name


@pytest.mark.parametrize("death", DEATHS, ids=str)
def test_worker_dies_at_a_boundary_and_another_one_ends_its_run_exactly(
    ground: Ground, recording: Recording, death: Death
) -> None:
    trial = kill_at(ground, recording, death, patience=PATIENCE)
    assert trial.injected == {"worker killed at a boundary": 1}, "it never came there"
    assert trial.misses == []


def test_death_is_read_as_it_is_said() -> None:
    death = Death("judge: store plan_add", "before", 3)
    assert Death.parse(str(death)) == death
    for text in ("judge: store plan_add #1", "before judge: store plan_add", "before judge: store plan_add #x", ""):
        with pytest.raises(ValueError, match=r"death|invalid literal"):
            Death.parse(text)
