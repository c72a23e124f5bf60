"""A change in the tenant reaches the contact by itself, whatever is killed meanwhile: subscription, notification, run,
and alert.

One installation for all tests, with the sandbox as Graph: handshake, delivery, retries."""

import itertools
import socket
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from tests.fakes.webhook import Webhook, running_webhook
from tests.integration.processes import Process
from tests.integration.stack import Json, Stack, running_stack, wait_for

START_S = 60
SOON_S = 40  # generous: the machine may be busy; the benchmark measures
RETRIED_S = 120  # Graph tries again ever later: what one start misses by a second comes twice as late
SETTINGS = """\
on_leaver = "deactivate"
guard.creations = { absolute = 1000, small_absolute = 1000 }
guard.deactivations = { absolute = 99, small_absolute = 99 }
"""
OTHER = "office365_sync_enabled = false"  # nobody subscribes to its changes; its runs are asked for
ALERTS = "[service.alerts]\ngather = 2\nover_after = 1"
READS = {"vendor": "connectwise", "method": "GET", "path": "/company/contacts$"}
ORDERS = list(itertools.permutations(("api", "beat", "worker")))
TIMES: dict[str, float] = {"event_window_s": 0.4, "subscription_check_s": 1}


class Installation:
    """A stack whose API, beat and worker run, and a tenant that has had its first full run."""

    def __init__(self, stack: Stack, webhook: Webhook) -> None:
        self.stack = stack
        self.webhook = webhook
        self.incidents: list[str] = []
        self.processes: dict[str, Process] = {}
        self.start("api")
        stack.wait_for_api()  # Graph asks it as soon as a worker subscribes; what it refuses is tried a minute later
        for name in ("worker", "beat"):
            self.start(name)
        stack.run(sync_mode="full", timeout_s=START_S)
        wait_for(self.is_subscribed, timeout_s=START_S, what=lambda: f"no subscription\n{stack.log()[-3000:]}")
        self._numbers = itertools.count(1)

    def start(self, name: str) -> None:
        starts: dict[str, Callable[[], Process]] = {
            "api": self.stack.start_api,
            "worker": self.stack.start_worker,
            "beat": self.stack.start_beat,
        }
        self.processes[name] = starts[name]()

    def kill(self, name: str) -> None:
        self.stack.kill(self.processes[name])

    def subscriptions(self) -> list[Json]:
        found: list[Json] = self.stack.control.get("subscriptions").json()["subscriptions"]
        return found

    def is_subscribed(self) -> bool:
        """Tell whether Graph holds one subscription, and it is the one that the ledger knows."""
        state = self.stack.store.events.subscription("demo")
        return state is not None and [each["id"] for each in self.subscriptions()] == [state.subscription_id]

    def new_user(self, *, tenant: int = 0) -> Json:
        number, facts = next(self._numbers), self.stack.facts["tenants"][tenant]
        mail = f"event{number}@{facts['domain']}"
        values = {
            "userPrincipalName": mail,
            "mail": mail,
            "displayName": f"Event Number{number}",
            "givenName": "Event",
            "surname": f"Number{number}",
            "businessPhones": ["+49 30 1234567"],
        }
        user: Json = self.stack.mutate(op="graph.create_user", tenant=facts["tenant_id"], set=values)
        return user

    def contact(self, user: Json) -> Json | None:
        found = self.stack.contacts_of(user["mail"])
        assert len(found) <= 1, f"{user['mail']} has {len(found)} contacts"
        return found[0] if found else None

    def wait_until(
        self, user: Json, condition: Callable[[Json], bool], *, what: str, timeout_s: float = SOON_S
    ) -> None:
        def holds() -> bool:
            contact = self.contact(user)
            return contact is not None and condition(contact)

        wait_for(holds, timeout_s=timeout_s, what=lambda: f"{what}: {self.contact(user)}\n{self.stack.log()[-3000:]}")

    def break_other(self) -> str:
        """Let a run of the other connector fail, of which somebody is to be told; return its id."""
        tenant = self.stack.facts["tenants"][1]["tenant_id"]
        self.stack.fault("status", match={"vendor": "graph", "tenant": tenant}, status=403, times=None)
        report = self.stack.run(connector="other", sync_mode="full", timeout_s=START_S)
        assert not report["success"]
        self.stack.control.delete("faults")
        self.incidents.append(report["run_id"])
        return str(report["run_id"])

    def told(self, run_id: str) -> list[str]:
        """Return the titles of the messages that name a run."""
        messages = [body for method, _, body in self.webhook.got if method == "POST"]
        return [message["title"] for message in messages if run_id in message["message"]]

    def settle(self) -> None:
        wait_for(self.is_quiet, timeout_s=SOON_S, what=lambda: self.stack.log()[-3000:])

    def event_heads(self) -> list[Json]:
        """Return the heads of the event runs, the newest first."""
        return [head for head in self.stack.store.reports.heads() if head["trigger"] == "event"]

    def report_after(self, **operation: Any) -> Json:
        """Do this to a user, and return the report of the run that it brings about."""
        self.settle()
        before = len(self.event_heads())
        self.stack.mutate(**operation)
        wait_for(lambda: len(self.event_heads()) > before, timeout_s=SOON_S, what=lambda: self.stack.log()[-3000:])
        self.settle()
        return self.stack.report(self.event_heads()[0]["run_id"])

    def polls(self) -> int:
        """Count how often a delta was asked for."""
        calls = self.stack.control.get("counters").json()["calls"]
        return sum(call["count"] for call in calls if call["endpoint"] == "/users/delta")

    def is_quiet(self) -> bool:
        """Tell whether every noted change has had its run."""
        return not self.stack.store.events.waiting_changes("demo") and not self.stack.store.reports.open_runs()


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        listen = f"127.0.0.1:{free.getsockname()[1]}"
    connectors = {"demo": SETTINGS, "other": OTHER}
    with running_webhook() as webhook:
        notify = f'notify = ["json://{webhook.address}/alerts"]'
        service = f'public_url = "http://{listen}"\napi_listen = "{listen}"\n{notify}\n{ALERTS}'
        folder = tmp_path_factory.mktemp("events")
        with running_stack(folder, users=40, service=service, timing=TIMES, connectors=connectors) as stack:
            stack.approve("demo")
            yield Installation(stack, webhook)


