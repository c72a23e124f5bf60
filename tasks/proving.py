"""What speaks for and against the list of users that a full run read: the count, the runs before, single reads."""

import time
from collections.abc import Sequence

import structlog

from tasks import guarding, indexing
from tasks.completeness import Evidence, find_doubts
from tasks.judgement import Judgement
from tasks.survey import Survey

LIST_DOUBTED = "list.doubted"

log = structlog.get_logger()


class Proof:
    """Asks what the proof needs, as late and as seldom as it can."""

    def __init__(self, judgement: Judgement, survey: Survey) -> None:
        """Ask nothing yet."""
        self._judgement, self._survey = judgement, survey

    def doubts(self, *, is_anybody_missing: bool, left_by_proof: int) -> list[str]:
        """Return the reasons for which the list is not believed to be complete.

        Where nobody is missing that we know of, only a list that lacks many users is doubted: the others are new
        ones, whom the next full run finds."""
        judgement, survey = self._judgement, self._survey
        before = judgement.ports.memory.watermark(judgement.run.connector_id)
        users_before = before.users if before is not None else 0
        counted = self._count_again()
        guard, churn = judgement.connector.guard, before.churn if before is not None else ()
        usual = guarding.usual_number(churn, guarding.DEACTIVATIONS)
        lacks = max(0, (counted or 0) - survey.users)
        judgement.is_list_whole = lacks <= indexing.tolerated_lack(counted or 0)
        if not is_anybody_missing and judgement.is_list_whole:
            return []
        evidence = Evidence(
            users_read=survey.users,
            users_counted=counted,
            users_before=users_before,
            left_by_proof=left_by_proof,
            usual_fall=guarding.limit_of(guard.deactivations, guard=guard, contacts=users_before, usual=usual),
        )
        doubts = find_doubts(evidence)
        if doubts:
            log.warning(LIST_DOUBTED, **evidence._asdict())
        judgement.is_list_believed = not doubts or (bool(survey.users) and counted is not None and not lacks)
        return doubts

    def confirm(self, user_ids: Sequence[str]) -> list[str]:
        """Read each id that vanished; one that is there after all speaks against the whole list."""
        directory = self._judgement.ports.directory(self._judgement.run)
        for user_id in user_ids:
            user = self._judgement.read(lambda: directory.fetch_user(user_id))  # noqa: B023 - called at once
            if user is not None:
                return [f"user {user_id} is missing from it, but exists"]
        return []

    def _count_again(self) -> int | None:
        """Count the tenant's users; the count lags behind, so that one that disagrees is asked for again."""
        judgement, timing = self._judgement, self._judgement.ports.timing
        counted = judgement.read(lambda: judgement.count(enabled_only=False))
        for _ in range(timing.counts_asked - 1):
            if counted is None or counted <= self._survey.users:
                break
            time.sleep(timing.count_again_s)
            counted = judgement.read(lambda: judgement.count(enabled_only=False))
        return counted
