"""The page about the API: each of its calls is made, as curl would, and answered well."""

import argparse
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import httpx
import pytest

from adapters.store import Store, open_store
from tasks.alerting import watching
from tasks.requesting import request_run
from tests.docs.blocks import find_blocks
from tests.fakes.door import Door
from tests.fakes.engine import Engine
from tests.fakes.valkey import running_valkey
from worker.api.access import Access
from worker.api.serving import create_api
from worker.configuration import ApiSection

PAGE = (Path(__file__).parents[2] / "ops" / "docs" / "api.md").read_text(encoding="utf-8")
(BLOCK,) = find_blocks(PAGE)
FUNCTION, ADDRESS, *CALLS = BLOCK.text.splitlines()
TOKEN = "robot-token-0123456789"
JANE = "jane.smith@contoso.example"
PLACEHOLDER = re.compile(r"\b(RUN|HELD_RUN|PLAN|DIGEST|CONTACT)\b")


class Curl(argparse.ArgumentParser):
    """Reads a command line of curl; an option that it does not know ends the test."""

    def __init__(self) -> None:
        super().__init__(prog="curl", allow_abbrev=False, exit_on_error=False)
        for flag in ("--fail", "--fail-with-body", "--silent"):
            self.add_argument(flag, action="store_true")
        for option in ("--request", "--json", "--output"):
            self.add_argument(option)
        self.add_argument("--header", action="append", default=[])
        self.add_argument("url")

    def error(self, message: str) -> NoReturn:
        """Raise AssertionError."""
        raise AssertionError(message)


class Reader:
    """Somebody who types the page's calls one after the other, with what earlier answers told in the place of names."""

    def __init__(self, store: Store) -> None:
        self.engine = Engine(store)
        self.engine.directory.add_user("jane.smith", user_principal_name=JANE, mail=JANE, proxy_addresses=())
        self.engine.directory.add_user("ann")
        for _ in range(2):
            self.engine.psa.add_contact(first_name="Jane", last_name="Smith", email=JANE)
        held = request_run(self.engine.ports, "contoso", {}, trigger="schedule").run_id
        self.engine.work()
        self.told = {"HELD_RUN": held, "CONTACT": next(iter(self.engine.psa.contacts))}
        tokens = {"robot": {"token": TOKEN, "allow": "approve"}}
        access = Access(ApiSection.model_validate({"tokens": tokens}))
        self.door = Door(create_api(lambda: self.engine.ports, lambda: store, access))
        store.presence.beat()
        watching.ping(self.engine.ports)

    def type(self, line: str) -> httpx.Response:
        """Send what curl would send for this line."""
        line = PLACEHOLDER.sub(lambda name: self.told[name[0]], line)
        command, *words = shlex.split(line, comments=True)
        if command == "api":
            words = [*shlex.split(FUNCTION)[3:-2], *words]  # without api() { curl, and "$@"; }
        else:
            assert command == "curl"
        asked = Curl().parse_args([self._filled(word) for word in words])
        headers = dict(header.split(": ", 1) for header in asked.header)
        body = {}
        if asked.json is not None:
            headers = {"Content-Type": "application/json", "Accept": "application/json", **headers}
            body = {"content": asked.json}
        method = asked.request or ("GET" if asked.json is None else "POST")
        answer: httpx.Response = getattr(self.door, method.lower())(asked.url, headers=headers, **body)
        return answer

    def _filled(self, word: str) -> str:
        name, _, url = ADDRESS.partition("=")
        return word.replace(f"${name}", url).replace("$CONTACT_SYNC_API_TOKEN", TOKEN)

    def learn(self, line: str, answer: httpx.Response) -> None:
        """Keep what the answer told, and let the installation do what was asked for, except the run to be cancelled."""
        if "Idempotency-Key" in line or "/apply" in line:
            self.told["RUN"] = answer.json()["run_id"]
        if "Idempotency-Key" in line:
            return
        if "/approve" in line:
            self.engine.work()
            self.engine.directory.add_user("ben")
        if "/runs/RUN/cancel" not in line and "/plans" not in line:
            return
        self.engine.work()
        if "/plans?" in line:
            self.told["PLAN"] = str(answer.json()["plans"][0]["plan"])
        if line.endswith('/plans/PLAN"'):
            self.told["DIGEST"] = answer.json()["digest"][:12]


@pytest.fixture
def reader() -> Iterator[Reader]:
    with running_valkey() as server:
        store = open_store(server.url)
        yield Reader(store)
        store.close()


def test_each_call_is_answered_well(reader: Reader) -> None:
    answers = {}
    for line in CALLS:
        answer = reader.type(line)
        assert answer.is_success, f"{line}\n{answer.status_code} {answer.text}"
        answers[line.split("#")[0].split('"$url')[1].rstrip(' "')] = answer
        reader.learn(line, answer)
    assert JANE in answers["/v1/review?connector=contoso"].text
    assert JANE in answers["/v1/decisions?connector=contoso"].text
    assert answers["/v1/runs/RUN/cancel"].json()["state"] == "cancelling"
    assert [change["operation"] for change in answers["/v1/plans/PLAN"].json()["changes"]] == ["create"]
    assert any(write.after.fields["first_name"] == "Ben" for write in reader.engine.psa.writes)


def test_each_call_of_the_table_is_shown() -> None:
    shown = {call_of(line) for line in CALLS}
    documented = {
        f"{method.upper()} {re.sub(r'{[^}]+}', '*', path)}"
        for path, methods in create_api(unused, unused, Access(ApiSection())).openapi()["paths"].items()  # type: ignore[arg-type]
        for method in methods
    }
    files = {call for call in documented if call.endswith((".csv", ".html"))}
    assert shown <= documented
    assert documented - shown - files == {"POST /v1/graph/notifications"}


def call_of(line: str) -> str:
    """Say which call of the document a line makes."""
    found = re.search(r'"\$url(/[^"?]*)', line)
    assert found, line
    path = re.sub(rf"\bcontoso(?=/)|{JANE}|{PLACEHOLDER.pattern}", "*", found[1])
    method = re.search(r"--request (\w+)", line)
    return f"{method[1] if method else 'POST' if '--json' in line else 'GET'} {path}"


def unused() -> None:
    raise AssertionError("a document needs no store")


@pytest.mark.parametrize("line", CALLS)
def test_no_shell_takes_a_part_of_it_for_a_pattern(line: str) -> None:
    bare = re.sub(r"'[^']*'|\"[^\"]*\"", "", line.split(" #", maxsplit=1)[0])
    assert not set(bare) & set("?*[]&;~!"), "zsh and bash look for files of that name"


def test_bodies_are_json() -> None:
    bodies = re.findall(r"--json '(.*?)'", BLOCK.text)
    assert len([json.loads(body) for body in bodies]) == 4
