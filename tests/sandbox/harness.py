"""One sandbox process and plain httpx calls to it."""

import base64
import json
import os
import ssl
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx

REPOSITORY = Path(__file__).resolve().parents[2]
START_LIMIT_S = 30
CODEBASE = "/v2026_1/apis/3.0"
LIMITLESS = {
    "connectwise": {"per_minute": 0},
    "autotask": {"per_hour": 0, "threads": 0},
    "halo": {"per_5_minutes": 0},
    "graph": {"units_per_10s": 0},
}
SCOPE = "https://graph.microsoft.com/.default"


def start_process(folder: Path, *options: str) -> subprocess.Popen[bytes]:
    """Start the sandbox and wait until it is ready."""
    command = [sys.executable, "-m", "ops.sandbox", "--dir", str(folder), "--parent-pid", str(os.getpid()), *options]
    process = subprocess.Popen(command, cwd=REPOSITORY)
    deadline = time.monotonic() + START_LIMIT_S
    while not (folder / "sandbox.json").exists():
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            raise AssertionError("the sandbox did not start")
        time.sleep(0.02)
    return process


class Sandbox:
    """The running sandbox, as the tests talk to it."""

    def __init__(self, folder: Path) -> None:
        self.info: dict[str, Any] = json.loads((folder / "sandbox.json").read_text(encoding="utf-8"))
        self.context = ssl.create_default_context(cafile=self.info["ca_file"])
        self.http = httpx.Client(base_url=self.info["url"], verify=self.context, timeout=20, trust_env=False)
        self.tenants: list[dict[str, Any]] = self.info["tenants"]
        self._tokens: dict[tuple[str, str], str] = {}

    # the control API

    def control(self, method: str, name: str, body: Any = None) -> Any:
        answer = self.http.request(method, f"/sandbox/{name}", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def reset(self) -> None:
        """As seeded, and without limits so that a test may be quick."""
        self.control("POST", "reset")
        self.control("POST", "limits", LIMITLESS)
        self._tokens.clear()

    def mutate(self, *operations: dict[str, Any]) -> list[Any]:
        results: list[Any] = self.control("POST", "mutate", {"operations": list(operations)})["results"]
        return results

    def add_fault(self, kind: str, *, match: dict[str, str], **rest: Any) -> None:
        self.control("POST", "faults", {"rules": [{"kind": kind, "match": match, **rest}]})

    def writes(self, since: int = 0) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.control("GET", f"audit?since={since}")["writes"]
        return found

    def calls(self, vendor: str) -> dict[tuple[str, str, int], int]:
        rows = self.control("GET", "counters")["calls"]
        return {(r["method"], r["endpoint"], r["status"]): r["count"] for r in rows if r["vendor"] == vendor}

    # Microsoft

    def ask_token(self, tenant: str, **form: str) -> httpx.Response:
        return self.http.post(
            f"/{tenant}/oauth2/v2.0/token", data={"grant_type": "client_credentials", "scope": SCOPE, **form}
        )

    def token(self, number: int = 0) -> str:
        tenant = self.tenants[number]
        key = (tenant["tenant_id"], tenant["client_id"])
        if key not in self._tokens:
            answer = self.ask_token(
                tenant["tenant_id"], client_id=tenant["client_id"], client_secret=tenant["client_secret"]
            )
            self._tokens[key] = answer.json()["access_token"]
        return self._tokens[key]

    def graph(
        self, path: str, *, method: str = "GET", tenant: int = 0, headers: dict[str, str] | None = None, **rest: Any
    ) -> httpx.Response:
        url = path if path.startswith("https://") else f"/v1.0{path}"
        authorization = {"Authorization": f"Bearer {self.token(tenant)}"}
        return self.http.request(method, url, headers=authorization | (headers or {}), **rest)

    def walk(self, path: str, **rest: Any) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        """Follow next links; return all values and the last page."""
        values: list[dict[str, Any]] = []
        link: str | None = path
        page: dict[str, Any] = {}
        while link:
            answer = self.graph(link, **rest)
            assert answer.status_code == 200, answer.text
            page = answer.json()
            values += page["value"]
            link = page.get("@odata.nextLink")
            rest.pop("params", None)  # the link holds them
        return values, page

    # ConnectWise

    def psa_headers(self, **changes: str) -> dict[str, str]:
        psa = {**self.info["connectwise"], **changes}
        key = base64.b64encode(f"{psa['company']}+{psa['public_key']}:{psa['private_key']}".encode()).decode()
        return {"Authorization": f"Basic {key}", "clientId": psa["client_id"]}

    def psa(
        self, path: str, *, method: str = "GET", headers: dict[str, str] | None = None, **rest: Any
    ) -> httpx.Response:
        return self.http.request(method, CODEBASE + path, headers=self.psa_headers() | (headers or {}), **rest)

    def create_contact(self, **values: Any) -> dict[str, Any]:
        answer = self.psa("/company/contacts", method="POST", json={"company": {"id": 250}, **values})
        assert answer.status_code == 201, answer.text
        contact: dict[str, Any] = answer.json()
        return contact

    def patch(self, contact_id: int, *operations: tuple[Any, ...]) -> httpx.Response:
        document = [dict(zip(("op", "path", "value"), operation, strict=False)) for operation in operations]
        return self.psa(f"/company/contacts/{contact_id}", method="PATCH", json=document)

    def contact(self, contact_id: int) -> dict[str, Any]:
        found: dict[str, Any] = self.psa(f"/company/contacts/{contact_id}").json()
        return found

    # Autotask

    def autotask_headers(self, **changes: str) -> dict[str, str]:
        keys = {**self.info["autotask"], **changes}
        return {
            "UserName": keys["username"],
            "Secret": keys["secret"],
            "ApiIntegrationCode": keys["integration_code"],
        }

    def autotask(self, path: str, *, method: str = "GET", zone: str = "zone14", **rest: Any) -> httpx.Response:
        url = path if path.startswith("https://") else f"/{zone}/ATServicesRest/V1.0{path}"
        return self.http.request(method, url, headers=self.autotask_headers(), **rest)

    def query(self, entity: str, *conditions: dict[str, Any], **rest: Any) -> httpx.Response:
        """Ask Autotask by POST; without conditions for everything."""
        everything = {"op": "gte", "field": "id", "value": 0}
        body = {"filter": list(conditions) or [everything], **rest}
        return self.autotask(f"/{entity}/query", method="POST", json=body)

    def create_autotask_contact(self, **values: Any) -> dict[str, Any]:
        body = {"companyID": 250, "firstName": "Ann", "lastName": "Example", "isActive": 1, **values}
        answer = self.autotask(f"/Companies/{body['companyID']}/Contacts", method="POST", json=body)
        assert answer.status_code == 200, answer.text
        return self.autotask_contact(answer.json()["itemId"])

    def autotask_contact(self, contact_id: int) -> dict[str, Any]:
        found: dict[str, Any] = self.autotask(f"/Contacts/{contact_id}").json()["item"]
        return found

    # Halo

    def ask_halo_token(self, tenant: str | None = "sandbox", **changes: str) -> httpx.Response:
        keys = self.info["halo"]
        form = {"grant_type": "client_credentials", "scope": "all"}
        form |= {"client_id": keys["client_id"], "client_secret": keys["client_secret"], **changes}
        return self.http.post("/auth/token", params={"tenant": tenant} if tenant else None, data=form)

    def halo(self, path: str, *, method: str = "GET", **rest: Any) -> httpx.Response:
        if ("halo", "") not in self._tokens:
            self._tokens["halo", ""] = self.ask_halo_token().json()["access_token"]
        authorization = {"Authorization": f"Bearer {self._tokens['halo', '']}"}
        return self.http.request(method, f"/api{path}", headers=authorization, **rest)

    def post_halo_user(self, **values: Any) -> httpx.Response:
        """Create, or change the one with that id."""
        return self.halo("/Users", method="POST", json=[values])

    def create_halo_user(self, **values: Any) -> dict[str, Any]:
        answer = self.post_halo_user(**{"name": "Ann Example", "site_id": 2501, **values})
        assert answer.status_code == 201, answer.text
        user: dict[str, Any] = answer.json()
        return user

    def halo_user(self, user_id: int) -> dict[str, Any]:
        found: dict[str, Any] = self.halo(f"/Users/{user_id}", params={"includedetails": "true"}).json()
        return found
