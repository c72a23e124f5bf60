"""How soon a change in the tenant is written while a full run goes on; a burst: `python -m ops.bench.events`.

The installation is that of `contact-sync up`: two workers, one for control, beat and the API, each a process; Graph and
ConnectWise are the sandbox's, which delivers at once. The PSA's budget is the default one.
"""

import argparse
import json
import socket
import sys
import tempfile
import time
from collections import Counter
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx

from adapters.records import RunState
from tests.integration.burst import send_burst
from tests.integration.stack import Stack, running_stack, wait_for
from worker.cli.sandbox import NO_LIMITS
from worker.services import CONTROL_QUEUES, worker_service

Json = dict[str, Any]

SETTINGS = "guard.creations = { absolute = 100000, small_absolute = 100000 }"
START_S, SOON_S = 300.0, 60.0
PER_MINUTE = 300  # the default budget of ConnectWise
CONTROL_THREADS = 8
PAUSE_S = 8.0  # each change costs some calls of the share that events have of the budget: 45 a minute
LOOK_EVERY_S = 0.02


def main(arguments: list[str] | None = None) -> int:
    """Print figures, or one JSON object."""
    parser = argparse.ArgumentParser(
        prog="python -m ops.bench.events",
        description="Measure during a full run: a changed user, one asked for by the API, a burst of notifications.",
        epilog="Example: python -m ops.bench.events --users 10000 --json",
    )
    parser.add_argument("--users", type=int, default=10_000, metavar="N", help="users of the tenant (default 10,000)")
    parser.add_argument("--changes", type=int, default=20, metavar="N", help="users changed one by one (default 20)")
    parser.add_argument("--burst", type=int, default=1000, metavar="N", help="notifications at once (default 1,000)")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder), users=asked.users, changes=asked.changes, burst=asked.burst)
    if asked.json:
        print(json.dumps(figures))
    else:
        for name, value in figures.items():
            print(f"{name:24} {value}")
    return 0 if figures["lost"] == 0 and figures["written_twice"] == 0 else 1


def measure(folder: Path, *, users: int, changes: int, burst: int) -> Json:
    """Change users one by one, and then in a burst, while a full run over the tenant is being written."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        listen = f"127.0.0.1:{free.getsockname()[1]}"
    service = f'public_url = "http://{listen}"\napi_listen = "{listen}"'
    options: Json = {"users": users, "service": service, "timing": {}, "requests_per_minute": PER_MINUTE}
    with running_stack(folder, **options, connectors={"demo": SETTINGS}) as stack:
        stack.control.post("limits", json=NO_LIMITS)
        _start(stack)
        run_id = stack.request(sync_mode="full")
        wait_for(lambda: _is_written(stack, run_id), timeout_s=START_S, what=lambda: stack.state(run_id))
        people = _people(stack)
        waits = [_change(stack, person) for person in people[:changes]]
        asked = [_ask(stack, f"http://{listen}", person) for person in people[-changes:]]
        latencies, seconds = _burst(stack, people[changes : changes + 100], burst)
        lost, twice = _after_burst(stack, people[changes : changes + 100])
        if not _is_written(stack, run_id):
            raise SystemExit("the full run ended before the measurement; ask for more users")
        return {
            "users": users,
            "changes": changes,
            **{f"written_after_s_{name}": value for name, value in _shares(waits).items()},
            **{f"asked_by_api_closed_after_s_{name}": value for name, value in _shares(asked).items()},
            "notifications": burst,
            "in_s": round(seconds, 2),
            **{f"answered_after_ms_{name}": round(value * 1000, 1) for name, value in _shares(latencies).items()},
            "lost": lost,
            "written_twice": twice,
        }


def _start(stack: Stack) -> None:
    for number in (1, 2):
        stack.start_service_worker(worker_service(stack.settings, name=f"worker-{number}"))
    control = worker_service(
        stack.settings, name="control", queues=CONTROL_QUEUES, pool="threads", slots=CONTROL_THREADS
    )
    stack.start_service_worker(control)
    stack.start_api()
    stack.start_beat()
    wait_for(lambda: _is_subscribed(stack), timeout_s=2 * START_S, what=stack.log)


def _is_subscribed(stack: Stack) -> bool:
    state = stack.store.events.subscription("demo")
    return state is not None and bool(state.subscription_id)


def _is_written(stack: Stack, run_id: str) -> bool:
    run = stack.ports.runs.load_run(run_id)
    return run is not None and run.state is RunState.WRITING


def _people(stack: Stack) -> list[Json]:
    """Return users that a run would give a contact of its own: named, with a mailbox, in nobody's way."""
    truth = stack.truth()["users"]
    fit = {user["id"] for user in truth if user["outcome"] in {"updated", "skipped"}}
    users = stack.control.get("users").json()["users"]
    return [user for user in users if user["id"] in fit][-500:]


