"""The whole product on real parts: Valkey, sandbox over TLS, worker processes; killed and started at will."""

import json
import os
import signal
import ssl
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import httpx

from adapters.records import Run
from tasks.publishing import CeleryPublisher
from tasks.requesting import request_run
from tests.fakes.valkey import RealValkey
from tests.integration.processes import Process, Starter, start_alone
from worker.celery_app import create_app
from worker.cli.sandbox import NO_LIMITS, PSA_KEYS
from worker.compose import build_ports, open_store, publish_configuration
from worker.reporting import write_run_report
from worker.services import ALL_QUEUES, Service, api_service, beat_service, flower_service, worker_service
from worker.settings import Settings, load_settings

CELERY = (sys.executable, "-m", "celery", "-A", "worker.app:app")
Json = dict[str, Any]

SMALL_TIMES: dict[str, float] = {
    "schedule_spread_s": 0,
    "heartbeat_s": 0.3,
    "dead_s": 1.0,
    "lease_s": 20,
    "reconcile_s": 0.5,
    "dispatch_s": 1,
    "due_s": 4,
    "step_due_s": 8,
    "write_deadline_s": 2,
    "write_margin_s": 0.3,
    "visibility_timeout_s": 90,
    "longest_countdown_s": 10,
}

CONFIGURATION = """\
[service]
redis_url = "{redis_url}"
state_dir = "{folder}/var"
development = true
{service}

[service.timing]
{timing}

[service.workers]
{workers}

[graph_app.main]
client_id = "{client_id}"
client_secret = "{client_secret}"
login_url = "{url}"
graph_url = "{url}/v1.0"
ca_file = "{ca_file}"

[psa.main]
kind = "{psa}"
{psa_keys}
ca_file = "{ca_file}"
requests_per_minute = {requests_per_minute}

[defaults]
psa = "main"
graph_app = "main"

[[defaults.exclude]]
name = "service accounts"
when = "user.userPrincipalName is match('svc[-_.]')"
"""

CONNECTOR = """\
[connectors.{name}]
tenant_id = "{tenant_id}"
psa_default_company_id = "{company_id}"
{settings}
"""


