"""The users of one run that left: their contacts, the proof that they did, and what is planned for them.

Decided after everybody else, because a contact that anybody in scope could want is not switched off.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import NamedTuple, TypeVar

import structlog

from adapters.errors import NotFoundError, ResyncError, WireError
from adapters.records import Contact, Link, Outcome, Planned, Tombstone, User
from tasks import codes, leaving, report
from tasks.contact_keys import is_object_id
from tasks.judgement import Judgement
from tasks.leaving import DELETED, Leaver
from tasks.ports import Json
from tasks.proving import Proof
from tasks.scope import Exclusion
from tasks.survey import Survey

AT_ONCE = 1000
MOST_CONFIRMED = 500  # reads of single users a run; whoever is beyond that waits for the next full run
MOST_RESTARTS = 3
DELETED_UNKNOWN = "deleted_users.unknown"

log = structlog.get_logger()

T = TypeVar("T")
Excluded = tuple[User, int, Exclusion]


class _Waiting(NamedTuple):
    """A leaver with the active contact that it left."""

    leaver: Leaver
    contact: Contact
    link: Link | None


class Leavers:
    """Collects who leaves while a run is judged, then decides."""

    def __init__(self, judgement: Judgement, survey: Survey) -> None:
        """Begin with nobody; a run that does not look at everybody or everything lets nobody leave."""
        self._judgement, self._survey = judgement, survey
        self._is_wanted = not judgement.request.is_restricted
        self._waiting: dict[str, _Waiting] = {}
        self._deleted: dict[str, User] = {}

    def sort_out(self, excluded: Sequence[Excluded]) -> list[Json]:
        """Keep whoever leaves an active contact; return the report's rows of the others."""
        leavers = [
            Leaver(user, at_ms, exclusion.rule, exclusion.departure)
            for user, at_ms, exclusion in excluded
            if exclusion.departure is not None
        ]
        self._collect(leavers)
        return [
            report.excluded_row(user, rule=exclusion.rule)
            for user, _, exclusion in excluded
            if user.id not in self._waiting
        ]

    def add_gone(self, gone: Iterable[tuple[Tombstone, int]]) -> None:
        """Take in users that the directory marks as deleted, or did not find under their id."""
        for some in _chunks(gone):
            self._collect([_gone(mark.id, at_ms, is_proved=mark.reason != "missing") for mark, at_ms in some])

    def add_unknown(self, names: Sequence[str]) -> None:
        """Take in users that were asked for by their object id and are not in the directory."""
        at_ms = self._judgement.ports.runs.now_ms()
        ids = [name.casefold() for name in names if is_object_id(name)]
        self._collect([_gone(user_id, at_ms, is_proved=False) for user_id in ids])

    def is_leaver(self, user_id: str) -> bool:
        """Tell whether a user left an active contact."""
        return user_id in self._waiting

    def decide(self) -> tuple[list[Planned], dict[str, list[Json]]]:
        """Return the deactivations, and the report's rows of those who leave and are not written."""
        self._add_absent()
        self._name_the_gone()
        rows: dict[str, list[Json]] = {"excluded": [], "warnings": self._prove()}
        planned: list[Planned] = []
        self._judgement.look_for_decisions(list(self._waiting))
        for leaver, contact, link in self._waiting.values():
            decision = self._decide(leaver, contact, link)
            if isinstance(decision, Planned):
                planned.append(decision)
                continue
            rows["excluded"].append(report.excluded_row(leaver.user, rule=leaver.rule))
            rows["warnings"] += [self._judgement.stamped(row) for row in decision.warnings]
        return planned, rows

    def _decide(self, leaver: Leaver, contact: Contact, link: Link | None) -> Planned | Outcome:
        judgement = self._judgement
        if judgement.is_held(leaver.user.id):
            return judgement.skip_held(leaver.user)
        if contact.id in judgement.wanted_contacts:
            return Outcome(user_id=leaver.user.id, status="skipped")  # it goes on as somebody else's
        is_asked = contact.protected and contact.company_id in judgement.connector.company_ids
        successor = judgement.successor_of(contact, leaver.user, others=self._waiting) if is_asked else None
        return leaving.decide_leaver(leaver, contact, link=link, connector=judgement.connector, successor=successor)

    # --- who leaves what ----------------------------------------------------------------------------------------------

    def _collect(self, leavers: Sequence[Leaver]) -> None:
        if not self._is_wanted or not leavers:
            return
        judgement, tenant_id = self._judgement, self._judgement.connector.tenant_id
        ids = [leaver.user.id for leaver in leavers]
        links = judgement.ports.memory.links(judgement.connector.home, ids)
        marked = {leaver.user.id for leaver in leavers if leaver.departure == "left" and not leaver.is_absent}
        found = judgement.inquiry.find_left(ids, links, marked=marked)
        strayed = judgement.inquiry.find_strayed(links)
        for user_id, stray in strayed.items():
            judgement.strayed[user_id] = links[user_id].model_copy(
                update={"strayed_to": stray.company_id if stray is not None else ""}
            )
            found[user_id] = [*found.get(user_id, ()), *([stray] if stray is not None else ())]
        contact_ids = list({contact.id for contacts in found.values() for contact in contacts})
        owners = judgement.ports.memory.owners(judgement.connector.home, contact_ids) if contact_ids else {}
        for leaver in leavers:
            user_id = leaver.user.id
            contact = leaving.contact_of(
                leaver, found.get(user_id, ()), link=links.get(user_id), owners=owners, tenant_id=tenant_id
            )
            if contact is not None:
                self._waiting[user_id] = _Waiting(leaver, contact, links.get(user_id))

    def _add_absent(self) -> None:
        """Take in whoever has a link and is missing from the list of all users."""
        judgement = self._judgement
        if judgement.run.mode != "full" or not self._is_wanted:
            return
        at_ms = judgement.run.started_at_ms
        for links in judgement.ports.memory.iter_links(judgement.connector.home):
            absent = [user_id for user_id in links if not self._survey.has(user_id) and user_id not in judgement.gone]
            self._collect([replace(_gone(user_id, at_ms, is_proved=False), is_absent=True) for user_id in absent])

    def _name_the_gone(self) -> None:
        """Learn from the list of deleted users who the gone ones were; whoever is in it has certainly left.

        In a full run it also names those of whom only a contact with their object id tells."""
        is_full = self._judgement.run.mode == "full" and self._is_wanted
        if not is_full and not any(each.leaver.is_gone for each in self._waiting.values()):
            return
        for some in _chunks(self._iter_deleted()):
            if is_full:
                fresh = [user.id for user in some if user.id not in self._waiting and not self._survey.has(user.id)]
                self._collect([_gone(user_id, self._judgement.run.started_at_ms, is_proved=True) for user_id in fresh])
            self._deleted.update({user.id: user for user in some if user.id in self._waiting})
        for leaver, contact, link in [each for each in self._waiting.values() if each.leaver.is_gone]:
            deleted = self._deleted.get(leaver.user.id)
            user = leaving.name_known(leaver.user, contact, deleted=deleted)
            known = replace(leaver, user=user, is_proved=leaver.is_proved or deleted is not None)
            self._waiting[user.id] = _Waiting(known, contact, link)

    def _iter_deleted(self) -> Iterator[User]:
        """Yield the users that were deleted lately; of a tenant that does not list them, none.

        A list that expires on the way begins anew, and names some twice."""
        directory, link, restarts = self._judgement.ports.directory(self._judgement.run), None, 0
        while True:
            try:
                page = self._judgement.read(lambda: directory.fetch_deleted_users(link))  # noqa: B023 - called at once
            except (WireError, NotFoundError, ResyncError) as error:
                restarts += 1
                if not isinstance(error, ResyncError) or restarts > MOST_RESTARTS:
                    log.warning(DELETED_UNKNOWN, reason=error.reason, status=error.status)
                    return
                link = None
                continue
            yield from (entry for entry in page.entries if isinstance(entry, User))
            link = page.next_link
            if link is None:
                return

    # --- the proof ----------------------------------------------------------------------------------------------------

    def _prove(self) -> list[Json]:
        """Prove who left by the whole list and a read of each id; nobody is taken for gone by a list in doubt."""
        if self._judgement.run.mode != "full" or not self._is_wanted:
            return []
        proof, left_by_proof = (
            Proof(self._judgement, self._survey),
            len(self._judgement.gone.keys() | self._deleted.keys()),
        )
        missing = [each.leaver.user.id for each in self._waiting.values() if _lacks_proof(each.leaver)]
        doubts = proof.doubts(is_anybody_missing=bool(missing), left_by_proof=left_by_proof)
        if not doubts and self._judgement.connector.on_leaver == "deactivate":
            doubts = proof.confirm(missing[:MOST_CONFIRMED])
        if not doubts:
            self._believe(missing)
            return []
        for user_id in missing:
            del self._waiting[user_id]
            self._judgement.strayed.pop(user_id, None)
        message = (
            f"the list of users is not proved complete: {'; '.join(doubts)}. So {len(missing)} contacts of users that"
            " are missing from it were left alone; the next full run looks again"
        )
        return [self._judgement.stamped({"user_principal_name": None, "code": codes.ADDITIVE_ONLY, "message": message})]

    def _believe(self, missing: Sequence[str]) -> None:
        """Take the confirmed ones for gone; a report needs no read of each id, and a write makes one of its own."""
        for user_id in missing[:MOST_CONFIRMED]:
            waiting = self._waiting[user_id]
            self._waiting[user_id] = waiting._replace(leaver=replace(waiting.leaver, is_proved=True))


def _lacks_proof(leaver: Leaver) -> bool:
    return leaver.is_absent and not leaver.is_proved


def _gone(user_id: str, at_ms: int, *, is_proved: bool) -> Leaver:
    return Leaver(User(id=user_id), at_ms, DELETED, "left", is_proved=is_proved)


def _chunks(source: Iterable[T]) -> Iterator[list[T]]:
    """Yield what comes a thousand at a time."""
    left = iter(source)
    while some := list(islice(left, AT_ONCE)):
        yield some
