"""How an outcome is told to the scripts: the user's status, its report rows by kind, and its place in the retry set."""

import json
from typing import Any

from adapters.records import Link, Outcome
from adapters.store.packing import pack

Json = dict[str, Any]

KIND_OF = {
    "created": "created",
    "updated": "updated",
    "skipped": "skipped",
    "error": "errors",
    "unprocessed": "unprocessed",
}


def encode_outcome(outcome: Outcome) -> Json:
    """Turn an outcome into what `put_outcome` of the prelude takes."""
    rows = [[KIND_OF[outcome.status], json.dumps(outcome.row)]] if outcome.row else []
    rows += [["warnings", json.dumps(warning)] for warning in outcome.warnings]
    value: Json = {"user": outcome.user_id, "status": outcome.status, "rows": rows}
    if outcome.row.get("deactivated"):
        value["deactivated"] = True
    if outcome.retry is not None:
        entry: Json = {"kind": outcome.retry, "row": outcome.row}
        if outcome.named:
            entry["named"] = outcome.named
        value["entry"] = json.dumps(entry)
    return value


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
