"""The accidents of this field on the real product: what a careful person would not have written is not written."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.integration.stack import Json, Stack

__all__ = ["LEAVING", "replay_accidents"]

LEAVING = 'on_leaver = "deactivate"\non_out_of_scope = "deactivate"'
CONTACTS = {"connectwise": r"/company/contacts$", "autotask": r"/Contacts/query", "halo": r"/Users$"}
USERS = r"/users$"
ALL = 10_000


def replay_accidents(stack: Stack) -> None:
    """Let each accident happen to a tenant whose contacts are right, and mend it; nothing may be written by any."""
    last = stack.last_write()
    for accident in (
        half_a_directory,
        page_without_users_whose_next_one_has_them,
        empty_answer_of_graph,
        empty_answer_of_the_psa,
        consent_that_is_lost_in_mid_run,
        filter_mistake,
        mapping_mistake,
    ):
        link = stack.store.memory.watermark("demo")
        accident(stack)
        assert stack.writes(last) == [], accident.__name__
        stack.control.delete("faults")
        if accident in LINK_STAYS:
            assert stack.store.memory.watermark("demo") == link, accident.__name__
    report = stack.run(sync_mode="full")
    assert (report["success"], report["held"]) == (True, [])
    assert stack.writes(last) == [], "what was mended left nothing behind"


def half_a_directory(stack: Stack) -> None:
    stack.fault("missing_items", match={"vendor": "graph", "path": USERS}, times=1, count=30)
    report = full_run(stack)
    assert "AdditiveOnly" in codes(report, "warnings")
    assert report["deactivated_contacts"] == []


def page_without_users_whose_next_one_has_them(stack: Stack) -> None:
    stack.fault("empty_page", match={"vendor": "graph", "path": USERS}, times=1)
    report = full_run(stack)
    assert report["success"]
    assert "AdditiveOnly" not in codes(report, "warnings")


def empty_answer_of_graph(stack: Stack) -> None:
    stack.fault("status", match={"vendor": "graph", "path": USERS}, status=200, body={"value": []})
    assert codes(full_run(stack), "errors") == ["UnexpectedAnswer"]


def empty_answer_of_the_psa(stack: Stack) -> None:
    path = CONTACTS[stack.psa]
    stack.fault("missing_items", match={"vendor": stack.psa, "path": path}, times=1, count=ALL)
    assert full_run(stack)["success"]  # once the list is whole
    assert stack.fired() == 1


def consent_that_is_lost_in_mid_run(stack: Stack) -> None:
    stack.fault("status", match={"vendor": "graph", "path": r"\$count"}, times=9, status=403)
    stack.fault("missing_items", match={"vendor": "graph", "path": USERS}, times=1, count=30)
    report = full_run(stack)
    assert [row["code"] for row in report["errors"] if row["user_principal_name"] is None] == ["PermissionDenied"]


def filter_mistake(stack: Stack) -> None:
    with configured(stack, "office365_sync_filter = \"user.department == 'Sale'\""):
        report = stack.run()
    assert [each["kind"] for each in report["held"]] == ["deactivations"]
    assert len(report["held_changes"]) == report["held"][0]["number"] > report["held"][0]["limit"]


def mapping_mistake(stack: Stack) -> None:
    with configured(stack, 'field_mapping.phone = "+49 30 0"'):
        report = stack.run()
    assert [(each["kind"], each["field"]) for each in report["held"]] == [("rewrites", "phone")]
    assert len(report["held_changes"]) == report["held"][0]["number"] > report["held"][0]["limit"]


LINK_STAYS: tuple[Callable[[Stack], None], ...] = (
    empty_answer_of_graph,
    consent_that_is_lost_in_mid_run,
    filter_mistake,
    mapping_mistake,
)


@contextmanager
def configured(stack: Stack, settings: str) -> Iterator[None]:
    """Publish a configuration with these settings for as long as the block lasts."""
    stack.publish({"demo": f"{LEAVING}\n{settings}"})
    yield
    stack.publish({"demo": LEAVING})


def full_run(stack: Stack) -> Json:
    return stack.run(sync_mode="full")


def codes(report: Json, kind: str) -> list[str]:
    return [row["code"] for row in report[kind]]
