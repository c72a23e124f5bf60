"""The verbs that run services: `up` for all; `worker`, `beat`, `flower` and `api` singly, for compose or systemd."""

import json
import os
import sys
from typing import Annotated, NoReturn

import typer

from worker import embedded, telemetry
from worker.cli.children import ChildrenView
from worker.cli.console import say
from worker.cli.entering import Config, opened_store, publishing_app, requesting_ports, settings_of
from worker.cli.exits import Exit, Refusal
from worker.cli.interrupting import Interruptions
from worker.compose import publish_configuration
from worker.configuration import ApiSection
from worker.installation import Installation, has_api, running
from worker.services import ALL_QUEUES, Service, beat_service, worker_service
from worker.settings import Settings

__all__ = ["register", "where_things_are"]

Queues = Annotated[
    list[str] | None,
    typer.Option(
        "--queue", metavar="QUEUE", help=f"Take work from this queue only ({', '.join(ALL_QUEUES)}); repeatable."
    ),
]
Slots = Annotated[
    int | None, typer.Option("--slots", metavar="N", min=1, help="Users at once; default: service.workers.threads.")
]
Name = Annotated[
    str, typer.Option("--name", metavar="NAME", help="The worker's name before @HOST; two on one host need two names.")
]
UrlPrefix = Annotated[
    str | None, typer.Option("--url-prefix", metavar="PATH", help="Serve Flower below this path, behind a proxy.")
]

OpenApi = Annotated[bool, typer.Option("--openapi", help="Print the OpenAPI document and end; needs no store.")]


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    app.command(epilog="Example: contact-sync --config contact-sync.toml up")(up)
    app.command(epilog="Example: contact-sync worker --queue control --queue targeted --name control")(worker)
    app.command(epilog="Example: contact-sync beat")(beat)
    app.command(epilog="Example: contact-sync flower --url-prefix flower")(flower)
    app.command(epilog="Example: contact-sync api\n\nExample: contact-sync api --openapi >openapi.json")(api)


def up(context: typer.Context, config: Config = None) -> None:
    """Run everything on this machine in the foreground.

    Store (unless service.redis_url names one), workers, schedule and Flower; whatever ends is started again. Ctrl-C or
    SIGTERM stops it warmly: users being written are finished first. A second one does not wait.
    """
    settings = settings_of(context, config)
    view = ChildrenView()
    with Interruptions() as interruptions:
        with running(settings, on_line=view.line, on_change=view.change, hurry=interruptions.hurry) as installation:
            for line in where_things_are(installation):
                say(line)
            interruptions.stop.wait()
            say("stopping: users being written now are finished first; Ctrl-C again does not wait")
        say("stopped")


def where_things_are(installation: Installation) -> list[str]:
    """Say where a running installation's parts are, one line each."""
    settings = installation.settings
    service, workers = settings.service, settings.service.workers
    store = embedded.describe(service.state_dir) if service.redis_url is None else "service.redis_url"
    login = "" if service.flower_basic_auth is None else " (password: service.flower_basic_auth)"
    return [
        f"configuration  {settings.path}, version {installation.config_version}, {len(settings.connectors)} connectors",
        f"store          {store}",
        f"workers        {workers.processes} with {workers.threads} {workers.pool} each, and one for control",
        f"Flower         http://{service.flower_listen}{login}",
        *([f"API            http://{service.api_listen} ({_callers(settings)})"] if has_api(settings) else []),
        "stop           Ctrl-C",
    ]


def _callers(settings: Settings) -> str:
    """Say whom the API answers."""
    tokens = ", ".join(settings.api.tokens)
    graph = "Microsoft Graph" if settings.service.public_url else ""
    return "; ".join(filter(None, [f"tokens: {tokens}" if tokens else "", graph]))


def worker(
    context: typer.Context, *, queue: Queues = None, slots: Slots = None, name: Name = "celery", config: Config = None
) -> None:
    """Run one worker process in the foreground.

    SIGTERM stops it as soon as the users being written are finished.
    """
    settings = settings_of(context, config)
    if wrong := sorted(set(queue or ()) - set(ALL_QUEUES)):
        raise Refusal(f"there is no queue {wrong[0]!r}", hint=f"there are: {', '.join(ALL_QUEUES)}")
    with opened_store(settings) as store:
        store.connection.check_server()
    _become(worker_service(settings, name=name, queues=tuple(queue or ALL_QUEUES), slots=slots))


def beat(context: typer.Context, config: Config = None) -> None:
    """Publish the configuration and run the schedule.

    In the foreground; two of them are harmless.
    """
    settings = settings_of(context, config)
    with opened_store(settings) as store:
        version = publish_configuration(settings, store)
    say(f"configuration version {version} is published")
    _become(beat_service(settings))


def flower(context: typer.Context, *, url_prefix: UrlPrefix = None, config: Config = None) -> None:
    """Show workers and tasks in the browser."""
    from worker.flower import serve_flower  # noqa: PLC0415 - Flower's imports are this command's alone

    settings = settings_of(context, config)
    with opened_store(settings):
        app = publishing_app(settings)
    telemetry.configure()
    try:
        serve_flower(app, _flower_options(settings, url_prefix=url_prefix))
    except OSError as error:
        reason = f"service.flower_listen: {settings.service.flower_listen} cannot be used: {error.strerror or error}"
        raise Refusal(reason, code=Exit.NOT_RUN) from error


def api(context: typer.Context, *, openapi: OpenApi = False, config: Config = None) -> None:
    """Answer by HTTP: runs asked for, looked at and cancelled; Microsoft Graph's notifications.

    In the foreground, at service.api_listen; several of them behind one address are harmless.
    """
    from worker.api.access import Access  # noqa: PLC0415 - FastAPI's imports are this command's alone
    from worker.api.serving import create_api, serve_api  # noqa: PLC0415 - as Access

    if openapi:
        document = create_api(_unused, _unused, Access(ApiSection())).openapi()
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
        return
    settings = settings_of(context, config)
    with opened_store(settings) as store:
        store.connection.check_server()
        ports = requesting_ports(settings, store)
        access = Access(settings.api, is_open=settings.service.development)
        telemetry.configure()
        try:
            serve_api(create_api(lambda: ports, lambda: store, access), settings.service.api_listen)
        except OSError as error:
            reason = f"service.api_listen: {settings.service.api_listen} cannot be used: {error.strerror or error}"
            raise Refusal(reason, code=Exit.NOT_RUN) from error


def _unused() -> NoReturn:
    raise RuntimeError("a document needs no store")


def _flower_options(settings: Settings, *, url_prefix: str | None) -> dict[str, object]:
    from worker.flower import flower_options  # noqa: PLC0415 - as in flower

    service, basic_auth = settings.service, settings.service.flower_basic_auth
    return flower_options(
        service.flower_listen,
        basic_auth=None if basic_auth is None else basic_auth.get_secret_value(),
        read_only=not service.flower_operations,
        url_prefix=url_prefix,
    )


def _become(service: Service) -> None:
    """Replace this process by the service, so that whoever supervises it signals it directly."""
    os.execve(service.command[0], service.command, service.environment)  # noqa: S606 - no shell is wanted