def _change(stack: Stack, person: Json) -> float:
    """Give a person another title; return the seconds until the PSA's audit has it."""
    title = f"Moved {time.monotonic_ns()}"
    since = stack.last_write()
    stack.mutate(op="graph.update_user", user=person["id"], set={"jobTitle": title})
    started = time.monotonic()
    while not any(write["after"].get("title") == title for write in stack.writes(since)):
        if time.monotonic() - started > SOON_S:
            raise SystemExit(f"a change was not written within {SOON_S} s\n{stack.log()[-4000:]}")
        time.sleep(LOOK_EVERY_S)
    took_s = time.monotonic() - started
    time.sleep(PAUSE_S)
    return took_s


def _ask(stack: Stack, api: str, person: Json) -> float:
    """Ask for a person by the API, who has changed unseen; return the seconds until the run is closed."""
    stack.control.post("settings", json={"graph.notification_loss": 1.0})
    stack.mutate(op="graph.update_user", user=person["id"], set={"jobTitle": f"Asked for {time.monotonic_ns()}"})
    stack.control.post("settings", json={"graph.notification_loss": 0.0})
    started = time.monotonic()
    inputs = {"user_principal_names": [person["userPrincipalName"]]}
    run_id = httpx.post(f"{api}/v1/connectors/demo/runs", json=inputs).raise_for_status().json()["run_id"]
    while stack.store.reports.head(run_id) is None:
        time.sleep(LOOK_EVERY_S)
    took_s = time.monotonic() - started
    updated = stack.report(run_id)["statistics"]["contacts_updated"]
    if updated != 1:
        raise SystemExit(f"a user that was asked for was not written: {stack.report(run_id)}")
    time.sleep(PAUSE_S)
    return took_s


def _burst(stack: Stack, people: list[Json], number: int) -> tuple[list[float], float]:
    """Change these people, and tell of them so many times at once; return each answer's seconds, and all together."""
    stack.control.post("settings", json={"graph.notification_loss": 1.0})  # we are Graph for once
    for person in people:
        stack.mutate(op="graph.update_user", user=person["id"], set={"jobTitle": f"Burst {person['id'][:8]}"})
    answers = send_burst(stack, [person["id"] for person in people], number)
    if refused := [status for status in answers.statuses if status != HTTPStatus.ACCEPTED]:
        raise SystemExit(f"{len(refused)} notifications were answered otherwise than by 202: {set(refused)}")
    return answers.latencies_s, answers.took_s


def _after_burst(stack: Stack, people: list[Json]) -> tuple[int, int]:
    """Wait for the runs of the burst; count people who were not written, and writes of one that came twice."""
    wanted = {f"Burst {person['id'][:8]}" for person in people}
    deadline = time.monotonic() + START_S
    written: Counter[str] = Counter()
    while set(written) != wanted and time.monotonic() < deadline:
        time.sleep(1)
        titles = (str(write["after"].get("title")) for write in stack.writes() if write["after"])
        written = Counter(title for title in titles if title in wanted)
    return len(wanted - set(written)), sum(count - 1 for count in written.values())


def _shares(values: list[float]) -> dict[str, float]:
    ordered = sorted(values)
    shares = {"p50": 0.5, "p95": 0.95, "max": 1.0}
    return {name: round(ordered[int((len(ordered) - 1) * share)], 4) for name, share in shares.items()}


if __name__ == "__main__":
    sys.exit(main())
