"""One user in one connector, explained: where it is, in scope or not, its contact, what would be written, what was."""

from typing import Any

from adapters.errors import SyncError
from adapters.records import Link, Outcome, Planned, Run
from tasks import codes, on_hold, pairing, starting, stepping
from tasks.connector import Connector
from tasks.drafting import name_of
from tasks.explaining.candidates import candidates_of
from tasks.explaining.differences import fields_of
from tasks.explaining.locating import Located, locate
from tasks.explaining.reading_only import reading_only
from tasks.explaining.rehearsing import Rehearsed, rehearse, run_of
from tasks.explaining.rules import company_rule_of
from tasks.explaining.standing import guard_of, history_of, time_of, unfinished_of
from tasks.guarding import kinds_of
from tasks.leaving import DELETED
from tasks.matching import Match
from tasks.ports import Ports
from tasks.scope import DISABLED, Exclusion

__all__ = ["explain", "failed", "unexplained"]

Json = dict[str, Any]

BASE_RULES = {
    DISABLED: "the account is switched off in Microsoft 365 (accountEnabled)",
    "guest": "the user is a guest, and include_guests is off",
    "no mail": "the user has no mail",
    "unlicensed": "the user has no licence, and licensed_only is on",
    DELETED: "the user is not in the directory any more",
}


def explain(ports: Ports, connector: Connector, name: str) -> Json:
    """Explain a user, named by object id, user principal name or mail; writes nothing. Raises SyncError.

    Costs the same however many users there are: a fixed number of round trips to the store, and the calls of a run for
    this user alone."""
    ports = reading_only(ports)
    run = run_of(ports, connector, name)
    located = locate(ports.directory(run), name)
    answer: Json = {"connector": connector.connector_id, "read_at": time_of(run.started_at_ms)}
    answer["found"] = _found(located)
    user = located.user
    if user is None:
        return {**answer, **_nothing(), "guard": guard_of(ports, connector)}
    entry = ports.memory.unfinished_of(connector.connector_id, user.id)
    found = rehearse(ports, run, connector, located=located, named=(entry or {}).get("named", ()))
    return {
        **answer,
        "scope": _scope(found, located, connector),
        "company": _company(found, connector),
        "link": _link(found.link),
        "decision": _decision(ports, run, connector, user.id),
        "match": _match(found),
        "candidates": candidates_of(found, connector),
        "fields": fields_of(found, connector),
        "now": _now(found, connector, obstacle=_obstacle(ports, run, connector)),
        "unfinished": unfinished_of(entry),
        "guard": guard_of(ports, connector),
        "history": history_of(ports, connector, user.id),
        "failure": None,
    }


def failed(connector_id: str, error: SyncError) -> Json:
    """Return the answer of a connector that could not be asked, in the same shape."""
    return unexplained(connector_id, code=stepping.code_of(error), message=stepping.message_of(error))


def unexplained(connector_id: str, *, code: str, message: str) -> Json:
    """Return an answer that says only why there is none."""
    found: Json = {"where": "unknown", "by": None, "user": None, "others": []}
    failure = {"code": code, "message": message}
    return {"connector": connector_id, "read_at": None, "found": found, **_nothing(), "guard": None, "failure": failure}


def _nothing() -> Json:
    return {
        "scope": None,
        "company": None,
        "link": None,
        "decision": None,
        "match": None,
        "candidates": [],
        "fields": [],
        "now": None,
        "unfinished": None,
        "history": [],
        "failure": None,
    }


def _found(located: Located) -> Json:
    user = located.user
    shown = user and {
        "office365_id": user.id,
        "user_principal_name": user.user_principal_name,
        "display_name": user.display_name,
        "mail": user.mail,
        "account_enabled": user.account_enabled,
        "user_type": user.user_type,
    }
    others = [name_of(other) for other in located.others]
    return {"where": located.where, "by": located.by, "user": shown, "others": others}


def _scope(found: Rehearsed, located: Located, connector: Connector) -> Json:
    if located.where != "tenant":
        return {"in_scope": False, "rule": DELETED, "reason": BASE_RULES[DELETED]}
    exclusion = found.exclusion
    if exclusion is None:
        return {"in_scope": True, "rule": None, "reason": "no rule leaves the user out"}
    return {"in_scope": False, "rule": exclusion.rule, "reason": _reason(exclusion, connector)}


