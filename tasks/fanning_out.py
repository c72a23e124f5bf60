"""The reading step: one Graph page at a time, each stored once together with the step that follows it."""

from http import HTTPStatus
from typing import Any, Literal, NamedTuple

from adapters.errors import ResyncError, TransientError, WireError
from adapters.records import DirectoryPage, Run, RunState, Tombstone, User
from tasks import reading_plan
from tasks.ports import Directory, Ports
from tasks.request import SyncRequest
from tasks.requesting import CARRIES_OUT

MOST_RESTARTS = 5  # of one run's read; a list whose page links keep dying is a passing failure of Graph

Json = dict[str, Any]


class Read(NamedTuple):
    """What one step brought: entries, names that Graph does not know, and the step that follows."""

    entries: tuple[User | Tombstone, ...]
    unknown: tuple[str, ...]
    next_step: Json


def fan_out(ports: Ports, run: Run, *, generation: int, page: int) -> float | None:
    """Read and store one page and publish the next; a repeat of a stored page only publishes again."""
    if run.state is not RunState.READING or generation != run.generation:
        return None
    follows = ports.reading.next_step(run.run_id, generation=generation, page=page)
    if follows is False:
        try:
            follows = _read_page(ports, run, page=page)
        except ResyncError as error:
            return _start_over(ports, run, error)
    ports.runs.touch(run.run_id, due_in_s=ports.timing.step_due_s)
    if follows is None or follows is False:
        ports.publisher.judge(run.run_id)
    else:
        ports.publisher.fan_out(run.run_id, generation=generation, page=page + 1)
    return None


def resume(ports: Ports, run: Run) -> None:
    """Publish the last stored page once more: as a repeat it publishes what follows."""
    page = max(ports.reading.pages(run.run_id) - 1, 0)
    ports.publisher.fan_out(run.run_id, generation=run.generation, page=page)


def _read_page(ports: Ports, run: Run, *, page: int) -> Json | Literal[False] | None:
    step = _step(ports, run, page=page)
    if step is None:
        return None
    if step["kind"] == "end":
        # the link is taken from the stored step, never from a second reading of the page that brought it
        ports.runs.note(
            run.run_id, **{name: step[name] for name in ("new_link", "link_at_ms", "fresh") if name in step}
        )
        read, next_step = Read((), (), {}), None
    else:
        read_at_ms = ports.runs.now_ms()
        if step["kind"] == "planned":
            read = _read_planned(ports, run, step)
        else:
            read = _read(ports.directory(run), step, read_at_ms=read_at_ms)
        next_step = read.next_step
        step = {**step, "read_at_ms": read_at_ms}
    ports.reading.save_page(
        run.run_id,
        generation=run.generation,
        page=page,
        entries=read.entries,
        unknown=read.unknown,
        read_at_ms=step.get("read_at_ms", 0),
        next_step=next_step,
    )
    return ports.reading.next_step(run.run_id, generation=run.generation, page=page)


def _step(ports: Ports, run: Run, *, page: int) -> Json | None:
    if page == 0:
        request = SyncRequest.from_run(run.request)
        return reading_plan.first_step(run, request, names_per_page=ports.timing.names_per_page)
    step = ports.reading.next_step(run.run_id, generation=run.generation, page=page - 1)
    return step or None


def _read(directory: Directory, step: Json, *, read_at_ms: int) -> Read:
    found = _found(step)
    kind, then = step["kind"], step.get("then", [])
    if kind == "latest":
        link = directory.fetch_latest_delta_link()
        return Read((), (), reading_plan.follow(then, new_link=link, link_at_ms=read_at_ms, fresh=True))
    if kind in ("names", "ids"):
        return _read_names(directory, step, reading_plan.follow(then, **found))
    page = _fetch(directory, step)
    if page.next_link is not None:
        return Read(page.entries, (), {**step, "link": page.next_link})
    if page.delta_link is not None:
        found = {"new_link": page.delta_link, "link_at_ms": read_at_ms, "fresh": False}
    return Read(page.entries, (), reading_plan.follow(then, **found))


def _found(step: Json) -> Json:
    """Return what earlier steps found and later ones carry: the new delta link, when it was asked for, and how."""
    return {name: step[name] for name in ("new_link", "link_at_ms", "fresh") if name in step}


def _fetch(directory: Directory, step: Json) -> DirectoryPage:
    if step["kind"] == "delta":
        return directory.fetch_delta(step["link"])
    try:
        return directory.fetch_users(step.get("link"), created_since=step.get("since"))
    except WireError as error:
        if "since" not in step or error.status != HTTPStatus.BAD_REQUEST:
            raise
        # a directory that cannot be asked for its new users alone is asked for all of them
        raise ResyncError("delta_link_dead", vendor=error.vendor, status=error.status) from error


def _read_names(directory: Directory, step: Json, next_step: Json) -> Read:
    """Read users one by one; an object id that is gone is a tombstone, an unknown name an error of that name."""
    entries: list[User | Tombstone] = []
    unknown: list[str] = []
    for name in step["names"]:
        user = directory.fetch_user(name)
        if user is not None:
            entries.append(user)
        elif step["kind"] == "ids":
            entries.append(Tombstone(id=name, reason="missing"))
        else:
            unknown.append(name)
    return Read(tuple(entries), tuple(unknown), next_step)


def _read_planned(ports: Ports, run: Run, step: Json) -> Read:
    """Read some users of the plan that the run carries out.

    Whoever is gone still is: that a contact may be switched off was proved when the line was planned."""
    source, most = run.notes[CARRIES_OUT]["run"], ports.timing.names_per_page
    operation = step.get("operation")
    lines, at = ports.kept.lines_from(source, step.get("at"), most=most, operation=operation)
    directory, entries = ports.directory(run), list[User | Tombstone]()
    for line in lines:
        reason: Literal["deleted", "missing"] = "deleted" if line["operation"] == "deactivate" else "missing"
        user_id = line["office365_id"]
        entries.append(directory.fetch_user(user_id) or Tombstone(id=user_id, reason=reason))
    follows = reading_plan.follow(step.get("then", []), **_found(step)) if at is None else {**step, "at": at}
    return Read(tuple(entries), (), follows)


def _start_over(ports: Ports, run: Run, error: ResyncError) -> float | None:
    """Drop what was read: an expired page link repeats the list, a dead delta link makes the run a full one."""
    if run.generation >= MOST_RESTARTS:
        raise TransientError(error.reason, vendor=error.vendor, status=error.status) from error
    mode = None
    if error.reason == "delta_link_dead":
        mode = "full"
        facts: Json = {"delta_link_dead": True}
        if run.mode == "incremental":
            facts["mode_changed"] = "Graph did not accept the saved delta link"
        ports.runs.note(run.run_id, **facts)
    ports.reading.restart(run.run_id, generation=run.generation, mode=mode)
    ports.runs.touch(run.run_id, due_in_s=ports.timing.step_due_s)
    ports.publisher.start_run(run.run_id)
    return None
