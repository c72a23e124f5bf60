"""More runs than a PSA instance takes at once: the others wait for their turn, and lose nothing by it."""

from itertools import count

import pytest

from adapters.errors import TransientError
from tests.fakes.directory import FakeDirectory
from tests.fakes.engine import Engine
from tests.fakes.reports import counts

NAMES = ("alpha", "beta", "gamma")


@pytest.fixture
def crowd(engine: Engine) -> Engine:
    """Three connectors of one instance, of which one may run at a time; each has a user of its own."""
    engine.configure(concurrent_runs=1)
    for number, name in zip(count(1), NAMES, strict=False):
        directory = FakeDirectory()
        directory.add_user(f"{name}-user")
        engine.psa.add_company(f"30{number}")
        tenant = f"{number}" * 8 + "-1111-4111-8111-111111111111"
        engine.add_connector(name, directory, tenant_id=tenant, psa_default_company_id=f"30{number}", concurrent_runs=1)
    return engine


def test_all_runs_end_well_and_never_two_go_on_at_once(crowd: Engine) -> None:
    run_ids = {name: crowd.request(name, sync_mode="full") for name in NAMES}
    most = 0
    while crowd.queue.waiting:
        crowd.store.presence.beat()
        crowd.queue.do_next()
        states = [run.state for run in crowd.store.reports.open_runs()]
        most = max(most, sum(state != "requested" for state in states))
    assert most == 1
    for run_id in run_ids.values():
        assert counts(crowd.report(run_id)) == (1, 0, 0, 0)


def test_run_whose_message_is_lost_while_it_waits_is_taken_up_again(crowd: Engine) -> None:
    first = crowd.request("alpha", sync_mode="full")
    second = crowd.request("beta", sync_mode="full")
    crowd.queue.do_next()
    crowd.queue.do_next()
    waiting = crowd.store.runs.load_run(second)
    assert waiting is not None
    assert waiting.notes["place"] == 1
    crowd.queue.waiting.clear()
    for run_id in (first, second):
        assert counts(crowd.recover(run_id)) == (1, 0, 0, 0)


def test_run_that_fails_gives_its_place_to_the_next(crowd: Engine) -> None:
    crowd.psa.companies.pop("301")
    failing, other = crowd.request("alpha", sync_mode="full"), crowd.request("beta", sync_mode="full")
    crowd.work()
    assert crowd.report(failing)["success"] is False
    assert counts(crowd.report(other)) == (1, 0, 0, 0)


def test_targeted_run_does_not_wait(crowd: Engine) -> None:
    crowd.request("alpha", sync_mode="full")
    crowd.queue.do_next()
    targeted = crowd.request("beta", user_principal_names=["beta-user@contoso.com"])
    crowd.work()
    assert counts(crowd.report(targeted)) == (1, 0, 0, 0)


def test_run_whose_tenant_does_not_answer_lets_the_others_pass(crowd: Engine) -> None:
    stuck, other = crowd.request("alpha", sync_mode="full"), crowd.request("beta", sync_mode="full")
    alpha = crowd.store.runs.load_run(stuck)
    assert alpha is not None
    directory = crowd.ports.directory(alpha)
    assert isinstance(directory, FakeDirectory)
    trouble = TransientError("timeout", vendor="graph", retry_after_s=0.1)
    for call in ("fetch_latest_delta_link", "fetch_users", "count_users"):
        directory.fail(call, trouble, times=5000)
    while not crowd.store.runs.is_closed(other):
        crowd.store.presence.beat()
        crowd.queue.do_next()
    assert not crowd.store.runs.is_closed(stuck)
    assert counts(crowd.report(other)) == (1, 0, 0, 0)
