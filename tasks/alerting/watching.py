"""The round in which incidents are found, told and sent. Any number of them at once, killed anywhere, are harmless.

What a round finds, and which messages come of it, is one step of the ledger; two rounds at once cannot both do it. A
message is sent at least once: it is taken with a grace, and dropped once it has arrived."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime

import structlog
from pydantic import ValidationError

from adapters.errors import TenantError, TransientError
from tasks import codes
from tasks.alerting import news, texts
from tasks.alerting.facts import CASES
from tasks.connector import Connector
from tasks.incidents import Condition, Notice, Standing
from tasks.ports import Json, Ports
from tasks.report import iso_time
from tasks.scheduling import next_tick

MOST_FACTS = 500
MOST_MESSAGES = 20
MOST_ROWS = 200  # of a run's errors that are counted to find the most frequent one
MOST_RUNS_SHOWN = 3
SEND_AGAIN_S = 90.0  # longer than a target's time-outs
GIVE_UP_S = 86400.0
LATE_S = 3600.0  # a scheduled run may take so long before its connector counts as not successful

OPENED, REMINDED, OVER = "incident.opened", "incident.reminded", "incident.over"
NOT_DELIVERED, GIVEN_UP, NOT_PINGED = "alert.not_delivered", "alert.given_up", "heartbeat.not_delivered"
UNREADABLE = "incidents.unreadable"
EVENTS = {"opened": OPENED, "reminder": REMINDED, "over": OVER}

log = structlog.get_logger()


def watch(ports: Ports) -> None:
    """Find out what there is to tell, and send what waits."""
    while _advance(ports) == MOST_FACTS:
        pass
    _send(ports)


def _advance(ports: Ports) -> int:
    """Take the facts that wait, and what can be seen, into the incidents; return how many facts that were."""
    version, stored = ports.alerts.load()
    standing = _standing_of(stored)
    facts = ports.alerts.facts(limit=MOST_FACTS)
    now_ms = ports.runs.now_ms()
    connectors = _connectors(ports)
    after, notices = news.advance(
        standing,
        facts=[_with_rows(ports, fact) for fact in facts],
        conditions=list(_conditions(ports, standing, connectors, now_ms)),
        connectors=list(connectors),
        rules=ports.alert_rules,
        now_ms=now_ms,
    )
    messages = _messages(ports, notices, now_ms)
    if after == standing and not facts and not messages:
        return 0
    if not ports.alerts.commit(version, after.model_dump_json(), facts=facts, messages=messages):
        return 0  # another round was faster: what it left is taken by the next
    for notice in notices:
        incident = notice.incident
        facts_of_it = {"kind": incident.kind, "place": incident.place, "reason": incident.reason}
        log.warning(EVENTS[notice.kind], **facts_of_it, members=len(incident.members), met=len(incident.met))
    return len(facts)


def _standing_of(stored: str) -> Standing:
    """Read the incidents back; what another release left and this one cannot read is begun anew, and told again."""
    try:
        return Standing.model_validate_json(stored) if stored else Standing()
    except ValidationError:
        log.exception(UNREADABLE)
        return Standing()


def _connectors(ports: Ports) -> dict[str, Connector | None]:
    """Return the configured connectors; None for one that this release cannot use."""
    version = ports.configuration.current_version()
    found: dict[str, Connector | None] = {}
    for connector_id in ports.configuration.connectors(version=version):
        try:
            found[connector_id] = ports.configuration.connector(connector_id, version=version)
        except TenantError:
            found[connector_id] = None
    return found


def _with_rows(ports: Ports, fact: Json) -> Json:
    """Add by which code most of a run's users failed, which of them wait for a person, and how many that are."""
    if fact["failed"]:
        return fact
    waits = _waits(ports, fact["connector"])
    rows = ports.alerts.first_errors(fact["run_id"], most=MOST_ROWS) if fact["errors"] else []
    cases = sum(row["code"] in CASES for row in rows)
    if len(rows) == MOST_ROWS:
        cases = max(cases, min(fact["errors"], len(waits)))  # there are more than were looked at
    others = Counter(row["code"] for row in rows if row["code"] not in CASES).most_common(1)
    code = {"code": others[0][0]} if others else {}
    return {**fact, **code, "cases": sorted(waits), "waiting": cases}