@pytest.fixture(autouse=True)
def settled(installation: Installation) -> Iterator[None]:
    yield
    installation.stack.control.post("settings", json={"graph.notification_loss": 0.0, "graph.notification_batch": 20})
    installation.settle()


def test_each_kind_of_change_ends_in_the_right_contact(installation: Installation) -> None:
    stack, user = installation.stack, installation.new_user()
    installation.wait_until(user, lambda contact: not contact["inactiveFlag"], what="created")

    stack.mutate(op="graph.update_user", user=user["id"], set={"jobTitle": "Buyer"})
    installation.wait_until(user, lambda contact: contact.get("title") == "Buyer", what="updated")

    report = installation.report_after(op="graph.disable_user", user=user["id"])
    assert (report["success"], report["trigger"]) == (True, "event")
    assert [row["office365_id"] for row in report["deactivated_contacts"]] == [user["id"]]
    installation.wait_until(user, lambda contact: contact["inactiveFlag"], what="disabled")

    stack.mutate(op="graph.enable_user", user=user["id"])
    installation.wait_until(user, lambda contact: not contact["inactiveFlag"], what="enabled")

    report = installation.report_after(op="graph.delete_user", user=user["id"])
    assert (report["success"], report["errors"]) == (True, [])
    installation.wait_until(user, lambda contact: contact["inactiveFlag"], what="deleted")

    stack.mutate(op="graph.restore_user", user=user["id"])
    installation.wait_until(user, lambda contact: not contact["inactiveFlag"], what="restored")


