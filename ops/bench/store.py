"""What users cost the store: bytes that are kept, bytes while a run goes on, commands: `python -m ops.bench.store`.

Whole runs in one process over a Valkey of their own, vendors in memory and a queue instead of a broker: what Celery's
messages cost is not in these figures but in those of `ops/bin/bench`.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from adapters.store import open_store
from tasks.ports import Timing
from tests.fakes.engine import Engine
from tests.fakes.valkey import running_valkey

__all__ = ["Row", "idle_bytes", "main", "measure"]

LOOK_EVERY = 20  # messages
EACH, IDLE_RUNS = 100, 20
OWN = "cmdstat_info"  # what this program itself asks


@dataclass(frozen=True)
class Row:
    """What one run of a tenant cost the store."""

    run: str
    users: int
    written: int
    kept_bytes: int  # after its end: all that is left of it and of the runs before
    working_bytes: int  # the most that stood in the store while it went on, beside what was there before
    commands: int  # those within scripts, too
    processor_s: float  # Valkey's


def measure(users: int) -> Iterator[Row]:
    """Make a first full run, an unchanged one and an incremental one with one per cent changed."""
    with running_valkey() as valkey:
        engine = Engine(open_store(valkey.url), timing=Timing())
        client = engine.store.connection.client
        empty = _used(client)
        people = [
            engine.directory.add_user(job_title="Engineer", business_phones=("+49 30 123456",)) for _ in range(users)
        ]
        yield _row(engine, "first full", users, empty, sync_mode="full")
        yield _row(engine, "unchanged full", users, empty, sync_mode="full")
        for user in people[: users // 100]:
            engine.directory.change_user(user.id, job_title="Moved")
        yield _row(engine, "incremental, 1 % changed", users, empty, sync_mode="incremental")


def idle_bytes() -> int:
    """Return what a run that changes nothing leaves in the store: its report."""
    with running_valkey() as valkey:
        engine = Engine(open_store(valkey.url))
        engine.directory.add_users(EACH)
        engine.run(sync_mode="full")
        engine.run()
        before = _stored(engine.store.connection.client)
        for _ in range(IDLE_RUNS):
            engine.run()
        return (_stored(engine.store.connection.client) - before) // IDLE_RUNS


def _row(engine: Engine, run: str, users: int, empty: int, **inputs: str) -> Row:
    client = engine.store.connection.client
    before, commands, spent_ms = _used(client), _commands(client), _processor_ms(client)
    run_id, most, messages = engine.request(**inputs), before, 0
    while engine.queue.waiting:
        engine.queue.do_next()
        if messages % LOOK_EVERY == 0:
            engine.store.presence.beat()
            most = max(most, _used(client))
        messages += 1
    commands, spent_ms = _commands(client) - commands, _processor_ms(client) - spent_ms
    statistics = engine.report(run_id)["statistics"]
    return Row(
        run=run,
        users=users,
        written=statistics["contacts_created"] + statistics["contacts_updated"],
        kept_bytes=_used(client) - empty,
        working_bytes=most - before,
        commands=commands,
        processor_s=round(spent_ms / 1000, 2),
    )


def _stored(client: Any) -> int:
    return sum(client.memory_usage(key, samples=0) or 0 for key in client.scan_iter(count=1000))


def _used(client: Any) -> int:
    return int(client.info("memory")["used_memory"])


def _commands(client: Any) -> int:
    return sum(int(each["calls"]) for name, each in client.info("commandstats").items() if name != OWN)


def _processor_ms(client: Any) -> float:
    spent = client.info("cpu")
    return 1000 * float(spent["used_cpu_sys"] + spent["used_cpu_user"])


def _line(row: Row) -> str:
    figures = (row.users, row.written, row.kept_bytes, row.working_bytes, row.commands)
    return f"| {row.run} | {' | '.join(f'{figure:,}' for figure in figures)} | {row.processor_s:.2f} |"


def _slopes(rows: list[Row]) -> Iterator[str]:
    """Say what one more user costs: between the smallest and the largest tenant, so that what is fixed drops out."""
    for run in dict.fromkeys(row.run for row in rows):
        first, *_, last = [row for row in rows if row.run == run]
        more = last.users - first.users
        kept, working = (last.kept_bytes - first.kept_bytes) / more, (last.working_bytes - first.working_bytes) / more
        commands, spent_s = (last.commands - first.commands) / more, (last.processor_s - first.processor_s) / more
        yield (
            f"{run}: one more user keeps {kept:.0f} bytes, needs {working:.0f} while it goes on,"
            f" {commands:.1f} commands, {1000 * spent_s:.2f} ms"
        )


def main(arguments: list[str] | None = None) -> int:
    """Print a table and what one more user costs, or a JSON object a line."""
    parser = argparse.ArgumentParser(
        prog="python -m ops.bench.store",
        description="Measure what runs keep in Valkey and ask of it: vendors in memory, no broker.",
        epilog="Example: python -m ops.bench.store --sizes 1000,4000 --json",
    )
    parser.add_argument("--sizes", default="1000,4000", metavar="N,N", help="users of the tenants (default 1000,4000)")
    parser.add_argument("--json", action="store_true", help="print a JSON object a line instead of a table")
    options = parser.parse_args(arguments)
    rows: list[Row] = []
    if not options.json:
        print("| run | users | written | bytes kept | bytes while it goes on | commands | processor s |")
        print("|---|---|---|---|---|---|---|")
    for users in map(int, options.sizes.split(",")):
        for row in measure(users):
            rows.append(row)
            print(json.dumps(asdict(row)) if options.json else _line(row), flush=True)
    if not options.json and len({row.users for row in rows}) > 1:
        print(*_slopes(rows), sep="\n")
        print(f"a run that changes nothing: its report keeps {idle_bytes():,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