def _waits(ports: Ports, connector_id: str) -> list[int]:
    """Return since when each refused user of a connector waits for a person; who was decided about waits no more."""
    entries = {
        user_id: entry
        for user_id, entry in ports.memory.unfinished(connector_id).items()
        if entry["kind"] == "refused" and _code_of(entry) in CASES
    }
    decided, now_ms = ports.decisions.find(connector_id, list(entries)), ports.runs.now_ms()
    stands = {user_id for user_id, each in decided.items() if not each.has_ended(now_ms)}
    return [
        int(entry["since_ms"])
        for user_id, entry in entries.items()
        if user_id not in stands or _code_of(entry) == codes.DECISION_UNUSABLE
    ]


def _code_of(entry: Json) -> str:
    return str((entry.get("row") or {}).get("code"))


def _messages(ports: Ports, notices: list[Notice], now_ms: int) -> list[Json]:
    runs = {member.run_id for each in notices for member in list(each.incident.members.values())[:MOST_RUNS_SHOWN]}
    runs |= {each.incident.run_id for each in notices}
    errors = {run_id: ports.alerts.first_errors(run_id, most=MOST_RUNS_SHOWN) for run_id in sorted(runs - {""})}
    return [
        {"target": target, "title": text.title, "body": text.body, "at_ms": now_ms}
        for text in texts.compose(notices, errors)
        for target in ports.notifier.targets
    ]


# --- what can be seen at any time -------------------------------------------------------------------------------------


def _conditions(
    ports: Ports, standing: Standing, connectors: dict[str, Connector | None], now_ms: int
) -> Iterator[Condition]:
    for connector in filter(None, connectors.values()):
        since_ms = _late_since(ports, standing, connector, now_ms)
        if since_ms is not None:
            reason = f"for {ports.alert_rules.not_successful_s / 3600:g} h"
            detail = f"none since {iso_time(datetime.fromtimestamp(since_ms / 1000, UTC))}"
            yield Condition("not_successful", connector.psa, reason, connector.connector_id, detail=detail)
    for expiry in ports.expiries(now_ms):
        if expiry.days_left <= ports.alert_rules.expiry_days:
            yield Condition(
                "expiry", expiry.place, expiry.what, expiry.what, detail=expiry.says, days_left=expiry.days_left
            )
    instances = {connector.psa for connector in filter(None, connectors.values())}
    for instance, wait_s in ports.budgets.paused(sorted(instances)).items():
        if wait_s >= ports.alert_rules.budget_wait_s:
            detail = f"it asked us to wait for another {wait_s / 60:.0f} minutes"
            yield Condition("budget", instance, "nothing may be sent", instance, detail=detail)


def _late_since(ports: Ports, standing: Standing, connector: Connector, now_ms: int) -> int | None:
    """Return when the last run of a connector came to its end that should have had another one since."""
    if not connector.office365_sync_enabled or connector.schedule is None:
        return None
    since_ms = news.not_successful(standing, connector.connector_id, rules=ports.alert_rules, now_ms=now_ms)
    if since_ms is None:
        return None
    due_ms = next_tick(connector.schedule, connector.timezone, after_ms=since_ms)
    return since_ms if due_ms is not None and now_ms - due_ms > LATE_S * 1000 else None


def ping(ports: Ports) -> None:
    """Note that beat is well, and send the outgoing heartbeat; one that fails is not tried again, the next is near."""
    ports.presence.note_schedule()
    try:
        ports.notifier.ping()
    except TransientError as error:
        log.warning(NOT_PINGED, reason=error.reason, status=error.status)


# --- sending ----------------------------------------------------------------------------------------------------------


def _send(ports: Ports) -> None:
    """Send what waits; a target that does not take it gets it again in the next rounds, for a day."""
    for _ in range(MOST_MESSAGES):
        waiting = ports.alerts.waiting(limit=1, grace_s=SEND_AGAIN_S)  # one by one: each has all of its grace
        if not waiting:
            return
        if _is_done(ports, waiting[0]):
            ports.alerts.drop(waiting[0])


def _is_done(ports: Ports, message: Json) -> bool:
    """Send a message; False if it is to be tried again."""
    target = message["target"]
    if target not in ports.notifier.targets:
        return True
    try:
        ports.notifier.send(target, title=message["title"], body=message["body"])
    except TransientError as error:
        if ports.runs.now_ms() - message["at_ms"] < GIVE_UP_S * 1000:
            log.warning(NOT_DELIVERED, target=target, reason=error.reason)
            return False
        log.error(GIVEN_UP, target=target, title=message["title"])  # noqa: TRY400 - the trace says nothing more
    return True
