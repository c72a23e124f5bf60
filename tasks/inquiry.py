"""What vendors and ledger know about the contacts of one run's users; what is dear is asked once and kept."""

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from adapters.errors import NotFoundError, WireError
from adapters.records import Contact, ContactDraft, Link, Run, User, UserDecision
from tasks import contact_keys, indexing
from tasks.addresses import sought_addresses
from tasks.connector import Connector
from tasks.drafting import Drafted
from tasks.holding import JudgingHold
from tasks.matching import Facts, Match, Needs, Refusal
from tasks.ports import Ports
from tasks.request import SyncRequest

T = TypeVar("T")

MOST_SOUGHT = 100  # linked contacts of leavers that are sought outside the companies, a run


@dataclass
class Case:
    """One user in scope, with its draft and the facts that are known so far."""

    user: User
    read_at_ms: int
    drafted: Drafted
    link: Link | None
    decision: UserDecision | None = None  # that stands: a link or a creation
    contacts: dict[str, Contact] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)
    verdict: Match | Refusal | None = None  # with no address withheld


class Inquiry:
    """Looks up contacts in the run's index or live, and asks for what is missing. Without a hold all is live."""

    def __init__(self, ports: Ports, run: Run, connector: Connector, *, hold: JudgingHold | None, now_ms: int) -> None:
        """Go by the index if the run has one, and by the decisions that stand now."""
        self._now_ms = now_ms
        self._ports, self._run, self._connector, self._hold = ports, run, connector, hold
        self._contacts = ports.contacts(run)
        self._companies = indexing.companies_of(connector, SyncRequest.from_run(run.request))
        self._own_company = run.request.get("company_id") or connector.psa_default_company_id
        self._is_indexed = bool(run.index_at_ms) and hold is not None
        self._index_at_ms = run.index_at_ms
        self._asked_contacts: dict[str, Contact | None] = {}
        self._asked_users: dict[str, bool] = {}
        self._asked_companies: dict[str, bool] = {}
        self._missing_links = 0
        self._tolerated = indexing.tolerated_lack(0)
        self._sought = 0

    def use_index(self) -> None:
        """Go by the index from here on."""
        self._is_indexed = True
        self._index_at_ms = self._ports.runs.now_ms()

    def expect(self, users: int) -> None:
        """Say how many users are in scope: it decides how many linked contacts the index may lack."""
        self._tolerated = indexing.tolerated_lack(users)

    def find(self, cases: list[Case]) -> None:
        """Find the contacts that could be these users', and whose they are: a handful of round trips with an index."""
        (self._find_indexed if self._is_indexed else self._find_live)(cases)
        found = list({contact_id for case in cases for contact_id in case.contacts})
        self._add_owners(cases, found)

    def _add_owners(self, cases: Sequence[Case], contact_ids: Sequence[str]) -> None:
        """Say of contacts whose they are: by decision before link; what was given to a user does not hide its rival."""
        if not contact_ids:
            return
        home = self._connector.home
        linked = self._ports.memory.owners(home, contact_ids)
        given = self._ports.decisions.owners(home, contact_ids, now_ms=self._now_ms)
        for case in cases:
            mine = f"{self._connector.tenant_id}/{case.user.id}"
            for contact_id in case.contacts.keys() & (linked.keys() | given.keys()):
                to = given.get(contact_id)
                owner = linked.get(contact_id) if to in (None, mine) else to
                if owner is not None:
                    case.owners[contact_id] = owner

    def has_company(self, company_id: str) -> bool:
        """Tell whether contacts may be made in a company, before any is: 1 call for each that a rule names.

        The run's own company was found at its start. A write that is looked at live asks the PSA by being sent."""
        if self._hold is None or company_id == self._own_company:
            return True
        if company_id not in self._asked_companies:
            try:
                company = self._read(lambda: self._contacts.fetch_company(company_id))
            except NotFoundError:
                self._asked_companies[company_id] = False
            else:
                self._asked_companies[company_id] = not company.deleted
        return self._asked_companies[company_id]

    def find_left(
        self, user_ids: Sequence[str], links: Mapping[str, Link], *, marked: Container[str]
    ) -> dict[str, list[Contact]]:
        """Find the contacts that are linked to these users, or that carry their object ids: never by an address.

        Only contacts of the connector's companies. Without an index a user without a link is looked for by its id if it
        is in `marked`: 1 call each."""
        if self._is_indexed:
            keys = {user_id: f"id:{user_id.lower()}" for user_id in user_ids}
            found = self._ports.index.find(self._run.run_id, list(keys.values()))
            contact_ids = [link.contact_id for link in links.values()]
            linked = self._ports.index.fetch(self._run.run_id, contact_ids) if contact_ids else {}
            answer = {user_id: list(found.get(key, ())) for user_id, key in keys.items()}
            for user_id, link in links.items():
                if link.contact_id in linked:
                    answer[user_id].append(linked[link.contact_id])
            return answer
        return {user_id: self._look_for_left(user_id, links.get(user_id), marked) for user_id in user_ids}

    def _look_for_left(self, user_id: str, link: Link | None, marked: Container[str]) -> list[Contact]:
        found: tuple[Contact | None, ...] = ()
        if link is not None:
            found = (self._fetch_once(link.contact_id),)
        elif user_id in marked:
            found = self._read(lambda: self._contacts.find_contacts(self._companies, entra_id=user_id, emails=()))
        return [contact for contact in found if contact is not None and contact.company_id in self._companies]

    def find_strayed(self, links: Mapping[str, Link]) -> dict[str, Contact | None]:
        """Read the linked contacts of leavers that are in none of the companies although we left them in one.

        None: it was deleted. 1 call each that no run made before; whoever is beyond the bound waits for the next run.
        Raises WireError if the index proves to be a part of the company."""
        linked = [link.contact_id for link in links.values()]
        inside = self._ports.index.fetch(self._run.run_id, linked) if self._is_indexed and linked else {}
        found: dict[str, Contact | None] = {}
        for user_id, link in links.items():
            if link.contact_id in inside or not self._has_strayed(link):
                continue
            contact = self._fetch_once(link.contact_id)
            if contact is None or contact.company_id not in self._companies:
                found[user_id] = contact
            elif self._is_indexed:
                self._miss_link()
        return found

    def _has_strayed(self, link: Link) -> bool:
        """Tell whether a contact may have left our companies behind our back, and nobody has looked yet."""
        if link.strayed_to is not None or link.company_id not in self._companies:
            return False
        if link.contact_id in self._asked_contacts:
            return True
        is_old = not self._is_indexed or link.read_at_ms <= self._index_at_ms
        self._sought += is_old
        return is_old and self._sought <= MOST_SOUGHT

    def _fetch_once(self, contact_id: str) -> Contact | None:
        if contact_id not in self._asked_contacts:
            self._asked_contacts[contact_id] = self.fetch(contact_id)
        return self._asked_contacts[contact_id]

    def facts(self, case: Case) -> Facts:
        """Return all that is known by now."""
        return Facts(
            link=case.link,
            decision=case.decision,
            contacts=case.contacts.values(),
            owners=case.owners,
            deleted_contacts=frozenset(name for name, contact in self._asked_contacts.items() if contact is None),
            living_users=frozenset(user_id for user_id, lives in self._asked_users.items() if lives),
            gone_users=frozenset(user_id for user_id, lives in self._asked_users.items() if not lives),
        )

    def ask(self, case: Case, needs: Needs) -> None:
        """Ask the vendors for what a match needs. Raises WireError if the index proves to be a part of the company."""
        for wanted in needs.ids:
            if needs.kind == "contacts":
                self._ask_contact(case, wanted)
            elif wanted not in self._asked_users:
                self._asked_users[wanted] = self._does_user_live(wanted)

    def _find_indexed(self, cases: list[Case]) -> None:
        run_id = self._run.run_id
        keys = {
            case.user.id: contact_keys.user_keys(case.user, case.drafted.draft)
            for case in cases
            if case.drafted.draft is not None
        }
        found = self._ports.index.find(run_id, list({key for some in keys.values() for key in some}))
        for case in cases:
            for key in keys.get(case.user.id, ()):
                case.contacts.update({contact.id: contact for contact in found.get(key, ())})
        self._add_linked(cases)

    def _add_linked(self, cases: list[Case]) -> None:
        """Add contacts that are linked to a user, or were given to it, and have nothing else of it."""
        wanted = {case.user.id: _known_of(case) - case.contacts.keys() for case in cases}
        contact_ids = sorted({contact_id for some in wanted.values() for contact_id in some})
        linked = self._ports.index.fetch(self._run.run_id, contact_ids) if contact_ids else {}
        for case in cases:
            case.contacts.update({each: linked[each] for each in wanted[case.user.id] if each in linked})

    def _find_live(self, cases: list[Case]) -> None:
        for case in cases:
            if case.drafted.draft is not None:
                found = self._look_up(case.user, case.drafted.draft, is_linked=case.link is not None)
                case.contacts = {contact.id: contact for contact in found}

    def _look_up(self, user: User, draft: ContactDraft, *, is_linked: bool) -> tuple[Contact, ...]:
        emails = list(sought_addresses(user, draft))
        found = self._read(lambda: self._contacts.find_contacts(self._companies, entra_id=user.id, emails=emails))
        if found or is_linked:
            return found
        first_name, last_name = draft.fields.get("first_name", ""), draft.fields.get("last_name", "")
        return self._read(
            lambda: self._contacts.find_namesakes(self._companies, first_name=first_name, last_name=last_name)
        )

    def _ask_contact(self, case: Case, contact_id: str) -> None:
        contact = self._fetch_once(contact_id)
        if contact is None:
            return
        if self._is_indexed and contact.company_id in self._companies and not self._was_made_since(case, contact_id):
            self._miss_link()
        case.contacts[contact_id] = contact
        self._add_owners([case], [contact_id])

    def _was_made_since(self, case: Case, contact_id: str) -> bool:
        """Tell whether another run made a user's contact after the index was begun: the index cannot have it.

        Its user may have been read long before: so the ledger's word on when it was created counts, too."""
        if case.link is not None and case.link.read_at_ms > self._index_at_ms:
            return True
        events = self._ports.memory.history(self._connector.home, case.user.id)
        return any(
            event.kind == "created" and event.detail == contact_id and event.at_ms >= self._index_at_ms
            for event in events
        )

    def fetch(self, contact_id: str) -> Contact | None:
        """Read a contact live; None if the PSA has it no more."""
        try:
            return self._read(lambda: self._contacts.fetch_contact(contact_id))
        except NotFoundError:
            return None

    def _does_user_live(self, user_id: str) -> bool:
        """Go by what this run has read; of anybody else Graph is asked, and always where all is live."""
        if self._hold is not None and isinstance(self._ports.reading.find(self._run.run_id, user_id), User):
            return True
        return self._read(lambda: self._ports.directory(self._run).fetch_user(user_id)) is not None

    def _miss_link(self) -> None:
        """Count a linked contact that the index lacks and a read of its own found."""
        self._missing_links += 1
        if self._missing_links > self._tolerated:
            raise WireError("contact_index_implausible", vendor=self._connector.psa_kind)

    def _read(self, fetch: Callable[[], T]) -> T:
        return fetch() if self._hold is None else self._hold.read(fetch)


def _known_of(case: Case) -> set[str]:
    """Name the contacts that a user has by link or decision."""
    link = {case.link.contact_id} if case.link is not None else set()
    return link | ({case.decision.contact_id} if case.decision is not None and case.decision.contact_id else set())
