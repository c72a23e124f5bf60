"""What waits for a person, customer by customer: refused users, foreign ids, contradictions, held runs and plans."""

import shlex
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from adapters.records import UserDecision
from adapters.store import Store
from tasks import codes
from tasks.connector import Connector
from tasks.names import fold
from tasks.plans.exports import command_of, is_to_do
from tasks.report import iso_time
from tasks.settling import row_of

__all__ = ["decision_rows", "waiting"]

Json = dict[str, Any]

MOST_RUNS = 50  # looked through for the last full one
MOST_PLANS = 20  # of a connector
KINDS = {
    codes.DUPLICATE_CONTACT: "possible duplicate",
    codes.COMPANY_MISMATCH: "another company",
    codes.CONTACT_DELETED: "deleted contact",
    codes.DECISION_UNUSABLE: "unusable decision",
}
CHOICES = {
    codes.DUPLICATE_CONTACT: ("link CONTACT", "create", "ignore"),
    codes.COMPANY_MISMATCH: ("link CONTACT", "ignore"),
    codes.CONTACT_DELETED: ("link CONTACT", "create", "ignore"),
    codes.DECISION_UNUSABLE: ("link CONTACT", "create", "ignore"),
}
ANYHOW = ("ignore",)


def waiting(connector: Connector, store: Store) -> Iterator[Json]:
    """Yield what waits for a person, each with the commands that settle it; what is decided does not wait.

    Asks nobody but the store: users as the last runs left them, contacts as the last full run found them."""
    connector_id = connector.connector_id
    decided = _decided(store, connector_id)
    yield from _plans(store, connector_id)
    yield from _pairing(store, connector)
    yield from _refused(store, connector_id, decided)
    yield from _found(store, connector_id, decided)


def decision_rows(store: Store, connector_id: str) -> Iterator[Json]:
    """Yield what was decided about users."""
    now_ms = store.runs.now_ms()
    for each in store.decisions.iter_all(connector_id):
        yield row_of(connector_id, each, now_ms=now_ms)


def _decided(store: Store, connector_id: str) -> dict[str, UserDecision]:
    now_ms = store.runs.now_ms()
    standing = (each for each in store.decisions.iter_all(connector_id) if not each.has_ended(now_ms))
    return {fold(each.name): each for each in standing}


def _plans(store: Store, connector_id: str) -> Iterator[Json]:
    for plan in store.kept.newest(MOST_PLANS, connectors=[connector_id]):
        if is_to_do(plan) and plan.lines:
            kind = "held run" if plan.is_held else "plan"
            message = f"{plan.lines} changes wait as plan {plan.number}"
            commands = [f"contact-sync plan show {plan.number}", command_of(plan)]
            yield _row(connector_id, kind, message, since_ms=plan.kept_at_ms, run_id=plan.run_id, commands=commands)


def _pairing(store: Store, connector: Connector) -> Iterator[Json]:
    known = store.memory.pairings(connector.home, connector.company_ids)
    doubtful = sorted(company_id for company_id, word in known.items() if word == "doubtful")
    if doubtful:
        name = connector.connector_id
        message = f"tenant and company {', '.join(doubtful)} share no domain, and nobody has confirmed them"
        commands = [f"contact-sync check {name}", f"contact-sync check {name} --confirm"]
        yield _row(name, "doubtful pairing", message, code=codes.PAIRING_UNCONFIRMED, commands=commands)


def _refused(store: Store, connector_id: str, decided: dict[str, UserDecision]) -> Iterator[Json]:
    entries = store.memory.unfinished(connector_id)
    for user_id, entry in sorted(entries.items(), key=lambda pair: int(pair[1]["since_ms"])):
        row = entry.get("row") or {}
        code, name = str(row.get("code") or ""), str(row.get("user_principal_name") or user_id)
        if entry["kind"] != "refused" or (code != codes.DECISION_UNUSABLE and fold(name) in decided):
            continue
        commands = [_decide(connector_id, name, choice) for choice in CHOICES.get(code, ANYHOW)]
        explain = f"contact-sync explain {shlex.quote(name)} {connector_id}"
        yield _row(
            connector_id,
            KINDS.get(code, "refused"),
            str(row.get("message", "")),
            code=code,
            user=(name, user_id),
            since_ms=int(entry["since_ms"]),
            commands=[explain, *commands],
        )


def _found(store: Store, connector_id: str, decided: dict[str, UserDecision]) -> Iterator[Json]:
    """Yield what the runs since the last full one warn of: foreign object ids, and what two connectors claim."""
    met: set[tuple[str, str]] = set()
    for head in store.reports.heads(MOST_RUNS, connector_id=connector_id):
        if head.get("dry_run"):
            continue
        for row in (*head.get("warnings", ()), *store.reports.rows(head["run_id"], "warnings")):
            found = _warned(connector_id, row, str(head["run_id"]), decided)
            key = (row["code"], str(row["user_principal_name"] or row["message"]))
            if found is not None and key not in met:
                met.add(key)
                yield found
        if head["sync_mode"] == "full":
            return


def _warned(connector_id: str, row: Json, run_id: str, decided: dict[str, UserDecision]) -> Json | None:
    code, name = row["code"], row["user_principal_name"]
    if code == codes.FOREIGN_OBJECT_ID and fold(str(name)) not in decided:
        commands = [_decide(connector_id, str(name), choice) for choice in ("link CONTACT", "ignore")]
        kind, user = "foreign object id", (str(name), None)
    elif code == codes.CLAIMED_TWICE:
        commands = [f"contact-sync check {connector_id}", f"contact-sync config show {connector_id} --origin"]
        kind, user = "claimed twice", None
    else:
        return None
    return _row(connector_id, kind, str(row["message"]), code=code, user=user, run_id=run_id, commands=commands)


def _decide(connector_id: str, name: str, choice: str) -> str:
    return f"contact-sync decide {connector_id} {shlex.quote(name)} {choice} --reason TEXT"


def _row(
    connector_id: str,
    kind: str,
    message: str,
    *,
    commands: list[str],
    code: str | None = None,
    user: tuple[str, str | None] | None = None,
    since_ms: int | None = None,
    run_id: str | None = None,
) -> Json:
    return {
        "connector": connector_id,
        "kind": kind,
        "code": code,
        "user_principal_name": user and user[0],
        "office365_id": user and user[1],
        "since": None if since_ms is None else iso_time(datetime.fromtimestamp(since_ms / 1000, UTC)),
        "run_id": run_id,
        "message": message,
        "commands": commands,
    }