def _reason(exclusion: Exclusion, connector: Connector) -> str:
    if exclusion.rule == "office365_sync_filter":
        return f"office365_sync_filter is not true: {connector.office365_sync_filter}"
    for rule in connector.exclude:
        if rule.name == exclusion.rule:
            return f"an exclusion is true: {rule.when}"
    return BASE_RULES.get(exclusion.rule, exclusion.rule)


def _company(found: Rehearsed, connector: Connector) -> Json | None:
    draft = found.case.drafted.draft if found.case is not None else None
    if draft is None:
        return None
    rule = company_rule_of(connector, found.user)
    return {
        "psa_company_id": draft.company_id,
        "site_id": draft.site_id,
        "rule": None if rule is None else rule.name or rule.when,
    }


def _link(link: Link | None) -> Json | None:
    if link is None:
        return None
    return {"psa_contact_id": link.contact_id, "psa_company_id": link.company_id, "read_at": time_of(link.read_at_ms)}


def _decision(ports: Ports, run: Run, connector: Connector, user_id: str) -> Json | None:
    decided = ports.decisions.find(connector.connector_id, [user_id]).get(user_id)
    if decided is None:
        return None
    facts = on_hold.facts_of(decided, now_ms=run.started_at_ms)
    is_here = decided.action == "ignore" or decided.home == connector.home
    return {**facts, "counts": facts["counts"] and is_here}


def _match(found: Rehearsed) -> Json | None:
    if not isinstance(found.verdict, Match) or found.verdict.contact is None:
        return None
    return {"key": found.verdict.key, "psa_contact_id": found.verdict.contact.id}


def _obstacle(ports: Ports, run: Run, connector: Connector) -> tuple[str, str] | None:
    """Return code and message of what keeps every run of this connector from writing."""
    reason = pairing.objection(ports, run, connector)
    if reason is not None:
        return codes.PAIRING_UNCONFIRMED, reason
    company_id = connector.psa_default_company_id
    missing = None if company_id is None else starting.missing_company(ports, run, company_id)
    return None if missing is None else (codes.MISSING_COMPANY_ID, missing)


def _now(found: Rehearsed, connector: Connector, *, obstacle: tuple[str, str] | None) -> Json:
    """Say what a run would do about this user."""
    warnings = [{"code": row["code"], "message": row["message"]} for row in found.warnings]
    action, code, message = _action(found, warnings)
    if obstacle is not None and action != "skip":
        action, (code, message) = "refuse", obstacle
    held: set[str] = set()
    if isinstance(found.decision, Planned):
        held = {excess.name for excess in found.excesses}.intersection(kinds_of(found.decision))
    if held and action != "refuse":
        action, code, message = "hold", codes.CHANGES_HELD, f"the guard holds back {', '.join(sorted(held))}"
    return {
        "action": action,
        "code": code,
        "message": message,
        "changed_fields": list(found.decision.changed_fields) if isinstance(found.decision, Planned) else [],
        "warnings": warnings,
        "automatic": connector.office365_sync_enabled,
    }


def _action(found: Rehearsed, warnings: list[Json]) -> tuple[str, str | None, str]:
    decision = found.decision
    if isinstance(decision, Outcome) and decision.status == "error":
        return "refuse", decision.row.get("code"), str(decision.row.get("message"))
    if isinstance(decision, Planned):
        return _write_of(decision)
    held = [row for row in warnings if row["code"] == codes.ON_HOLD] if found.case is not None else warnings
    if held:
        return "skip", held[0]["code"], held[0]["message"]
    return "skip", None, _why_nothing(found)


def _why_nothing(found: Rehearsed) -> str:
    if found.case is None:
        if any(contact.active for contact in found.left):
            return "the contact stays as it is: somebody else has it, too, or it is in a company that is none of ours"
        return "the user has no active contact of ours"
    if isinstance(found.verdict, Match) and found.verdict.contact is None:
        return "the account is switched off, so no contact is made for it"
    return "the contact is as it should be"


def _write_of(planned: Planned) -> tuple[str, str | None, str]:
    if planned.draft is not None:
        return "create", None, f"a contact would be made in company {planned.draft.company_id}"
    change = planned.change
    assert change is not None  # noqa: S101 - Planned holds exactly one of the two
    if change.active is False:
        return "deactivate", None, f"contact {change.contact_id} would be switched off"
    return "update", None, f"contact {change.contact_id} would be changed in {', '.join(planned.changed_fields)}"
