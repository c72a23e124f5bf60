"""An explanation in sentences, for people. What a tenant's user or a PSA's contact is called comes out harmless."""

from collections.abc import Iterator
from typing import Any

from worker.cli.console import make_table, out, shown

__all__ = ["tell"]

Json = dict[str, Any]

NOTHING = "(nothing)"
BY = {
    "object_id": "its object id",
    "user_principal_name": "its user principal name",
    "mail": "its mail",
    "alias": "an alias address",
}
ACTIONS = {
    "create": ("a contact would be created", "green"),
    "update": ("the contact would be updated", "green"),
    "deactivate": ("the contact would be switched off", "yellow"),
    "skip": ("nothing would be written", "cyan"),
    "refuse": ("refused", "bold red"),
    "hold": ("held back by the guard", "yellow"),
}
GUARDED = {"creations": "creations", "deactivations": "deactivations", "rewrites": "rewrites of a field"}


def tell(answer: Json) -> None:
    """Print one connector's answer."""
    console = out()
    title, style = _title(answer)
    console.print(shown(title, style=style))
    for sentence in _sentences(answer):
        console.print(shown(f"  {sentence}"))
    if answer["fields"]:
        console.print(make_table(["field", "now", "would be", "written", "why"], map(_field, answer["fields"])))
    if answer["now"] and answer["now"]["warnings"]:
        rows = [[row["code"], row["message"]] for row in answer["now"]["warnings"]]
        console.print(make_table(["warning", "what a run would say"], rows))
    if answer["history"]:
        console.print(make_table(["when", "what happened", "in the run"], map(_event, answer["history"])))
    console.print()


def _title(answer: Json) -> tuple[str, str]:
    name, user = answer["connector"], answer["found"]["user"]
    if answer["failure"]:
        return f"{name}: could not be asked", "bold red"
    if user is None:
        return f"{name}: knows no such user", "yellow"
    called = user["display_name"] or user["user_principal_name"] or user["office365_id"]
    words, style = ACTIONS[answer["now"]["action"]]
    return f"{name}: {called} — {words}", style


def _sentences(answer: Json) -> Iterator[str]:
    if answer["failure"]:
        yield f"{answer['failure']['code']}: {answer['failure']['message']}."
        return
    yield from _whereabouts(answer["found"])
    if answer["now"] is None:
        return
    yield _scope(answer["scope"])
    if company := answer["company"]:
        how = f'by the company rule "{company["rule"]}"' if company["rule"] else "the default"
        yield f"It belongs to company {company['psa_company_id']}, {how}."
    yield from _decided(answer["decision"])
    yield from _contacts(answer)
    yield _now(answer["now"])
    if unfinished := answer["unfinished"]:
        word = "will be tried again by the next run" if unfinished["kind"] == "retry" else "was refused"
        yield f"Since {unfinished['since']} it {word}: {unfinished['code']}: {unfinished['message']}."
    yield from _guard(answer["guard"])
    if not answer["history"]:
        yield "No run has written anything for it, or failed to, as far as is remembered."


def _whereabouts(found: Json) -> Iterator[str]:
    user = found["user"]
    if user is None:
        yield "Microsoft 365 has no user of that name, and none was deleted under it within the last 30 days."
        return
    names = ", ".join(filter(None, (user["user_principal_name"], f"object id {user['office365_id']}")))
    by = BY.get(found["by"], found["by"])
    if found["where"] == "tenant":
        state = {True: "enabled", False: "switched off"}.get(user["account_enabled"], "in an unknown state")
        yield f"Found in the tenant by {by}: {names}; the account is {state}, a {user['user_type'] or 'user'}."
    elif found["where"] == "deleted":
        yield f"Found among the deleted users by {by}: {names}."
    else:
        yield f"Microsoft 365 has no user of this object id any more, deleted ones included: {user['office365_id']}."
    if found["others"]:
        yield f"The same address have {', '.join(found['others'])}: ask for each by its user principal name."


def _scope(scope: Json) -> str:
    if scope["in_scope"]:
        return f"In scope: {scope['reason']}."
    return f'Out of scope by the rule "{scope["rule"]}": {scope["reason"]}.'


def _decided(decision: Json | None) -> Iterator[str]:
    if decision is None:
        return
    what = " ".join(filter(None, (decision["action"], decision["psa_contact_id"])))
    until = f", until {decision['until']}" if decision["until"] else ""
    idle = "" if decision["counts"] else "; it does not count (any more)"
    yield f'Decided by {decision["by"]} on {decision["since"]}{until}: {what} ("{decision["reason"]}"){idle}.'


def _contacts(answer: Json) -> Iterator[str]:
    if not answer["candidates"]:
        yield "No contact of the PSA could be this user's."
    for row in answer["candidates"]:
        called = ", ".join(filter(None, (row["name"], row["email"], None if row["active"] else "inactive")))
        yield f"Contact {row['psa_contact_id']}{f' ({called})' if called else ''}: {row['reason']}."


def _now(now: Json) -> str:
    code = f"{now['code']}: " if now["code"] else ""
    off = "" if now["automatic"] else " Automatic sync is off (office365_sync_enabled): only a run by hand would."
    said = "" if now["action"] in ("create", "update", "deactivate") else f"{ACTIONS[now['action']][0]}: "
    return f"A run now: {said}{code}{now['message']}.{off}"


def _guard(guard: Json) -> Iterator[str]:
    if not guard["approved"]:
        yield "Automatic runs are held until the first one is approved (contact-sync approve), or made by hand."
    if not guard["in_force"]:
        yield "The guard is not in force: no run over the whole tenant has ended yet."
        return
    limits = ", ".join(f"{GUARDED[kind]} {limit}" for kind, limit in guard["limits"].items())
    yield f"The guard's limits for a run: {limits} ({guard['contacts']} contacts)."
    last = guard["last_run"]
    if last and last["held"]:
        held = ", ".join(f"{each['number']} {each['field'] or each['kind']}" for each in last["held"])
        yield f"The last run, {last['run_id']}, held back: {held}."


def _field(row: Json) -> list[object]:
    return [row["name"], row["old"] or NOTHING, row["new"] or NOTHING, "yes" if row["written"] else "no", row["reason"]]


def _event(event: Json) -> list[object]:
    words = {
        "created": f"contact {event['detail']} created",
        "updated": f"updated: {event['detail']}",
        "deactivated": f"contact {event['detail']} switched off",
        "error": f"failed: {event['detail']}",
        "held": "a change was held back by the guard",
    }
    often = f" ({event['times']} runs in a row, since {event['since']})" if event["times"] > 1 else ""
    return [event["at"], f"{words[event['kind']]}{often}", event["run_id"]]
