"""One run's compiled rules: from users and what is known of their contacts to decisions."""

from collections import Counter
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from typing import TypeVar

import structlog

from adapters.errors import NotFoundError, WireError
from adapters.records import Contact, Link, Outcome, Planned, Run, Tombstone, User, UserDecision
from tasks import closing, codes, guarding, holding, on_hold, report
from tasks.conflicts import AddressClaim
from tasks.connector import Connector
from tasks.drafting import Drafted, Drafter, name_of
from tasks.expressions.compiled import ExpressionError
from tasks.holding import JudgingHold
from tasks.inquiry import Case, Inquiry
from tasks.matching import Match, Matcher, MatchKey, Needs, Refusal
from tasks.planning import ComparedField, Planner
from tasks.plans.carrying_out import Lines
from tasks.ports import Json, Ports
from tasks.reading_plan import FOREIGN
from tasks.request import SyncRequest
from tasks.requesting import CARRIES_OUT
from tasks.scope import Exclusion, Scope
from tasks.succession import Succession

T = TypeVar("T")

log = structlog.get_logger()

MOST_QUESTIONS = 12  # of one match; each answer settles one contact or user, so it ends earlier


class Judgement:
    """Decides about the users of one run; without a hold by what the vendors hold now, past index and plan."""

    def __init__(self, ports: Ports, run: Run, connector: Connector, *, hold: JudgingHold | None = None) -> None:
        """Compile the run's rules against the PSA's schema."""
        self.ports, self.run, self.connector = ports, run, connector
        self.holder = hold.holder if hold is not None else ""
        self.request = SyncRequest.from_run(run.request)
        self._at = closing.now(ports)
        self._now_ms = int(self._at.timestamp() * 1000)
        self.inquiry = Inquiry(ports, run, connector, hold=hold, now_ms=self._now_ms)
        schema = ports.contacts(run).fetch_schema()
        self.contacts_per_call = schema.contacts_per_call
        self._scope = Scope(connector, self.request)
        self._drafter = Drafter(connector, schema, self.request)
        self._matcher = Matcher(connector, self.request)
        self._planner = Planner(connector, schema, self.request)
        self._unruled: dict[str, str] = {}  # users for whom a rule could not be evaluated
        self._hold = hold
        self._lines = Lines(ports, run) if hold is not None and CARRIES_OUT in run.notes else None
        self._succession = Succession()
        self.gone: dict[str, tuple[Tombstone, int]] = {}  # users that were met as tombstones, when they were read
        self.strayed: dict[str, Link] = {}  # of users that left: their contact was met elsewhere, or nowhere
        self.wanted_contacts: set[str] = set()  # that somebody in scope has, or is refused because of
        self._decided: dict[str, UserDecision] = {}  # what stands about those that were looked for
        self.tally: Counter[str] = Counter()  # planned changes by guarded kind
        self.claims: dict[str, str] = {}  # contacts that somebody in scope could be, and which tenant's user has it
        self.is_list_believed = True  # as to how many users there are
        self.is_list_whole = True  # or nearly so

    def slices(self) -> Iterator[list[tuple[User, int]]]:
        """Yield the users that were read, slice by slice; of tombstones only the ids are kept."""
        for entries in self.ports.reading.slices(self.run.run_id):
            yield [(entry, read_at_ms) for entry, read_at_ms in entries if isinstance(entry, User)]
            self.gone.update(
                {entry.id: (entry, read_at_ms) for entry, read_at_ms in entries if isinstance(entry, Tombstone)}
            )
            self.ports.runs.touch(self.run.run_id, due_in_s=self.ports.timing.step_due_s)

    def forget_gone(self) -> None:
        """Let no later run try users again that were met as tombstones."""
        if not self.run.dry_run:
            self.ports.memory.forget_unfinished(self.run.connector_id, sorted(self.gone))
            self.ports.memory.forget_history(self.connector.home, sorted(self.gone))

    def remember_strayed(self) -> None:
        """Let no later run look again for contacts that strayed; a run that dies before it tells of them again."""
        if self.strayed and not self.run.dry_run:
            self.ports.memory.save_links(self.connector.home, self.strayed)

    def rule_against(self, user: User) -> str | None:
        """Name the rule that leaves a user out."""
        exclusion = self.exclusion(user)
        return exclusion.rule if exclusion is not None else None

    def exclusion(self, user: User) -> Exclusion | None:
        """Return what leaves a user out; a user for whom a rule cannot be evaluated is an error of its own."""
        try:
            return self._scope.exclusion(user)
        except ExpressionError as error:
            self._unruled[user.id] = str(error)
            return None

    def cases(self, users: Sequence[tuple[User, int]]) -> list[Case]:
        """Draft the users of a slice and look up their contacts."""
        links = self.ports.memory.links(self.connector.home, [user.id for user, _ in users]) if users else {}
        self.look_for_decisions([user.id for user, _ in users])
        cases = [Case(user, at_ms, self._draft(user), links.get(user.id), self._way_of(user)) for user, at_ms in users]
        self.inquiry.find(cases)
        return cases

    def look_for_decisions(self, user_ids: Sequence[str]) -> None:
        """Learn what stands about these users."""
        found = self.ports.decisions.find(self.run.connector_id, user_ids)
        self._decided |= {user_id: each for user_id, each in found.items() if not each.has_ended(self._now_ms)}

    def _way_of(self, user: User) -> UserDecision | None:
        """Return the decision by which a user gets its contact; contacts of a former PSA say nothing here."""
        decision = self._decided.get(user.id)
        is_way = decision is not None and decision.action != "ignore" and decision.home == self.connector.home
        return decision if is_way else None

    def is_held(self, user_id: str) -> bool:
        """Tell a user whose contact is left alone, of those that were looked for."""
        return user_id in self._decided and self._decided[user_id].action == "ignore"

    def skip_held(self, user: User) -> Outcome:
        """Return the outcome of a user on hold."""
        skip = on_hold.skip_of(user, self._decided[user.id])
        return skip.model_copy(update={"warnings": tuple(map(self.stamped, skip.warnings))})

    def match(self, case: Case, *, withheld: frozenset[str] = frozenset()) -> Match | Refusal:
        """Match one user, asking the vendors for what the index cannot tell."""
        if not withheld and case.verdict is not None:
            return case.verdict
        draft = case.drafted.draft
        if draft is None:
            return Match(None)
        for _ in range(MOST_QUESTIONS):
            verdict = self._matcher.match(case.user, draft, self.inquiry.facts(case), withheld=withheld)
            if not isinstance(verdict, Needs):
                if not withheld:
                    case.verdict = verdict
                return verdict
            self.inquiry.ask(case, verdict)
        raise WireError("matching_does_not_end", vendor="worker")

    def weigh(self, case: Case) -> dict[str, MatchKey]:
        """Return by which key each contact that was found could be this user's."""
        draft = case.drafted.draft
        return {} if draft is None else self._matcher.weigh(case.user, draft, self.inquiry.facts(case))

    def compare(self, case: Case, match: Match) -> list[ComparedField]:
        """Return every field of the draft beside what the matched contact holds."""
        return self._planner.compare(case.user, case.drafted, match=match, link=case.link, read_at_ms=case.read_at_ms)

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
        self._mark_wanted(case, verdict)
        if self.is_held(case.user.id):
            return self.skip_held(case.user)
        decision = self._planner.plan(
            case.user, case.drafted, match=verdict, link=case.link, read_at_ms=case.read_at_ms
        )
        if isinstance(decision, Planned) and not self._has_target(decision):
            decision = _no_company(decision)
        stamped: Json = {"warnings": tuple(map(self.stamped, decision.warnings))}
        if isinstance(decision, Outcome) and decision.status == "error":
            stamped["row"] = {**self.stamped(decision.row), "office365_id": case.user.id}
        if isinstance(decision, Planned) and withheld:
            stamped["addresses"] = tuple(address for address in decision.addresses if address not in withheld)
        return decision.model_copy(update=stamped)

    def _has_target(self, planned: Planned) -> bool:
        """Tell whether the company exists in which a contact is to be made, or to which it is to be moved."""
        target = planned.draft or (planned.change if planned.change and planned.change.moves else None)
        return target is None or self.inquiry.has_company(target.company_id)

    def stamped(self, row: Json) -> Json:
        """Give a warning or an error its time."""
        return report.warning_row(row, at=self._at)

    def successor_of(self, contact: Contact, user: User, *, others: Container[str]) -> str | None:
        """Name a contact that could take over the role of a protected one; `others` leave, too."""
        found = self._succession.find(contact, user)
        if found is None and self.contacts_per_call >= Succession.FEWEST_A_CALL:
            contacts = self.ports.contacts(self.run)
            page, _ = self.read(lambda: contacts.fetch_contacts(contact.company_id))
            found = Succession.choose(page, leaving=contact, others=others)
        return found

    def read(self, fetch: Callable[[], T]) -> T:
        """Return what this fetches, and keep hold of the judging meanwhile."""
        return fetch() if self._hold is None else self._hold.read(fetch)

    def contacts_by_id(self, contact_ids: Sequence[str]) -> dict[str, Contact]:
        """Return contacts as the run's index holds them, else as the PSA does; those that are gone are left out."""
        indexed = self.ports.index.fetch(self.run.run_id, contact_ids)
        asked = {each: self.inquiry.fetch(each) for each in dict.fromkeys(contact_ids) if each not in indexed}
        return indexed | {contact_id: contact for contact_id, contact in asked.items() if contact is not None}

    def count(self, *, enabled_only: bool) -> int | None:
        """Count the tenant's users; None where it cannot be asked. Needs no hold: it is asked before there is one."""
        try:
            return self.ports.directory(self.run).count_users(enabled_only=enabled_only)
        except (WireError, NotFoundError) as error:
            log.warning("count.unknown", reason=error.reason, status=error.status)
            return None

    def add(self, decisions: Sequence[Planned | Outcome]) -> None:
        """Put decisions into the run's plan; a dry run remembers nothing of them."""
        planned = [decision for decision in decisions if isinstance(decision, Planned)]
        outcomes = [decision for decision in decisions if isinstance(decision, Outcome)]
        if self._lines is not None:
            planned, outcomes = self._lines.choose(decisions, stamped=self.stamped)
        for plan in planned:
            self.tally.update(guarding.kinds_of(plan))
        if self.run.dry_run:
            outcomes = [_without_traces(outcome) for outcome in outcomes]
        else:
            links = {outcome.user_id: outcome.link for outcome in outcomes if outcome.link is not None}
            if links:
                self.ports.memory.save_links(self.connector.home, links)
        if planned or outcomes:
            with holding.while_held():
                self.ports.plan.add(self.run.run_id, holder=self.holder, planned=planned, outcomes=outcomes)

    def add_rows(self, rows: Mapping[str, Sequence[Json]]) -> None:
        """Put rows into the report of users that are counted nowhere, by kind; whose line is left out, is skipped."""
        if self._lines is not None:
            self._add_outcomes(self._lines.left_out(rows.get("excluded", ()), stamped=self.stamped))
        elif any(rows.values()):
            with holding.while_held():
                self.ports.plan.add_rows(self.run.run_id, holder=self.holder, rows=rows)

    def add_unmet(self) -> None:
        """Put a skip into the plan for each line of which nothing has been said; only a kept plan has lines."""
        if self._lines is not None:
            for outcomes in self._lines.unmet(stamped=self.stamped):
                self._add_outcomes(outcomes)

    def _add_outcomes(self, outcomes: Sequence[Outcome]) -> None:
        if outcomes:
            with holding.while_held():
                self.ports.plan.add(self.run.run_id, holder=self.holder, planned=(), outcomes=outcomes)

    def _mark_wanted(self, case: Case, verdict: Match | Refusal) -> None:
        """Keep in mind whose contacts nobody may switch off in this run, and who could take over a role."""
        if isinstance(verdict, Refusal):
            self.wanted_contacts.update(verdict.contact_ids)
            for other in verdict.user_ids:
                if other.startswith(FOREIGN):
                    self.claims |= dict.fromkeys(verdict.contact_ids, other.removeprefix(FOREIGN).partition("/")[0])
        elif verdict.contact is not None:
            self.wanted_contacts.add(verdict.contact.id)
            if case.user.account_enabled is True:
                self._succession.add(verdict.contact, case.user)

    def _draft(self, user: User) -> Drafted:
        reason = self._unruled.get(user.id)
        if reason is None:
            return self._drafter.draft(user)
        message = f"{reason} could not be evaluated for {name_of(user)}; correct the rule in the configuration"
        row = {"user_principal_name": name_of(user), "code": codes.INVALID_FIELD_MAPPING, "message": message}
        return Drafted(error=row)


def _without_traces(outcome: Outcome) -> Outcome:
    return outcome.model_copy(update={"link": None, "retry": None})


def _no_company(planned: Planned) -> Outcome:
    target = planned.draft or planned.change
    company_id = target.company_id if target else ""
    name = name_of(planned.user)
    message = (
        f"company {company_id}, to which the company rules send {name}, does not exist in the PSA (any more);"
        " correct the company rules"
    )
    row = {"user_principal_name": name, "code": codes.MISSING_COMPANY_ID, "message": message}
    return Outcome(user_id=planned.user.id, status="error", row=row, retry="refused")
