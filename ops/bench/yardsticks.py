"""What the product is measured against, in the same units: a plain script, the textbook's chord, a bare write."""

import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ops.bench.plain_app import Sender
from ops.bench.sequential import Psa, fetch_users
from tests.integration.processes import ROOT
from tests.integration.stack import Stack, running_stack

__all__ = ["run_ceiling", "run_sequential", "run_textbook", "walk_graph"]

Json = dict[str, Any]

WORKERS, THREADS = 2, 32
RESULT_S = 3600
CEILING_WRITES = 4000
CEILING_CHORD = 16  # as many members as a batch of ours has
PSA_FACTS = ("site_url", "company", "public_key", "private_key", "client_id")


def walk_graph(facts: Json) -> float:
    """Return the seconds that reading all users takes, and nothing else."""
    began = time.monotonic()
    for _ in fetch_users(facts):
        pass
    return round(time.monotonic() - began, 2)


def run_sequential(folder: Path, size: int, *, latency_ms: float) -> Json:
    """Synchronise a tenant by the plain script."""
    with _vendors(folder, size, latency_ms=latency_ms) as stack:
        psa, company = Psa(json.loads(_psa_facts(stack))), int(stack.facts["tenants"][0]["company_id"])
        before, began = _calls(stack), time.monotonic()
        outcomes = Counter(psa.upsert(user, company) for user in _in_scope(stack))
        return _row("sequential", outcomes, began=began, calls=_calls(stack) - before)


def run_textbook(folder: Path, size: int, *, latency_ms: float) -> Json:
    """Synchronise a tenant by one chord over all users."""
    with _vendors(folder, size, latency_ms=latency_ms) as stack, _workers(stack) as sender:
        facts, company = _psa_facts(stack), int(stack.facts["tenants"][0]["company_id"])
        before, began = _calls(stack), time.monotonic()
        result = sender.start("upsert", [(facts, user, company) for user in _in_scope(stack)])
        outcomes = Counter(result.get(timeout=RESULT_S, interval=0.05))
        return _row("textbook_chord", outcomes, began=began, calls=_calls(stack) - before)


def run_ceiling(folder: Path, size: int, *, latency_ms: float) -> Json:
    """Send bare writes from the members of small chords: what pool, broker and PSA can do on this machine."""
    number = min(size, CEILING_WRITES)
    with _vendors(folder, 1, latency_ms=latency_ms) as stack, _workers(stack) as sender:
        facts, company = _psa_facts(stack), int(stack.facts["tenants"][0]["company_id"])
        before, began = _calls(stack), time.monotonic()
        results = [
            sender.start("write", [(facts, at, company) for at in range(start, min(start + CEILING_CHORD, number))])
            for start in range(0, number, CEILING_CHORD)
        ]
        outcomes: Counter[str] = Counter()
        for result in results:
            outcomes.update(result.get(timeout=RESULT_S, interval=0.05))
        return _row("ceiling", outcomes, began=began, calls=_calls(stack) - before)


def _row(scenario: str, outcomes: Counter[str], *, began: float, calls: int) -> Json:
    seconds, users = time.monotonic() - began, sum(outcomes.values())
    written = users - outcomes["skipped"] - outcomes["failed"]
    return {
        "scenario": scenario,
        "seconds": round(seconds, 2),
        "users": users,
        "written": written,
        "outcomes": dict(outcomes),
        "users_per_s": round(users / seconds, 1),
        "writes_per_s": round(written / seconds, 1),
        "calls": {"connectwise": calls},
    }


@contextmanager
def _vendors(folder: Path, size: int, *, latency_ms: float) -> Iterator[Stack]:
    options: Json = {"users": size, "tenants": "1", "latency_ms": latency_ms}
    with tempfile.TemporaryDirectory(dir=folder) as own, running_stack(Path(own), **options) as stack:
        yield stack


@contextmanager
def _workers(stack: Stack) -> Iterator[Sender]:
    """Run the plain application's workers on the stack's Valkey: as many processes and threads as ours."""
    url = stack.valkey.url
    sender = Sender(url)
    command = [sys.executable, "-m", "celery", "-A", "ops.bench.plain_app:app", "-b", url, "--result-backend", url]
    command += ["worker", "-P", "threads", "-c", str(THREADS), "-E", "-l", "ERROR"]
    with (stack.folder / "plain.log").open("wb") as out:
        processes = [
            subprocess.Popen([*command, "-n", f"plain{at}@%h"], cwd=ROOT, stdout=out, stderr=out)
            for at in range(WORKERS)
        ]
    try:
        while len(sender.app.control.ping(timeout=1) or ()) < WORKERS:
            pass
        yield sender
    finally:
        for process in processes:
            process.kill()
            process.wait()


def _in_scope(stack: Stack) -> Iterator[Json]:
    return (user for user in fetch_users(stack.facts) if user.get("accountEnabled") and user.get("mail"))


def _psa_facts(stack: Stack) -> str:
    keys = {name: stack.facts["connectwise"][name] for name in PSA_FACTS}
    return json.dumps({"ca_file": stack.facts["ca_file"], **keys})


def _calls(stack: Stack) -> int:
    return stack.calls("connectwise")
