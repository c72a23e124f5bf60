"""`contact-sync cancel`: ends a run that goes on."""

import json
import sys
from typing import Annotated

import typer

from tasks.closing import cancel_run
from worker.cli.console import say
from worker.cli.entering import Config, Json, opened_store, requesting_ports, settings_of
from worker.cli.exits import Refusal

__all__ = ["register"]

RunId = Annotated[str, typer.Argument(metavar="RUN", help="A run id as `runs` lists it.")]


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command(epilog="Example: contact-sync cancel 20261124T020000-contoso-ab12cd")(cancel)


def cancel(context: typer.Context, run: RunId, *, as_json: Json = False, config: Config = None) -> None:
    """End a run.

    Users being written are finished, the others stand in users_unprocessed; the next run starts from where this one
    did. A repeat is harmless, and so is cancelling a run that is closed.
    """
    settings = settings_of(context, config)
    with opened_store(settings) as store:
        is_open = cancel_run(requesting_ports(settings, store), run)
        if not is_open and not store.runs.is_closed(run):
            raise Refusal(f"there is no run {run!r}", hint="contact-sync runs lists them")
    if as_json:
        sys.stdout.write(json.dumps({"run_id": run, "state": "cancelling" if is_open else "closed"}) + "\n")
    else:
        say(f"run {run} ends as soon as the users being written are finished" if is_open else f"run {run} is closed")
