"""`contact-sync check`: every connection, permission and mapping of the configuration file; writes nothing."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import Annotated

import typer

from adapters.errors import SyncError
from adapters.store import Store
from tasks.visible import to_json
from worker.cli.choosing import Every, Psas, Tags, choose
from worker.cli.console import make_table, out, say, shown
from worker.cli.entering import Config, Json, opened_store, settings_of
from worker.cli.exits import Exit, Refusal
from worker.cli.findings import INSTALLATION, Finding
from worker.cli.probing import Prober
from worker.compose import make_notifier
from worker.settings import Settings

__all__ = ["register"]

ConnectorNames = Annotated[
    list[str] | None, typer.Argument(metavar="CONNECTOR", help="Whom to check; absent: every connector.")
]
STYLES = {"ok": "green", "note": "cyan", "warning": "yellow", "failed": "bold red"}
Confirm = Annotated[
    bool,
    typer.Option(
        "--confirm", help="Say that each tenant and its company are the same customer, although no domain shows it."
    ),
]


def register(app: typer.Typer) -> None:
    """Add the verb."""
    epilog = "Example: contact-sync check contoso\n\nExit codes: 0 all is well · 1 something failed · 2 configuration"
    app.command(epilog=epilog)(check)


def check(
    context: typer.Context,
    connector: ConnectorNames = None,
    *,
    every: Every = False,
    tag: Tags = None,
    psa: Psas = None,
    confirm: Confirm = False,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Check every connection, permission, pairing and mapping; write nothing to either side.

    Needs no worker, and no store, but to remember a pairing. Without names and tags it also lists the companies of each
    PSA that no connector serves."""
    settings = settings_of(context, config)
    if confirm and not connector:
        raise Refusal("--confirm takes the connectors by name", hint="contact-sync check CONNECTOR --confirm")
    everybody = every or not (connector or tag or psa)
    chosen = choose(settings.connectors, names=connector or [], tags=tag or [], psas=psa or [], every=everybody)
    with ExitStack() as stack:
        store, finding = _store(settings, stack)
        findings = [finding, *_alerts(settings)]
        prober = stack.enter_context(closing(Prober(settings, store, confirm=confirm)))
        for connector_id in chosen:
            if not as_json:
                say(f"checking {connector_id} …")
            findings.extend(prober.probe(settings.connectors[connector_id]))
        if not (connector or tag):
            findings.extend(prober.find_unserved())
    _print(findings, as_json=as_json)
    if not as_json:
        say("duplicates and gaps in profiles are not looked for here: contact-sync audit")
    raise typer.Exit(Exit.ERRORS if any(each.verdict == "failed" for each in findings) else Exit.SUCCESS)


def _store(settings: Settings, stack: ExitStack) -> tuple[Store | None, Finding]:
    """Return the store if it can be used, and what was found about it."""
    try:
        store = stack.enter_context(opened_store(settings))
        store.connection.check_server()
        workers = len(store.presence.living())
    except Refusal:
        return None, Finding(
            INSTALLATION, "store", "warning", "contact-sync does not run here; start it: contact-sync up"
        )
    except SyncError as error:
        return None, Finding(INSTALLATION, "store", "failed", f"{error}; check service.redis_url and its settings")
    detail = f"reachable, nothing evicted, append-only file on; {workers} worker processes alive"
    return store, Finding(INSTALLATION, "store", "ok" if workers else "warning", detail)


def _alerts(settings: Settings) -> Iterator[Finding]:
    """Yield what was found about each address of service.notify; nothing is sent there."""
    notifier = make_notifier(settings)
    for target in notifier.targets:
        name = notifier.describe(target)
        if notifier.is_usable(target):
            yield Finding(INSTALLATION, name, "ok", "alerts can go there; try it: contact-sync notify test")
        else:
            detail = "no such service, or a part of the URL is missing: compare with Apprise's page of that service"
            yield Finding(INSTALLATION, name, "failed", detail)


def _print(findings: list[Finding], *, as_json: bool) -> None:
    if as_json:
        sys.stdout.writelines(to_json(each.as_json()) + "\n" for each in findings)
        return
    out().print(make_table(["connector", "what", "", "found"], _rows(findings)))


def _rows(findings: list[Finding]) -> Iterator[list[object]]:
    for each in findings:
        yield [each.connector, each.what, shown(each.verdict, style=STYLES[each.verdict]), each.detail]
