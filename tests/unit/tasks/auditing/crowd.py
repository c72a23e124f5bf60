"""Contacts and users in few words, and what an audit makes of them."""

from collections.abc import Iterable, Mapping
from typing import Any

from adapters.records import Contact, User
from tasks.auditing.clusters import Cluster, Clustering
from tasks.auditing.listed import Listed
from tasks.auditing.roster import Roster
from tests.unit.tasks.makers import TENANT_ID, make_contact, make_user


def a_contact(contact_id: str, name: str = "", *emails: str, **facts: Any) -> Contact:
    """Return a contact of company 250 with a name, addresses and nothing else."""
    first, _, last = name.partition(" ")
    fields = {"first_name": first, "last_name": last, **facts.pop("fields", {})}
    return make_contact(contact_id, emails=emails, fields={k: v for k, v in fields.items() if v}, **facts)


def a_user(number: int, name: str, mail: str, *aliases: str, **facts: Any) -> User:
    """Return a user with a name, a mail address that is the principal name too, and aliases."""
    first, _, last = name.partition(" ")
    return make_user(
        id=user_id(number),
        user_principal_name=facts.pop("principal_name", mail),
        mail=mail,
        given_name=first,
        surname=last,
        proxy_addresses=(f"SMTP:{mail}", *(f"smtp:{alias}" for alias in aliases)),
        **facts,
    )


def user_id(number: int) -> str:
    """Return the object id of a user."""
    return f"00000000-0000-4000-8000-{number:012d}"


def roster_of(users: Iterable[User]) -> Roster:
    """Return a roster in which everybody is in scope."""
    roster = Roster(lambda _: True)
    for user in users:
        roster.add(user)
    return roster


def clustering(
    contacts: Iterable[Contact], users: Iterable[User] = (), *, owners: Mapping[str, str] | None = None
) -> Clustering:
    """Cluster contacts; `owners` says which user of the tenant contact-sync linked each to."""
    linked = {contact_id: f"{TENANT_ID}/{owner}" for contact_id, owner in (owners or {}).items()}
    packed = [Listed.of(contact, linked.get(contact.id)).pack() for contact in contacts]
    return Clustering(packed, roster_of(users), tenant_id=TENANT_ID)


def members(clusters: Iterable[Cluster]) -> list[set[str]]:
    """Return the ids in each cluster."""
    return [{each.listed.id for each in cluster.candidates} for cluster in clusters]
