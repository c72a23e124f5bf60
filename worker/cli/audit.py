"""`contact-sync audit`: which PSA contacts are one person, and how complete the profiles are. It writes nowhere."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from itertools import islice
from pathlib import Path
from typing import IO, Annotated

import typer

from adapters.errors import SyncError
from adapters.read_only import ReadOnlyContacts
from adapters.records.runs import Lane
from adapters.store import Store
from tasks.auditing.audit import Audit, AuditPorts, audit_connector
from tasks.auditing.audit_csv import write_csv
from tasks.auditing.audit_json import write_json
from tasks.auditing.audit_page import percent, words_of, write_audit_page
from tasks.auditing.trend import AGO_DAYS
from tasks.connector import Connector
from tasks.stepping import message_of
from worker.cli.choosing import Every, Psas, Tags, choose
from worker.cli.console import err, make_table, out, plain, say
from worker.cli.entering import Config, Json, opened_store, settings_of
from worker.cli.exits import Exit, Refusal
from worker.cli.exporting import opened_output
from worker.cli.probing import VERSION, FileAsSnapshot, own_budget
from worker.compose import shared_budgets
from worker.settings import Settings, snapshot_configuration
from worker.vendors import Vendors

__all__ = ["register"]

LANE: Lane = "bulk"  # whoever waits for a targeted run comes first
MOST_CLUSTERS = 20  # on a terminal
STANDARD_OUTPUT = Path("-")

ConnectorNames = Annotated[list[str] | None, typer.Argument(metavar="CONNECTOR", help="Whom to audit.")]
CsvFile = Annotated[
    Path | None, typer.Option("--csv", metavar="FILE", help="Write CSV for a spreadsheet; - is standard output.")
]
HtmlFile = Annotated[
    Path | None,
    typer.Option("--html", metavar="FILE", help="Write one self-contained HTML page; - is standard output."),
]


def register(app: typer.Typer) -> None:
    """Add the verb."""
    example = "Example: contact-sync audit contoso --html audit.html"
    codes = "Exit codes: 0 audited, whatever was found · 1 a connector could not be read · 2 usage or configuration"
    app.command(epilog=f"{example}\n\n{codes}")(audit)


def audit(  # noqa: PLR0913 - one option each format and each way to choose
    context: typer.Context,
    connector: ConnectorNames = None,
    *,
    every: Every = False,
    tag: Tags = None,
    psa: Psas = None,
    csv: CsvFile = None,
    html: HtmlFile = None,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Find PSA contacts that are the same person, and what the Microsoft 365 profiles lack; change nothing.

    Read are the contacts of each connector's companies and the users of its tenant, within the budgets that runs share.
    The day's numbers are remembered for the trend. --json prints one object a connector."""
    settings = settings_of(context, config)
    _check_outputs(csv, html, as_json=as_json)
    chosen = choose(settings.connectors, names=connector or [], tags=tag or [], psas=psa or [], every=every)
    with ExitStack() as stack:
        targets = {path: stack.enter_context(_opened(path)) for path in (csv, html) if path is not None}
        auditor = stack.enter_context(_opened_auditor(settings))
        audits = []
        for name in chosen:
            if (found := auditor.audit(settings.connectors[name])) is not None:
                audits.append(found)
                _show(found, as_json=as_json, is_silent=STANDARD_OUTPUT in targets)
        if not audits:
            raise typer.Exit(Exit.ERRORS)  # and an older file stays as it is
        if csv is not None:
            write_csv(audits, targets[csv])
        if html is not None:
            write_audit_page(audits, targets[html])
    raise typer.Exit(Exit.SUCCESS if len(audits) == len(chosen) else Exit.ERRORS)


class _Auditor:
    """Audits connectors of the configuration file, one after the other."""

    def __init__(self, settings: Settings, store: Store | None, vendors: Vendors) -> None:
        self._settings, self._store, self._vendors = settings, store, vendors

    def audit(self, connector: Connector) -> Audit | None:
        """Audit one connector; None, and a line that says why, if it could not be read."""
        say(f"auditing {connector.connector_id} …")
        contacts = self._vendors.contacts_of(connector, version=VERSION, lane=LANE)
        ports = AuditPorts(
            directory=self._vendors.directory_of(connector, version=VERSION, lane=LANE),
            contacts=ReadOnlyContacts(contacts),
            memory=self._store.memory if self._store is not None else None,
            tell=_tell,
        )
        try:
            return audit_connector(ports, connector)
        except SyncError as error:
            hint = f"see contact-sync check {connector.connector_id}"
            say(f"{connector.connector_id} could not be audited: {message_of(error)}; {hint}", style="red")
            return None


@contextmanager
def _opened_auditor(settings: Settings) -> Iterator[_Auditor]:
    """Open the store if it is there, and the vendors."""
    with ExitStack() as stack:
        store: Store | None = None
        try:
            store = stack.enter_context(opened_store(settings))
            store.runs.now_ms()  # a store that is configured and does not answer ends the command
        except Refusal:
            say("contact-sync does not run here: links and earlier days are unknown, and nothing is remembered")
        configuration = snapshot_configuration(settings, FileAsSnapshot(settings))
        budgets = own_budget if store is None else shared_budgets(store)
        yield _Auditor(settings, store, stack.enter_context(closing(Vendors(configuration, budgets))))


def _check_outputs(csv: Path | None, html: Path | None, *, as_json: bool) -> None:
    if [csv, html].count(STANDARD_OUTPUT) + as_json > 1:
        raise Refusal("only one format can go to standard output", hint="name files: --csv FILE, --html FILE")
    if csv is not None and csv == html:
        raise Refusal(f"--csv and --html name the same file {csv}", hint="name two files")


@contextmanager
def _opened(path: Path) -> Iterator[IO[str]]:
    with opened_output(None if path == STANDARD_OUTPUT else path) as target:
        yield target


def _tell(progress: str) -> None:
    """Show progress where somebody watches."""
    if sys.stderr.isatty():
        err().print(f"  {progress}", end="\r", soft_wrap=True)


def _show(audit: Audit, *, as_json: bool, is_silent: bool) -> None:
    if as_json:
        write_json(audit, sys.stdout)
    elif not is_silent:
        _print(audit)


def _print(audit: Audit) -> None:
    title = f"{audit.connector_id}: {audit.users} users, {audit.contacts} contacts"
    columns = ["measure", "number", "of", "share", *(f"{ago} days ago" for ago in AGO_DAYS)]
    rows = [
        [words_of(each), each.number, each.of, percent(each.share), *(percent(each.before[ago]) for ago in AGO_DAYS)]
        for each in audit.measures
    ]
    out().print(make_table(columns, rows, title=plain(title)))
    if not len(audit.clusters):
        say(f"{audit.connector_id}: no possible duplicates")
        return
    shown = [
        [row["cluster"], row["contacts"][0]["name"], len(row["contacts"]), row["advice"]]
        for row in islice(audit.clusters, MOST_CLUSTERS)
    ]
    out().print(make_table(["possible duplicate", "name", "contacts", "what to do"], shown))
    if len(audit.clusters) > MOST_CLUSTERS:
        say(f"and {len(audit.clusters) - MOST_CLUSTERS} more; --html, --csv and --json name all of them")
