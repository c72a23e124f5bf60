"""`contact-sync run`: asks for runs, waits for them, prints their reports."""

import sys
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import IO, Annotated, Any

import typer
from pydantic import ValidationError

from adapters.records import Run
from adapters.records.runs import CANCELLED
from adapters.store import Store
from tasks import codes
from tasks.request import SyncRequest
from tasks.requesting import request_run
from worker.cli.choosing import Every, Psas, Tags, choose
from worker.cli.console import say
from worker.cli.entering import Config, Json, known_connectors, opened_store, requesting_ports, settings_of
from worker.cli.exits import Exit, Refusal
from worker.cli.following import VANISHED_S, NobodyWorksError, follow
from worker.cli.progress import make_watcher
from worker.cli.showing import print_report
from worker.compose import publish_configuration
from worker.configuration import to_documents
from worker.reporting import write_run_report
from worker.settings import Settings

__all__ = [
    "OneLine",
    "check_published",
    "check_workers",
    "describe_request",
    "exit_of",
    "print_ids",
    "read_request",
    "register",
    "run",
    "wait_for_runs",
]

STOPPED = {
    codes.CONNECTOR_BUSY: Exit.NOT_RUN,
    codes.PERMISSION_DENIED: Exit.NOT_RUN,
    codes.UNKNOWN_CONNECTOR: Exit.USAGE,
    codes.PAIRING_UNCONFIRMED: Exit.HELD,
    codes.UNEXPECTED_ANSWER: Exit.HELD,  # what was read is not believed, so nothing was written
}
"""How a run ends that was stopped before any user came to an end."""
EPILOG = (
    "Example: contact-sync run contoso --mode full --dry-run\n\n"
    "Example: contact-sync run contoso --upn john.doe@contoso.com\n\n"
    "Example: contact-sync run --tag pilot --no-wait --json\n\n"
    "Exit codes: 0 success · 1 the run had errors · 2 usage or configuration · 3 held or cancelled · 4 not run "
    "(connector busy, no worker, credentials) · 130 Ctrl-C: the run goes on. Of several runs, the highest."
)


class Mode(StrEnum):
    """sync_mode."""

    FULL = "full"
    INCREMENTAL = "incremental"


Names = Annotated[list[str] | None, typer.Argument(metavar="CONNECTOR", help="Whose users; several are allowed.")]
ModeOption = Annotated[Mode, typer.Option("--mode", help="All users, or changes since the last run only.")]
Upns = Annotated[
    list[str] | None, typer.Option("--upn", metavar="UPN", help="Exactly this user principal name; repeatable.")
]
Departments = Annotated[
    list[str] | None, typer.Option("--department", metavar="NAME", help="Only this department; repeatable.")
]
Locations = Annotated[
    list[str] | None, typer.Option("--office-location", metavar="NAME", help="Only this location; repeatable.")
]
CompanyId = Annotated[
    str | None, typer.Option("--company-id", metavar="ID", help="The PSA company to use for this run.")
]
IncludeDisabled = Annotated[bool, typer.Option("--include-disabled", help="Update disabled users' contacts too.")]
NoUpdate = Annotated[bool, typer.Option("--no-update-existing", help="Create only; leave existing contacts alone.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would change; change nothing.")]
NoWait = Annotated[bool, typer.Option("--no-wait", help="Print the run's id and return at once.")]


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command(epilog=EPILOG)(run)


