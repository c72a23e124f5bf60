"""A whole installation with marked people and secrets; everything that comes out of it is searched for the marks.

The user principal name may be shown everywhere; other personal data stands in the store's own keys and in reports; a
secret stands nowhere."""

import base64
import contextlib
import json
import os
import re
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from adapters.store.packing import VERSION, unpack
from tests.fakes.webhook import Webhook, running_webhook
from tests.integration.installed import listening
from tests.integration.processes import start_alone
from tests.integration.stack import Json, Stack, running_stack, wait_for

LOGIN = ("operator", "zzflowerpassword")
TOKEN = "zzapitokenofalooker"
NOTIFY, HEARTBEAT = "zznotifytoken", "zzheartbeattoken"
UPN = "zzupn{}@contoso.example"
PEOPLE = 6
PERSONAL = ("zzmail", "zzgiven", "zzsurname", "zzdisplay", "zztitle", "zzdepartment", "zzoffice", "zzstreet", "5550198")
ESCAPE = "\x1b]0;zzdisplay\x07<b>=cmd|' /C calc'!A0"
"""What a terminal, a browser or a spreadsheet might obey, as part of a name."""

MEANT_TO_HOLD = re.compile(
    r"cs:(?:run:[^:]+:(?:entries|index|index_keys|spool|plan|members|rows:\w+|chunks:\w+|unfinished)"
    r"|report:[^:]+:(?:rows|chunks):\w+|journal:[^:]+(?::chunks)?|unfinished:.+|intent:.+|claim:.+|mark:.+|user:.+|links:.+)"
)
"""Keys that hold users as read, planned changes, claims by address, and rows of reports; no other does."""


class Watched:
    """The installation, and all that was sent to its store."""

    def __init__(self, stack: Stack, url: str, api: str, webhook: Webhook) -> None:
        self.stack, self.url, self.api, self.webhook = stack, url, api, webhook
        self.commands: list[str] = []
        self.pids: list[int] = []
        self.reports: list[Json] = []
        host, _, port = stack.valkey.url.removeprefix("redis://").removesuffix("/0").partition(":")
        self._monitor = socket.create_connection((host, int(port)))
        self._monitor.sendall(b"MONITOR\r\n")
        self._lines = self._monitor.makefile("r", encoding="latin-1")
        assert self._lines.readline() == "+OK\n"
        self._thread = threading.Thread(target=lambda: self.commands.extend(self._lines), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._monitor.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)
        self._lines.close()
        self._monitor.close()

    @property
    def secrets(self) -> tuple[str, ...]:
        facts = self.stack.facts
        keys = ("public_key", "private_key", "client_id")
        return (
            *(str(facts["connectwise"][key]) for key in keys),
            str(facts["multi_tenant_app"]["client_secret"]),
            *(LOGIN[1], NOTIFY, HEARTBEAT, TOKEN),
        )

    def logs(self) -> str:
        return "\n".join(path.read_text(errors="replace") for path in self.stack.folder.glob("*.log"))


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    folder: Path = tmp_path_factory.mktemp("marked")
    with socket.socket() as first, socket.socket() as second:
        for probe in (first, second):
            probe.bind(("127.0.0.1", 0))
        listen, api = (f"127.0.0.1:{probe.getsockname()[1]}" for probe in (first, second))
    with running_webhook() as webhook:
        service = f"""
flower_listen = "{listen}"
api_listen = "{api}"
flower_basic_auth = "{":".join(LOGIN)}"
notify = ["json://{webhook.address}/{NOTIFY}"]
heartbeat_url = "http://{webhook.address}/{HEARTBEAT}"
[api.tokens.looker]
token = "{TOKEN}"
[service.alerts]
gather = 1
error_rate = 0
error_users = 1"""
        with running_stack(folder, users=12, service=service, starter=start_alone) as stack:
            watched = Watched(stack, f"http://{listen}", f"http://{api}", webhook)
            live_through_it(watched)
            watched.stop()
            yield watched


def live_through_it(watched: Watched) -> None:
    """Write the marked users; have some refused in the vendor's words, some never answered, and the key refused."""
    stack = watched.stack
    processes = [stack.start_service_worker(), stack.start_beat(), stack.start_flower(), stack.start_api()]
    watched.pids = [process.pid for process in processes]
    wait_for(lambda: sees_worker(watched), timeout_s=40, what=watched.logs)
    users = [stack.mutate(op="graph.create_user", set=marked(number)) for number in range(PEOPLE)]
    creation = {"vendor": "connectwise", "method": "POST", "path": "/company/contacts$"}
    stack.fault("status", match={**creation, "body": "zzmail0"}, status=400, times=1)
    stack.fault("lost_answer", match={**creation, "body": "zzmail1"}, times=1)
    watched.reports.append(stack.run(sync_mode="full"))
    names = [user["userPrincipalName"] for user in users]
    for user in users:
        stack.mutate(op="graph.update_user", user=user["id"], set={"jobTitle": "zztitle two"})
    watched.reports.append(stack.run(user_principal_names=names[:3]))
    stack.fault("status", match={"vendor": "connectwise"}, status=401, times=500)
    watched.reports.append(stack.run())
    wait_for(lambda: len(alerts(watched)) >= 2, timeout_s=40, what=watched.logs)


