"""What commands share on their way in: the configuration file, the store, the ports to ask for runs with."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Annotated

import typer

from adapters.errors import TenantError
from adapters.store import Store
from tasks.connector import Connector
from tasks.ports import Ports
from tasks.publishing import CeleryPublisher
from worker import embedded
from worker.celery_app import SyncApp, create_app
from worker.cli.console import say
from worker.cli.exits import Exit, Refusal
from worker.compose import build_ports, open_store, redis_url_of
from worker.settings import Settings, load_settings

__all__ = [
    "WHERE",
    "Config",
    "Json",
    "known_connectors",
    "opened_store",
    "publishing_app",
    "requesting_ports",
    "settings_of",
]

WHERE = "--config FILE, else $CONTACT_SYNC_CONFIG, else ./contact-sync.toml"

Config = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", help="The configuration file; also before the verb.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON on standard output, and nothing else there.")]


def settings_of(context: typer.Context, config: Path | None) -> Settings:
    """Load the configuration that was named after the verb, before it, or by default. Raises ConfigurationError."""
    return load_settings(config or context.find_root().obj)


@contextmanager
def opened_store(settings: Settings) -> Iterator[Store]:
    """Open the store for a block. Raises Refusal if it is the embedded one and nobody runs it."""
    state_dir = settings.service.state_dir
    if settings.service.redis_url is None and not embedded.is_up(state_dir):
        raise Refusal(
            f"contact-sync does not run in {state_dir}, and service.redis_url names no other store",
            hint=f"start it in another terminal: contact-sync --config {settings.path} up",
            code=Exit.NOT_RUN,
        )
    with closing(open_store(settings)) as store:
        yield store


def publishing_app(settings: Settings) -> SyncApp:
    """Return an application that publishes messages and runs no task."""
    return create_app(
        redis_url_of(settings),
        visibility_timeout_s=settings.service.timing.visibility_timeout_s,
        user_events=settings.service.workers.user_events,
    )


def requesting_ports(settings: Settings, store: Store) -> Ports:
    """Return ports that can ask for runs."""
    return build_ports(settings, store, publisher=CeleryPublisher(publishing_app(settings)))


def known_connectors(ports: Ports) -> dict[str, Connector]:
    """Return the connectors of the published configuration; one that this release cannot use is left out, and said."""
    version = ports.configuration.current_version()
    known: dict[str, Connector] = {}
    for name in ports.configuration.connectors(version=version) if version else ():
        try:
            known[name] = ports.configuration.connector(name, version=version)
        except TenantError as error:
            say(f"{name} is left out: this release cannot use its published settings ({error.reason})", style="red")
    return known
