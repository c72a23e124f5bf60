"""The same job on each PSA: a full run as the truth says, a second one that writes nothing, changes, named users."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.accidents import LEAVING, replay_accidents
from tests.integration.installed import call
from tests.integration.stack import Stack, running_stack, wait_for

PSAS = ("connectwise", "autotask", "halo")
USERS = 60
RUN_S = 90.0
LOGINS = {"token", "openid-configuration"}


@pytest.fixture(params=PSAS)
def stack(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stack]:
    with running_stack(tmp_path, users=USERS, psa=request.param) as running:
        running.start_worker()
        wait_for(lambda: len(running.store.presence.living()) == 1, timeout_s=30, what=running.log)
        yield running


def test_psa_is_brought_to_what_the_truth_says_and_kept_there_whatever_accidents_happen(stack: Stack) -> None:
    truth = stack.truth()["statistics"]
    first = stack.run(sync_mode="full", timeout_s=RUN_S)["statistics"]
    verdict = stack.verdict()
    assert verdict["agree"], verdict["differences"][:5]
    assert (first["contacts_created"], first["contacts_updated"]) == (truth["created"], truth["updated"])
    assert (first["contacts_skipped"], first["errors"]) == (truth["skipped"], sum(truth["errors"].values()))
    assert len(stack.writes()) == truth["created"] + truth["updated"]

    last = stack.last_write()
    second = stack.run(sync_mode="full", timeout_s=RUN_S)["statistics"]
    assert stack.writes(since=last) == []
    assert (second["contacts_created"], second["contacts_updated"]) == (0, 0)
    assert second["users_processed"] == truth["users_processed"]

    created = [user for user in stack.truth()["users"] if user["outcome"] == "created"]
    changed, named = created[0]["user_principal_name"], created[1]["user_principal_name"]
    stack.mutate(op="graph.update_user", user=changed, set={"jobTitle": "Chief of Tests"})
    incremental = stack.run(timeout_s=RUN_S)
    assert incremental["sync_mode"] == "incremental"
    assert [row["user_principal_name"] for row in incremental["updated_contacts"]] == [changed]
    assert incremental["updated_contacts"][0]["changed_fields"] == ["job_title"]

    stack.mutate(op="graph.update_user", user=named, set={"mobilePhone": "+49 170 5550199"})
    targeted = stack.run(user_principal_names=[named], timeout_s=RUN_S)
    assert [row["changed_fields"] for row in targeted["updated_contacts"]] == [["mobile_phone"]]
    again = stack.run(user_principal_names=[named], timeout_s=RUN_S)
    assert (again["statistics"]["contacts_skipped"], again["errors"]) == (1, [])
    assert len(stack.writes(since=last)) == 2
    assert stack.run(sync_mode="full", timeout_s=RUN_S)["statistics"]["contacts_updated"] == 0
    assert stack.verdict()["agree"]
    wait_for(
        lambda: counted_calls(stack) == answered_calls(stack), timeout_s=RUN_S, what=lambda: str(counted_calls(stack))
    )
    endpoints = {endpoint for _, endpoint, _ in stack.store.totals.calls().count}
    assert not [endpoint for endpoint in endpoints if re.search(r"\d{2}|@", endpoint)], "labels are templates"

    stack.publish({"demo": LEAVING})
    stack.run(sync_mode="full", timeout_s=RUN_S)
    replay_accidents(stack)


def counted_calls(stack: Stack) -> dict[str, int]:
    """Count the calls that the worker has told of by its heartbeats, by vendor; logins apart."""
    counted: Counter[str] = Counter()
    for (vendor, endpoint, _), count in stack.store.totals.calls().count.items():
        counted[vendor] += count if endpoint not in LOGINS else 0
    return dict(+counted)


def answered_calls(stack: Stack) -> dict[str, int]:
    """Count the calls that the sandbox has answered, in the same way."""
    answered: Counter[str] = Counter()
    for row in stack.control.get("counters").json()["calls"]:
        if "token" not in row["endpoint"] and row["vendor"] in {"graph", stack.psa}:
            answered[row["vendor"]] += row["count"]
    return dict(answered)


def test_demo_agrees_with_the_truth_on_autotask() -> None:  # on the two others: test_demo.py
    called = call("demo", "--once", "--psa", "autotask", "--users", "40")
    assert "the PSA is as it should be" in called.err
    assert "second run: 0 writes reached the PSA" in called.err
