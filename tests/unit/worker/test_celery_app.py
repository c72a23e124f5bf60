"""What Celery is told, which it would take in silence if it were misspelt."""

from typing import Any, cast

from celery.app.defaults import NAMESPACES, flatten

from worker.celery_app import create_app

KNOWN = set(dict(cast("Any", flatten(NAMESPACES))))
UNLISTED = {"redis_backend_health_check_interval"}  # celery/backends/redis.py reads it all the same
OF_CELERY = {"deprecated_settings"}
REDIS = "redis://127.0.0.1:1/0"


def configured(**options: Any) -> Any:
    return create_app(REDIS, visibility_timeout_s=900, user_events=True, **options).conf


def test_no_setting_is_misspelt() -> None:
    stated = set(configured().changes)
    assert "task_acks_late" in stated
    assert not stated - KNOWN - UNLISTED - OF_CELERY


def test_beat_starts_with_a_round_and_no_more_than_some_rounds_wait_for_a_worker() -> None:
    conf = configured(dispatch_s=60)
    assert {entry["task"] for entry in conf.beat_schedule.values()} == {
        *("sync.dispatch_due", "sync.reconcile", "sync.keep_subscriptions", "sync.watch", "sync.heartbeat")
    }
    for name, entry in conf.beat_schedule.items():
        assert entry["schedule"] == 60
        if name == "heartbeat":
            assert entry["options"]["expires"] == 60, "an old one says nothing about beat"
        else:
            assert 300 <= entry["options"]["expires"] <= 900
        assert entry["last_run_at"].year < 2026
        assert entry["last_run_at"].tzinfo is not None
    assert conf.beat_max_loop_interval <= 5


def test_celerys_soft_shutdown_outlasts_a_write() -> None:
    for write_deadline_s in (2, 20, 60):
        assert configured(write_deadline_s=write_deadline_s).worker_soft_shutdown_timeout > write_deadline_s
