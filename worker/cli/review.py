"""`contact-sync review`: what waits for a person, each with the command that settles it."""

import sys
from typing import Annotated, Any

import typer

from tasks.visible import to_json
from worker.cli.choosing import Every, choose
from worker.cli.console import out, say, shown
from worker.cli.entering import Config, Json, known_connectors, opened_store, requesting_ports, settings_of
from worker.reviewing import waiting

__all__ = ["register"]

Names = Annotated[list[str] | None, typer.Argument(metavar="CONNECTOR", help="Of whom; default: of everybody.")]


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command(epilog="Example: contact-sync review contoso --json")(review)


def review(
    context: typer.Context,
    connectors: Names = None,
    *,
    every: Every = False,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """List what waits for a person: possible duplicates, other refused users, foreign ids, contradictions, held runs.

    What is decided (contact-sync decisions) does not wait. Only the store is asked: users stand as the last runs left
    them, contacts as the last full run found them. --json prints one object a line."""
    settings = settings_of(context, config)
    number = 0
    with opened_store(settings) as store:
        known = known_connectors(requesting_ports(settings, store))
        for name in choose(known, names=connectors or [], every=every or not connectors):
            for row in waiting(known[name], store):
                number += 1
                _print(row, as_json=as_json)
    if not as_json:
        say(f"{number} wait for a decision" if number else "nothing waits for a decision")


def _print(row: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(to_json(row) + "\n")
        return
    about = row["user_principal_name"] or row["run_id"]
    since = f", since {row['since']}" if row["since"] else ""
    out().print(shown(f"{row['connector']}: {row['kind']}{f': {about}' if about else ''}{since}", style="yellow"))
    out().print(shown(f"  {row['message']}"))
    for command in row["commands"]:
        out().print(shown(f"    {command}", style="cyan"), soft_wrap=True)
    out().print()
