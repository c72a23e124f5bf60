"""`contact-sync runs`, `report` and `status`: what happened, and how the customers stand. They only read."""

import sys
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.text import Text

from adapters.records import Run
from adapters.store import Store
from tasks.report import iso_time
from tasks.visible import to_json
from worker.cli.choosing import Every, Psas, Tags, choose
from worker.cli.console import make_table, out, say, shown
from worker.cli.entering import Config, Json, opened_store, settings_of
from worker.cli.exits import Exit, Refusal
from worker.cli.exporting import Csv, Html, Output, choose_export, opened_output
from worker.cli.following import look
from worker.cli.progress import describe
from worker.cli.run import exit_of
from worker.cli.showing import print_report, print_rows
from worker.reporting import write_csv_report, write_html_report, write_run_report
from worker.settings import Settings
from worker.standing import Standing, standings

__all__ = ["register"]

MOST_RUNS = 20
LAST = "last"
EXPORTS = {"json": write_run_report, "csv": write_csv_report, "html": write_html_report}

ConnectorOption = Annotated[
    str | None, typer.Option("--connector", metavar="NAME", help="Runs of this connector only.")
]
Limit = Annotated[int, typer.Option("--limit", metavar="N", min=1, help="At most so many closed runs.")]
Failed = Annotated[bool, typer.Option("--failed", help="Closed runs that did not end well, and no others.")]
Since = Annotated[
    datetime | None,
    typer.Option(
        "--since",
        metavar="DATE",
        formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ"],
        help="No run that ended before this day, or moment (2026-11-24T02:00:00Z), UTC.",
    ),
]
ConnectorNames = Annotated[
    list[str] | None, typer.Argument(metavar="CONNECTOR", help="Whose rows; absent: every connector.")
]
RunId = Annotated[str, typer.Argument(metavar="RUN", help=f'A run id as `runs` lists it, or "{LAST}".')]
Excluded = Annotated[bool, typer.Option("--excluded", help="List who was left out, and by which rule.")]
Errors = Annotated[bool, typer.Option("--errors", help="List all errors, and nothing else.")]
Held = Annotated[bool, typer.Option("--held", help="List the changes that the guard holds back, old → new.")]
Warnings = Annotated[bool, typer.Option("--warnings", help="List all warnings, and nothing else.")]


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    app.command(epilog="Example: contact-sync runs --failed --since 2026-11-24")(runs)
    app.command(epilog="Example: contact-sync report last --html --output report.html")(report)
    app.command(epilog="Example: contact-sync status --json")(status)