def marked(number: int) -> Json:
    mail = f"zzmail{number}@contoso.example"
    return {
        "userPrincipalName": UPN.format(number),
        "mail": mail,
        "proxyAddresses": [f"SMTP:{mail}"],
        "displayName": f"zzdisplay {number} {ESCAPE}",
        "givenName": f"zzgiven{number}",
        "surname": f"zzsurname{number}",
        "jobTitle": "zztitle one",
        "department": "zzdepartment",
        "officeLocation": "zzoffice",
        "streetAddress": "zzstreet",
        "businessPhones": ["+49 30 5550198"],
    }


def sees_worker(watched: Watched) -> bool:
    try:
        rows = httpx.get(f"{watched.url}/workers?json=1", auth=LOGIN).raise_for_status().json()["data"]
    except httpx.HTTPError:
        return False
    return any(row.get("status") for row in rows)


def alerts(watched: Watched) -> list[str]:
    return [f"{body['title']}\n{body['message']}" for method, _, body in watched.webhook.got if method == "POST"]


def found(text: str, marks: tuple[str, ...]) -> set[str]:
    return {mark for mark in marks if mark.casefold() in text.casefold()}


def shown_by_flower(watched: Watched) -> Iterator[str]:
    paths = [
        "/api/tasks",
        "/api/workers",
        "/metrics",
        "/workers",
        "/tasks",
        "/broker",
        "/tasks/datatable?draw=1&length=99",
    ]
    answers = [httpx.get(f"{watched.url}{path}", auth=LOGIN) for path in paths]
    assert sum(answer.is_success for answer in answers) >= 5
    tasks = answers[0].json()
    assert any("zzupn" in str(task["args"]) for task in tasks.values()), "the user principal name is shown"
    answers += [httpx.get(f"{watched.url}/task/{uuid}", auth=LOGIN) for uuid in list(tasks)[:40]]
    yield from (answer.text for answer in answers)


def test_api_tells_whoever_asks_no_more_than_ids_and_numbers(watched: Watched) -> None:
    """Reports apart: those are for who may read them."""
    wait_for(lambda: is_served(watched), timeout_s=20, what=watched.logs)
    paths = ["/healthz", "/readyz", "/metrics", "/v1/connectors", "/v1/nothing", "/openapi.json"]
    for headers in ({}, {"Authorization": f"Bearer {TOKEN}"}):
        answers = [httpx.get(f"{watched.api}{path}", headers=headers) for path in paths]
        answers += [
            httpx.post(f"{watched.api}/v1/graph/notifications", content=b'{"value": "zzdisplay"', headers=headers)
        ]
        for answer in answers:
            assert found(answer.text, PERSONAL) == set(), answer.text[:300]
            assert found(answer.text, watched.secrets) == set()
    assert found(watched.logs(), watched.secrets) == set()


def test_api_and_flower_listen_on_this_machine_alone(watched: Watched) -> None:
    wait_for(lambda: is_served(watched), timeout_s=20, what=watched.logs)
    worker, beat, flower, api = watched.pids
    assert [listening([pid]) for pid in (worker, beat)] == [set(), set()]
    assert [listening([pid]) for pid in (flower, api)] == [{"127.0.0.1"}] * 2


def is_served(watched: Watched) -> bool:
    try:
        return httpx.get(f"{watched.api}/healthz").is_success
    except httpx.TransportError:
        return False


def test_what_is_searched_for_was_there(watched: Watched) -> None:
    """Without this the others could find nothing because nothing happened."""
    first, second, third = watched.reports
    assert first["statistics"]["contacts_created"] >= PEOPLE - 1
    assert second["statistics"]["contacts_updated"] >= 2
    assert third["errors"][0]["code"] == "PermissionDenied"
    written = str(watched.stack.control.get("contacts", params={"company": "250"}).json())
    assert found(written, PERSONAL) >= {"zzmail", "zzgiven", "zzsurname", "zztitle", "5550198"}
    assert found("".join(watched.commands), PERSONAL) >= {"zzmail", "zzdisplay"}
    assert len(set(watched.secrets)) == 8


def test_logs_say_no_more_than_the_user_principal_name(watched: Watched) -> None:
    text = watched.logs()
    assert "incident.opened" in text
    assert found(text, PERSONAL) == set()
    assert found(text, watched.secrets) == set()
    assert "\x1b" not in text


def test_flower_shows_no_more_than_the_user_principal_name(watched: Watched) -> None:
    for text in shown_by_flower(watched):
        assert found(text, PERSONAL) == set(), text[:300]
        assert found(text, watched.secrets) == set()