def test_forged_notifications_do_nothing(installation: Installation) -> None:
    stack, user = installation.stack, installation.new_user()
    installation.wait_until(user, lambda contact: True, what="created")
    installation.settle()
    before = len(stack.store.reports.heads())
    delivered = stack.control.get("deliveries").json()["delivered"]
    forged: dict[str, Any] = {"clientState": "a guess"}
    stack.mutate(op="graph.notify", users=[user["id"]], times=50, set=forged)
    wait_for(
        lambda: stack.control.get("deliveries").json()["delivered"] >= delivered + 50, timeout_s=SOON_S, what=stack.log
    )
    assert len(stack.store.reports.heads()) == before
    assert installation.is_quiet()


def test_lost_subscription_is_made_anew_and_what_was_missed_is_read(installation: Installation) -> None:
    stack = installation.stack
    old = installation.subscriptions()[0]["id"]
    stack.mutate(op="graph.drop_subscriptions")
    user = installation.new_user()
    wait_for(
        lambda: installation.is_subscribed() and installation.subscriptions()[0]["id"] != old,
        timeout_s=SOON_S,
        what=lambda: stack.log()[-3000:],
    )
    installation.wait_until(user, lambda contact: True, what="created by the run that looked")


def test_news_of_the_subscription_authorises_it_again(installation: Installation) -> None:
    stack = installation.stack
    state = stack.store.events.subscription("demo")
    assert state is not None
    stack.store.events.save_subscription(state.model_copy(update={"expires_at_ms": 1}))
    stack.mutate(op="graph.lifecycle", event="reauthorizationRequired")
    wait_for(
        lambda: (stack.store.events.subscription("demo") or state).expires_at_ms > 1,
        timeout_s=SOON_S,
        what=lambda: stack.log()[-3000:],
    )
    assert installation.is_subscribed()


@pytest.mark.timeout(2 * RETRIED_S)
@pytest.mark.parametrize("order", ORDERS, ids="-".join)
def test_killed_and_started_in_any_order_everything_goes_on(installation: Installation, order: tuple[str, ...]) -> None:
    stack = installation.stack
    stack.control.post("settings", json={"graph.notification_retry_s": 0.5})
    failed = installation.break_other()
    stack.fault("slow", match=READS, seconds=20)
    full = stack.request(sync_mode="full")
    wait_for(lambda: stack.fired() == 1, timeout_s=START_S, what=lambda: f"the full run to read: {stack.state(full)}")
    users = []
    for name in order:
        users.append(installation.new_user())
        installation.kill(name)
        users.append(installation.new_user())
    for name in order:
        installation.start(name)
    users.append(installation.new_user())
    for user in users:
        installation.wait_until(
            user, lambda contact: not contact["inactiveFlag"], what=f"created around {order}", timeout_s=RETRIED_S
        )
    assert stack.wait(full, timeout_s=START_S)["stopped"] is None
    deliveries = stack.control.get("deliveries").json()
    assert {deliveries[name] for name in ("lost", "given_up", "dropped")} == {0}, deliveries
    wait_for(installation.is_subscribed, timeout_s=SOON_S, what=lambda: stack.log()[-3000:])
    check_alerts(installation, failed)


def check_alerts(installation: Installation, failed: str) -> None:
    """Expect one message of the failed run, one when it is over, and no further one of the incidents before it."""
    stack = installation.stack
    wait_for(lambda: bool(installation.told(failed)), timeout_s=SOON_S, what=lambda: stack.log()[-3000:])
    assert stack.run(connector="other", sync_mode="full", timeout_s=START_S)["stopped"] is None
    wait_for(lambda: len(installation.told(failed)) > 1, timeout_s=SOON_S, what=lambda: str(installation.webhook.got))
    for run_id in installation.incidents:
        opened, over = installation.told(run_id)
        assert "runs fail" in opened
        assert over.startswith("contact-sync: over:")


