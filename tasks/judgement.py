"""One run's compiled rules and what it looks up for them: from users and contacts to decisions."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from adapters.errors import NotFoundError, WireError
from adapters.records import Contact, Link, Outcome, Planned, Run, User
from tasks import closing, codes, contact_keys, holding, indexing, report
from tasks.addresses import sought_addresses
from tasks.conflicts import AddressClaim
from tasks.connector import Connector
from tasks.drafting import Drafted, Drafter, name_of
from tasks.expressions import ExpressionError
from tasks.matching import Facts, Match, Matcher, Needs, Refusal
from tasks.planning import Planner
from tasks.ports import Json, Ports
from tasks.request import SyncRequest
from tasks.scope import Scope

MOST_QUESTIONS = 12  # of one match; each answer settles one contact or user, so it ends earlier
TOLERATED_MISSING = 3  # linked contacts that an index may lack, or the share below
TOLERATED_SHARE = 0.02
RENEWALS = 9  # in the time after which a run or plan without a sign of life is given to another worker


@dataclass
class Case:
    """One user in scope, with its draft and the facts that are known so far."""

    user: User
    read_at_ms: int
    drafted: Drafted
    link: Link | None
    contacts: dict[str, Contact] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)
    verdict: Match | Refusal | None = None  # with no address withheld


class Judgement:
    """Decides about the users of one run. Facts that are dear are asked once and kept."""

    def __init__(self, ports: Ports, run: Run, connector: Connector, *, holder: str, is_live: bool = False) -> None:
        """Compile the run's rules against the PSA's schema."""
        self.ports, self.run, self.connector, self.holder = ports, run, connector, holder
        self.request = SyncRequest.from_run(run.request)
        self._contacts = ports.contacts(run)
        schema = self._contacts.fetch_schema()
        self.contacts_per_call = schema.contacts_per_call
        self._scope = Scope(connector, self.request)
        self._drafter = Drafter(connector, schema, self.request)
        self._matcher = Matcher(connector, self.request)
        self._planner = Planner(connector, schema, self.request)
        self._is_indexed = bool(run.index_at_ms) and not is_live
        self._companies = indexing.companies_of(connector, self.request)
        self._asked_contacts: dict[str, Contact | None] = {}
        self._asked_users: dict[str, bool] = {}
        self._unruled: dict[str, str] = {}  # users for whom a rule could not be evaluated
        self._missing_links = 0
        self._tolerated = float(TOLERATED_MISSING)
        self._renewed_at = time.monotonic()
        self._gone: set[str] = set()
        self._at = closing.now(ports)

    def use_index(self) -> None:
        """Go by the index from here on."""
        self._is_indexed = True

    def slices(self) -> Iterator[list[tuple[User, int]]]:
        """Yield the users that were read, slice by slice; of tombstones only the ids are kept."""
        for entries in self.ports.reading.slices(self.run.run_id):
            yield [(entry, read_at_ms) for entry, read_at_ms in entries if isinstance(entry, User)]
            self._gone.update(entry.id for entry, _ in entries if not isinstance(entry, User))
            self.ports.runs.touch(self.run.run_id, due_in_s=self.ports.timing.step_due_s)

    def forget_gone(self) -> None:
        """Let no later run try users again that were met as tombstones."""
        if not self.run.dry_run:
            self.ports.memory.forget_unfinished(self.run.connector_id, sorted(self._gone))

    def rule_against(self, user: User) -> str | None:
        """Name the rule that leaves a user out; a user for whom a rule cannot be evaluated is an error of its own."""
        try:
            return self._scope.decide(user)
        except ExpressionError as error:
            self._unruled[user.id] = str(error)
            return None

    def cases(self, users: Sequence[tuple[User, int]]) -> list[Case]:
        """Draft the users of a slice and look up their contacts, with a handful of round trips for the whole slice."""
        links = self.ports.memory.links(self.connector.home, [user.id for user, _ in users]) if users else {}
        cases = [Case(user, at_ms, self._draft(user), links.get(user.id)) for user, at_ms in users]
        (self._find_indexed if self._is_indexed else self._find_live)(cases)
        found = list({contact_id for case in cases for contact_id in case.contacts})
        owners = self.ports.memory.owners(self.connector.home, found) if found else {}
        for case in cases:
            case.owners = {contact_id: owners[contact_id] for contact_id in case.contacts if contact_id in owners}
        return cases

    def match(self, case: Case, *, withheld: frozenset[str] = frozenset()) -> Match | Refusal:
        """Match one user, asking the vendors for what the index cannot tell."""
        if not withheld and case.verdict is not None:
            return case.verdict
        draft = case.drafted.draft
        if draft is None:
            return Match(None)
        for _ in range(MOST_QUESTIONS):
            verdict = self._matcher.match(case.user, draft, self._facts(case), withheld=withheld)
            if not isinstance(verdict, Needs):
                if not withheld:
                    case.verdict = verdict
                return verdict
            self._ask(case, verdict)
        raise WireError("matching_does_not_end", vendor="worker")

    def claim(self, case: Case) -> AddressClaim:
        """State this user's right to its addresses."""
        match = self.match(case)
        assert case.drafted.draft is not None  # noqa: S101 - only drafted users claim addresses
        return AddressClaim(case.user, case.drafted.draft, match.key if isinstance(match, Match) else "none")

    def decide(self, case: Case) -> Planned | Outcome:
        """Decide about a user that is in nobody's way."""
        return self.plan(case, self.match(case))

    def plan(
        self, case: Case, verdict: Match | Refusal, *, withheld: frozenset[str] = frozenset()
    ) -> Planned | Outcome:
        """Plan what this match asks for; the write will claim no address that is withheld. Rows get their time."""
        decision = self._planner.plan(
            case.user, case.drafted, match=verdict, link=case.link, read_at_ms=case.read_at_ms
        )
        stamped: Json = {"warnings": tuple(report.warning_row(row, at=self._at) for row in decision.warnings)}
        if isinstance(decision, Outcome) and decision.status == "error":
            stamped["row"] = {**report.warning_row(decision.row, at=self._at), "office365_id": case.user.id}
        if isinstance(decision, Planned) and withheld:
            stamped["addresses"] = tuple(address for address in decision.addresses if address not in withheld)
        return decision.model_copy(update=stamped)

    def add(self, decisions: Sequence[Planned | Outcome], excluded: Sequence[Json] = ()) -> None:
        """Put decisions into the run's plan; a dry run's are outcomes all of them, and nothing is remembered."""
        planned = [decision for decision in decisions if isinstance(decision, Planned)]
        outcomes = [decision for decision in decisions if isinstance(decision, Outcome)]
        if self.run.dry_run:
            outcomes = [_without_traces(outcome) for outcome in outcomes] + [_would(plan) for plan in planned]
            planned = []
        else:
            links = {outcome.user_id: outcome.link for outcome in outcomes if outcome.link is not None}
            if links:
                self.ports.memory.save_links(self.connector.home, links)
        with holding.while_held():
            if planned or outcomes:
                self.ports.plan.add(self.run.run_id, holder=self.holder, planned=planned, outcomes=outcomes)
            if excluded:
                self.ports.plan.exclude(self.run.run_id, holder=self.holder, rows=excluded)

    def expect(self, users: int) -> None:
        """Say how many users are in scope: it decides how many linked contacts the index may lack."""
        self._tolerated = max(TOLERATED_MISSING, users * TOLERATED_SHARE)

    def _miss_link(self) -> None:
        """Count a linked contact that the index lacks and a read of its own found.

        Raises WireError when they are too many: the PSA answered with a part of the company."""
        self._missing_links += 1
        if self._missing_links > self._tolerated:
            raise WireError("contact_index_implausible", vendor=self.connector.psa_kind)

    def _renew(self) -> None:
        """Keep run and plan ours through reads one by one, which may take minutes under a small budget."""
        due_s = self.ports.timing.step_due_s
        if time.monotonic() - self._renewed_at < due_s / RENEWALS or not self.holder:
            return
        self._renewed_at = time.monotonic()
        self.ports.runs.touch(self.run.run_id, due_in_s=due_s)
        with holding.while_held():
            self.ports.plan.add(self.run.run_id, holder=self.holder, planned=(), outcomes=())

    def _draft(self, user: User) -> Drafted:
        reason = self._unruled.get(user.id)
        if reason is None:
            return self._drafter.draft(user)
        message = f"{reason} could not be evaluated for {name_of(user)}; correct the rule in the configuration"
        row = {"user_principal_name": name_of(user), "code": codes.INVALID_FIELD_MAPPING, "message": message}
        return Drafted(error=row)

    def _find_indexed(self, cases: list[Case]) -> None:
        run_id = self.run.run_id
        keys = {
            case.user.id: contact_keys.user_keys(case.user, case.drafted.draft)
            for case in cases
            if case.drafted.draft is not None
        }
        found = self.ports.index.find(run_id, list({key for some in keys.values() for key in some}))
        linked = self.ports.index.fetch(run_id, [case.link.contact_id for case in cases if case.link is not None])
        for case in cases:
            for key in keys.get(case.user.id, ()):
                case.contacts.update({contact.id: contact for contact in found.get(key, ())})
            if case.link is not None and case.link.contact_id in linked:
                case.contacts[case.link.contact_id] = linked[case.link.contact_id]

    def _find_live(self, cases: list[Case]) -> None:
        for case in cases:
            draft = case.drafted.draft
            if draft is None:
                continue
            self._renew()
            found = self._contacts.find_contacts(
                self._companies, entra_id=case.user.id, emails=list(sought_addresses(case.user, draft))
            )
            if not found and case.link is None:
                found = self._contacts.find_namesakes(
                    self._companies,
                    first_name=draft.fields.get("first_name", ""),
                    last_name=draft.fields.get("last_name", ""),
                )
            case.contacts = {contact.id: contact for contact in found}

    def _facts(self, case: Case) -> Facts:
        return Facts(
            link=case.link,
            contacts=case.contacts.values(),
            owners=case.owners,
            deleted_contacts=frozenset(name for name, contact in self._asked_contacts.items() if contact is None),
            living_users=frozenset(user_id for user_id, lives in self._asked_users.items() if lives),
            gone_users=frozenset(user_id for user_id, lives in self._asked_users.items() if not lives),
        )

    def _ask(self, case: Case, needs: Needs) -> None:
        for wanted in needs.ids:
            self._renew()
            if needs.kind == "users":
                if wanted not in self._asked_users:
                    self._asked_users[wanted] = self.ports.directory(self.run).fetch_user(wanted) is not None
            else:
                self._ask_contact(case, wanted)

    def _ask_contact(self, case: Case, contact_id: str) -> None:
        if contact_id not in self._asked_contacts:
            try:
                self._asked_contacts[contact_id] = self._contacts.fetch_contact(contact_id)
            except NotFoundError:
                self._asked_contacts[contact_id] = None
        contact = self._asked_contacts[contact_id]
        if contact is None:
            return
        if self._is_indexed and contact.company_id in self._companies:
            self._miss_link()
        case.contacts[contact_id] = contact
        case.owners.update(self.ports.memory.owners(self.connector.home, [contact_id]))


def _would(planned: Planned) -> Outcome:
    """Return the outcome that a plan would have."""
    return Outcome(
        user_id=planned.user.id,
        status="created" if planned.draft is not None else "updated",
        row=report.success_row(planned),
        warnings=planned.warnings,
    )


def _without_traces(outcome: Outcome) -> Outcome:
    return outcome.model_copy(update={"link": None, "retry": None})
