"""`contact-sync demo`: the whole product on the bundled sandbox, with a run, its report and the truth beside it."""

import secrets
import shlex
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import IO, Annotated, Any, Literal

import typer

from tasks.request import SyncRequest
from tasks.requesting import request_run
from worker.cli.children import ChildrenView
from worker.cli.console import plain, say
from worker.cli.entering import requesting_ports
from worker.cli.exits import Exit, Refusal
from worker.cli.following import follow
from worker.cli.interrupting import Interruptions
from worker.cli.progress import make_watcher
from worker.cli.sandbox import Sandbox, write_configuration
from worker.cli.showing import print_report
from worker.installation import Installation, running
from worker.settings import load_settings

__all__ = ["compare", "register"]

Json = dict[str, Any]

CONNECTOR = "demo"
PSA_NAMES = {"connectwise": "a ConnectWise PSA", "autotask": "an Autotask PSA", "halo": "a HaloPSA"}
SHOWN_LEVELS = frozenset({"error", "critical"})
WORKERS_S = 60.0
LOOK_S = 0.1
MOST_DIFFERENCES = 20
FLOWER_PORT, API_PORT = 5555, 8080
EPILOG = "Example: contact-sync demo --once --users 500\n\nExample: contact-sync demo --keep /tmp/demo"

Once = Annotated[bool, typer.Option("--once", help="Run, compare with the truth, stop; exit 0 if they agree.")]
Users = Annotated[int, typer.Option("--users", metavar="N", min=1, help="Users of the first tenant.")]
Psa = Annotated[Literal["connectwise", "autotask", "halo"], typer.Option("--psa", help="The PSA to synchronise to.")]
Seed = Annotated[int, typer.Option("--seed", metavar="N", help="Another number makes other people.")]
Keep = Annotated[
    Path | None, typer.Option("--keep", metavar="DIR", help="Keep configuration, store and logs in this new folder.")
]


class _StoppedError(Exception):
    """Somebody wants to end the demo."""


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command(epilog=EPILOG)(demo)


def demo(
    *, once: Once = False, psa: Psa = "connectwise", users: Users = 500, seed: Seed = 7, keep: Keep = None
) -> None:
    """Show the main job on a bundled sandbox.

    A Microsoft 365 with a seeded tenant, a PSA, and everything that `up` runs, on this machine alone. It does a full
    run, prints its report, compares the PSA with the sandbox's own truth, and runs again.
    """
    folder, code = _new_folder(keep), Exit.ERRORS
    try:
        with (folder / "demo.log").open("w", encoding="utf-8") as log, Interruptions() as interruptions:
            code = _Demo(folder, log, interruptions, psa).run(users=users, seed=seed, once=once)
    except _StoppedError:
        code = Exit.INTERRUPTED
    finally:
        _leave(folder, is_kept=keep is not None or code == Exit.ERRORS)
    say("stopped")
    raise typer.Exit(code)


