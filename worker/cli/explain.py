"""`contact-sync explain`: why a user's contact is as it is, and what a run would do about it. It only reads."""

import sys
from typing import Annotated, Any

import typer

from tasks.visible import to_json
from worker.cli.choosing import Every, choose
from worker.cli.console import say
from worker.cli.entering import Config, Json, known_connectors, opened_store, requesting_ports, settings_of
from worker.cli.exits import Exit, Refusal
from worker.cli.telling import tell
from worker.explaining import explain_in, is_known

__all__ = ["register"]

CODES = (
    "Exit codes: 0 found · 1 in no tenant that was asked · 2 usage or configuration"
    " · 4 a connector could not be asked, or there is no store"
)

UserName = Annotated[
    str, typer.Argument(metavar="USER", help="User principal name, object id, mail or an alias address.")
]
ConnectorNames = Annotated[
    list[str] | None, typer.Argument(metavar="CONNECTOR", help="Where to look; absent: in every connector.")
]


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command(epilog=f"Example: contact-sync explain jane.smith@contoso.example contoso\n\n{CODES}")(explain)


def explain(
    context: typer.Context,
    user: UserName,
    connectors: ConnectorNames = None,
    *,
    every: Every = False,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Say where a user is found, which contact is its, what a run would do now and why, and what was done before.

    Only reads: neither side nor the store is written to. --json prints one object for each connector, one a line."""
    settings = settings_of(context, config)
    name = user.strip()
    if not name:
        raise Refusal("USER: names nobody", hint="give a user principal name, an object id or a mail")
    with opened_store(settings) as store:
        ports = requesting_ports(settings, store)
        known = known_connectors(ports)
        if not known:
            raise Refusal("no configuration is published", hint="contact-sync config apply")
        chosen = choose(known, names=connectors or [], every=every or not connectors)
        answers = []
        for answer in explain_in(ports, chosen, name):
            answers.append(answer)
            _print(answer, as_json=as_json, is_alone=len(chosen) == 1)
    if not as_json:
        _sum_up(answers, name)
    raise typer.Exit(_exit_of(answers))


def _print(answer: dict[str, Any], *, as_json: bool, is_alone: bool) -> None:
    """Print one answer at once; a connector of many that does not know the user is only named at the end."""
    if as_json:
        sys.stdout.write(to_json(answer) + "\n")
    elif is_known(answer) or answer["failure"] or is_alone:
        tell(answer)


def _sum_up(answers: list[dict[str, Any]], name: str) -> None:
    unknown = [answer["connector"] for answer in answers if not answer["failure"] and not is_known(answer)]
    if unknown and len(answers) > 1:
        say(f"{name} is unknown in {', '.join(unknown)}: neither a user nor deleted within the last 30 days")


def _exit_of(answers: list[dict[str, Any]]) -> Exit:
    if any(answer["failure"] for answer in answers):
        return Exit.NOT_RUN
    return Exit.SUCCESS if any(map(is_known, answers)) else Exit.ERRORS
