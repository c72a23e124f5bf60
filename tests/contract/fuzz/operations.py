"""What is done with each vendor, so that every place in its adapter that sends is reached."""

import time
from collections.abc import Callable
from typing import Any

from adapters.graph import GraphDirectory
from tests.contract.kit.psa import COMPANY, change, draft, object_id, permit

Operation = Callable[[Any], object]
LATER_S = 86_400


def _all_pages(port: Any) -> None:
    cursor: str | None = None
    while True:
        _, cursor = port.fetch_contacts(COMPANY, cursor)
        if cursor is None:
            return


def psa_operations(contact_id: str, **fields: str) -> dict[str, Operation]:
    """Return what is asked of every PSA: one contact is there; `fields` are values whose tables a write looks up."""
    addresses = ("bob@example.com", "b2@example.com")
    return {
        "schema": lambda port: port.fetch_schema(),
        "company": lambda port: port.fetch_company(COMPANY),
        "companies": lambda port: list(port.iter_companies()),
        "contacts": _all_pages,
        "count": lambda port: port.count_contacts(COMPANY),
        "contact": lambda port: port.fetch_contact(contact_id),
        "by ids": lambda port: port.fetch_by_ids([contact_id]),
        "look-up": lambda port: port.find_contacts([COMPANY], entra_id=object_id(1), emails=addresses),
        "namesakes": lambda port: port.find_namesakes([COMPANY], first_name="Bob", last_name="-"),
        "check": lambda port: port.check(),
        "create": lambda port: port.create_contact(draft(**fields), permit=permit),
        "update": lambda port: port.update_contact(
            change(port.fetch_contact(contact_id), fields={"first_name": "Rob", **fields}), permit=permit
        ),
    }


def graph_operations(user_id: str, deleted_id: str, url: str) -> dict[str, Operation]:
    """Return what is asked of a tenant; `url` proves itself to Graph."""

    def delta(port: GraphDirectory) -> object:
        return port.fetch_delta(port.fetch_latest_delta_link())

    def subscribe(port: GraphDirectory) -> None:
        ends = round(time.time() // LATER_S + 2) * LATER_S * 1000
        made = port.subscriptions.create(url=url, client_state="s" * 40, expires_at_ms=ends)
        port.subscriptions.renew(made.id, expires_at_ms=ends)
        port.subscriptions.fetch_all()
        port.subscriptions.delete(made.id)

    return {
        "users": lambda port: port.fetch_users(),
        "delta": delta,
        "user": lambda port: port.fetch_user(user_id),
        "look-up": lambda port: port.find_users("nobody@contoso.example"),
        "deleted user": lambda port: port.fetch_deleted_user(deleted_id),
        "deleted users": lambda port: port.fetch_deleted_users(),
        "count": lambda port: port.count_users(enabled_only=True),
        "organization": lambda port: port.fetch_organization(),
        "roles": lambda port: port.fetch_roles(),
        "credentials": lambda port: port.fetch_credentials(),
        "subscriptions": subscribe,
    }
