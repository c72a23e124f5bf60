"""The whole product on real parts: Valkey, sandbox over TLS, worker processes; killed and started at will."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from adapters.records import Run
from tasks.publishing import CeleryPublisher
from tasks.requesting import request_run
from tests.fakes.valkey import RealValkey
from worker.celery_app import create_app
from worker.compose import build_ports, open_store, publish_configuration
from worker.reporting import write_run_report
from worker.settings import load_settings

ROOT = Path(__file__).parents[2]
Json = dict[str, Any]

CONFIGURATION = """\
[service]
redis_url = "{redis_url}"
state_dir = "{folder}/var"
development = true

[service.timing]
heartbeat_s = 0.3
dead_s = 1.0
lease_s = 20
reconcile_s = 0.5
due_s = 4
step_due_s = 8
write_deadline_s = 2
write_margin_s = 0.3
visibility_timeout_s = 90
longest_countdown_s = 10
{timing}

[graph_app.main]
client_id = "{client_id}"
client_secret = "{client_secret}"
login_url = "{url}"
graph_url = "{url}/v1.0"
ca_file = "{ca_file}"

[psa.main]
kind = "connectwise"
site_url = "{url}"
company = "{company}"
public_key = "{public_key}"
private_key = "{private_key}"
client_id = "{psa_client_id}"
ca_file = "{ca_file}"
requests_per_minute = {requests_per_minute}

[defaults]
psa = "main"
graph_app = "main"

[connectors.demo]
tenant_id = "{tenant_id}"
psa_default_company_id = "250"
{connector}

