"""How many calls a full run and an audit cost each PSA, against the least that can be: `python -m ops.bench.calls`.

Whole runs in one process over a Valkey of their own, with the real adapters on the sandbox, whose counters are read.
Limits and budgets are off: calls are counted, not seconds.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx

from adapters.store import open_store
from adapters.transport import make_client
from ops.bench.floor import FIXED, forced_reads, graph_pages, psa_pages, read_backs
from tasks.auditing.audit import AuditPorts, audit_connector
from tasks.connector import Connector
from tasks.default_mappings import default_mapping
from tasks.ports import Timing
from tests.contract.autotask.psas import SandboxPsa as Autotask
from tests.contract.connectwise.psas import SandboxPsa as ConnectWise
from tests.contract.graph.tenants import SandboxTenant
from tests.contract.halo.psas import HaloPsa, ReportingHaloPsa
from tests.contract.kit.psa import SandboxPsa
from tests.contract.sandbox import Sandbox, running_sandbox
from tests.fakes.engine import Engine
from tests.fakes.valkey import running_valkey

__all__ = ["Row", "count_calls", "main"]

PSAS: dict[str, Callable[[Sandbox, httpx.Client], SandboxPsa]] = {
    "connectwise": ConnectWise,
    "autotask": Autotask,
    "halo": HaloPsa,
    "halo-report": ReportingHaloPsa,
}
UNLIMITED = {
    "graph": {"units_per_10s": 0},
    "connectwise": {"per_minute": 0},
    "autotask": {"per_hour": 0, "threads": 0},
    "halo": {"per_5_minutes": 0},
}
READ_TIMEOUT_S = 120.0

Json = dict[str, Any]


@dataclass(frozen=True)
class Row:
    """What one run cost."""

    psa: str
    run: str
    users: int
    contacts: int
    written: int
    graph_calls: int
    graph_floor: int
    psa_calls: int
    psa_floor: int

    @property
    def ratio(self) -> float:
        """Calls by the floor and the fixed ones that are allowed beside it."""
        return (self.graph_calls + self.psa_calls) / (self.graph_floor + self.psa_floor + FIXED)


def count_calls(psa: str, *, users: int) -> Iterator[Row]:
    """Make a first full run, a second one, an incremental one of a changed per cent, and an audit; count all calls."""
    with _running(psa, users=users) as (sandbox, engine, psa_under_test):
        vendor = psa_under_test.vendor
        for name, mode in (("first full", "full"), ("second full", "full"), ("incremental", "incremental")):
            if name == "incremental":
                _change(sandbox, users // 100)
            before = _calls(sandbox)
            report = _run(engine, mode)
            spent = {who: count - before.get(who, 0) for who, count in _calls(sandbox).items()}
            contacts = _contacts(sandbox, vendor)
            statistics = report["statistics"]
            written = statistics["contacts_created"] + statistics["contacts_updated"]
            forced = forced_reads(vendor, report["updated_contacts"])
            forced += read_backs(vendor, report.get("read_back", {}).get("read", 0))
            is_full = mode == "full"
            yield Row(
                psa=psa,
                run=name,
                users=statistics["users_processed"],
                contacts=contacts,
                written=written,
                graph_calls=spent.get("graph", 0),
                graph_floor=graph_pages(len(sandbox.users(_tenant_id(sandbox)))) if is_full else 1,
                psa_calls=spent.get(vendor, 0),
                psa_floor=(psa_pages(vendor, contacts) if is_full else 0) + written + forced,
            )
        yield _audit(psa, vendor, sandbox, engine)


def _audit(psa: str, vendor: str, sandbox: Sandbox, engine: Engine) -> Row:
    """Audit what the runs left, and count the calls of it."""
    directory = engine._tenants["contoso"]  # noqa: SLF001
    ports = AuditPorts(directory=directory, contacts=engine.psa, memory=engine.store.memory)
    before = _calls(sandbox)
    audit = audit_connector(ports, engine.connector())
    spent = {who: count - before.get(who, 0) for who, count in _calls(sandbox).items()}
    return Row(
        psa=psa,
        run="audit",
        users=audit.users,
        contacts=audit.contacts,
        written=0,
        graph_calls=spent.get("graph", 0),
        graph_floor=graph_pages(audit.users),
        psa_calls=spent.get(vendor, 0),
        psa_floor=psa_pages(vendor, audit.contacts),
    )


@contextmanager
def _running(psa: str, *, users: int) -> Iterator[tuple[Sandbox, Engine, SandboxPsa]]:
    with (
        tempfile.TemporaryDirectory(prefix="calls-") as folder,
        running_sandbox(Path(folder), users=users, tenants=1) as sandbox,
        make_client(sandbox.facts["ca_file"], read_timeout_s=READ_TIMEOUT_S) as client,
        running_valkey() as valkey,
    ):
        sandbox.post("limits", UNLIMITED)
        vendor = PSAS[psa](sandbox, client)
        kind = vendor.vendor
        facts = sandbox.facts[kind]
        engine = Engine(
            open_store(valkey.url),
            timing=Timing(),
            tenant_id=_tenant_id(sandbox),
            psa_kind=kind,
            psa_default_company_id=str(facts["company_id"]),
            field_mapping=default_mapping(kind),
            read_back=Connector.model_fields["read_back"].default,
        )
        engine.psa = vendor.contacts()  # type: ignore[assignment]  # the real one
        engine._tenants["contoso"] = SandboxTenant(sandbox, client).directory  # noqa: SLF001
        yield sandbox, engine, vendor


def _run(engine: Engine, mode: str) -> Json:
    run_id = engine.request(sync_mode=mode)
    engine.work(most_steps=10_000_000)
    return engine.report(run_id)


def _change(sandbox: Sandbox, number: int) -> None:
    people = [user for user in sandbox.users(_tenant_id(sandbox)) if user.get("accountEnabled") and user.get("mail")]
    for user in people[-number:]:
        sandbox.mutate("graph.update_user", user=user["id"], set={"jobTitle": "Moved"})


def _calls(sandbox: Sandbox) -> dict[str, int]:
    counted: dict[str, int] = {}
    for row in sandbox._control.get("counters").raise_for_status().json()["calls"]:  # noqa: SLF001
        if "token" not in row["endpoint"]:  # logins have a quota of their own
            counted[row["vendor"]] = counted.get(row["vendor"], 0) + row["count"]
    return counted


def _contacts(sandbox: Sandbox, vendor: str) -> int:
    params = {"vendor": vendor, "company": sandbox.facts[vendor]["company_id"]}
    return len(sandbox._control.get("contacts", params=params).raise_for_status().json()["contacts"])  # noqa: SLF001


def _tenant_id(sandbox: Sandbox) -> str:
    return str(sandbox.facts["tenants"][0]["tenant_id"])


def _line(row: Row) -> str:
    cells = (row.psa, row.run, f"{row.users:,}", f"{row.contacts:,}", f"{row.written:,}")
    calls = (f"{row.graph_calls:,} / {row.graph_floor:,}", f"{row.psa_calls:,} / {row.psa_floor:,}")
    return f"| {' | '.join((*cells, *calls, f'{row.ratio:.2f}'))} |"


def main(arguments: list[str] | None = None) -> int:
    """Print a table, or a JSON object a line."""
    parser = argparse.ArgumentParser(
        prog="python -m ops.bench.calls",
        description="Count the calls of full and incremental runs and of an audit against the least that can be.",
        epilog="Example: python -m ops.bench.calls --users 5000 --psa autotask --json",
    )
    parser.add_argument("--users", type=int, default=5000, metavar="N", help="users of the tenant (default 5000)")
    parser.add_argument("--psa", action="append", choices=[*PSAS], help="only this one; may be given again")
    parser.add_argument("--json", action="store_true", help="one object a line instead of a table")
    asked = parser.parse_args(arguments)
    if not asked.json:
        sys.stdout.write(
            "| PSA | run | users processed | contacts | written | Graph calls / floor | PSA calls / floor |"
            f" all ÷ (floor + {FIXED}) |\n|---|---|---|---|---|---|---|---|\n"
        )
    for psa in asked.psa or PSAS:
        for row in count_calls(psa, users=asked.users):
            shown = json.dumps({**asdict(row), "ratio": round(row.ratio, 3)}) if asked.json else _line(row)
            sys.stdout.write(shown + "\n")
            sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
