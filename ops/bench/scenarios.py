"""The scenarios: what is asked of an installation, and the figures of each. One that is done need not be done again."""

import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ops.bench import yardsticks
from ops.bench.floor import FIXED, forced_reads, graph_pages, psa_pages, read_backs
from ops.bench.installation import Installation, running_installation
from ops.bench.sampling import Costs

__all__ = ["GROUPS", "SCENARIOS"]

Json = dict[str, Any]

RUN_S = 3600.0
PSA = "connectwise"
TARGETS = 10
BUDGET_PER_MINUTE = 3000
MANY, FIFTY, EACH = 200, 50, 100
YARDSTICK_MOST = 10_000
BATCH_OF_MUTATIONS = 500
BUSY_EVERY_S = 2.0


def night(folder: Path, size: int, latency_ms: float) -> Iterator[Json]:
    """One tenant: its first full run, the same again, one per cent changed, one user while nothing else goes on."""
    with running_installation(folder, users=size, latency_ms=latency_ms) as installation:
        graph_s = yardsticks.walk_graph(installation.stack.facts)
        yield {**_run(installation, "first_full", size, sync_mode="full"), "graph_alone_s": graph_s}
        yield {**_run(installation, "unchanged_full", size, sync_mode="full"), "graph_alone_s": graph_s}
        _change(installation, size // 100)
        yield _run(installation, "incremental_1_percent", size, sync_mode="incremental")
        yield {"scenario": "on_demand_idle", "size": size, **_seconds(_targeted(installation, TARGETS))}


def busy(folder: Path, size: int, latency_ms: float) -> Iterator[Json]:
    """One user after another while a first full run goes on."""
    with running_installation(folder, users=size, latency_ms=latency_ms) as installation:
        run_id = installation.request(sync_mode="full")
        time.sleep(BUSY_EVERY_S)
        waits: list[float] = []
        while len(waits) < TARGETS and installation.stack.store.reports.head(run_id) is None:
            waits += _targeted(installation, 1)
            time.sleep(BUSY_EVERY_S)
        yield {"scenario": "on_demand_busy", "size": size, **_seconds(waits)}


def budgeted(folder: Path, size: int, latency_ms: float) -> Iterator[Json]:
    """Make a first full run under a budget that the PSA enforces to the call."""
    with running_installation(folder, users=size, per_minute=BUDGET_PER_MINUTE, latency_ms=latency_ms) as installation:
        row = _run(installation, "under_budget", size, sync_mode="full")
        least_s = row["calls"]["connectwise"] / BUDGET_PER_MINUTE * 60
        answers = sum(row["calls"].values())
        yield {
            **row,
            "budget_alone_s": round(least_s, 2),
            "time_ratio": round(row["seconds"] / least_s, 3),
            "refused_per_10000": round(row["refused"] * 10_000 / answers, 2),
        }


def fifty(folder: Path, size: int, latency_ms: float) -> Iterator[Json]:
    """Fifty connectors at once, the users evenly among them."""
    users = max(1, size // FIFTY)
    with running_installation(folder, users=users, tenants=FIFTY, latency_ms=latency_ms) as installation:
        yield {**_run_all(installation, "fifty_connectors", size, sync_mode="full"), "connectors": FIFTY}


def many(folder: Path, size: int, latency_ms: float) -> Iterator[Json]:
    """Two hundred connectors of a hundred users each, of whom one per cent has changed; the size is theirs."""
    with running_installation(folder, users=EACH, tenants=MANY, latency_ms=latency_ms) as installation:
        _run_all(installation, "", size, sync_mode="full")
        for tenant in installation.stack.facts["tenants"][:MANY]:
            _change(installation, EACH // 100, tenant=tenant["tenant_id"])
        row = _run_all(installation, "two_hundred_connectors", size, sync_mode="incremental")
        allowed = 1.1 * (row["written"] + row["forced_reads"]) + 2 * MANY
        yield {**row, "connectors": MANY, "psa_calls_allowed": round(allowed), "changed": MANY * EACH // 100}


def sequential(folder: Path, size: int, latency_ms: float) -> Iterator[Json]:
    """Measure the plain script."""
    if size <= YARDSTICK_MOST:
        yield {**yardsticks.run_sequential(folder, size, latency_ms=latency_ms), "size": size}


def textbook(folder: Path, size: int, latency_ms: float) -> Iterator[Json]:
    """Measure the textbook's chord."""
    if size <= YARDSTICK_MOST:
        yield {**yardsticks.run_textbook(folder, size, latency_ms=latency_ms), "size": size}


def ceiling(folder: Path, size: int, latency_ms: float) -> Iterator[Json]:
    """Measure what pool, broker and PSA can do on this machine."""
    yield {**yardsticks.run_ceiling(folder, size, latency_ms=latency_ms), "size": size}


GROUPS: dict[Callable[[Path, int, float], Iterator[Json]], tuple[str, ...]] = {
    night: ("first_full", "unchanged_full", "incremental_1_percent", "on_demand_idle"),
    busy: ("on_demand_busy",),
    budgeted: ("under_budget",),
    fifty: ("fifty_connectors",),
    many: ("two_hundred_connectors",),
    sequential: ("sequential",),
    textbook: ("textbook_chord",),
    ceiling: ("ceiling",),
}
"""Scenarios that share an installation, in their order."""
SCENARIOS = tuple(name for names in GROUPS.values() for name in names)


def _run(installation: Installation, scenario: str, size: int, **inputs: Any) -> Json:
    """Make one run of the first connector; return its figures."""
    stack, before = installation.stack, installation.vendor_calls()
    with installation.watch() as sampler:
        run_id = installation.request(**inputs)
        _follow(installation, run_id, sampler.costs)
    return _figures(installation, scenario, size, run_ids=[run_id], before=before, costs=sampler.costs) | {
        "read_s": round(sampler.costs.seen_s.get("judging", 0.0), 2),
        "success": (stack.store.reports.head(run_id) or {}).get("success"),
    }


def _run_all(installation: Installation, scenario: str, size: int, **inputs: Any) -> Json:
    """Make a run of every connector, all asked for at once."""
    before = installation.vendor_calls()
    with installation.watch() as sampler:
        run_ids = [installation.request(connector, **inputs) for connector in installation.connectors]
        for run_id in run_ids:
            installation.wait(run_id, timeout_s=RUN_S)
    return _figures(installation, scenario, size, run_ids=run_ids, before=before, costs=sampler.costs)


def _follow(installation: Installation, run_id: str, costs: Costs) -> None:
    """Wait for a run's end, and note when it was first seen in each state."""
    began = time.monotonic()
    while (run := installation.stack.ports.runs.load_run(run_id)) is not None:
        costs.seen_s.setdefault(run.state, time.monotonic() - began)
        if time.monotonic() - began > RUN_S:
            raise SystemExit(f"no end of {run_id}: {installation.stack.state(run_id)}")
        time.sleep(0.02)
    installation.wait(run_id, timeout_s=10)


def _figures(
    installation: Installation,
    scenario: str,
    size: int,
    *,
    run_ids: list[str],
    before: dict[str, int],
    costs: Costs,
) -> Json:
    reports = installation.stack.store.reports
    calls = {name: count - before.get(name, 0) for name, count in installation.vendor_calls().items()}
    calls = {name: count for name, count in calls.items() if count}
    refused = calls.pop("429", 0)
    heads = [reports.head(run_id) or {} for run_id in run_ids]
    statistics = [head["statistics"] for head in heads]
    users = sum(each["users_processed"] for each in statistics)
    written = sum(each["contacts_created"] + each["contacts_updated"] for each in statistics)
    forced = sum(forced_reads(PSA, reports.rows(run_id, "updated")) for run_id in run_ids)
    forced += sum(read_backs(PSA, head.get("read_back", {}).get("read", 0)) for head in heads)
    is_full = all(head["sync_mode"] == "full" for head in heads)
    floor = written + forced + FIXED * len(run_ids)
    if is_full:
        floor += len(run_ids) * graph_pages(math.ceil(size / len(run_ids)))
        floor += len(run_ids) * psa_pages(PSA, math.ceil(_contacts(installation) / len(run_ids)))
    asked = calls.get("graph", 0) + calls.get(PSA, 0)
    return {
        "scenario": scenario,
        "size": size,
        "seconds": round(costs.seconds, 2),
        "users": users,
        "written": written,
        "errors": sum(each["errors"] for each in statistics),
        "users_per_s": round(users / costs.seconds, 1),
        "writes_per_s": round(written / costs.seconds, 1),
        "calls": calls,
        "forced_reads": forced,
        "floor": floor,
        "calls_ratio": round(asked / floor, 3),
        "refused": refused,
        "peak_mb": {role: round(value, 1) for role, value in costs.peak_mb.items()},
        "together_mb": round(costs.together_mb, 1),
        "valkey_mb": round(costs.valkey_mb, 1),
        "messages": costs.messages,
        "cpu_s_per_1000": {role: round(spent * 1000 / max(1, users), 2) for role, spent in costs.cpu_s.items()},
    }


def _contacts(installation: Installation) -> int:
    control, total = installation.stack.control, 0
    for tenant in installation.stack.facts["tenants"][: len(installation.connectors)]:
        total += len(control.get("contacts", params={"company": tenant["company_id"]}).json()["contacts"])
    return total


def _change(installation: Installation, number: int, *, tenant: str | None = None) -> None:
    """Give so many users of a tenant, whom a run writes, another title."""
    stack = installation.stack
    params = {"tenant": tenant} if tenant else {}
    operations = [
        {"op": "graph.update_user", "user": user["id"], "set": {"jobTitle": f"Moved {at}"}, **params}
        for at, user in enumerate(_people(installation, **params)[-number:])
    ]
    for start in range(0, len(operations), BATCH_OF_MUTATIONS):
        body = {"operations": operations[start : start + BATCH_OF_MUTATIONS]}
        stack.control.post("mutate", json=body).raise_for_status()


def _targeted(installation: Installation, number: int) -> list[float]:
    """Change one user after the other and ask for it; return the seconds of each run."""
    stack, waits = installation.stack, []
    for user in _people(installation)[-number:]:
        stack.mutate(op="graph.update_user", user=user["id"], set={"jobTitle": f"Asked for {time.monotonic_ns()}"})
        began = time.monotonic()
        installation.wait(installation.request(user_principal_names=[user["userPrincipalName"]]), timeout_s=60)
        waits.append(time.monotonic() - began)
    return waits


def _people(installation: Installation, **params: str) -> list[Json]:
    """Return users of a tenant that are in scope."""
    users: list[Json] = installation.stack.control.get("users", params=params).json()["users"]
    return [user for user in users if user.get("accountEnabled") and user.get("mail") and user.get("jobTitle")]


def _seconds(waits: list[float]) -> Json:
    ordered = sorted(waits)
    if not ordered:
        raise SystemExit("the full run ended before anybody could be asked for")
    return {"runs": len(ordered), "p50_s": round(ordered[len(ordered) // 2], 3), "most_s": round(ordered[-1], 3)}