class Stack:
    """One installation of its own in a folder. Times are small, so that recovery takes seconds."""

    starter: ClassVar[Starter] = staticmethod(start_alone)

    def __init__(
        self,
        folder: Path,
        *,
        users: int = 120,
        tenants: str = "3",
        latency_ms: float = 0,
        seed: int = 7,
        psa: str = "connectwise",
        requests_per_minute: int = 60_000,
        timing: dict[str, float] | None = None,
        service: str = "",
        workers: str = "",
        connectors: dict[str, str] | None = None,
        reached: Callable[[RealValkey], str] = lambda valkey: valkey.url,
        starter: Starter | None = None,
    ) -> None:
        """Start Valkey and sandbox, and publish the configuration; no worker yet.

        `tenants` is how many there are, or the users of each further one: "100,100". `latency_ms` delays each.
        `timing` replaces some of the small times; an empty one means production's. `service` and `workers` are further
        lines of their tables. `connectors` are names with their settings, the first one for the first tenant and its
        company, and so on; the sandbox has three. `reached` makes the store's address. `starter` replaces how
        processes are started."""
        self.folder = folder
        self._starter = starter or self.starter
        self.psa = psa
        self.workers: list[Process] = []
        self._others: list[Process] = []
        (folder / "valkey").mkdir()
        self.valkey = RealValkey(folder / "valkey")
        self._redis_url = reached(self.valkey)
        self._sandbox = self._start_sandbox(users, seed, tenants=tenants, latency_ms=latency_ms)
        self.control = httpx.Client(base_url=f"{self.facts['control_url']}/", verify=_trust(self.facts), timeout=60)
        self.control.post("limits", json=NO_LIMITS)
        self.config = folder / "contact-sync.toml"
        times = {} if timing == {} else SMALL_TIMES | (timing or {})
        self._base = self._configuration(
            requests_per_minute=requests_per_minute, timing=times, service=service, workers=workers
        )
        self.settings = self._configure(connectors or {"demo": ""})
        self.store = open_store(self.settings)
        publish_configuration(self.settings, self.store)
        self.app = create_app(
            self._redis_url, visibility_timeout_s=self.settings.service.timing.visibility_timeout_s, user_events=True
        )
        self.ports = build_ports(self.settings, self.store, publisher=CeleryPublisher(self.app))

    def publish(self, connectors: dict[str, str]) -> None:
        """Publish the configuration anew with these connectors, as `config apply` does."""
        self.settings = self._configure(connectors)
        publish_configuration(self.settings, self.store)

    @property
    def sandbox_pid(self) -> int:
        """Return the process id of the sandbox."""
        return self._sandbox.pid

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

    def calls(self, vendor: str, *, count: str = "calls") -> int:
        """Return how many calls a vendor has answered since the counters were reset, or another count of it."""
        vendors = self.control.get("counters").json()["vendors"]
        return int(vendors.get(vendor, {}).get(count, 0))

    def fired(self) -> int:
        """Return how many faults have fired."""
        return sum(rule["fired"] for rule in self.control.get("faults").json()["rules"])

    def truth(self) -> Json:
        """Return what the next full run should do."""
        truth: Json = self.control.get("truth", params={"vendor": self.psa}).json()
        return truth

    def verdict(self) -> Json:
        """Compare the PSA with the ground truth."""
        verdict: Json = self.control.get("verdict", params={"vendor": self.psa}).json()
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

    def request(self, connector: str = "demo", **inputs: Any) -> str:
        """Ask for a run of a connector."""
        return request_run(self.ports, connector, inputs, trigger="cli").run_id

    def approve(self, connector: str) -> None:
        """Let a connector run by itself, as a full run by hand would have done."""
        version = self.ports.configuration.current_version()
        home = self.ports.configuration.connector(connector, version=version).home
        self.store.kept.approve(connector, home, run_id="by-hand")

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

    def start_worker(self, *, pool: str = "threads", concurrency: int = 16, **environment: str) -> Process:
        """Start one worker of this size for all queues."""
        service = worker_service(self.settings, name=self._next_worker(), pool=pool, slots=concurrency)
        return self._start_worker(service.command, **service.environment | environment)

    def start_service_worker(self, service: Service | None = None) -> Process:
        """Start one worker as `contact-sync worker` and `up` do."""
        service = service or worker_service(self.settings, name=self._next_worker())
        return self._start_worker(service.command, **service.environment)

    def start_celery_worker(self, **environment: str) -> Process:
        """Start one worker for all queues by Celery's own command."""
        options = ["-Q", ",".join(ALL_QUEUES), "-P", "threads", "-c", "8", "-n", f"{self._next_worker()}@test"]
        return self._start_worker([*CELERY, "worker", *options, "--loglevel", "INFO"], **environment)

    def start_flower(self) -> Process:
        """Start Flower as `contact-sync flower` and `up` do."""
        service = flower_service(self.settings)
        return self._start_other(service.command, log="flower", **service.environment)

    def start_beat(self) -> Process:
        """Start a beat as `contact-sync beat` and `up` do."""
        service = beat_service(self.settings)
        return self._start_other(service.command, log="beat", **service.environment)

    def start_celery_beat(self) -> Process:
        """Start a beat by Celery's own command."""
        return self._start_other([*CELERY, "beat", "--loglevel", "INFO"], log="beat")

    def start_api(self) -> Process:
        """Start the HTTP API."""
        service = api_service(self.settings)
        return self._start_other(service.command, log="api", **service.environment)

    def wait_for_api(self) -> None:
        """Wait until the HTTP API answers."""
        wait_for(self._api_answers, timeout_s=60, what=lambda: "the API did not start")

    def _api_answers(self) -> bool:
        try:
            return httpx.get(f"http://{self.settings.service.api_listen}/healthz").is_success
        except httpx.TransportError:
            return False

    def kill(self, process: Process) -> None:
        """End a process and its children by SIGKILL."""
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def _next_worker(self) -> str:
        return f"w{len(self.workers)}"

    def _start_worker(self, command: Sequence[str], **environment: str) -> Process:
        process = self._start(command, log=f"worker-{self._next_worker()}", **environment)
        self.workers.append(process)
        return process

    def _start_other(self, command: Sequence[str], *, log: str, **environment: str) -> Process:
        process = self._start(command, log=f"{log}-{len(self._others)}", **environment)
        self._others.append(process)
        return process

    def _start(self, command: Sequence[str], *, log: str, **environment: str) -> Process:
        whole = {**os.environ, "CONTACT_SYNC_CONFIG": str(self.config), **environment}
        return self._starter(command, log=self.folder / f"{log}.log", environment=whole)

    def log(self) -> str:
        """Return what the workers printed."""
        return "\n".join(path.read_text(errors="replace") for path in sorted(self.folder.glob("worker-*.log")))

    def close(self) -> None:
        """End everything that was started here."""
        for process in (*self.workers, *self._others):
            if process.poll() is None:
                self.kill(process)
        self.control.close()
        self.store.close()
        self._sandbox.terminate()
        self._sandbox.wait(10)
        self.valkey.kill()

    def _start_sandbox(self, users: int, seed: int, *, tenants: str, latency_ms: float) -> Process:
        folder = self.folder / "sandbox"
        command = [
            *(sys.executable, "-m", "ops.sandbox", "--dir", str(folder)),
            *("--users", str(users), "--seed", str(seed), "--tenants", tenants),
            *("--latency-ms", str(latency_ms), "--parent-pid", str(os.getpid())),
        ]
        process = self._starter(command, log=self.folder / "sandbox.log", environment=os.environ)
        ready = folder / "sandbox.json"
        wait_for(ready.exists, timeout_s=120, what=lambda: "the sandbox did not start")
        self.facts: Json = json.loads(ready.read_text())
        return process

    def _configure(self, connectors: dict[str, str]) -> Settings:
        tables = [
            CONNECTOR.format(
                name=name, tenant_id=tenant["tenant_id"], company_id=tenant["company_id"], settings=settings
            )
            for (name, settings), tenant in zip(connectors.items(), self.facts["tenants"], strict=False)
        ]
        self.config.write_text("\n".join([self._base, *tables]))
        return load_settings(self.config)

    def _configuration(self, *, requests_per_minute: int, timing: dict[str, float], service: str, workers: str) -> str:
        graph, psa = self.facts["multi_tenant_app"], self.facts[self.psa]
        return CONFIGURATION.format(
            redis_url=self._redis_url,
            folder=self.folder,
            url=self.facts["url"],
            ca_file=self.facts["ca_file"],
            client_id=graph["client_id"],
            client_secret=graph["client_secret"],
            psa=self.psa,
            psa_keys="\n".join(f'{name} = "{psa[name]}"' for name in PSA_KEYS[self.psa]),
            requests_per_minute=requests_per_minute,
            timing="\n".join(f"{name} = {seconds}" for name, seconds in timing.items()),
            service=service,
            workers=workers,
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
    return ssl.create_default_context(cafile=facts["ca_file"])
