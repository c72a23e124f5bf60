"""`contact-sync undo`: takes back what a run wrote."""

import sys
from typing import Annotated

import typer

from adapters.records import Run
from adapters.store import Store
from tasks.undo.undoing import UndoRefusedError, count_writes, request_undo
from worker.cli.console import say
from worker.cli.entering import Config, Json, opened_store, requesting_ports, settings_of
from worker.cli.exits import Exit, Refusal
from worker.cli.plan_lines import print_changes
from worker.cli.run import DryRun, NoWait, check_workers, print_ids, read_request, wait_for_runs
from worker.settings import Settings

__all__ = ["register"]

FIRST_CHANGES = 10
EPILOG = (
    "Example: contact-sync undo 20261124T020000-contoso-ab12cd --dry-run\n\n"
    "Example: contact-sync undo 20261124T020000-contoso-ab12cd --upn john.doe@contoso.com --yes\n\n"
    "Exit codes: 0 success · 1 the run had errors · 2 usage, a run that cannot be undone, or nobody to ask and no --yes"
    " · 3 not confirmed, held or cancelled · 4 not run (connector busy, no worker, credentials)"
    " · 130 Ctrl-C: the run goes on."
)

RunId = Annotated[str, typer.Argument(metavar="RUN", help="A run id as `runs` lists it.")]
Upns = Annotated[list[str] | None, typer.Option("--upn", metavar="UPN", help="Only this user's contact; repeatable.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command(epilog=EPILOG)(undo)


def undo(
    context: typer.Context,
    run: RunId,
    *,
    upn: Upns = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    no_wait: NoWait = False,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Take back what a run wrote, and print the report of that.

    Each field gets its old value again unless somebody has changed it since; contacts that the run made become
    inactive, those that it switched off active. It is a run of its own, which can be undone, too.
    """
    names = read_request(user_principal_names=tuple(upn or ())).user_principal_names
    settings = settings_of(context, config)
    with opened_store(settings) as store:
        code = _undo(settings, store, run, names=names, dry_run=dry_run, yes=yes, no_wait=no_wait, as_json=as_json)
    raise typer.Exit(code)


def _undo(
    settings: Settings,
    store: Store,
    run_id: str,
    *,
    names: tuple[str, ...],
    dry_run: bool,
    yes: bool,
    no_wait: bool,
    as_json: bool,
) -> Exit:
    ports = requesting_ports(settings, store)
    try:
        counted = count_writes(ports, run_id, names=names)
        say(f"contacts that run {run_id} made, and that become inactive: {counted['create']}")
        say(f"contacts that it changed, whose old values are put back where nobody has edited: {counted['update']}")
        check_workers(settings, store)
        if not (dry_run or yes):
            _confirm()
        requested = request_undo(ports, run_id, names=names, dry_run=dry_run, trigger="cli")
    except UndoRefusedError as error:
        raise Refusal(str(error), hint="contact-sync runs lists the runs") from error
    if no_wait:
        print_ids([requested.run_id], as_json=as_json)
        return Exit.SUCCESS
    code = wait_for_runs(settings, store, [requested], as_json=as_json)
    if not as_json:
        _say_what_came_of_it(store, requested)
    return code


def _say_what_came_of_it(store: Store, run: Run) -> None:
    """Print what a dry run would put back; of a real one, say who is on hold now."""
    head = store.reports.head(run.run_id)
    if head is None:
        return
    if run.dry_run:
        print_changes(store.reports.rows(run.run_id, "updated"), most=FIRST_CHANGES)
        if head["statistics"]["contacts_updated"] > FIRST_CHANGES:
            say(f"… all of them: contact-sync report {run.run_id} --html --output undo.html")
    elif head["success"] and run.notes["frees"] is None:
        say("no run touches whoever was undone, until you say:", style="bold")
        say(f"  contact-sync release {run.connector_id} --run {run.undoes}")


def _confirm() -> None:
    """Ask, where somebody can answer. Raises Refusal for anything but a yes."""
    if not sys.stdin.isatty():
        raise Refusal("nobody can be asked here, so nothing was done", hint="try --dry-run, then say --yes")
    if not typer.confirm("Undo it?", err=True):
        raise Refusal("nothing was done", code=Exit.HELD)
