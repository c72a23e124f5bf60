"""`contact-sync decide`, `decisions` and `release`: what people settle about users, and taking it back."""

import getpass
import json
import sys
from datetime import date
from typing import Annotated

import typer

from adapters.errors import SyncError
from tasks import on_hold, settling, stepping
from worker.cli.choosing import choose
from worker.cli.console import make_table, out, say
from worker.cli.entering import Config, Json, known_connectors, opened_store, requesting_ports, settings_of
from worker.cli.exits import Exit, Refusal
from worker.reviewing import decision_rows

__all__ = ["register"]

Names = Annotated[list[str] | None, typer.Argument(metavar="CONNECTOR", help="Whose users; default: everybody's.")]
Connector = Annotated[str, typer.Argument(metavar="CONNECTOR", help="Whose users.")]
User = Annotated[str, typer.Argument(metavar="USER", help="User principal name or object id.")]
Action = Annotated[str, typer.Argument(metavar="link|create|ignore", help="What is so from now on.")]
Contact = Annotated[str | None, typer.Argument(metavar="CONTACT", help="The contact's id in the PSA; of link only.")]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why: others will ask for it.")]
Until = Annotated[
    str | None,
    typer.Option(
        "--until", metavar="DATE", help="The last day on which it counts (UTC), as 2026-12-31; absent: for good."
    ),
]
By = Annotated[str | None, typer.Option("--by", metavar="NAME", help="Who decides; absent: your login name.")]
Users = Annotated[
    list[str] | None, typer.Argument(metavar="USER", help="User principal name or object id; several are allowed.")
]
OfRun = Annotated[str | None, typer.Option("--run", metavar="RUN", help="Those whom undoing this run put on hold.")]
Every = Annotated[bool, typer.Option("--all", help="Every user of the connector about whom something was decided.")]


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    app.command(
        epilog='Example: contact-sync decide contoso jane.doe@contoso.com link 4711 --reason "asked her"\n\n'
        'Example: contact-sync decide contoso jane.doe@contoso.com ignore --until 2026-12-31 --reason "on leave"'
    )(decide)
    app.command(epilog="Example: contact-sync decisions contoso --json")(decisions)
    app.command(
        epilog="Example: contact-sync release contoso jane.doe@contoso.com\n\n"
        "Example: contact-sync release contoso --run 20261124T020000-contoso-ab12cd"
    )(release)


def decide(  # noqa: PLR0913, PLR0917 - one argument each word of the decision
    context: typer.Context,
    connector: Connector,
    user: User,
    action: Action,
    contact: Contact = None,
    *,
    reason: Reason,
    until: Until = None,
    by: By = None,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Settle which contact is a user's, for all runs to come; the next incremental one takes it up.

    link: CONTACT is the user's. create: none of the contacts that could be it is, and one is made. ignore: its contact
    is left alone. It is tried out first, and refused if a run could not do it. Take it back by contact-sync release."""
    if action not in ("link", "create", "ignore"):
        raise Refusal(f"{action} cannot be decided", hint="link CONTACT, create or ignore")
    proposal = settling.Proposal(
        action=action,  # type: ignore[arg-type]
        reason=reason,
        by=by or _login_name(),
        contact_id=(contact or "").strip(),
        until_ms=_end_of(until) if until else None,
    )
    settings = settings_of(context, config)
    with opened_store(settings) as store:
        ports = requesting_ports(settings, store)
        known = known_connectors(ports)
        choose(known, names=[connector])
        try:
            made = settling.decide(ports, known[connector], user.strip(), proposal)
        except settling.DecisionRefusedError as error:
            raise Refusal(str(error), hint="nothing was decided") from error
        except SyncError as error:
            hint = "nothing was decided; try again"
            raise Refusal(stepping.message_of(error), hint=hint, code=Exit.NOT_RUN) from error
    if as_json:
        sys.stdout.write(json.dumps(settling.row_of(connector, made, now_ms=made.at_ms)) + "\n")
    else:
        say(f"decided about {made.name}: {made.action}; the next run of {connector} takes it up")


def decisions(
    context: typer.Context, connectors: Names = None, *, as_json: Json = False, config: Config = None
) -> None:
    """List what was decided about users: what, by whom, when and why; `undo` decides to ignore the users it undoes."""
    settings = settings_of(context, config)
    with opened_store(settings) as store:
        known = known_connectors(requesting_ports(settings, store))
        chosen = choose(known, names=connectors or [], every=not connectors)
        rows = [row for connector_id in chosen for row in decision_rows(store, connector_id)]
    if as_json:
        for row in rows:
            sys.stdout.write(json.dumps(row) + "\n")
    elif rows:
        out().print(
            make_table(list(rows[0]), [["" if cell is None else cell for cell in row.values()] for row in rows])
        )
    else:
        say("nothing was decided about anybody")


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
    """Take back what was decided about users; the next incremental run takes them up.

    A repeat releases nobody.
    """
    if sum(map(bool, (users, run, every))) != 1:
        raise Refusal("whom?", hint="name users, or --run RUN, or --all; contact-sync decisions lists them")
    settings = settings_of(context, config)
    with opened_store(settings) as store:
        ports = requesting_ports(settings, store)
        choose(known_connectors(ports), names=[connector])
        try:
            number = on_hold.release(ports, connector, names=users or (), run_id=run)
        except on_hold.UnknownUsersError as error:
            raise Refusal(str(error), hint=f"contact-sync decisions {connector} lists them") from error
    if as_json:
        sys.stdout.write(json.dumps({"connector": connector, "released": number}) + "\n")
    else:
        say(f"{number} users are released; the next run of {connector} takes them up")


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError) as error:
        raise Refusal("your login has no name", hint="say who decides: --by NAME") from error


def _end_of(day: str) -> int:
    try:
        return settling.end_of(date.fromisoformat(day.strip()))
    except ValueError as error:
        raise Refusal(f"--until: {day} is no day", hint="write it as 2026-12-31") from error
