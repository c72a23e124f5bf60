"""What the PSA admits, and what it does not: its limits are kept, its pauses heard, its absence outlived or told."""

import itertools
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.integration.exact import assert_exact
from tests.integration.stack import Json, Stack, running_stack, wait_for

PSA = {"vendor": "connectwise"}
PER_MINUTE = 300
VENDOR_PER_MINUTE = 320
BURST_S = 2.0
LOOK_S = 0.1
PAUSE_S = 4.0
DOWN_S = 4.0
SOON = {"instance_horizon_s": 6.0, "retry_horizon_s": 6.0}
WRITE_DEADLINE_S = 5.0  # the budget alone may make each call wait for 2 s


@pytest.fixture
def horizons() -> dict[str, float]:
    return {}


@pytest.fixture
def stack(tmp_path: Path, horizons: dict[str, float]) -> Iterator[Stack]:
    timing = {"write_deadline_s": WRITE_DEADLINE_S, **horizons}
    with running_stack(tmp_path, users=60, requests_per_minute=PER_MINUTE, timing=timing) as running:
        for _ in range(2):
            running.start_worker(concurrency=8)
        wait_for(lambda: len(running.store.presence.living()) == 2, timeout_s=30, what=running.log)
        yield running


def test_two_workers_keep_the_limit_together(stack: Stack) -> None:
    stack.control.post("limits", json={"connectwise": {"per_minute": VENDOR_PER_MINUTE}})
    with counting(stack) as counts:
        report = stack.run(sync_mode="full")
    assert_exact(stack, report)
    assert stack.calls("connectwise", count="throttled") == 0
    window_s = 5.0
    most = PER_MINUTE / 60 * (window_s + BURST_S) + 1
    assert busiest(counts, window_s=window_s) <= most
    assert busiest(counts, window_s=window_s) > most / 2, "the budget was hardly used"


def test_retry_after_stops_both_workers(stack: Stack) -> None:
    stack.fault("429", match={**PSA, "path": "/company/contacts"}, times=1, after=12, retry_after=PAUSE_S)
    with counting(stack) as counts:
        run_id = stack.request(sync_mode="full")
        wait_for(lambda: stack.fired() == 1, timeout_s=40, what=lambda: f"the fault: {stack.state(run_id)}")
        told_s = time.monotonic()
        report = stack.wait(run_id)
    during = [calls for at_s, calls in counts if told_s + 3 * LOOK_S < at_s < told_s + PAUSE_S - 3 * LOOK_S]
    assert len(during) > 5
    assert max(during) - min(during) <= 2, "calls were sent in the pause"
    assert stack.calls("connectwise", count="throttled") == 1
    assert_exact(stack, report)


@pytest.mark.parametrize("status", [503, 500])
def test_psa_down_for_seconds_loses_nobody(stack: Stack, status: int) -> None:
    run_id = start_run(stack)
    stack.fault("status", match=PSA, times=None, status=status, body="html")
    time.sleep(DOWN_S)
    stack.control.delete("faults")
    assert_exact(stack, stack.wait(run_id))


@pytest.mark.parametrize("horizons", [pytest.param(SOON, id="short horizons")])
def test_psa_down_for_long_ends_the_run_with_one_error_and_the_next_one_completes(stack: Stack) -> None:
    run_id = start_run(stack)
    stack.fault("reset", match=PSA, times=None)
    report = stack.wait(run_id)
    done = report["statistics"]
    assert report["success"] is False
    assert codes(report) == [("PSAConnectionError", None)]
    assert done["contacts_created"] + done["contacts_updated"] > 0
    left = report["users_unprocessed"]
    assert len({row["office365_id"] for row in left}) == len(left) > 0
    assert stack.ports.memory.watermark("demo") is None, "the delta link was moved"
    stack.control.delete("faults")
    following = stack.run()
    assert following["sync_mode"] == "full"
    verdict = stack.verdict()
    assert verdict["agree"], {"verdict": verdict, "errors": following["errors"], "stopped": following["stopped"]}
    assert stack.ports.memory.watermark("demo") is not None
    truth = stack.control.get("truth").json()["statistics"]
    for name in ("created", "updated"):
        both = sum(each["statistics"][f"contacts_{name}"] for each in (report, following))
        assert both == truth[name], "what was written in the run that failed is not written again"


@pytest.mark.parametrize("horizons", [pytest.param(SOON, id="short horizons")])
def test_psa_down_from_the_beginning_is_one_error(stack: Stack) -> None:
    stack.fault("reset", match=PSA, times=None)
    report = stack.run(sync_mode="full")
    assert codes(report) == [("PSAConnectionError", None)]
    assert report["statistics"]["users_processed"] == 0
    stack.control.delete("faults")
    assert_exact(stack, stack.run(sync_mode="full"))


def start_run(stack: Stack) -> str:
    run_id = stack.request(sync_mode="full")
    wait_for(lambda: len(stack.writes()) > 5, timeout_s=40, what=lambda: stack.state(run_id))
    return run_id


def codes(report: Json) -> list[tuple[str, str | None]]:
    return [(row["code"], row["user_principal_name"]) for row in report["errors"]]


@contextmanager
def counting(stack: Stack) -> Iterator[list[tuple[float, int]]]:
    """Look all the time how many calls the PSA has got; yields the growing list of (when, how many)."""
    counts: list[tuple[float, int]] = []
    over = threading.Event()

    def look() -> None:
        while not over.wait(LOOK_S):
            calls = stack.calls("connectwise")
            counts.append((time.monotonic(), calls))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield counts
    finally:
        over.set()
        thread.join()


def busiest(counts: list[tuple[float, int]], *, window_s: float) -> int:
    """Return the most calls within a window of that length."""
    pairs = itertools.combinations(counts, 2)
    return max(later - earlier for (at_s, earlier), (till_s, later) in pairs if till_s - at_s <= window_s)
