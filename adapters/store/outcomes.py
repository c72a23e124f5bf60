"""How an outcome is told to the scripts: the user's status, its report rows by kind, and its place in the retry set."""

import json
from typing import Any

from adapters.records import HistoryEvent, Link, Outcome
from adapters.store.packing import pack

Json = dict[str, Any]

KIND_OF = {
    "created": "created",
    "updated": "updated",
    "skipped": "skipped",
    "error": "errors",
    "unprocessed": "unprocessed",
}

EVENT_KINDS = {"created": "c", "updated": "u", "deactivated": "d", "error": "e", "held": "h"}
"""What a user's history keeps, by the letter that stands for it there."""

_KINDS: dict[str, Any] = {letter: kind for kind, letter in EVENT_KINDS.items()}


def encode_outcome(outcome: Outcome) -> Json:
    """Turn an outcome into what `put_outcome` of the prelude takes."""
    rows = [[KIND_OF[outcome.status], json.dumps(outcome.row)]] if outcome.row else []
    rows += [["warnings", json.dumps(warning)] for warning in outcome.warnings]
    value: Json = {"user": outcome.user_id, "status": outcome.status, "rows": rows}
    if outcome.row.get("deactivated"):
        value["deactivated"] = True
    if event := _event_of(outcome):
        value["event"] = event
    if outcome.retry is not None:
        entry: Json = {"kind": outcome.retry, "row": outcome.row}
        if outcome.named:
            entry["named"] = outcome.named
        value["entry"] = json.dumps(entry)
    return value


def held_event(value: Json) -> Json:
    """Let the outcome of a user whose change is held leave an event."""
    return value | {"event": f"{EVENT_KINDS['held']}\t"} if value["status"] == "unprocessed" else value


def decode_events(lines: bytes | None) -> tuple[HistoryEvent, ...]:
    """Read a user's history, the oldest event first."""
    return tuple(map(_decode_event, (lines or b"").decode().split("\n"))) if lines else ()


def _decode_event(line: str) -> HistoryEvent:
    at_ms, run_id, times, since_ms, kind, detail = line.split("\t", 5)
    return HistoryEvent(
        kind=_KINDS[kind],
        run_id=run_id,
        at_ms=int(at_ms),
        since_ms=int(since_ms or at_ms),
        times=int(times),
        detail=detail,
    )


def _event_of(outcome: Outcome) -> str | None:
    """Say what a user's history keeps of an outcome; a user that is right already leaves nothing."""
    row = outcome.row
    kind = "deactivated" if row.get("deactivated") else outcome.status
    details: dict[str, Any] = {
        "created": row.get("psa_contact_id"),
        "updated": ",".join(row.get("changed_fields", ())),
        "deactivated": row.get("psa_contact_id"),
        "error": row.get("code"),
    }
    if kind not in details:
        return None
    return f"{EVENT_KINDS[kind]}\t{' '.join(str(details[kind] or '').split())}"


def is_plain_skip(outcome: Outcome) -> bool:
    """Tell a user that is right already, with nothing to say about it: it is counted, no more."""
    return outcome.status == "skipped" and not outcome.row and not outcome.warnings


def encode_link(link: Link, *, home: str, user_id: str) -> Json:
    """Name what `save_link` of the prelude takes: the contact beside the rest, so that scripts can compare it."""
    rest = link.model_dump_json(exclude_defaults=True, exclude={"contact_id", "read_at_ms"})
    return {
        "read_at_ms": link.read_at_ms,
        "link": pack(rest.encode()),
        "contact": link.contact_id,
        "owner": f"{home.rpartition('@')[0]}/{user_id}",
    }


NO_LINK = {"read_at_ms": "", "link": "", "contact": "", "owner": ""}