def test_broker_and_results_carry_no_more_than_the_user_principal_name(watched: Watched) -> None:
    foreign = [command for command in watched.commands if not is_ours(command)]
    assert any('"LPUSH" "upsert"' in command and "zzupn" in command for command in foreign), "the messages were seen"
    for command in foreign:
        text = command + "".join(bodies_in(command))
        assert found(text, PERSONAL) == set(), text[:500]
        assert found(text, watched.secrets) == set()


def test_messages_are_json_alone(watched: Watched) -> None:
    sent = [command for command in watched.commands if re.search(r'"LPUSH" "(control|targeted|upsert)"', command)]
    assert len(sent) > PEOPLE
    for command in sent:
        assert re.findall(r'content-type\\*": *\\*"([^"\\]+)', command) == ["application/json"], command[:500]
        for body in bodies_in(command):
            json.loads(body)


def bodies_in(command: str) -> list[str]:
    """Return the bodies of messages, which Celery writes in base 64."""
    return [base64.b64decode(body).decode() for body in re.findall(r'body\\*": *\\*"([A-Za-z0-9+/]+=*)\\*"', command)]


def test_no_secret_ever_reaches_the_store(watched: Watched) -> None:
    for command in watched.commands:
        assert found(command, watched.secrets) == set(), command[:200]


def test_keys_that_are_not_meant_to_hold_people_do_not(watched: Watched) -> None:
    client = watched.stack.store.connection.client
    holders = set()
    for key in client.keys("*"):
        name = key.decode()
        held = found(f"{name}{dumped(client, name)}", PERSONAL)
        assert not held or MEANT_TO_HOLD.fullmatch(name), f"{name} holds {held}"
        holders |= {name} if held else set()
    assert any(name.endswith("rows:created") or ":chunks:" in name for name in holders), holders


def test_exports_hold_no_secret_and_nothing_that_runs(watched: Watched) -> None:
    run_id = watched.reports[0]["run_id"]
    for name in ("report.csv", "report.html"):
        answer = httpx.get(f"{watched.api}/v1/runs/{run_id}/{name}", headers={"Authorization": f"Bearer {TOKEN}"})
        assert "zzupn" in answer.raise_for_status().text
        assert found(answer.text, watched.secrets) == set()
        assert "\x1b" not in answer.text


def test_errors_and_reports_hold_no_secret_and_messages_no_person(watched: Watched) -> None:
    for report in watched.reports:
        assert found(str(report), watched.secrets) == set()
        for row in [*report["errors"], *report["warnings"]]:
            assert found(row["message"], ("zzdisplay", "zztitle", "zzstreet", "5550198")) == set(), row


def test_alerts_say_no_more_than_the_user_principal_name(watched: Watched) -> None:
    assert any("many users fail" in text for text in alerts(watched))
    for text in alerts(watched):
        assert found(text, PERSONAL) == set(), text
        assert found(text, watched.secrets) == set()
        assert not set(text) & set("<>\x1b`")


def test_no_secret_stands_in_a_process_list(watched: Watched) -> None:
    listed = subprocess.run(["ps", "-eo", "pid,args"], capture_output=True, text=True, check=True).stdout
    ours = [line for line in listed.splitlines() if "worker" in line or "celery" in line]
    assert any(str(pid) in line.split()[0] for line in ours for pid in watched.pids)
    assert found("\n".join(ours), watched.secrets) == set()


def test_secrets_of_the_file_are_not_handed_on_in_the_environment(watched: Watched) -> None:
    environments = [Path(f"/proc/{pid}/environ") for pid in watched.pids]
    texts = [path.read_text(errors="replace") for path in environments if path.exists()]
    assert texts or not Path("/proc").exists()
    for text in texts:
        assert found(text, watched.secrets) == set()
        assert "CONTACT_SYNC_CONFIG" in text
    assert watched.pids != [os.getpid()]


def is_ours(command: str) -> bool:
    """Tell a command on the ledger's keys from one of broker, results and events."""
    return re.search(r'\] "(EVAL|EVALSHA|SCRIPT)"|\] "\w+" "cs:', command) is not None


def dumped(client: Any, key: str) -> str:
    """Return all that a key holds, packed values opened."""
    kind = client.type(key).decode()
    read: dict[str, Callable[[], Any]] = {
        "string": lambda: [client.get(key)],
        "hash": lambda: [part for pair in client.hgetall(key).items() for part in pair],
        "list": lambda: client.lrange(key, 0, -1),
        "set": lambda: client.smembers(key),
        "zset": lambda: client.zrange(key, 0, -1),
    }
    return "\n".join(opened(value) for value in read.get(kind, tuple)())


def opened(value: bytes) -> str:
    text = value.decode("latin-1")
    for match in re.finditer(re.escape(VERSION), value):
        with contextlib.suppress(ValueError):
            text += unpack(value[match.start() :]).decode()
    return text
