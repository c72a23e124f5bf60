"""`contact-sync holds` and `release`: users that no run touches, and giving them back to the runs."""

import json
import sys
from datetime import UTC, datetime
from typing import Annotated

import typer

from adapters.store import Store
from tasks import on_hold
from tasks.report import iso_time
from worker.cli.choosing import choose
from worker.cli.console import make_table, out, say
from worker.cli.entering import Config, Json, known_connectors, opened_store, requesting_ports, settings_of
from worker.cli.exits import Refusal

__all__ = ["register"]

Names = Annotated[list[str] | None, typer.Argument(metavar="CONNECTOR", help="Whose users; default: everybody's.")]
Connector = Annotated[str, typer.Argument(metavar="CONNECTOR", help="Whose users.")]
Users = Annotated[
    list[str] | None, typer.Argument(metavar="USER", help="User principal name or object id; several are allowed.")
]
OfRun = Annotated[str | None, typer.Option("--run", metavar="RUN", help="Those whom undoing this run put on hold.")]
Every = Annotated[bool, typer.Option("--all", help="Every user of the connector that is on hold.")]


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    app.command(epilog="Example: contact-sync holds contoso --json")(holds)
    app.command(
        epilog="Example: contact-sync release contoso jane.doe@contoso.com\n\n"
        "Example: contact-sync release contoso --run 20261124T020000-contoso-ab12cd"
    )(release)


def holds(context: typer.Context, connectors: Names = None, *, as_json: Json = False, config: Config = None) -> None:
    """List the users whose contacts are left alone until they are released, and why; `undo` puts them on hold."""
    settings = settings_of(context, config)
    with opened_store(settings) as store:
        known = known_connectors(requesting_ports(settings, store))
        chosen = choose(known, names=connectors or [], every=not connectors)
        rows = [row for connector_id in chosen for row in _rows(store, connector_id)]
    if as_json:
        for row in rows:
            sys.stdout.write(json.dumps(row) + "\n")
    elif rows:
        out().print(make_table(list(rows[0]), [list(row.values()) for row in rows]))
    else:
        say("nobody is on hold")


def release(
    context: typer.Context,
    connector: Connector,
    users: Users = None,
    *,
    run: OfRun = None,
    every: Every = False,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Let runs have users again that are on hold; the next incremental run takes them up.

    A repeat releases nobody.
    """
    if sum(map(bool, (users, run, every))) != 1:
        raise Refusal("whom?", hint="name users, or --run RUN, or --all; contact-sync holds lists who is on hold")
    settings = settings_of(context, config)
    with opened_store(settings) as store:
        ports = requesting_ports(settings, store)
        choose(known_connectors(ports), names=[connector])
        try:
            number = on_hold.release(ports, connector, names=users or (), run_id=run)
        except on_hold.UnknownUsersError as error:
            raise Refusal(str(error), hint=f"contact-sync holds {connector} lists who is") from error
    if as_json:
        sys.stdout.write(json.dumps({"connector": connector, "released": number}) + "\n")
    else:
        say(f"{number} users are released; the next run of {connector} takes them up")


def _rows(store: Store, connector_id: str) -> list[dict[str, str]]:
    return [
        {
            "connector": connector_id,
            "user_principal_name": each.name,
            "office365_id": each.user_id,
            "reason": each.reason,
            "by": each.by,
            "since": iso_time(datetime.fromtimestamp(each.at_ms / 1000, UTC)),
        }
        for each in store.decisions.iter_all(connector_id)
    ]
