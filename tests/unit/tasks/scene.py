"""A run that meets a little of everything, and all that it leaves behind: to be compared with a disturbed one."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from adapters.store import Store
from tests.fakes.engine import Engine
from tests.fakes.reports import Json, changes, counts

SHORT = {"write_deadline_s": 0.04, "write_margin_s": 0.01, "batch_size": 2, "user_horizon_s": 60.0}

RUN_ID = re.compile(r"\d{8}T\d{6}-contoso-\w{6}")


def furnish(engine: Engine) -> None:
    """Arrange contacts to create, to update, to leave alone and to refuse, over several pages and batches."""
    engine.with_timing(**SHORT)
    engine.directory.page_size = 4
    for number in range(3):
        engine.directory.add_user(f"new{number}")
        engine.directory.add_user(f"old{number}", job_title="Buyer")
        engine.psa.add_contact(first_name=f"Old{number}", last_name="Example", email=f"old{number}@contoso.com")
    right = engine.directory.add_user("right")
    engine.psa.add_contact(first_name="Right", last_name="Example", email="right@contoso.com", entra_id=right.id)
    engine.directory.add_user("broken", mail="broken @ contoso.com")
    engine.directory.add_user("off", account_enabled=False)


def furnish_for_changes(engine: Engine) -> None:
    """Arrange changes of every kind since a full run."""
    furnish(engine)
    engine.run(sync_mode="full")
    engine.configure(on_leaver="deactivate")
    people = {str(user.given_name).lower(): user.id for user in engine.directory.users.values()}
    engine.directory.change_user(people["old0"], job_title="Clerk")
    engine.directory.change_user(people["old1"], surname="Married")
    engine.directory.change_user(people["off"], account_enabled=True)
    engine.directory.delete_user(people["right"])
    for number in range(3, 6):
        engine.directory.add_user(f"new{number}")


SCENES = {"full": furnish, "incremental": furnish_for_changes}


def settle(engine: Engine, *people: str) -> None:
    """Bring contoso to where incremental runs go on from: everybody has a contact, and the link is one of a delta."""
    for name in people:
        engine.directory.add_user(name)
    engine.run(sync_mode="full")
    engine.run()
    assert not engine.watermark.fresh


@dataclass
class Result:
    """All that a run left behind."""

    report: Json
    writes: Counter[tuple[str, str]]
    mails: list[str]
    keys: set[str]
    unfinished: list[str]
    link: str
    journal: list[str]


def result_of(engine: Engine, run_id: str) -> Result:
    """Return what a closed run left: report, writes, contacts, kinds of keys, retry set, link, journal."""
    watermark = engine.store.memory.watermark("contoso")
    assert watermark is not None
    return Result(
        report=changes(engine.report(run_id)),
        writes=Counter((write.operation, write.after.fields["first_name"]) for write in engine.psa.writes),
        mails=sorted(contact.fields["email"] for contact in engine.psa.contacts.values()),
        keys=set(_keys(engine)),
        unfinished=sorted(engine.store.memory.unfinished("contoso")),
        link=watermark.delta_link,
        journal=sorted(map(_as_in_any_run, engine.store.journal.entries(run_id))),
    )


def _as_in_any_run(entry: Json) -> str:
    """Return an entry without the id of a new contact, which another run gives to somebody else."""
    return str(entry if entry["operation"] == "update" else {**entry, "psa_contact_id": None})


def _keys(engine: Engine) -> Iterator[str]:
    """Name what is in the store, but for processes and for marks that run out by themselves."""
    connection = engine.store.connection
    prefix = connection.keys.open.removesuffix("open")
    for name in connection.client.scan_iter(match=f"{prefix}*", count=1000):
        if connection.client.pttl(name) < 0:
            yield RUN_ID.sub("RUN", name.decode().removeprefix(prefix))


def undisturbed_result(store: Store, mode: str) -> Result:
    """Carry out a furnished run to which nothing happens."""
    engine = Engine(store)
    SCENES[mode](engine)
    run_id = engine.request(sync_mode=mode)
    engine.work()
    assert counts(engine.report(run_id)) == {"full": (3, 3, 1, 1), "incremental": (4, 3, 0, 1)}[mode]
    return result_of(engine, run_id)
