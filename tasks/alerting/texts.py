"""What alerts say. Pure. Plain text that stays plain in a terminal, as HTML and as Markdown, in any chat.

A tenant's users choose their names, so nothing of theirs is taken but the user principal name, and of that only what
has no meaning to a reader of markup. A vendor's own words stay in the report.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tasks.incidents import Incident, Notice
from tasks.report import iso_time

Json = dict[str, Any]

MOST_NAMES = 5
MOST_ERRORS = 5
MOST_ALONE = 5  # notices of one round; more become one message
LONGEST_PART = 300
HARMFUL = frozenset("<>[]{}*`~|\\!&#$")  # markup of HTML, Markdown, Slack and Discord; "#" mentions channels
UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
TITLES = {
    "run_failed": "runs fail",
    "error_rate": "many users fail",
    "cases": "users wait for a decision",
    "held": "changes are held back",
    "claimed_twice": "two connectors claim the same tenant or contacts",
    "not_successful": "no run has come to its end",
    "expiry": "expires soon",
    "budget": "the vendor's limit is used up",
}
LOOK = "contact-sync status"


@dataclass(frozen=True)
class Text:
    """One message."""

    title: str
    body: str


def harmless(value: object) -> str:
    """Return text on one line that no terminal, browser or chat obeys: no markup, no link, nobody called."""
    kept = "".join(_kept(char) for char in str(value)[:LONGEST_PART])
    for mention in ("@everyone", "@here", "@channel", "@all"):
        while (at := kept.casefold().find(mention)) >= 0:
            kept = f"{kept[:at]}(at){kept[at + 1 :]}"
    return kept.replace("://", ": //")


def _kept(char: str) -> str:
    if char in "\n\t":
        return " "
    if char in HARMFUL:
        return "·"
    return "" if unicodedata.category(char) in UNSEEN else char


def compose(notices: Sequence[Notice], errors: dict[str, list[Json]]) -> list[Text]:
    """Return the messages of one round: one a notice, or one of them all when they are many.

    `errors` are the first error rows by run id."""
    texts = [_text(notice, errors) for notice in notices]
    if len(texts) <= MOST_ALONE:
        return texts
    lines = [f"- {text.title.removeprefix('contact-sync: ')}" for text in texts]
    return [Text(f"contact-sync: {len(texts)} pieces of news at once", "\n".join([*lines, f"Look closer: {LOOK}"]))]


def _text(notice: Notice, errors: dict[str, list[Json]]) -> Text:
    incident = notice.incident
    where = f"{harmless(incident.place)}: {TITLES[incident.kind]} ({harmless(incident.reason)})"
    prefix = {"opened": "", "reminder": "still: ", "over": "over: "}[notice.kind]
    lines = [f"Since: {_time(incident.opened_at_ms)}"]
    if notice.kind == "over":
        lines.append(f"Over: {_time(incident.clear_since_ms)}")
        lines.append(f"Hit were {_counted(incident, incident.met)}")
    else:
        lines.append(f"Hit: {_counted(incident, list(incident.members) or incident.met)}")
        lines += [] if incident.members else ["No longer: each of them has had a better run since"]
        lines += _details(incident)
        lines += _first_errors(incident, errors)
    lines.append(f"Look closer: {_command(incident)}")
    if incident.kind == "held" and notice.kind != "over":
        lines += [f"Let through: contact-sync approve {harmless(run_id)}" for run_id in _held_runs(incident)]
    return Text(f"contact-sync: {prefix}{where}", "\n".join(lines))


def _counted(incident: Incident, names: Sequence[str]) -> str:
    what = {"expiry": "credential", "budget": "limit"}.get(incident.kind, "connector")
    shown = ", ".join(map(harmless, names[:MOST_NAMES]))
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return f"{len(names)} {what}{'' if len(names) == 1 else 's'}: {shown}{more}"


def _details(incident: Incident) -> list[str]:
    lines = [
        f"- {harmless(name)}: {harmless(member.detail)}" for name, member in incident.members.items() if member.detail
    ]
    failed = sum(member.failed for member in incident.members.values())
    if incident.kind == "error_rate":
        processed = sum(member.processed for member in incident.members.values())
        lines.append(f"Failed users: {failed} of {processed}")
    return lines[:MOST_NAMES]


def _first_errors(incident: Incident, errors: dict[str, list[Json]]) -> list[str]:
    runs = {name: member.run_id for name, member in incident.members.items()} or {incident.met[-1]: incident.run_id}
    lines = [f"- {harmless(name)}: {_error(row)}" for name, run_id in runs.items() for row in errors.get(run_id, ())]
    return ["First errors:", *lines[:MOST_ERRORS]] if lines else []


def _error(row: Json) -> str:
    """Say who failed and by which code; the message only of the whole run: a user's may hold more than the name."""
    user = row.get("user_principal_name")
    if user is None:
        return f"{harmless(row['code'])}: {harmless(row['message'])}"
    return f"{harmless(user)}: {harmless(row['code'])}"


def _command(incident: Incident) -> str:
    if incident.kind in ("cases", "claimed_twice"):
        names = list(incident.members) or incident.met
        return f"contact-sync review {' '.join(map(harmless, names[:MOST_NAMES]))}"
    if not incident.run_id:
        return LOOK
    kind = "held" if incident.kind == "held" else "errors"
    return f"contact-sync report {harmless(incident.run_id)} --{kind}"


def _held_runs(incident: Incident) -> list[str]:
    """Name the runs whose changes wait."""
    return [member.run_id for member in incident.members.values()][:MOST_NAMES]


def _time(at_ms: int) -> str:
    return iso_time(datetime.fromtimestamp(at_ms / 1000, UTC))
