"""`contact-sync notify test`: whether alerts arrive, and the heartbeat."""

import json
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial

import typer

from adapters.errors import TransientError
from worker.cli.console import make_table, out, shown
from worker.cli.entering import Config, Json, settings_of
from worker.cli.exits import Exit, Refusal
from worker.compose import make_notifier

__all__ = ["register"]

TITLE = "contact-sync: a test"
BODY = "This is what an alert looks like. Nothing is wrong.\nLook closer: contact-sync status"
STYLES = {True: "green", False: "bold red"}
ADVICE = {
    "target_unusable": "no such service, or a part of the URL is missing: compare with Apprise's page of that service",
    "not_delivered": "the service refused it or cannot be reached: check token, channel and network",
    "heartbeat_refused": "the address answered with an error",
    "heartbeat_unreachable": "nobody answers at that address",
}


@dataclass(frozen=True)
class Delivery:
    """What became of one message."""

    target: str
    delivered: bool
    detail: str


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(name="notify", help="Try where alerts go.", no_args_is_help=True, rich_markup_mode=None)
    epilog = "Example: contact-sync notify test\n\nExit codes: 0 all arrived · 1 one did not · 2 nothing is configured"
    group.command(name="test", epilog=epilog)(send_test)
    app.add_typer(group)


def send_test(context: typer.Context, *, as_json: Json = False, config: Config = None) -> None:
    """Send a test message to each address of service.notify, and the heartbeat to service.heartbeat_url.

    Needs neither store nor worker.
    """
    settings = settings_of(context, config)
    notifier = make_notifier(settings)
    if not notifier.targets and settings.service.heartbeat_url is None:
        hint = 'add to [service]: notify = [{ env = "CONTACT_SYNC_NOTIFY" }], an Apprise URL'
        raise Refusal("neither service.notify nor service.heartbeat_url is set", hint=hint)
    deliveries = [
        _deliver(notifier.describe(target), partial(notifier.send, target, title=TITLE, body=BODY))
        for target in notifier.targets
    ]
    if settings.service.heartbeat_url is not None:
        deliveries.append(_deliver("heartbeat_url", notifier.ping))
    _print(deliveries, as_json=as_json)
    raise typer.Exit(Exit.SUCCESS if all(each.delivered for each in deliveries) else Exit.ERRORS)


def _deliver(name: str, send: Callable[[], None]) -> Delivery:
    try:
        send()
    except TransientError as error:
        status = "" if error.status is None else f" (status {error.status})"
        return Delivery(name, delivered=False, detail=f"{error.reason}{status}; {ADVICE[error.reason]}")
    return Delivery(name, delivered=True, detail="arrived")


def _print(deliveries: list[Delivery], *, as_json: bool) -> None:
    if as_json:
        sys.stdout.writelines(json.dumps(asdict(each)) + "\n" for each in deliveries)
        return
    rows = [[each.target, shown(each.detail, style=STYLES[each.delivered])] for each in deliveries]
    out().print(make_table(["target", "result"], rows))
