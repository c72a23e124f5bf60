"""What the write of one user costs the store, the budget of its call included."""

from dataclasses import replace

import pytest

from adapters.store.budgets import InstanceBudget, Rate
from tests.fakes.engine import Engine

WARM_UP = 3  # users, until the process knows scripts and run
ROUND_TRIPS = 8  # run, lease, claim, intent, budget, outcome, and twice whether the next batch fits


@pytest.mark.parametrize("operation", ["create", "update"])
def test_write_costs_eight_round_trips(engine: Engine, operation: str) -> None:
    for _ in range(10):  # no more than the guard lets through
        engine.directory.add_user()
    if operation == "update":
        engine.run(sync_mode="full")
        for user_id in list(engine.directory.users):
            engine.directory.change_user(user_id, job_title="Buyer")
    spend_real_budget(engine, f"{operation}_contact")
    engine.request(sync_mode="full")
    engine.work(until="upsert")
    for _ in range(WARM_UP):
        engine.queue.do_next()
    writes, before = len(engine.psa.writes), reads(engine)
    engine.queue.do_next()
    assert reads(engine) - before - 1 <= ROUND_TRIPS
    assert len(engine.psa.writes) == writes + 1


def spend_real_budget(engine: Engine, method: str) -> None:
    """Reserve each call of this method as the transport does."""
    connection = engine.store.connection
    budget = InstanceBudget(connection, "main", lane="bulk", rate=Rate(per_minute=60_000), vendor="fake")
    engine.ports = replace(engine.ports, budgets=engine.store.budgets)

    def spend(called: str, moment: str) -> None:
        if called == method:
            (budget.reserve if moment == "before" else budget.succeeded)()

    engine.psa.moments.watch(spend)


def reads(engine: Engine) -> int:
    """Count the round trips that the server has seen, this one included."""
    return int(engine.store.connection.client.info("stats")["total_reads_processed"])
