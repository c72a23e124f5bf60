"""`contact-sync config test`: what a connector's rules make of one user, who stands in a file as Graph gives it."""

import json
import sys
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import typer

from adapters.errors import SyncError, WireError
from adapters.graph.mapping import map_user
from adapters.records import USER_PROPERTIES, FieldSpec, PsaSchema, User
from tasks.connector import Connector
from tasks.explaining import Explanation, explain_user
from tasks.expressions.compiled import ExpressionError
from tasks.names import closest
from tasks.visible import to_json
from worker.cli.choosing import choose
from worker.cli.console import make_table, out, say, shown
from worker.cli.entering import Config, Json, settings_of
from worker.cli.exits import Exit, Refusal
from worker.cli.probing import Prober
from worker.settings import Settings

__all__ = ["EXAMPLE", "try_user"]

EXAMPLE = "Example: contact-sync config test contoso --user jane.json"
NOBODYS_ID = "00000000-0000-0000-0000-000000000000"  # a user written by hand may have none
PSA_FIELDS = {"email": "email", "phone": "phone", "mobile_phone": "phone"}

ConnectorName = Annotated[str, typer.Argument(metavar="CONNECTOR", help="Whose rules.")]
UserFile = Annotated[
    Path, typer.Option("--user", metavar="FILE", help="A user as Graph gives it, as JSON: GET /users/UPN?$select=…")
]
Offline = Annotated[
    bool, typer.Option("--offline", help="Do not ask the PSA for its fields: no lengths, no lists, no contact types.")
]


def try_user(
    context: typer.Context,
    connector: ConnectorName,
    user: UserFile,
    *,
    offline: Offline = False,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Say what the rules make of one user: in scope or out, by which rule, company, fields, warnings."""
    settings = settings_of(context, config)
    (chosen,) = choose(settings.connectors, names=[connector])
    found, absent = read_user(user)
    if absent and not as_json:
        say(f"note: {user} does not name {', '.join(absent)}; expressions see nothing there.")
        say(f"      Graph gives all by $select={','.join(USER_PROPERTIES)}")
    record = settings.connectors[chosen]
    schema = _assumed_schema(record) if offline else _fetch_schema(settings, record)
    try:
        explained = explain_user(record, schema, found)
    except ExpressionError as error:
        raise Refusal(f"{error} could not be evaluated for this user", hint="correct the expression") from error
    _print(record, found, explained, as_json=as_json)
    raise typer.Exit(Exit.ERRORS if explained.drafted.error and not explained.excluded_by else Exit.SUCCESS)


def read_user(path: Path) -> tuple[User, list[str]]:
    """Read a user's JSON; return it with the properties that the file does not name. Raises Refusal."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise Refusal(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise Refusal(f"{path}: is not UTF-8 text", hint="save it as UTF-8") from error
    except json.JSONDecodeError as error:
        raise Refusal(f"{path}: line {error.lineno}: is not valid JSON: {error.msg}") from error
    if isinstance(raw, dict) and isinstance(raw.get("value"), list) and len(raw["value"]) == 1:
        (raw,) = raw["value"]  # a list of one, as a filter gives it
    if not isinstance(raw, dict):
        raise Refusal(f"{path}: must hold one user as a JSON object", hint='such as {"userPrincipalName": "…"}')
    for name in raw:
        if name not in USER_PROPERTIES and (meant := closest(name, USER_PROPERTIES)) and meant not in raw:
            say(f"note: {path}: {name} is no property that is read; did you mean {meant}?")
    return _mapped(path, {"id": NOBODYS_ID, **raw}), [name for name in USER_PROPERTIES[1:] if name not in raw]


def _mapped(path: Path, raw: dict[str, Any]) -> User:
    try:
        return map_user(raw)
    except WireError:
        wrong = [name for name, value in raw.items() if not _fits(name, value)]
    hint = "write each as Graph does: text in quotes, true or false, a list in [ ]"
    raise Refusal(f"{path}: {', '.join(wrong)}: has another type than Graph gives", hint=hint)


def _fits(name: str, value: object) -> bool:
    try:
        map_user({"id": NOBODYS_ID, name: value})
    except WireError:
        return False
    return True


def _fetch_schema(settings: Settings, connector: Connector) -> PsaSchema:
    with closing(Prober(settings, None)) as prober:
        try:
            return prober.schema(connector)
        except SyncError as error:
            hint = f"mend it (contact-sync check {connector.connector_id}), or add --offline"
            raise Refusal(f"the PSA's fields cannot be read: {error}", hint=hint, code=Exit.NOT_RUN) from error


def _assumed_schema(connector: Connector) -> PsaSchema:
    kinds: dict[str, Any] = PSA_FIELDS
    return PsaSchema(fields=tuple(FieldSpec(name=n, kind=kinds.get(n, "text")) for n in connector.field_mapping))


def _print(connector: Connector, user: User, explained: Explanation, *, as_json: bool) -> None:
    facts = _facts(connector, user, explained)
    if as_json:
        sys.stdout.write(to_json(facts) + "\n")
        return
    rule = explained.excluded_by
    word = "in scope" if rule is None else f"out of scope, by the rule {rule!r}"
    out().print(
        shown(f"{facts['user_principal_name'] or 'the user'}: {word}", style="green" if rule is None else "yellow")
    )
    if explained.drafted.error:
        out().print(make_table(["code", "what happens"], [[facts["error"]["code"], facts["error"]["message"]]]))
        return
    placed = [[key, facts[key]] for key in ("company_id", "company_rule", "site_id", "contact_type") if facts[key]]
    out().print(make_table(["contact", "would be"], [*placed, *map(list, facts["fields"].items())]))
    if explained.warnings:
        out().print(make_table(["warning", "what happens"], explained.warnings))


def _facts(connector: Connector, user: User, explained: Explanation) -> dict[str, Any]:
    draft, error = explained.drafted.draft, explained.drafted.error
    rule = explained.company_rule
    return {
        "connector": connector.connector_id,
        "user_principal_name": user.user_principal_name,
        "in_scope": explained.excluded_by is None,
        "excluded_by": explained.excluded_by,
        "company_id": draft.company_id if draft else None,
        "company_rule": (rule.name or rule.when) if rule else None,
        "site_id": draft.site_id if draft else None,
        "contact_type": draft.contact_type if draft else None,
        "fields": dict(draft.fields) if draft else {},
        "error": {"code": error["code"], "message": error["message"]} if error else None,
        "warnings": [{"code": code, "message": message} for code, message in explained.warnings],
    }