def test_polls_find_what_nobody_told_and_open_no_run_for_nothing(installation: Installation) -> None:
    stack = installation.stack
    stack.control.post("settings", json={"graph.notification_loss": 1.0})
    stack.publish({"demo": f'{SETTINGS}poll_every = "1s"', "other": OTHER})
    user = installation.new_user()
    installation.wait_until(user, lambda contact: not contact["inactiveFlag"], what="created by a poll")
    installation.settle()
    runs, asked = len(stack.store.reports.heads()), installation.polls()
    wait_for(lambda: installation.polls() >= asked + 2, timeout_s=SOON_S, what=lambda: stack.log()[-3000:])
    stack.publish({"demo": SETTINGS, "other": OTHER})
    installation.settle()
    assert len(stack.store.reports.heads()) == runs


def test_plan_then_edits_by_hand_then_apply_over_http_writes_exactly_the_untouched_lines(
    installation: Installation,
) -> None:
    stack = installation.stack
    known = [installation.new_user(tenant=1) for _ in range(2)]
    stack.run(connector="other", sync_mode="full", timeout_s=START_S)
    whose = {"tenant": stack.facts["tenants"][1]["tenant_id"]}
    for user in known:
        stack.mutate(op="graph.update_user", **whose, user=user["id"], set={"jobTitle": "Buyer"})
    for _ in range(2):
        installation.new_user(tenant=1)
    with httpx.Client(base_url=f"http://{stack.settings.service.api_listen}/v1/", timeout=START_S) as api:
        last = stack.last_write()
        made = api.post("connectors/other/plans", json={"sync_mode": "full"}).json()
        number = stack.wait(made["run_id"])["plan"]
        assert stack.writes(last) == []
        plan = api.get(f"plans/{number}").json()
        lines = {
            operation: [line for line in plan["changes"] if line["operation"] == operation]
            for operation in ("create", "update")
        }
        edited, changed = lines["update"][0], lines["create"][0]
        stack.mutate(op="psa.update_contact", contact=int(edited["psa_contact_id"]), set={"firstName": "Barbara"})
        stack.mutate(op="graph.update_user", **whose, user=changed["office365_id"], set={"jobTitle": "Chief"})
        last = stack.last_write()
        asked = api.post(f"plans/{number}/apply", params={"digest": plan["digest"]}).json()
        report = stack.wait(asked["run_id"])
        assert [row["code"] for row in report["warnings"]].count("PlanLineSkipped") == 2
        written = stack.writes(last)
        updated = {str(write["contact_id"]) for write in written if write["method"] == "update"}
        created = {row["office365_id"] for row in report["created_contacts"]}
        assert updated == {line["psa_contact_id"] for line in lines["update"][1:]}
        assert created == {line["office365_id"] for line in lines["create"][1:]}
        assert len(written) == len(updated) + len(created) == plan["lines"] - 2
        again = api.post(f"plans/{number}/apply").json()
        assert (again["run_id"], again["is_new"]) == (asked["run_id"], False)
        assert api.get(f"plans/{number}").json()["state"] == "done"
        assert len(stack.writes(last)) == len(written)


def test_no_secret_of_a_subscription_is_in_any_log(installation: Installation) -> None:
    states = {each["clientState"] for each in installation.subscriptions()}
    logs = "".join(path.read_text(errors="replace") for path in installation.stack.folder.glob("*.log"))
    assert states
    assert not [state for state in states if state in logs]


def test_subscription_goes_with_the_wish_for_it(installation: Installation) -> None:
    installation.stack.publish({"demo": f"{SETTINGS}office365_sync_enabled = false", "other": OTHER})
    wait_for(lambda: installation.subscriptions() == [], timeout_s=SOON_S, what=installation.stack.log)
    installation.stack.publish({"demo": SETTINGS, "other": OTHER})
    wait_for(installation.is_subscribed, timeout_s=SOON_S, what=installation.stack.log)