def run(  # noqa: PLR0913 - one option each input of a run
    context: typer.Context,
    connectors: Names = None,
    *,
    every: Every = False,
    tag: Tags = None,
    psa: Psas = None,
    mode: ModeOption = Mode.INCREMENTAL,
    upn: Upns = None,
    department: Departments = None,
    office_location: Locations = None,
    company_id: CompanyId = None,
    include_disabled: IncludeDisabled = False,
    no_update_existing: NoUpdate = False,
    dry_run: DryRun = False,
    no_wait: NoWait = False,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Run a sync now, and print its report."""
    request = read_request(
        sync_mode=mode.value,
        company_id=company_id,
        department_filter=",".join(department) if department else None,
        office_location_filter=",".join(office_location) if office_location else None,
        user_principal_names=tuple(upn or ()),
        skip_disabled_users=not include_disabled,
        update_existing=not no_update_existing,
        dry_run=dry_run,
    )
    settings = settings_of(context, config)
    with opened_store(settings) as store:
        ports = requesting_ports(settings, store)
        check_published(settings, store)
        chosen = choose(known_connectors(ports), names=connectors or [], tags=tag or [], psas=psa or [], every=every)
        say(f"request for {', '.join(chosen)}: {describe_request(request)}")
        check_workers(settings, store)
        runs = [request_run(ports, connector_id, request, trigger="cli") for connector_id in chosen]
        if no_wait:
            print_ids((each.run_id for each in runs), as_json=as_json)
            return
        code = wait_for_runs(settings, store, runs, as_json=as_json)
    raise typer.Exit(code)


def exit_of(head: dict[str, Any] | None) -> Exit:
    """Return the exit code of a closed run; None is a run that is gone."""
    if head is None:
        return Exit.NOT_RUN
    if head["success"]:
        return Exit.SUCCESS
    if head["stopped"] == CANCELLED or head.get("held"):
        return Exit.HELD
    if head["statistics"]["users_processed"]:
        return Exit.ERRORS
    return STOPPED.get(head["stopped"], Exit.ERRORS)


class OneLine:
    """Passes text on without its line breaks: a report of one line. JSON has none inside its texts."""

    def __init__(self, out: IO[str]) -> None:
        """Take where it goes."""
        self._out = out

    def write(self, text: str) -> int:
        """Write it."""
        return self._out.write(text.replace("\n", ""))


def read_request(**inputs: Any) -> SyncRequest:
    """Return the inputs that options say. Raises Refusal for one that cannot be."""
    try:
        return SyncRequest(**inputs)
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        name = ".".join(str(part) for part in fault["loc"])
        raise Refusal(f"{name}: {fault['msg']}") from error


def describe_request(request: SyncRequest) -> str:
    """Say every input in one line."""
    return " ".join(f"{name}={_shortly(value)}" for name, value in request.model_dump(mode="json").items())


def _shortly(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{', '.join(map(str, value))}]"
    return "-" if value is None else str(value)


def check_published(settings: Settings, store: Store) -> None:
    """Publish a first configuration; say so when a later one in the file is not in force."""
    version = store.snapshots.current_version()
    if version == 0:
        say(f"configuration version {publish_configuration(settings, store)} is published: the first one")
    elif store.snapshots.get(version) != to_documents(settings):
        say(f"note: {settings.path.name} differs from the published configuration (version {version}), which is used;")
        say("      `contact-sync config apply` publishes it")


def check_workers(settings: Settings, store: Store) -> None:
    """Raise Refusal if nobody is there to work on a run."""
    if not store.presence.living():
        raise Refusal(
            "no worker is running, so nothing was requested",
            hint=f"start one in another terminal: contact-sync --config {settings.path} {_how_to_start(settings)}",
            code=Exit.NOT_RUN,
        )


def _how_to_start(settings: Settings) -> str:
    return "up" if settings.service.redis_url is None else "worker"


def print_ids(run_ids: Iterable[str], *, as_json: bool) -> None:
    """Print the ids of runs that nobody waits for."""
    for run_id in run_ids:
        sys.stdout.write(f'{{"run_id": "{run_id}"}}\n' if as_json else f"{run_id}\n")


def wait_for_runs(settings: Settings, store: Store, runs: Sequence[Run], *, as_json: bool) -> Exit:
    """Wait until they are closed, print their reports and return the exit code; Ctrl-C leaves them going."""
    try:
        with make_watcher(quiet=False) as watcher:
            heads = follow(store, runs, watcher=watcher)
    except KeyboardInterrupt:
        say("the run goes on; look at it with:" if len(runs) == 1 else "the runs go on; look at them with:")
        _say_how_to_look(settings, runs)
        return Exit.INTERRUPTED
    except NobodyWorksError:
        say(f"no worker has been alive for {VANISHED_S:g} s; the run goes on when one is started:", style="red")
        say(f"  contact-sync --config {settings.path} {_how_to_start(settings)}")
        _say_how_to_look(settings, runs)
        return Exit.NOT_RUN
    for each in runs:
        _print(store, each, head=heads[each.run_id], is_alone=len(runs) == 1, as_json=as_json)
    return max(exit_of(head) for head in heads.values())


def _say_how_to_look(settings: Settings, runs: Sequence[Run]) -> None:
    for each in runs:
        say(f"  contact-sync --config {settings.path} report {each.run_id}")


def _print(store: Store, run: Run, *, head: dict[str, Any] | None, is_alone: bool, as_json: bool) -> None:
    if head is None:
        say(f"run {run.run_id} of {run.connector_id} is gone, and there is no report of it", style="red")
    elif not as_json:
        print_report(store, head)
    elif is_alone:
        write_run_report(store, run.run_id, sys.stdout)
    else:
        write_run_report(store, run.run_id, OneLine(sys.stdout))  # type: ignore[arg-type]  # it writes, no more is asked
        sys.stdout.write("\n")
