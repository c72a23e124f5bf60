"""The plain script: read the users, look each one up by its address, write what differs. One call after the other."""

from collections.abc import Iterator
from typing import Any

import httpx

__all__ = ["Psa", "fetch_users"]

Json = dict[str, Any]

SELECT = "id,displayName,givenName,surname,userPrincipalName,mail,jobTitle,department,businessPhones,accountEnabled"
MAIL_TYPE = 13  # of the sandbox


def fetch_users(facts: Json) -> Iterator[Json]:
    """Yield the first tenant's users, a page after the other."""
    tenant, keys = facts["tenants"][0], facts["multi_tenant_app"]
    with httpx.Client(verify=facts["ca_file"], timeout=120) as client:
        login = {"grant_type": "client_credentials", "client_id": keys["client_id"]}
        login |= {"client_secret": keys["client_secret"], "scope": "https://graph.microsoft.com/.default"}
        token = client.post(f"{facts['url']}/{tenant['tenant_id']}/oauth2/v2.0/token", data=login).json()
        headers = {"Authorization": f"Bearer {token['access_token']}"}
        url = f"{facts['url']}/v1.0/users?$select={SELECT}&$top=999"
        while url:
            page = client.get(url, headers=headers).raise_for_status().json()
            yield from page["value"]
            url = page.get("@odata.nextLink")


class Psa:
    """ConnectWise, as a script of some dozen lines speaks to it."""

    def __init__(self, facts: Json) -> None:
        """Open a client."""
        login = (f"{facts['company']}+{facts['public_key']}", facts["private_key"])
        base = f"{facts['site_url']}/v4_6_release/apis/3.0"
        headers = {"clientId": facts["client_id"]}
        limits = httpx.Limits(max_connections=64, max_keepalive_connections=64)
        self.client = httpx.Client(
            base_url=base, auth=login, headers=headers, verify=facts["ca_file"], timeout=60, limits=limits
        )

    def upsert(self, user: Json, company_id: int) -> str:
        """Write one user's contact; return what became of it."""
        mail = user["mail"]
        conditions = {"conditions": f"company/id={company_id}", "childConditions": f'communicationItems/value="{mail}"'}
        contacts = self.client.get("/company/contacts", params=conditions).raise_for_status().json()
        named = {"firstName": user.get("givenName") or mail, "lastName": user["surname"], "title": user["jobTitle"]}
        values = {name: value for name, value in named.items() if value}
        if not contacts:
            items = [{"type": {"id": MAIL_TYPE}, "value": mail, "communicationType": "Email", "defaultFlag": True}]
            body = {**values, "company": {"id": company_id}, "communicationItems": items}
            return "created" if self.client.post("/company/contacts", json=body).is_success else "failed"
        differing = {name: value for name, value in values.items() if contacts[0].get(name) != value}
        if not differing:
            return "skipped"
        patch = [{"op": "replace", "path": name, "value": value} for name, value in differing.items()]
        answer = self.client.patch(f"/company/contacts/{contacts[0]['id']}", json=patch)
        return "updated" if answer.is_success else "failed"
