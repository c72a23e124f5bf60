"""`contact-sync config`: the schema, what is in force and where it comes from, publishing, and what was published."""

import json
import sys
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from adapters.store import Store
from tasks.report import iso_time
from tasks.visible import to_json
from worker.cli import trying
from worker.cli.choosing import choose
from worker.cli.console import make_table, out, say
from worker.cli.entering import Config, Json, opened_store, settings_of
from worker.cli.exits import Refusal
from worker.compose import publish_configuration
from worker.configuration import to_documents
from worker.configuration.origin import Effective, explain
from worker.configuration.schema import json_schema
from worker.settings import Settings, read_snapshot

__all__ = ["register"]

ConnectorName = Annotated[
    str | None, typer.Argument(metavar="CONNECTOR", help="Whose settings; absent: a list of all.")
]
VersionNumber = Annotated[int, typer.Argument(metavar="VERSION", help="A number as `config history` lists it.")]
Origin = Annotated[bool, typer.Option("--origin", help="Say where each value stands.")]


def register(app: typer.Typer) -> None:
    """Add the verbs below `config`."""
    group = typer.Typer(name="config", help="Look at the configuration, and publish it.", no_args_is_help=True)
    group.command(epilog="Example: contact-sync config schema > contact-sync.schema.json")(schema)
    group.command(epilog="Example: contact-sync config show contoso --origin")(show)
    group.command("test", epilog=trying.EXAMPLE)(trying.try_user)
    group.command(epilog="Example: contact-sync config apply")(apply)
    group.command(epilog="Example: contact-sync config history")(history)
    group.command(epilog="Example: contact-sync config rollback 7")(rollback)
    app.add_typer(group)


def schema() -> None:
    """Print the JSON Schema of the configuration file, for editors."""
    sys.stdout.write(to_json(json_schema(), indent=2) + "\n")


def show(
    context: typer.Context,
    connector: ConnectorName = None,
    *,
    origin: Origin = False,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Check the file, and print a connector's settings as they result from it."""
    settings = settings_of(context, config)
    if connector is None:
        _list(settings, as_json=as_json)
        return
    (chosen,) = choose(settings.connectors, names=[connector])
    values = explain(settings, chosen)
    if as_json:
        rows = {each.key: _described(each, with_origin=origin) for each in values}
        sys.stdout.write(to_json(rows, indent=2) + "\n")
        return
    columns = ["key", "value", *(["from", "table"] if origin else [])]
    rows_shown = [[each.key, _text(each.value), *([each.file, each.table] if origin else [])] for each in values]
    out().print(make_table(columns, rows_shown))


def apply(context: typer.Context, config: Config = None) -> None:
    """Publish the configuration: the next runs use it, without a restart; open runs keep theirs."""
    settings = settings_of(context, config)
    with opened_store(settings) as store:
        before = store.snapshots.current_version()
        version = publish_configuration(settings, store)
    changed = "is published" if version != before else "is in force already: nothing has changed"
    say(f"configuration version {version} {changed}")


def history(context: typer.Context, *, as_json: Json = False, config: Config = None) -> None:
    """List the published versions, the newest first."""
    settings = settings_of(context, config)
    with opened_store(settings) as store:
        entries = store.snapshots.history()
    rows = [
        {"version": each.version, "published_at": _at(each.published_at_ms), "digest": each.digest} for each in entries
    ]
    if as_json:
        sys.stdout.writelines(json.dumps(row) + "\n" for row in rows)
    else:
        out().print(make_table(["version", "published at", "digest"], [list(row.values()) for row in rows]))


def rollback(context: typer.Context, version: VersionNumber, config: Config = None) -> None:
    """Publish an earlier version once more, as the newest; the file stays as it is."""
    settings = settings_of(context, config)
    with opened_store(settings) as store:
        documents = _documents(store, version)
        read_snapshot(settings, documents, name=f"configuration version {version}").check()
        before = store.snapshots.current_version()
        published = store.snapshots.publish(documents)
    if published == before:
        say(f"version {version} holds what is in force already (version {before}); nothing has changed")
        return
    say(f"configuration version {published} is published: it holds what version {version} held")
    if documents != to_documents(settings):
        say(f"{settings.path.name} says other: correct it before `config apply`, `up` or `beat` publishes it again")


def _documents(store: Store, version: int) -> dict[str, Any]:
    try:
        return store.snapshots.get(version)
    except KeyError:
        kept = sorted(each.version for each in store.snapshots.history())
        there_are = f"there are {kept[0]} to {kept[-1]}" if kept else "nothing was published yet"
        raise Refusal(f"there is no configuration version {version}", hint=f"{there_are}: config history") from None


def _list(settings: Settings, *, as_json: bool) -> None:
    connectors = settings.connectors.values()
    if as_json:
        sys.stdout.writelines(to_json(each.model_dump(mode="json")) + "\n" for each in connectors)
        return
    rows = [[each.connector_id, each.psa, each.tenant_id, each.schedule, ", ".join(each.tags)] for each in connectors]
    out().print(make_table(["connector", "psa", "tenant", "schedule", "tags"], rows))


def _described(each: Effective, *, with_origin: bool) -> Any:
    return {"value": each.value, "file": each.file, "table": each.table} if with_origin else each.value


def _text(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else to_json(value)


def _at(milliseconds: int) -> str:
    return iso_time(datetime.fromtimestamp(milliseconds / 1000, UTC))
