"""What a run for one user would decide now: the judging of a run itself, over what the vendors hold, seen by nobody."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from adapters.records import Contact, Link, Outcome, Planned, Run, RunState, User
from tasks import deciding
from tasks.connector import Connector
from tasks.drafting import name_of
from tasks.explaining.locating import Located
from tasks.explaining.reading_only import Notebook, reading_only
from tasks.guarding import Excess
from tasks.holding import JudgingHold
from tasks.inquiry import Case
from tasks.judgement import Judgement
from tasks.matching import Match, MatchKey, Refusal
from tasks.planning import ComparedField
from tasks.ports import Json, Ports
from tasks.reading_plan import FOREIGN
from tasks.request import SyncRequest
from tasks.scope import Exclusion

__all__ = ["Rehearsed", "rehearse", "run_of"]

MOST_TOGETHER = 10  # other users that a refusal names: they are judged with this one
RUN_ID = "explanation"


@dataclass
class Rehearsed:
    """What was found out about one user, and what came of it."""

    user: User
    exclusion: Exclusion | None = None
    case: Case | None = None  # of a user in scope
    verdict: Match | Refusal | None = None
    keys: dict[str, MatchKey] = field(default_factory=dict)  # by which each contact could be the user's
    fields: list[ComparedField] = field(default_factory=list)
    decision: Planned | Outcome | None = None
    link: Link | None = None
    left: tuple[Contact, ...] = ()  # contacts of a user that is out or gone
    warnings: tuple[Json, ...] = ()
    excesses: list[Excess] = field(default_factory=list)


class _Watched(Judgement):
    """A judging that keeps what it found out on the way."""

    def __init__(self, ports: Ports, run: Run, connector: Connector) -> None:
        super().__init__(ports, run, connector, hold=JudgingHold(ports, run))
        self.seen: dict[str, tuple[Case, Match | Refusal, Planned | Outcome]] = {}

    def plan(
        self, case: Case, verdict: Match | Refusal, *, withheld: frozenset[str] = frozenset()
    ) -> Planned | Outcome:
        decision = super().plan(case, verdict, withheld=withheld)
        self.seen[case.user.id] = (case, verdict, decision)
        return decision


def run_of(ports: Ports, connector: Connector, name: str) -> Run:
    """Return the run that is rehearsed: one for this user, as the schedule would make it; it is in no ledger."""
    request = SyncRequest(user_principal_names=(name,), dry_run=True)
    now_ms = ports.runs.now_ms()
    return Run(
        run_id=RUN_ID,
        connector_id=connector.connector_id,
        instance=connector.psa,
        lane="targeted",
        trigger="schedule",
        request=request.model_dump(mode="json"),
        dry_run=True,
        requested_at_ms=now_ms,
        state=RunState.JUDGING,
        config_version=ports.configuration.current_version(),
        home=connector.home,
        started_at_ms=now_ms,
    )


def rehearse(ports: Ports, run: Run, connector: Connector, *, located: Located, named: Sequence[str]) -> Rehearsed:
    """Judge a user that was located, together with those that a refusal names. Raises SyncError."""
    user, entry = located.user, located.entry
    if user is None or entry is None:
        raise ValueError("a user that is nowhere cannot be judged")
    at_ms = ports.runs.now_ms()
    directory = ports.directory(run)
    others = [directory.fetch_user(each) for each in named[:MOST_TOGETHER] if not each.startswith(FOREIGN)]
    beside = [(other, at_ms) for other in others if other is not None and other.id != user.id]
    notebook = Notebook([(entry, at_ms), *beside])
    watched = _Watched(reading_only(ports, notebook), run, connector)
    excesses = deciding.rehearse(watched)
    link = ports.memory.links(connector.home, [user.id]).get(user.id)
    found = Rehearsed(user, link=link, excesses=excesses)
    if isinstance(entry, User):
        found.exclusion = watched.exclusion(user)
    if user.id in watched.seen:
        _keep_match(found, watched)
    else:
        found.decision = notebook.planned.get(user.id)
        links = {user.id: link} if link is not None else {}
        left = watched.inquiry.find_left([user.id], links, marked={user.id})[user.id]
        sought = {user_id: each.model_copy(update={"strayed_to": None}) for user_id, each in links.items()}
        strayed = [each for each in watched.inquiry.find_strayed(sought).values() if each is not None]
        found.left = tuple({contact.id: contact for contact in (*left, *strayed)}.values())
        names = {name_of(other) for other, _ in beside}
        rows = notebook.rows.get("warnings", ())
        found.warnings = tuple(row for row in rows if row["user_principal_name"] not in names)
    return found


def _keep_match(found: Rehearsed, watched: _Watched) -> None:
    found.case, found.verdict, found.decision = watched.seen[found.user.id]
    found.warnings = found.decision.warnings
    found.keys = watched.weigh(found.case)
    if isinstance(found.verdict, Match) and found.verdict.contact is not None:
        found.fields = watched.compare(found.case, found.verdict)
