"""run → undo → the PSA as before, by its own audit log, though workers are killed in both."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tasks.undo.undoing import request_undo
from tests.integration.stack import Json, Stack, running_stack, wait_for

WRITES = {"vendor": "connectwise", "path": "/company/contacts"}


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    with running_stack(tmp_path, users=60) as running:
        yield running


def plain(value: Any) -> Any:
    """Return a record of the PSA without what nobody chose: empty values, ids of items, times of changes."""
    if isinstance(value, dict):
        kept = {name: plain(each) for name, each in value.items() if name != "_info"}
        return {name: each for name, each in kept.items() if each not in (None, "", [], {})}
    if isinstance(value, list):
        items = [{name: each for name, each in plain(item).items() if name != "id"} for item in value]
        return sorted((item for item in items if item), key=str)
    return value


def kill_at_a_write(stack: Stack, run_id: str, *, fired: int) -> None:
    """Kill the worker while the PSA keeps the answer of a write that it has taken, and start another one."""
    wait_for(lambda: stack.fired() >= fired, timeout_s=40, what=lambda: f"the fault: {stack.state(run_id)}")
    stack.kill(stack.workers[-1])
    stack.start_worker()


def ends(writes: list[Json]) -> dict[int, tuple[Json | None, Json]]:
    """Return each written contact as it was before the first write and after the last one."""
    found: dict[int, tuple[Json | None, Json]] = {}
    for write in writes:
        first = found[write["contact_id"]][0] if write["contact_id"] in found else write["before"]
        found[write["contact_id"]] = (first, write["after"])
    return found


def test_undone_run_leaves_the_psa_as_it_was_though_workers_are_killed(stack: Stack) -> None:
    stack.fault("lost_answer", match={**WRITES, "method": "PATCH"}, times=1, after=3, seconds=30)
    stack.start_worker()
    run_id = stack.request(sync_mode="full")
    kill_at_a_write(stack, run_id, fired=1)
    report = stack.wait(run_id, timeout_s=60)
    written = stack.writes()
    entries = list(stack.store.journal.entries(run_id))
    assert {int(entry["psa_contact_id"]) for entry in entries} == {write["contact_id"] for write in written}
    assert len(entries) == len(report["created_contacts"]) + len(report["updated_contacts"])

    stack.control.delete("faults")
    stack.fault("lost_answer", match={**WRITES, "method": "PATCH"}, times=1, after=3, seconds=30)
    undo = request_undo(stack.ports, run_id, trigger="cli")
    kill_at_a_write(stack, undo.run_id, fired=1)
    undone = stack.wait(undo.run_id, timeout_s=60)
    assert undone["success"], undone["errors"]
    assert undone["statistics"]["contacts_updated"] == len(entries)
    assert len(stack.writes()) == len(written) + len(entries), "each write was taken back once"
    made = 0
    for before, after in ends(stack.writes()).values():
        if before is None:
            made += 1
            assert after["inactiveFlag"]
        else:
            assert plain(after) == plain(before)
    assert made == len(report["created_contacts"])

    last = stack.last_write()
    again = stack.run(sync_mode="full")
    assert stack.writes(since=last) == [], "its users are on hold"
    assert len([row for row in again["warnings"] if row["code"] == "OnHold"]) == len(entries)
