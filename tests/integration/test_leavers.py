"""Leavers on the real product, one installation, step by step; what only looks like leaving: accidents.py."""

from collections.abc import Iterator

import pytest

from tests.integration.accidents import LEAVING
from tests.integration.stack import Json, Stack, running_stack, wait_for


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running_stack(tmp_path_factory.mktemp("leavers"), users=80, connectors={"demo": LEAVING}) as running:
        running.start_worker()
        wait_for(lambda: len(running.store.presence.living()) == 1, timeout_s=30, what=running.log)
        running.run(sync_mode="full")
        running.run()
        yield running


def synchronised(stack: Stack) -> list[Json]:
    """Return the users that the sandbox's truth gives a contact, in an order that does not change."""
    users = [user for user in stack.truth()["users"] if user["outcome"] in ("skipped", "created", "updated")]
    return sorted(users, key=lambda user: str(user["user_principal_name"]))


def deactivated(stack: Stack, since: int) -> list[Json]:
    """Return what was written since; every write must be of that kind."""
    writes = stack.writes(since=since)
    assert all(write["method"] == "update" for write in writes), writes
    return writes


def test_whoever_left_is_switched_off_once_and_comes_back(stack: Stack) -> None:
    off, gone, purged = (user["id"] for user in synchronised(stack)[:3])
    last = stack.last_write()
    stack.mutate(op="graph.disable_user", user=off)
    stack.mutate(op="graph.delete_user", user=gone)
    stack.mutate(op="graph.delete_user", user=purged, hard=True)
    report = stack.run()
    assert {row["office365_id"] for row in report["deactivated_contacts"]} == {off, gone, purged}
    assert len(deactivated(stack, last)) == 3
    assert stack.run(sync_mode="full")["statistics"]["contacts_updated"] == 0
    assert len(deactivated(stack, last)) == 3
    stack.mutate(op="graph.enable_user", user=off)
    stack.mutate(op="graph.restore_user", user=gone)
    report = stack.run()
    assert {row["office365_id"] for row in report["updated_contacts"]} == {off, gone}
    assert {row["code"] for row in report["warnings"]} == {"ContactReactivated"}
    assert len(stack.writes(since=last)) == 5


def test_count_that_lags_behind_for_a_moment_is_asked_again(stack: Stack) -> None:
    gone = synchronised(stack)[5]["id"]
    stack.mutate(op="graph.delete_user", user=gone, hard=True)
    stack.fault("dead_delta", match={"vendor": "graph"}, times=1)
    stack.fault("count_lag", match={"vendor": "graph"}, times=1, by=1)
    report = stack.run()
    assert report["sync_mode"] == "full"
    assert [row["office365_id"] for row in report["deactivated_contacts"]] == [gone]


def test_consent_that_is_withdrawn_in_mid_run_writes_nothing(stack: Stack) -> None:
    last, gone = stack.last_write(), synchronised(stack)[8]["id"]
    stack.mutate(op="graph.delete_user", user=gone, hard=True)
    stack.fault("dead_delta", match={"vendor": "graph"}, times=1)
    stack.fault("status", match={"vendor": "graph", "path": r"\$count"}, times=9, status=403)
    report = stack.run()
    assert [row["code"] for row in report["errors"] if row["user_principal_name"] is None] == ["PermissionDenied"]
    assert stack.writes(since=last) == []
    stack.control.delete("faults")
    assert [row["office365_id"] for row in stack.run()["deactivated_contacts"]] == [gone]
