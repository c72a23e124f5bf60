"""The judging step: everything that was read becomes one plan, and only a plan that may run is written."""

from collections.abc import Iterator

from adapters.errors import WireError
from adapters.records import Outcome, Planned, Run, RunState, User
from tasks import claiming, closing, codes, conflicts, fanning_out, holding, indexing, lapsing, leaving, report, sifting
from tasks.connector import Connector
from tasks.guarding import Excess
from tasks.holding import JudgingHold
from tasks.inquiry import Case
from tasks.judgement import Judgement
from tasks.leavers import Excluded, Leavers
from tasks.leaving import Leaver
from tasks.matching import Match, Refusal
from tasks.plans import approving, carrying_out
from tasks.ports import Json, Ports
from tasks.profiles import USERS
from tasks.sifting import Sifted
from tasks.survey import Survey
from tasks.undo import undoing

LOOK_UPS = 2  # calls that one user costs without an index
INDEX_WORTH_USERS = 2  # one user alone is never worth it

Decision = Planned | Outcome


def judge(ports: Ports, run: Run) -> float | None:
    """Turn the pages of a run into its plan; a repeat starts it over, one that is sealed stands and goes on."""
    if run.state is RunState.WRITING:
        _go_on(ports, run)
    if run.state not in (RunState.READING, RunState.JUDGING):
        return None
    if run.state is RunState.READING and not ports.reading.begin_judging(run.run_id):
        fanning_out.resume(ports, run)
        return None
    connector = ports.configuration.connector(run.connector_id, version=run.config_version)
    try:
        judgement = Judgement(ports, run, connector, hold=JudgingHold(ports, run))
        return _judge_undo(judgement) if run.undoes else _judge(judgement)
    except carrying_out.PlanGoneError as error:
        message = f"{error}; make a new one by `contact-sync plan {run.connector_id}`"
        closing.fail_run(ports, run, code=codes.PLAN_UNUSABLE, message=message)
        return None
    except LookupError:
        if not _is_judged(ports, run):
            raise
        return None  # by another worker, which dropped what was read


def _is_judged(ports: Ports, run: Run) -> bool:
    current = ports.runs.load_run(run.run_id)
    return current is None or current.state is not RunState.JUDGING


def decide_live(
    ports: Ports, run: Run, connector: Connector, *, planned: Planned, withheld: frozenset[str] = frozenset()
) -> Decision:
    """Decide about one planned user by what the vendors hold now, past index and pages.

    `withheld` are folded addresses that the run's judging gave to another user."""
    if run.undoes:
        return undoing.decide_again(ports, run, connector, planned)
    read_at_ms = ports.runs.now_ms()
    user = ports.directory(run).fetch_user(planned.user.id)
    judgement = Judgement(ports, run, connector)
    exclusion = judgement.exclusion(user) if user is not None else None
    if user is None or exclusion is not None:
        leaver = leaving.leaver_of(planned, user, exclusion, read_at_ms=read_at_ms)
        return _leave_live(judgement, planned, leaver)
    (case,) = judgement.cases([(user, read_at_ms)])
    return judgement.plan(case, judgement.match(case, withheld=withheld), withheld=withheld)


def rehearse(judgement: Judgement) -> list[Excess]:
    """Plan for the users that were read, as the judging of a run does, and return what the guard would hold.

    Contacts are looked up one by one: no index is loaded."""
    _plan_all(judgement, Survey(judgement))
    return sifting.sift(judgement).excesses


def _leave_live(judgement: Judgement, planned: Planned, leaver: Leaver | None) -> Decision:
    """Decide again about a contact that is to be switched off; any other write is not for a user that left."""
    if leaver is None or planned.change is None:
        return Outcome(user_id=planned.user.id, status="skipped")
    judgement.look_for_decisions([leaver.user.id])
    if judgement.is_held(leaver.user.id):
        return judgement.skip_held(leaver.user)
    memory, home = judgement.ports.memory, judgement.connector.home
    contact_id = planned.change.contact_id
    contact = judgement.inquiry.fetch(contact_id)
    link = memory.links(home, [leaver.user.id]).get(leaver.user.id)
    owners = memory.owners(home, [contact_id])
    tenant_id = judgement.connector.tenant_id
    if contact is None or not leaving.contact_of(leaver, (contact,), link=link, owners=owners, tenant_id=tenant_id):
        return Outcome(user_id=leaver.user.id, status="skipped")
    decision = leaving.decide_leaver(leaver, contact, link=link, connector=judgement.connector, successor=None)
    return decision.model_copy(update={"warnings": tuple(map(judgement.stamped, decision.warnings))})


