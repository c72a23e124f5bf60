"""Kept plans: found, told how they stand, and read a chunk at a time however many lines they have."""

from collections.abc import Callable, Sequence

import pytest

from adapters.records import Outcome
from adapters.store import Store, kept_plans
from adapters.store.rows import CHUNK_ROWS
from tests.unit.adapters.store.making import HOME, a_run, all_keys, judging

LINES = 3000
MOST_BYTES_A_VALUE = 40_000  # of a chunk
FACTS = {
    "trigger": "cli",
    "digest": "3fa9c1d07be2c9a6" * 4,
    "is_held": False,
    "home": "tenant-1@main",
    "config_version": 3,
    "fingerprint": "f1",
    "request": {"sync_mode": "full"},
}


def keep(store: Store, run_id: str, *, lines: int = 1, connector_id: str = "contoso") -> None:
    """Close a run whose report keeps a plan of so many changes."""
    holder = judging(store, run_id, connector_id=connector_id)
    for start in range(0, lines, 200):
        outcomes = [
            Outcome(
                user_id=f"id-{number:06}",
                status="updated",
                row={
                    "office365_id": f"id-{number:06}",
                    "user_principal_name": f"user{number}@contoso.example",
                    "display_name": f"User {number}",
                    "psa_contact_id": str(10_000 + number),
                    "psa_company_id": "250",
                    "status": "updated",
                    "changes": {"job_title": ["Clerk", f"Buyer {number}"]},
                    "operation": "deactivate" if number % 1000 == 999 else "update",
                    "fingerprint": f"{number * 7919:015}",
                },
            )
            for number in range(start, min(start + 200, lines))
        ]
        store.plan.add(run_id, holder=holder, planned=[], outcomes=outcomes)
    assert store.plan.seal(run_id, holder=holder)
    assert store.runs.close(run_id, head={"stopped": None}, watermark=None, plan={**FACTS, "lines": lines})


def round_trips(store: Store, act: Callable[[], object]) -> int:
    """Count the round trips of what is done."""
    before = int(store.connection.client.info("stats")["total_reads_processed"])
    act()
    return int(store.connection.client.info("stats")["total_reads_processed"]) - before - 1


def test_many_lines_are_read_a_chunk_at_a_time_and_no_value_is_large(store: Store) -> None:
    keep(store, "r1", lines=LINES)
    chunks = -(-LINES // CHUNK_ROWS)
    lines = iter(store.kept.lines("r1"))
    assert round_trips(store, lambda: next(lines)) <= len(kept_plans.LINE_KINDS)  # whatever the plan's length
    assert round_trips(store, lambda: list(lines)) <= chunks + 2 * len(kept_plans.LINE_KINDS)
    client, prefix = store.connection.client, store.connection.keys.server.removesuffix("server")
    lists = [prefix + key for key in all_keys(store) if client.type(prefix + key) == b"list"]
    sizes = [len(value) for key in lists for value in client.lrange(key, 0, -1)]
    assert len(sizes) >= chunks
    assert max(sizes) < MOST_BYTES_A_VALUE


def test_looking_for_a_few_lines_among_many_goes_on_after_a_bounded_step(store: Store) -> None:
    keep(store, "r1", lines=LINES)
    found, at, steps = list[str](), None, 0
    while steps == 0 or at is not None:
        answers = list[tuple[list[dict[str, str]], list[int] | None]]()

        def step(at: Sequence[int] | None = at, answers: list[object] = answers) -> None:  # type: ignore[assignment] # the loop's
            answers.append(store.kept.lines_from("r1", at, most=2, operation="deactivate"))

        assert round_trips(store, step) <= 3 * kept_plans.MOST_CHUNKS
        lines, at = answers[0]
        found += [line["office365_id"] for line in lines]
        steps += 1
    assert found == ["id-000999", "id-001999", "id-002999"]


@pytest.mark.parametrize("connectors", [(), ("contoso",), ("contoso", "fabrikam"), ("nobody",)])
def test_newest_plans_are_loaded_many_at_once(
    store: Store, monkeypatch: pytest.MonkeyPatch, connectors: tuple[str, ...]
) -> None:
    monkeypatch.setattr(kept_plans, "AT_ONCE", 4)
    for number in range(1, 11):
        keep(store, f"r{number}", connector_id="contoso" if number % 2 else "fabrikam")
    wanted = [
        number for number in range(10, 0, -1) if not connectors or ("contoso", "fabrikam")[1 - number % 2] in connectors
    ]
    assert [plan.number for plan in store.kept.newest(connectors=connectors)] == wanted
    assert [plan.number for plan in store.kept.newest(3, connectors=connectors)] == wanted[:3]
    looked_up, loads = 1 if connectors else -(-len(wanted) // 4) + 1, -(-len(wanted) // 4)
    assert round_trips(store, lambda: store.kept.newest(connectors=connectors)) == looked_up + loads
    assert round_trips(store, lambda: store.kept.newest(2, connectors=connectors)) <= 2


def test_plan_tells_how_the_run_stands_that_carries_it_out(store: Store) -> None:
    keep(store, "r1")

    def standing() -> tuple[str, str | None]:
        (plan,) = store.kept.newest()
        assert plan == store.kept.load("r1")
        return plan.carried_by, plan.carrier

    assert standing() == ("", None)
    assert store.kept.carry_out(a_run("r2"), source="r1", expected="")
    assert standing() == ("r2", "open")
    store.runs.stop("r2", reason="cancelled", error=None)
    assert standing() == ("r2", "open")
    assert store.runs.close("r2", head={"stopped": "cancelled"}, watermark=None)
    assert standing() == ("r2", "stopped")
    assert store.kept.carry_out(a_run("r3"), source="r1", expected="r2")
    assert store.runs.close("r3", head={"stopped": None}, watermark=None)
    assert standing() == ("r3", "done")


def test_purge_leaves_no_key_of_a_plan(store: Store) -> None:
    before = all_keys(store)
    keep(store, "r1", lines=20)
    store.kept.replace_first("contoso", "r1")
    assert store.kept.carry_out(a_run("r2"), source="r1", expected="")
    assert store.runs.close("r2", head={"stopped": None}, watermark=None)
    assert store.reports.purge(older_than_ms=store.runs.now_ms() + 1) == 2
    assert store.kept.newest() == store.kept.newest(connectors=["contoso"]) == []
    assert store.kept.find(1) is None
    assert store.kept.load("r1") is None
    left = {key for key in all_keys(store) - before if not key.startswith("marker:")}
    assert left == {
        f"history:{HOME}",
        "totals",
        "endings",
        "plans:number",
        "plans:first",
    }  # one of each, whatever was kept
