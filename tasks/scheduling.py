"""When a connector's schedule is due. Pure: schedules, time zones and instants in, instants out (ms since 1970, UTC).

A schedule that names its hours ("30 2 * * *") counts by the customer's wall clock: a time that the spring gap swallows
runs once, right after the gap, and a time that the autumn overlap holds twice runs once, at the first. A schedule of
every hour ("15 * * * *", "0 */4 * * *") counts real hours, so it runs in both hours of an overlap and none is made up.
"""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

FIELDS = 5
LOOK_BACK = (timedelta(hours=1), timedelta(days=1), timedelta(days=31), timedelta(days=366))
"""Near windows first, so that a minutely schedule that was missed for a month does not cost 40,000 steps."""


def check_schedule(schedule: str, timezone: str) -> None:
    """Raise ValueError, saying why, if this is no cron line of five fields, never comes, or the zone is unknown."""
    zone = _zone(timezone)
    if len(schedule.split()) != FIELDS:
        msg = "a schedule has five fields: minute, hour, day of month, month, day of week"
        raise ValueError(msg)
    try:
        first = next(CronSim(schedule, datetime.now(zone)), None)
    except CronSimError as exc:
        msg = f"no valid schedule: {str(exc).lower()}"
        raise ValueError(msg) from exc
    if first is None:
        msg = "this schedule names a day that never comes"
        raise ValueError(msg)


def due_tick(
    schedule: str,
    timezone: str,
    *,
    last_tick_ms: int,
    now_ms: int,
    spread_s: int = 0,
    connector_id: str = "",
) -> int | None:
    """Return the newest scheduled moment in (last tick, now], or None: whatever was missed is caught up once.

    With a spread, each connector is due a fixed number of seconds (below the spread, from its id) after the moment;
    the moment itself is returned unmoved.
    """
    until_ms = now_ms - 1000 * spread_offset_s(connector_id, spread_s=spread_s)
    if until_ms <= last_tick_ms:
        return None
    last, until = _instant(last_tick_ms), _instant(until_ms)
    for window in LOOK_BACK:
        if until - window <= last:
            break
        newest = _newest(schedule, timezone, after=until - window, until=until)
        if newest is not None:
            return newest
    return _newest(schedule, timezone, after=last, until=until)


def next_tick(schedule: str, timezone: str, *, after_ms: int) -> int | None:
    """Return the first scheduled moment after this instant; None for a schedule that never comes again."""
    moment = next(_moments(schedule, timezone, after=_instant(after_ms)), None)
    return None if moment is None else _milliseconds(moment)


def spread_offset_s(connector_id: str, *, spread_s: int) -> int:
    """Return how many seconds after its moment a connector starts: the same each day, even over the connectors."""
    if spread_s <= 0:
        return 0
    digest = hashlib.sha256(connector_id.encode()).digest()
    return int.from_bytes(digest[:8], "big") % spread_s


def _newest(schedule: str, timezone: str, *, after: datetime, until: datetime) -> int | None:
    newest = None
    for moment in takewhile(lambda moment: moment <= until, _moments(schedule, timezone, after=after)):
        newest = moment
    return None if newest is None else _milliseconds(newest)


def _moments(schedule: str, timezone: str, *, after: datetime) -> Iterator[datetime]:
    """Yield the scheduled instants after this one, in order."""
    zone = _zone(timezone)
    start = after.astimezone(zone)
    if schedule.split()[1].startswith("*"):
        moments = (moment.astimezone(UTC) for moment in CronSim(schedule, start))
    else:
        # CronSim gets the bare wall clock: with a zone it loses "*/30 2 * * *" in the gap, and doubles it in autumn.
        moments = (_first_real(wall, zone) for wall in CronSim(schedule, start.replace(tzinfo=None)))
    return (moment for moment in moments if moment > after)


def _first_real(wall: datetime, zone: ZoneInfo) -> datetime:
    """Return the instant at which this wall time comes first, or at which the gap that swallows it ends."""
    local = wall.replace(tzinfo=zone, fold=0)
    while (instant := local.astimezone(UTC)).astimezone(zone).replace(tzinfo=None) != local.replace(tzinfo=None):
        local = (local.replace(tzinfo=None) + timedelta(minutes=1)).replace(tzinfo=zone)
    return instant


def _zone(timezone: str) -> ZoneInfo:
    try:
        return ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as exc:
        msg = f"{timezone!r} is no time zone name"
        raise ValueError(msg) from exc


def _instant(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, tz=UTC)


def _milliseconds(instant: datetime) -> int:
    return round(instant.timestamp() * 1000)