@dataclass
class _Demo:
    """One demo, told in lines with the seconds since it began."""

    folder: Path
    log: IO[str]
    interruptions: Interruptions
    psa: str
    first_run: str = ""
    watch: Callable[[], None] = lambda: None
    began_s: float = field(default_factory=time.monotonic)
    view: ChildrenView = field(default_factory=ChildrenView)

    def run(self, *, users: int, seed: int, once: bool) -> Exit:
        """Start everything, do the work, stop everything."""
        self.tell(f"starting the sandbox: Microsoft 365 with {users} users (seed {seed}), and {PSA_NAMES[self.psa]}")
        folder = self.folder / "sandbox"
        with Sandbox(folder, users=users, seed=seed, on_line=self.note, psa=self.psa, sleep=self.sleep) as sandbox:
            self.watch = sandbox.check
            path = self.folder / "contact-sync.toml"
            password = secrets.token_urlsafe(9)
            write_configuration(
                path,
                sandbox.facts,
                flower_listen=_free_address(FLOWER_PORT),
                flower_basic_auth=f"demo:{password}",
                psa=self.psa,
                api_listen=_free_address(API_PORT),
                api_token=password,
            )
            settings = load_settings(path)
            self.tell(f"starting everything in {self.folder}: store, workers, beat, Flower, API")
            hurry = self.interruptions.hurry
            with running(settings, on_line=self.note, on_change=self.tell_change, hurry=hurry) as installation:
                self.wait_for_workers(installation)
                agrees = self.show(installation, sandbox, command=None if once else _command(path))
                if not once:
                    self.stay(installation, password=password)
                self.tell("stopping everything")
        return Exit.SUCCESS if agrees else Exit.ERRORS

    def wait_for_workers(self, installation: Installation) -> None:
        """Wait for the first worker. Raises Refusal."""
        deadline_s = time.monotonic() + WORKERS_S
        while not installation.store.presence.living():
            if time.monotonic() > deadline_s:
                raise Refusal(f"no worker came up; see {self.log.name}", code=Exit.NOT_RUN)
            self.sleep(LOOK_S)
        self.tell("the first worker is ready")

    def show(self, installation: Installation, sandbox: Sandbox, *, command: str | None) -> bool:
        """Run twice, and tell whether the PSA, the reports and the truth agree. `command` shows more of a report."""
        self.tell("full run of connector demo: reads all users and contacts, compares, writes what differs")
        head = self.sync(installation)
        self.first_run = head["run_id"]
        print_report(installation.store, head, command=command)
        verdict = sandbox.verdict()
        differences = compare(head, verdict)
        for difference in differences[:MOST_DIFFERENCES]:
            say(f"  differs: {difference}", style="red")
        if not differences:
            self.tell(f"the PSA is as it should be: {verdict['expected']} users compared with the sandbox's own truth")
        return self.show_again(installation, sandbox, known=len(differences)) and not differences

    def show_again(self, installation: Installation, sandbox: Sandbox, *, known: int) -> bool:
        """Run on unchanged data, and tell whether nothing was written and nothing else differs."""
        before, began_s = sandbox.count_writes(), time.monotonic()
        self.tell("the same run again: nothing has changed, so nothing is written")
        head = self.sync(installation)
        writes, took_s = sandbox.count_writes() - before, time.monotonic() - began_s
        changed = head["statistics"]["contacts_created"] + head["statistics"]["contacts_updated"]
        self.tell(f"second run: {writes} writes reached the PSA, {took_s:.1f} s")
        return writes == 0 and changed == 0 and len(sandbox.verdict()["differences"]) <= known

    def sync(self, installation: Installation) -> Json:
        """Do one full run, and return its report's head. Raises Refusal if it is gone."""
        ports = requesting_ports(installation.settings, installation.store)
        run = request_run(ports, CONNECTOR, SyncRequest(sync_mode="full"), trigger="cli")
        with make_watcher(quiet=False) as watcher:
            head = follow(installation.store, [run], watcher=watcher, sleep=self.sleep)[run.run_id]
        if head is None:
            raise Refusal(f"run {run.run_id} is gone, and there is no report of it", code=Exit.ERRORS)
        return head

    def stay(self, installation: Installation, *, password: str) -> None:
        """Stay up until somebody asks to stop."""
        settings = installation.settings
        command, service = _command(settings.path), settings.service
        self.tell("everything stays up; Ctrl-C stops it")
        for line in (
            f"Flower: http://{service.flower_listen}  user demo  password {password}",
            f"API: curl --header 'Authorization: Bearer {password}' http://{service.api_listen}/v1/connectors",
            "In another terminal:",
            f"  {command} run --all --mode full --dry-run",
            f"  {command} run demo",
            *(f"  {command} run demo --upn {shlex.quote(user)}" for user in self.some_user(installation)),
            f"  {command} status",
            f"  {command} runs",
            f"  {command} check",
            f"Logs: {self.log.name}",
        ):
            say(f"  {line}")
        with suppress(_StoppedError):
            while True:
                self.sleep(LOOK_S)

    def some_user(self, installation: Installation) -> list[str]:
        """Return the user principal name of somebody who got a contact, or nothing."""
        rows = installation.store.reports.rows(self.first_run, "created")
        return [row["user_principal_name"] for row in islice(rows, 1)]

    def sleep(self, seconds: float) -> None:
        """Sleep, or raise if the demo is to end or its sandbox has ended."""
        if self.interruptions.stop.wait(seconds):
            raise _StoppedError
        self.watch()

    def tell(self, message: str) -> None:
        """Say what happens."""
        say(f"[{time.monotonic() - self.began_s:5.1f} s] {message}")

    def tell_change(self, name: str, what: str) -> None:
        """Say what became of a child."""
        self.note(name, what)
        self.tell(f"{name} {what}; see {self.log.name}")

    def note(self, name: str, line: str) -> None:
        """Keep what a child printed; an error is shown too."""
        self.log.write(f"{name} {plain(line)}\n")
        self.log.flush()
        if self.view.level(line) in SHOWN_LEVELS:
            self.view.line(name, line)


def compare(head: Json, verdict: Json) -> list[str]:
    """List where a first full run's report or the PSA differs from the truth, and where the report does not add up."""
    statistics, truth = head["statistics"], verdict["statistics"]
    parts = [statistics[name] for name in ("contacts_created", "contacts_updated", "contacts_skipped", "errors")]
    expected = {
        "total_office365_users": truth["total_office365_users"],
        "users_processed": truth["users_processed"],
        "contacts_created": truth["created"],
        "contacts_updated": truth["updated"],
        "contacts_skipped": truth["skipped"],
        "errors": sum(truth["errors"].values()),
    }
    differences = [
        f"{name} is {statistics[name]}, the truth is {wanted}"
        for name, wanted in expected.items()
        if statistics[name] != wanted
    ]
    if sum(parts) != statistics["users_processed"]:
        differences.append(f"created + updated + skipped + errors is {sum(parts)}, not users_processed")
    return differences + [f"{each['user'] or 'a contact'}: {each['what']}" for each in verdict["differences"]]


def _new_folder(keep: Path | None) -> Path:
    """Return an empty folder. Raises Refusal if the one that was asked for holds anything."""
    if keep is None:
        return Path(tempfile.mkdtemp(prefix="contact-sync-demo-")).resolve()
    keep.mkdir(parents=True, exist_ok=True)
    if any(keep.iterdir()):
        raise Refusal(f"{keep} is not empty", hint="name a new folder: each demo starts with a new sandbox")
    return keep.resolve()


def _leave(folder: Path, *, is_kept: bool) -> None:
    """Say where everything is kept, above all after a failure, or remove it."""
    if is_kept:
        say(f"kept: configuration, store and logs in {folder}; what the parts printed is in {folder / 'demo.log'}")
    else:
        shutil.rmtree(folder, ignore_errors=True)


def _command(path: Path) -> str:
    """Return what to type for the rest: with its folder, where the PATH does not lead to this very command."""
    program = Path(sys.executable).with_name("contact-sync")
    found = shutil.which(program.name)
    is_found = found is not None and Path(found).absolute() == program
    return shlex.join([program.name if is_found else str(program), "--config", str(path)])


def _free_address(usual: int) -> str:
    """Return where to listen: the usual port, else any."""
    for port in (usual, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return f"127.0.0.1:{probe.getsockname()[1]}"
    raise Refusal("no port is free", code=Exit.NOT_RUN)
