"""When a run is done in full instead, and when the delta link moves."""

import pytest

from tests.fakes.engine import Engine
from tests.fakes.reports import Json, codes, counts, names
from tests.unit.tasks.scene import settle

DAY_MS = 86_400_000


def says_why(report: Json, words: str) -> bool:
    """Tell whether a run became full, and said so with these words."""
    warnings = [row for row in report["warnings"] if row["code"] == "ModeChanged"]
    return report["sync_mode"] == "full" and len(warnings) == 1 and words in warnings[0]["message"]


def test_first_incremental_run_is_done_in_full_and_says_so(engine: Engine) -> None:
    engine.directory.add_user("ann")
    report = engine.run()
    assert says_why(report, "first run")
    assert counts(report) == (1, 0, 0, 0)
    second = engine.run()
    assert second["sync_mode"] == "incremental"
    assert codes(second, "warnings") == []


def test_full_run_that_was_asked_for_warns_of_nothing(engine: Engine) -> None:
    assert codes(engine.run(sync_mode="full"), "warnings") == []


def test_dead_link_makes_the_run_full_and_is_replaced(engine: Engine) -> None:
    settle(engine, "ann")
    engine.directory.add_user("bob")
    engine.directory.expire_delta_links()
    report = engine.run()
    assert says_why(report, "delta link")
    assert counts(report) == (1, 0, 1, 0)
    engine.directory.add_user("cid")
    report = engine.run()
    assert report["sync_mode"] == "incremental"
    assert names(report, "created_contacts") == ["cid"]


def test_link_that_dies_between_two_pages_makes_the_run_full(engine: Engine) -> None:
    settle(engine, "ann")
    engine.directory.page_size = 1
    for name in ("bob", "cid", "dan"):
        engine.directory.add_user(name)
    engine.directory.moments.plan("fetch_delta", engine.directory.expire_delta_links, moment="after")
    report = engine.run()
    assert says_why(report, "delta link")
    assert counts(report) == (3, 0, 1, 0)


def test_full_run_survives_a_dead_link(engine: Engine) -> None:
    settle(engine, "ann")
    engine.directory.expire_delta_links()
    report = engine.run(sync_mode="full")
    assert report["success"]
    assert codes(report, "warnings") == []
    assert engine.watermark.fresh


def test_changed_configuration_makes_the_run_full(engine: Engine) -> None:
    settle(engine, "ann", "bob")
    engine.configure(fingerprint="f2", exclude=[{"name": "no bob", "when": "user.givenName == 'Bob'"}])
    report = engine.run()
    assert says_why(report, "configuration")
    assert [row["rule"] for row in report["excluded"]] == ["no bob"]
    assert engine.watermark.fingerprint == "f2"
    assert engine.watermark.fresh, "a link of another configuration is not gone on with"
    assert engine.run()["sync_mode"] == "incremental"


def test_old_link_is_not_trusted(engine: Engine) -> None:
    settle(engine, "ann")
    engine.change_watermark(obtained_at_ms=engine.store.runs.now_ms() - 8 * DAY_MS)
    assert says_why(engine.run(), "older than 6.5 days")
    assert engine.watermark.fresh
    engine.change_watermark(obtained_at_ms=engine.store.runs.now_ms() - 6 * DAY_MS - 60_000)
    assert engine.run()["sync_mode"] == "incremental"


def test_everybody_is_read_again_after_full_every(engine: Engine) -> None:
    settle(engine, "ann")
    engine.change_watermark(full_at_ms=engine.store.runs.now_ms() - 7 * DAY_MS - 1)
    assert says_why(engine.run(), "full_every")
    assert engine.run()["sync_mode"] == "incremental"


def test_incremental_run_keeps_the_time_of_the_last_full_one(engine: Engine) -> None:
    settle(engine, "ann")
    full_at_ms = engine.watermark.full_at_ms
    link = engine.watermark.delta_link
    engine.directory.add_user("bob")
    engine.run()
    assert engine.watermark.full_at_ms == full_at_ms
    assert engine.watermark.delta_link != link
    engine.run(sync_mode="full")
    assert engine.watermark.full_at_ms > full_at_ms


def test_full_run_with_a_living_link_drains_it_and_keeps_its_end(engine: Engine) -> None:
    settle(engine, "ann")
    run_id = engine.request(sync_mode="full")
    engine.directory.moments.plan("fetch_users", lambda: engine.directory.add_user("late"), moment="after")
    engine.work()
    assert names(engine.report(run_id), "created_contacts") == ["late"]
    assert not engine.watermark.fresh
    assert counts(engine.run()) == (0, 0, 0, 0)


@pytest.mark.parametrize(
    "inputs",
    [
        {"user_principal_names": ["bob@contoso.com"]},
        {"department_filter": "Sales"},
        {"office_location_filter": "Berlin"},
        {"company_id": "250"},
        {"update_existing": False},
        {"dry_run": True},
    ],
    ids=lambda inputs: next(iter(inputs)),
)
@pytest.mark.parametrize("mode", ["full", "incremental"])
def test_narrowed_and_dry_runs_leave_the_link_alone(engine: Engine, mode: str, inputs: Json) -> None:
    settle(engine, "ann")
    engine.directory.add_user("bob")
    before = engine.watermark
    engine.run(sync_mode=mode, **inputs)
    assert engine.watermark == before
    engine.run()
    assert any("bob@contoso.com" in contact.emails for contact in engine.psa.contacts.values())


@pytest.mark.parametrize(
    "inputs",
    [{"department_filter": "Sales"}, {"company_id": "250"}, {"update_existing": False}, {"dry_run": True}],
    ids=lambda inputs: next(iter(inputs)),
)
def test_narrowed_first_run_saves_no_link(engine: Engine, inputs: Json) -> None:
    engine.directory.add_user("ann", department="Sales")
    engine.run(**inputs)
    assert engine.store.memory.watermark("contoso") is None
    assert says_why(engine.run(), "first run")
