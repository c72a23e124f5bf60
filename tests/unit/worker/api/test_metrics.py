"""What Prometheus reads: counters that only grow, gauges of the store, labels from the configuration; nobody's name."""

import re
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from adapters.errors import InstanceError
from adapters.store import InstanceBudget, Rate
from tasks.requesting import request_run
from tests.fakes.door import Door
from tests.fakes.engine import Engine
from tests.unit.worker.api.test_runs import OTHER, READER, ROBOT, door, engine, start

__all__ = ["door", "engine"]

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def scrape(door: Door, headers: dict[str, str] = READER) -> Samples:
    """Read the metrics as Prometheus does: by name and labels."""
    answer = door.get("/metrics", headers=headers)
    assert answer.status_code == 200
    families = list(text_string_to_metric_families(answer.text))
    assert len({family.name for family in families}) == len(families)
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def value(samples: Samples, name: str, **labels: str) -> float | None:
    return samples.get((f"contact_sync_{name}", tuple(sorted(labels.items()))))


def test_what_goes_on_is_told_by_state_and_names_nobody(door: Door, engine: Engine) -> None:
    start(door, sync_mode="full")
    engine.work()
    start(door)
    samples = scrape(door)
    assert value(samples, "open_runs", state="requested") == 1
    assert value(samples, "workers") == 1
    assert value(samples, "waiting_seconds", connector="contoso") is not None
    assert value(samples, "last_success_age_seconds", connector="contoso") is not None
    text = door.get("/metrics", headers=READER).text
    assert "@" not in text
    assert "contoso" not in door.get("/metrics", headers=OTHER).text
    assert door.get("/metrics").status_code == 401


def test_runs_users_and_changes_add_up_and_a_dry_run_counts_as_a_run_alone(door: Door, engine: Engine) -> None:
    for inputs in ({"sync_mode": "full", "dry_run": True}, {"sync_mode": "full"}, {"sync_mode": "full"}):
        start(door, **inputs)
        engine.work()
    samples = scrape(door)
    ran = {"connector": "contoso", "result": "success"}
    assert value(samples, "runs_total", dry_run="true", **ran) == 1
    assert value(samples, "runs_total", dry_run="false", **ran) == 2
    assert value(samples, "users_total", connector="contoso", result="created") == 9
    assert value(samples, "users_total", connector="contoso", result="skipped") == 9
    assert value(samples, "changes_total", connector="contoso", change="created") == 9


def test_runs_are_told_by_what_they_came_to(door: Door, engine: Engine) -> None:
    door.post(f"/v1/runs/{start(door, sync_mode='full')}/cancel", headers=ROBOT)
    engine.work()
    engine.psa.fail("fetch_company", InstanceError("unauthorized", vendor="connectwise", status=401), times=9)
    start(door, sync_mode="full")
    engine.work()
    samples = scrape(door)
    assert value(samples, "errors_total", connector="contoso", code="PermissionDenied") == 1
    results = {
        dict(labels)["result"]: count for (name, labels), count in samples.items() if name.endswith("runs_total")
    }
    assert results == {"cancelled": 1, "failed": 1}
    assert value(samples, "last_success_age_seconds", connector="contoso") is None
    hidden = door.get("/metrics", headers=OTHER).text
    assert 'budget="' not in hidden
    assert "PermissionDenied" not in hidden


def test_held_and_busy_runs_are_told_apart_and_their_users_are_not_lost(door: Door, engine: Engine) -> None:
    request_run(engine.ports, "contoso", {}, trigger="schedule")
    engine.work()
    start(door, sync_mode="full")
    engine.work(until="fan_out")
    start(door, sync_mode="full")
    engine.work()
    samples = scrape(door)
    ran = {
        dict(labels)["result"]: count for (name, labels), count in samples.items() if name == "contact_sync_runs_total"
    }
    assert ran == {"held": 1, "busy": 1, "success": 1}
    assert value(samples, "users_total", connector="contoso", result="unprocessed") == 9
    assert value(samples, "users_total", connector="contoso", result="created") == 9
    assert value(samples, "changes_total", connector="contoso", change="created") == 9
    assert value(samples, "errors_total", connector="contoso", code="ConnectorBusy") == 1
    assert value(samples, "last_success_age_seconds", connector="contoso") is not None


def test_only_a_run_over_the_whole_tenant_is_a_last_success(door: Door, engine: Engine) -> None:
    name = next(iter(engine.directory.users.values())).user_principal_name
    for inputs in ({"user_principal_names": [name]}, {"update_existing": False}, {"dry_run": True}):
        run_id = start(door, **inputs)
        engine.work()
        assert engine.report(run_id)["success"]
        assert value(scrape(door), "last_success_age_seconds", connector="contoso") is None, inputs
    start(door)
    engine.work()
    assert value(scrape(door), "last_success_age_seconds", connector="contoso") is not None


def test_a_run_that_was_closed_before_counts_no_more(engine: Engine, door: Door) -> None:
    run_id = start(door, sync_mode="full")
    engine.work()
    before = scrape(door)
    engine.store.runs.close(run_id, head={"success": True}, watermark=None)
    assert value(scrape(door), "runs_total", connector="contoso", result="success", dry_run="false") == 1
    assert {key for key in before if key[0].endswith("_total")} == {
        key for key in scrape(door) if key[0].endswith("_total")
    }


def test_budget_tells_what_it_leaves_and_how_long_it_waits(door: Door, engine: Engine) -> None:
    budget = InstanceBudget(
        engine.store.connection, "main", lane="bulk", rate=Rate(per_minute=600), vendor="connectwise"
    )
    budget.reserve()
    assert (value(scrape(door), "budget_left_calls", budget="main") or 0) > 0
    budget.pause(3000)
    samples = scrape(door)
    assert value(samples, "budget_left_calls", budget="main") == 0
    assert (value(samples, "budget_wait_seconds", budget="main") or 0) > 2000


def test_calls_are_told_by_endpoint_and_status(door: Door, engine: Engine) -> None:
    for status in (200, 200, 429, None):
        engine.store.calls.count("connectwise", "/company/contacts/{id}", status, 0.25)
    engine.store.presence.beat()
    samples = scrape(door)
    place = {"vendor": "connectwise", "endpoint": "/company/contacts/{id}"}
    assert value(samples, "vendor_calls_total", status="200", **place) == 2
    assert value(samples, "vendor_calls_total", status="429", **place) == 1
    assert value(samples, "vendor_calls_total", status="none", **place) == 1
    assert value(samples, "vendor_call_seconds_total", **place) == pytest.approx(1.0)
    assert "vendor_call" not in door.get("/metrics", headers=OTHER).text


def test_every_name_is_ours_and_has_its_unit(door: Door, engine: Engine) -> None:
    start(door, sync_mode="full")
    engine.work()
    names: set[Any] = {name for name, _ in scrape(door)}
    assert not [name for name in names if not re.fullmatch(r"contact_sync_[a-z_]+", str(name))]