def _judge(judgement: Judgement) -> float | None:
    ports, run = judgement.ports, judgement.run
    survey = Survey(judgement)
    _check_list(judgement, survey)
    if not run.index_at_ms and _index_is_cheaper(judgement, survey.in_scope):
        wait_s = indexing.load_index(ports, run, judgement.connector)
        if wait_s is not None:
            return wait_s
        judgement.inquiry.use_index()
    enabled = _enabled_users(judgement, survey)
    if not ports.plan.reset(run.run_id, holder=judgement.holder):
        return holding.BUSY_WAIT_S
    try:
        _plan_all(judgement, survey)
        judgement.add_unmet()
        lapsing.add_ended(judgement)
        sifted = sifting.sift(judgement)
    except BaseException:
        ports.plan.release(run.run_id, holder=judgement.holder)
        raise
    judgement.forget_gone()
    _keep_profiles(judgement, survey)
    ports.runs.note(run.run_id, enabled_users=enabled, **_findings(judgement, survey, sifted))
    if ports.plan.seal(run.run_id, holder=judgement.holder):
        judgement.remember_strayed()
        _go_on(ports, run)
    return None


def _judge_undo(judgement: Judgement) -> float | None:
    """Plan from the journal of the run that is undone, by the contact index where that is cheaper."""
    ports, run = judgement.ports, judgement.run
    if not run.index_at_ms and _index_is_cheaper(judgement, run.notes["writes"] // LOOK_UPS):
        wait_s = indexing.load_index(ports, run, judgement.connector)
        if wait_s is not None:
            return wait_s
    if not ports.plan.reset(run.run_id, holder=judgement.holder):
        return holding.BUSY_WAIT_S
    try:
        undoing.plan_all(judgement)
        sifting.sift(judgement)
    except BaseException:
        ports.plan.release(run.run_id, holder=judgement.holder)
        raise
    if ports.plan.seal(run.run_id, holder=judgement.holder):
        _go_on(ports, run)
    return None


def _findings(judgement: Judgement, survey: Survey, sifted: Sifted) -> Json:
    """Return what the close has to know of the judging."""
    claims = claiming.find_claims(judgement)
    counts = judgement.run.mode == "full" and judgement.is_list_believed
    return {
        "held": [excess.model_dump() for excess in sifted.excesses],
        "plan": sifted.plan,
        "tally": dict(judgement.tally),
        "list_incomplete": not judgement.is_list_whole,
        "users_read": survey.users if counts else None,
        "claims": [claim.row() for claim in claims],
        "claimed": [[claim.place, claim.reason] for claim in claims],
    }


def _keep_profiles(judgement: Judgement, survey: Survey) -> None:
    """Remember what the profiles lack today, for the audit's trend: it costs nothing where everybody was read."""
    run = judgement.run
    is_whole = run.mode == "full" and judgement.is_list_believed and judgement.is_list_whole
    if is_whole and not run.dry_run and not judgement.request.is_narrowed:
        day = closing.now(judgement.ports).date().isoformat()
        judgement.ports.memory.note_quality(run.connector_id, day, USERS, survey.gaps.numbers())


def _go_on(ports: Ports, run: Run) -> None:
    """Let what was planned be written, or the run be closed if nothing was."""
    lapsing.forget_ended(ports, run)
    approving.approve_by(ports, run)
    ports.runs.touch(run.run_id, due_in_s=ports.timing.due_s)
    ports.publisher.feed(run.instance)
    if ports.plan.is_complete(run.run_id):
        closing.request_close(ports, run)


def _check_list(judgement: Judgement, survey: Survey) -> None:
    """Disbelieve a list that names nobody although the tenant counts somebody. Raises WireError."""
    if judgement.run.mode == "full" and survey.users == 0 and judgement.count(enabled_only=False):
        raise WireError("user_list_empty", vendor="graph")


def _enabled_users(judgement: Judgement, survey: Survey) -> int:
    counted = None if judgement.run.mode == "full" else judgement.count(enabled_only=True)
    return survey.enabled if counted is None else counted


def _index_is_cheaper(judgement: Judgement, users: int) -> bool:
    """Compare the look-ups of all users with the calls that list the companies' contacts."""
    if users < INDEX_WORTH_USERS:
        return False
    if judgement.run.notes.get("indexed"):
        return True  # it was, when it was begun
    contacts = judgement.ports.contacts(judgement.run)
    known = indexing.contacts_before(judgement.ports, judgement.run)
    calls = 0.0
    for company_id in indexing.companies_of(judgement.connector, judgement.request):
        number = known.get(company_id)
        calls += (contacts.count_contacts(company_id) if number is None else number) / judgement.contacts_per_call + 1
    return calls <= LOOK_UPS * users


def _plan_all(judgement: Judgement, survey: Survey) -> None:
    """Plan slice by slice; users that may stand in each other's way come last, together, and leavers after them."""
    judgement.inquiry.expect(survey.in_scope)
    leavers = Leavers(judgement, survey)
    deferred: list[Case] = []
    for entries in judgement.slices():
        wanted: list[tuple[User, int]] = []
        excluded: list[Excluded] = []
        for user, read_at_ms in entries:
            exclusion = judgement.exclusion(user)
            if exclusion is None:
                wanted.append((user, read_at_ms))
            else:
                excluded.append((user, read_at_ms, exclusion))
        decisions: list[Decision] = []
        for case in judgement.cases(wanted):
            if survey.is_shared(case.user) or _may_collide(judgement, survey, case):
                deferred.append(case)
            else:
                decisions.append(judgement.decide(case))
        judgement.add(decisions)
        judgement.add_rows({"excluded": leavers.sort_out(excluded)})
    judgement.add(list(_decide_together(judgement, deferred)))
    _let_leave(judgement, leavers)


def _let_leave(judgement: Judgement, leavers: Leavers) -> None:
    """Plan for everybody who left; a name that nobody has and that is no leaver's is an error."""
    unknown = judgement.ports.reading.unknown_names(judgement.run.run_id)
    leavers.add_gone(judgement.gone.values())
    leavers.add_unknown(unknown)
    judgement.add([_unknown(judgement, name) for name in unknown if not leavers.is_leaver(name.casefold())])
    planned, rows = leavers.decide()
    judgement.add(planned)
    judgement.add_rows(rows)


def _may_collide(judgement: Judgement, survey: Survey, case: Case) -> bool:
    """Tell whether another user in scope could be matched to the same contact by another of its addresses."""
    match = judgement.match(case)
    if not isinstance(match, Match) or match.contact is None or match.key in ("decision", "link", "object_id"):
        return False
    return survey.has_another(match.contact.emails, case.user)


def _decide_together(judgement: Judgement, cases: list[Case]) -> Iterator[Decision]:
    """Settle who has the better right to each shared address, then to each contact, and decide by it."""
    withheld, refused = _settle_addresses(judgement, cases)
    matches = {
        case.user.id: judgement.match(case, withheld=frozenset(withheld.get(case.user.id, ())))
        for case in cases
        if case.user.id not in refused
    }
    refused |= _settle_contacts(cases, matches)
    for case in cases:
        user_id = case.user.id
        if case.drafted.draft is None:
            yield judgement.decide(case)
        else:
            verdict = refused.get(user_id) or matches[user_id]
            yield judgement.plan(case, verdict, withheld=frozenset(withheld.get(user_id, ())))


def _settle_addresses(judgement: Judgement, cases: list[Case]) -> tuple[dict[str, set[str]], dict[str, Refusal]]:
    by_id = {case.user.id: case for case in cases if case.drafted.draft is not None}
    withheld: dict[str, set[str]] = {}
    refused: dict[str, Refusal] = {}
    for address, users in conflicts.shared_addresses([case.user for case in by_id.values()]).items():
        claims = [judgement.claim(by_id[user.id]) for user in users]
        for user_id, verdict in conflicts.resolve_address_conflict(address, claims).items():
            if isinstance(verdict, Refusal):
                refused[user_id] = verdict
            elif verdict == "withheld":
                withheld.setdefault(user_id, set()).add(address)
    return withheld, refused


def _settle_contacts(cases: list[Case], matches: dict[str, Match | Refusal]) -> dict[str, Refusal]:
    refused: dict[str, Refusal] = {}
    groups: dict[str, list[tuple[User, Match]]] = {}
    for case in cases:
        match = matches.get(case.user.id)
        if isinstance(match, Match) and match.contact is not None:
            groups.setdefault(match.contact.id, []).append((case.user, match))
    for group in groups.values():
        contact = group[0][1].contact
        if len(group) > 1 and contact is not None:
            claims = [conflicts.ContactClaim(user, match.key) for user, match in group]
            refused |= conflicts.resolve_contact_conflict(contact, claims)
    return refused


def _unknown(judgement: Judgement, name: str) -> Outcome:
    message = f"Microsoft 365 knows no user {name}; check the spelling, or whether the user was deleted or renamed"
    row = report.error_row(name, code=codes.USER_NOT_FOUND, message=message, at=closing.now(judgement.ports))
    return Outcome(user_id=f"name:{name}", status="error", row=row)
