"""The short version of `ops/bin/chaos --trials`: a few seeds, and what a seed decides."""

import pytest

from tests.chaos.ground import Ground
from tests.chaos.plans import FAULTS, PREFORK_ONLY, VENDOR_FAULTS, plan_of
from tests.chaos.random_trials import disturb
from tests.chaos.rules import RULES

BAR = 500
SEEDS = (16, 56)
"""A full disk and an older snapshot put back in a targeted run; a killed worker and a full disk in a full one."""


@pytest.mark.parametrize("seed", SEEDS)
def test_faults_of_a_seed_leave_everything_exact(ground: Ground, seed: int) -> None:
    trial = disturb(ground, plan_of(seed))
    assert trial.misses == []
    assert trial.injected, "no fault happened"


def test_seed_decides_everything_that_a_trial_does() -> None:
    assert [plan_of(seed) for seed in range(BAR)] == [plan_of(seed) for seed in range(BAR)]
    assert len({str(plan_of(seed)) for seed in range(BAR)}) == BAR


def test_every_fault_comes_often_alone_and_with_others() -> None:
    plans = [plan_of(seed) for seed in range(BAR)]
    for fault in FAULTS:
        having = [plan for plan in plans if fault in plan.faults]
        assert len(having) >= BAR // len(FAULTS), fault
        assert any(len(plan.faults) > 1 for plan in having), fault


def test_faults_that_need_something_find_it() -> None:
    assert set(RULES) <= set(VENDOR_FAULTS)
    for plan in map(plan_of, range(BAR)):
        assert plan.pool == "prefork" or not plan.faults & set(PREFORK_ONLY)
        assert plan.scene == "incremental" or "delta link dies between pages" not in plan.faults
