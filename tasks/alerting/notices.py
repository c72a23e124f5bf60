"""When somebody is told of an incident: once, again after a long time, and once when it is over. Pure."""

from tasks.incidents import OF_RUNS, TOLD_ONCE, AlertRules, Incident, Notice, NoticeKind, Standing

SOON_DAYS = 7  # before what expires, reminders come daily instead of weekly


def take_notices(standing: Standing, rules: AlertRules, now_ms: int) -> list[Notice]:
    """Return who is to be told what now, and drop the incidents that are done with."""
    notices = []
    for key, incident in list(standing.incidents.items()):
        incident.seen_at_ms = incident.seen_at_ms or now_ms
        kind = _due(incident, rules, now_ms)
        if incident.members:
            incident.clear_since_ms = 0
        elif not incident.clear_since_ms:
            incident.clear_since_ms = now_ms
        if kind in {"opened", "reminder"}:
            incident.told_at_ms = now_ms
        if kind is not None:
            notices.append(Notice(kind, key, incident.model_copy(deep=True), now_ms))
        is_told = kind == "over" or (kind == "opened" and incident.kind in TOLD_ONCE)
        if is_told or not (incident.members or incident.told_at_ms or incident.kind in OF_RUNS):
            del standing.incidents[key]
    return notices


def _due(incident: Incident, rules: AlertRules, now_ms: int) -> NoticeKind | None:
    if not incident.told_at_ms:
        is_due = now_ms - incident.seen_at_ms >= rules.gather_s * 1000
        return "opened" if is_due and (incident.members or incident.kind in OF_RUNS) else None
    if incident.members:
        return "reminder" if now_ms - incident.told_at_ms >= _remind_s(incident, rules) * 1000 else None
    is_over = incident.clear_since_ms and now_ms - incident.clear_since_ms >= rules.over_s * 1000
    return "over" if is_over else None


def _remind_s(incident: Incident, rules: AlertRules) -> float:
    is_far = incident.soonest_days is not None and incident.soonest_days > SOON_DAYS
    return SOON_DAYS * rules.remind_s if is_far else rules.remind_s
