"""One run's compiled rules: from users and what is known of their contacts to decisions."""

from collections.abc import Iterator, Sequence

from adapters.errors import WireError
from adapters.records import Outcome, Planned, Run, User
from tasks import closing, codes, holding, report
from tasks.conflicts import AddressClaim
from tasks.connector import Connector
from tasks.drafting import Drafted, Drafter, name_of
from tasks.expressions import ExpressionError
from tasks.holding import JudgingHold
from tasks.inquiry import Case, Inquiry
from tasks.matching import Match, Matcher, Needs, Refusal
from tasks.planning import Planner
from tasks.ports import Json, Ports
from tasks.request import SyncRequest
from tasks.scope import Scope

MOST_QUESTIONS = 12  # of one match; each answer settles one contact or user, so it ends earlier


class Judgement:
    """Decides about the users of one run; without a hold by what the vendors hold now, past index and plan."""

    def __init__(self, ports: Ports, run: Run, connector: Connector, *, hold: JudgingHold | None = None) -> None:
        """Compile the run's rules against the PSA's schema."""
        self.ports, self.run, self.connector = ports, run, connector
        self.holder = hold.holder if hold is not None else ""
        self.request = SyncRequest.from_run(run.request)
        self.inquiry = Inquiry(ports, run, connector, hold=hold)
        schema = ports.contacts(run).fetch_schema()
        self.contacts_per_call = schema.contacts_per_call
        self._scope = Scope(connector, self.request)
        self._drafter = Drafter(connector, schema, self.request)
        self._matcher = Matcher(connector, self.request)
        self._planner = Planner(connector, schema, self.request)
        self._unruled: dict[str, str] = {}  # users for whom a rule could not be evaluated
        self._gone: set[str] = set()
        self._at = closing.now(ports)

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
        """Draft the users of a slice and look up their contacts."""
        links = self.ports.memory.links(self.connector.home, [user.id for user, _ in users]) if users else {}
        cases = [Case(user, at_ms, self._draft(user), links.get(user.id)) for user, at_ms in users]
        self.inquiry.find(cases)
        return cases

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

    def _draft(self, user: User) -> Drafted:
        reason = self._unruled.get(user.id)
        if reason is None:
            return self._drafter.draft(user)
        message = f"{reason} could not be evaluated for {name_of(user)}; correct the rule in the configuration"
        row = {"user_principal_name": name_of(user), "code": codes.INVALID_FIELD_MAPPING, "message": message}
        return Drafted(error=row)


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