def runs(
    context: typer.Context,
    *,
    connector: ConnectorOption = None,
    failed: Failed = False,
    since: Since = None,
    limit: Limit = MOST_RUNS,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """List open runs, and the last closed ones, as long as their reports are kept ([service.retention])."""
    settings = settings_of(context, config)
    with opened_store(settings) as store:
        going_on = [] if failed else store.reports.open_runs()
        heads = store.reports.heads(
            limit,
            connector_id=connector,
            since_ms=int(since.replace(tzinfo=UTC).timestamp() * 1000) if since else 0,
            wanted=_ended_badly if failed else None,
        )
        rows = [_open_row(store, run) for run in reversed(going_on) if connector in (None, run.connector_id)]
        rows += [_closed_row(head) for head in heads]
    if as_json:
        sys.stdout.writelines(to_json(row) + "\n" for row in rows)
        return
    if not rows:
        say(f"no such run; reports are kept for {_kept(settings)}")
        return
    columns = ["run", "connector", "mode", "trigger", "at", "state", "processed", "errors"]
    out().print(make_table(columns, [[_styled(name, row) for name in _COLUMNS] for row in rows]))


def report(  # noqa: PLR0913 - one option each list and each format
    context: typer.Context,
    run: RunId,
    *,
    excluded: Excluded = False,
    errors: Errors = False,
    warnings: Warnings = False,
    held: Held = False,
    as_json: Json = False,
    as_csv: Csv = False,
    as_html: Html = False,
    output: Output = None,
    config: Config = None,
) -> None:
    """Print a run's report; of a run that goes on, how far it is.

    --json, --csv and --html export all of it, each changed field with its old and new value."""
    settings = settings_of(context, config)
    export = choose_export(json=as_json, csv=as_csv, html=as_html, output=output)
    with opened_store(settings) as store:
        head = _head(store, run)
        if head is None:
            _tell_open(store, run, is_exported=export is not None, kept=_kept(settings))
            return
        kinds = {"errors": errors, "warnings": warnings, "excluded": excluded, "held": held}
        if export is not None:
            with opened_output(output) as target:
                EXPORTS[export](store, head["run_id"], target)
        elif any(kinds.values()):
            for kind in (kind for kind, wanted in kinds.items() if wanted):
                print_rows(store, head, kind, most=None)
        else:
            print_report(store, head)


def status(
    context: typer.Context,
    connector: ConnectorNames = None,
    *,
    every: Every = False,
    tag: Tags = None,
    psa: Psas = None,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Show one row a customer, worst first."""
    settings = settings_of(context, config)
    everybody = every or not (connector or tag or psa)
    chosen = choose(settings.connectors, names=connector or [], tags=tag or [], psas=psa or [], every=everybody)
    with opened_store(settings) as store:
        found = standings((settings.connectors[name] for name in chosen), store)
        workers = len(store.presence.living())
    if as_json:
        sys.stdout.writelines(to_json(each.as_json()) + "\n" for each in found)
        return
    columns = ["connector", "standing", "last run", "processed", "errors", "unfinished", "next", "going on"]
    out().print(make_table(columns, map(_status_row, found)))
    for each in found:
        if each.events not in {None, "subscribed"}:
            say(f"{each.connector_id} hears of no changes: {each.events}; its schedule goes on", style="yellow")
    if not workers:
        say("no worker is running", style="red")


_COLUMNS = ("run_id", "connector", "sync_mode", "trigger", "at", "state", "users_processed", "errors")
_STATE_STYLES = {"success": "green", "errors": "red", "held": "yellow", "not run": "yellow"}
_STANDING_STYLES = {
    "failed": "bold red",
    "overdue": "red",
    "held": "yellow",
    "errors": "yellow",
    "never ran": "yellow",
    "fine": "green",
}


def _head(store: Store, run_id: str) -> dict[str, Any] | None:
    if run_id != LAST:
        return store.reports.head(run_id)
    newest = store.reports.heads(1)
    if not newest:
        raise Refusal("no run has ended yet", hint="contact-sync runs lists those that go on")
    return newest[0]


def _kept(settings: Settings) -> str:
    return f"{settings.service.retention.reports_days} days ([service.retention] reports_days)"


def _tell_open(store: Store, run_id: str, *, is_exported: bool, kept: str) -> None:
    run = store.runs.load_run(run_id)
    glance = look(store, run) if run is not None else None
    if run is None or glance is None:
        reason = f"there is no run {run_id!r}, or it ended too long ago: reports are kept for {kept}"
        raise Refusal(reason, hint="contact-sync runs lists them")
    if is_exported:
        raise Refusal(f"run {run_id} has not ended: {describe(glance)}", code=Exit.NOT_RUN)
    out().print(shown(f"{run.connector_id}: {describe(glance)}"))


def _open_row(store: Store, run: Run) -> dict[str, Any]:
    glance = look(store, run)
    return {
        "run_id": run.run_id,
        "connector": run.connector_id,
        "sync_mode": run.mode,
        "trigger": run.trigger,
        "at": _at(run.requested_at_ms),
        "state": run.state.value,
        "waits_for": glance.waits_for if glance else "",
        "users_processed": glance.finished if glance else 0,
        "errors": glance.done.get("error", 0) if glance else 0,
    }


def _closed_row(head: dict[str, Any]) -> dict[str, Any]:
    state = {Exit.SUCCESS: "success", Exit.HELD: "held", Exit.NOT_RUN: "not run"}.get(exit_of(head), "errors")
    return {
        "run_id": head["run_id"],
        "connector": head["connector"],
        "sync_mode": head["sync_mode"],
        "trigger": head.get("trigger"),
        "at": head["sync_timestamp"],
        "state": f"{state}, dry run" if head.get("dry_run") else state,
        "users_processed": head["statistics"]["users_processed"],
        "errors": head["statistics"]["errors"],
    }


def _styled(name: str, row: dict[str, Any]) -> object:
    if name != "state":
        return row[name]
    if row.get("waits_for"):
        return shown(f"{row[name]}, waits for {row['waits_for']}", style="yellow")
    return shown(row[name], style=_STATE_STYLES.get(row[name].partition(",")[0], "cyan"))


def _status_row(each: Standing) -> list[object]:
    return [
        each.connector_id,
        Text(each.standing, style=_STANDING_STYLES.get(each.standing, "cyan")),
        each.last_run_at,
        each.users_processed,
        each.errors,
        each.unfinished,
        each.next_run_at if each.is_automatic else "by hand only",
        each.open_run_id,
    ]


def _ended_badly(head: dict[str, Any]) -> bool:
    return exit_of(head) is not Exit.SUCCESS


def _at(milliseconds: int) -> str:
    return iso_time(datetime.fromtimestamp(milliseconds / 1000, UTC))