[[connectors.demo.exclude]]
name = "service accounts"
when = "user.userPrincipalName is match('svc[-_.]')"
"""


class Stack:
    """One installation of its own in a folder. Times are small, so that recovery takes seconds."""

    def __init__(
        self,
        folder: Path,
        *,
        users: int = 120,
        seed: int = 7,
        requests_per_minute: int = 60_000,
        timing: str = "",
        connector: str = "",
    ) -> None:
        """Start Valkey and sandbox, and publish the configuration; no worker yet."""
        self.folder = folder
        self.workers: list[subprocess.Popen[bytes]] = []
        (folder / "valkey").mkdir()
        self.valkey = RealValkey(folder / "valkey")
        self._sandbox = self._start_sandbox(users, seed)
        self.control = httpx.Client(base_url=f"{self.facts['control_url']}/", verify=_trust(self.facts), timeout=60)
        self.control.post("limits", json={"connectwise": {"per_minute": 0}, "graph": {"units_per_10s": 0}})
        self.config = folder / "contact-sync.toml"
        self.config.write_text(
            self._configuration(requests_per_minute=requests_per_minute, timing=timing, connector=connector)
        )
        settings = load_settings(self.config)
        self.store = open_store(settings)
        publish_configuration(settings, self.store)
        app = create_app(self.valkey.url, visibility_timeout_s=90, user_events=True)
        self.ports = build_ports(settings, self.store, publisher=CeleryPublisher(app))

    # --- people and contacts ---

    def mutate(self, **operation: Any) -> Any:
        """Change the directory or the PSA by hand."""
        answer = self.control.post("mutate", json={"operations": [operation]})
        assert answer.status_code == 200, answer.text
        return answer.json()["results"][0]

    def fault(self, kind: str, *, match: Json, **how: Any) -> None:
        """Ask the sandbox for a fault."""
        answer = self.control.post("faults", json={"rules": [{"match": match, "kind": kind, **how}]})
        assert answer.status_code == 200, answer.text

    def writes(self, since: int = 0) -> list[Json]:
        """Return what was written to the PSA by the API."""
        writes: list[Json] = self.control.get("audit", params={"since": since}).json()["writes"]
        return [write for write in writes if write["by"] == "api"]

    def last_write(self) -> int:
        """Return the number of the last write."""
        return int(self.control.get("audit", params={"limit": 1}).json()["last"])

    def calls(self, vendor: str) -> int:
        """Return how many calls a vendor has answered since the counters were reset."""
        vendors = self.control.get("counters").json()["vendors"]
        return int(vendors.get(vendor, {}).get("calls", 0))

    def verdict(self) -> Json:
        """Compare the PSA with the ground truth."""
        verdict: Json = self.control.get("verdict").json()
        return verdict

    def contacts_of(self, mail: str) -> list[Json]:
        """Return the contacts of the company that have this address."""
        contacts = self.control.get("contacts", params={"company": "250"}).json()["contacts"]
        return [
            contact
            for contact in contacts
            if any(item["value"].casefold() == mail.casefold() for item in contact.get("communicationItems", ()))
        ]

    # --- runs ---

    def request(self, **inputs: Any) -> str:
        """Ask for a run of the demo connector."""
        return request_run(self.ports, "demo", inputs, trigger="cli").run_id

    def run(self, *, timeout_s: float = 60, **inputs: Any) -> Json:
        """Ask for a run and wait for its report."""
        return self.wait(self.request(**inputs), timeout_s=timeout_s)

    def wait(self, run_id: str, *, timeout_s: float = 60) -> Json:
        """Wait until a run is closed, and return its report."""
        wait_for(
            lambda: self.store.reports.head(run_id) is not None, timeout_s=timeout_s, what=lambda: self.state(run_id)
        )
        return self.report(run_id)

    def report(self, run_id: str) -> Json:
        """Return the report of a closed run."""
        path = self.folder / f"{run_id}.json"
        with path.open("w") as out:
            assert write_run_report(self.store, run_id, out)
        report: Json = json.loads(path.read_text())
        return report

    def state(self, run_id: str) -> str:
        """Say where an open run stands."""
        run: Run | None = self.ports.runs.load_run(run_id)
        return f"{run_id}: {run!r} {self.ports.plan.counts(run_id) if run else ''}\n{self.log()[-4000:]}"

    # --- processes ---

    def start_worker(self, *, pool: str = "threads", concurrency: int = 16) -> subprocess.Popen[bytes]:
        """Start one worker process group for all queues."""
        command = [sys.executable, "-m", "celery", "-A", "worker.app:app", "worker", "-Q", "targeted,control,upsert"]
        with (self.folder / f"worker-{len(self.workers)}.log").open("wb") as log:
            process = subprocess.Popen(
                [*command, "-P", pool, "-c", str(concurrency), "-n", f"w{len(self.workers)}@test", "--loglevel", "INFO"],
                cwd=ROOT,
                env={**os.environ, "CONTACT_SYNC_CONFIG": str(self.config), "REMAP_SIGTERM": "SIGQUIT"},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.workers.append(process)
        return process

    def kill(self, worker: subprocess.Popen[bytes]) -> None:
        """End a worker and its children by SIGKILL."""
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()

    def log(self) -> str:
        """Return what the workers printed."""
        return "\n".join(path.read_text(errors="replace") for path in sorted(self.folder.glob("worker-*.log")))

    def close(self) -> None:
        """End everything that was started here."""
        for worker in self.workers:
            if worker.poll() is None:
                self.kill(worker)
        self.control.close()
        self.store.close()
        self._sandbox.terminate()
        self._sandbox.wait(10)
        self.valkey.kill()

    def _start_sandbox(self, users: int, seed: int) -> subprocess.Popen[bytes]:
        folder = self.folder / "sandbox"
        process = subprocess.Popen(
            [sys.executable, "-m", "ops.sandbox", "--dir", str(folder), "--users", str(users), "--seed", str(seed)]
            + ["--parent-pid", str(os.getpid())],
            cwd=ROOT,
        )
        ready = folder / "sandbox.json"
        wait_for(ready.exists, timeout_s=30, what=lambda: "the sandbox did not start")
        self.facts: Json = json.loads(ready.read_text())
        return process

    def _configuration(self, *, requests_per_minute: int, timing: str, connector: str) -> str:
        tenant, psa = self.facts["tenants"][0], self.facts["connectwise"]
        return CONFIGURATION.format(
            redis_url=self.valkey.url,
            folder=self.folder,
            url=self.facts["url"],
            ca_file=self.facts["ca_file"],
            client_id=tenant["client_id"],
            client_secret=tenant["client_secret"],
            tenant_id=tenant["tenant_id"],
            company=psa["company"],
            public_key=psa["public_key"],
            private_key=psa["private_key"],
            psa_client_id=psa["client_id"],
            requests_per_minute=requests_per_minute,
            timing=timing,
            connector=connector,
        )


@contextmanager
def running_stack(folder: Path, **options: Any) -> Iterator[Stack]:
    """Run an installation for as long as the block lasts."""
    stack = Stack(folder, **options)
    try:
        yield stack
    finally:
        stack.close()


def wait_for(condition: Callable[[], bool], *, timeout_s: float, what: Callable[[], str]) -> None:
    """Wait until a condition holds; fail with a word on what was waited for."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"waited {timeout_s} s in vain: {what()}"
        time.sleep(0.05)


def _trust(facts: Json) -> Any:
    import ssl

    return ssl.create_default_context(cafile=facts["ca_file"])
