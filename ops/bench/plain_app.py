"""The textbook's Celery: no index, no ledger, no budget. A task a user looks up and writes; a chord adds them up.

And the machine's ceiling: the same pool and broker, a chord member that does nothing but send one write. Clients and
tokens are kept for each process, as anybody would."""

import json
from collections.abc import Iterable
from functools import cache
from typing import Any

import httpx
from celery import Celery, chord

from ops.bench.sequential import Psa

Json = dict[str, Any]

app = Celery("plain")
app.conf.update(
    worker_prefetch_multiplier=1,
    worker_send_task_events=True,
    task_send_sent_event=True,
    task_ignore_result=False,
    result_expires=3600,
    broker_connection_retry_on_startup=True,
)


@cache
def psa_of(facts: str) -> Psa:
    """Return this process's client for an access, given as JSON."""
    return Psa(json.loads(facts))


@app.task
def upsert(facts: str, user: Json, company_id: int) -> str:
    """Look one user up, and write it."""
    return psa_of(facts).upsert(user, company_id)


@app.task
def write(facts: str, number: int, company_id: int) -> str:
    """Send one write, whatever it answers."""
    body = {"firstName": f"Ceiling {number}", "company": {"id": company_id}}
    answer: httpx.Response = psa_of(facts).client.post("/company/contacts", json=body)
    return str(answer.status_code)


@app.task
def add_up(outcomes: list[str]) -> Json:
    """Count the outcomes."""
    return {outcome: outcomes.count(outcome) for outcome in set(outcomes)}


class Sender:
    """Starts chords on one broker."""

    def __init__(self, url: str) -> None:
        """Take where broker and results are."""
        self.app = Celery("plain-sender", broker=url, backend=url)

    def start(self, task: str, members: Iterable[tuple[Any, ...]]) -> Any:
        """Start a chord of this task, a member for each of these arguments; return its result."""
        header = [self.app.signature(f"{__name__}.{task}", args=arguments) for arguments in members]
        return chord(header, app=self.app)(self.app.signature(f"{__name__}.add_up"))
