"""Delta queries."""

from typing import Any

import pytest

from tests.sandbox.harness import Sandbox

SELECT = "displayName,mail,jobTitle,accountEnabled"


def start(sandbox: Sandbox, select: str = SELECT) -> tuple[list[dict[str, Any]], str]:
    users, last = sandbox.walk(f"/users/delta?$select={select}")
    return users, last["@odata.deltaLink"]


def latest(sandbox: Sandbox, select: str = SELECT) -> str:
    page = sandbox.graph(f"/users/delta?$deltatoken=latest&$select={select}").json()
    assert page["value"] == []
    link: str = page["@odata.deltaLink"]
    return link


def some_user(sandbox: Sandbox, number: int = 0) -> dict[str, Any]:
    users = [u for u in sandbox.control("GET", "users")["users"] if u["accountEnabled"] and u.get("jobTitle")]
    user: dict[str, Any] = users[number]
    return user


@pytest.mark.parametrize("spelling", ["delta", "delta()", "microsoft.graph.delta", "microsoft.graph.delta()"])
def test_every_spelling_reads_all_users_in_pages_of_two_hundred(sandbox: Sandbox, spelling: str) -> None:
    first = sandbox.graph(f"/users/{spelling}?$top=5").json()
    assert len(first["value"]) == 200
    assert "@odata.deltaLink" not in first
    users, last = sandbox.walk(f"/users/{spelling}")
    assert len(users) == 500
    assert "$deltatoken=" in last["@odata.deltaLink"]
    assert "@odata.nextLink" not in last


def test_never_set_is_absent_and_cleared_is_null(sandbox: Sandbox) -> None:
    users, link = start(sandbox, "id,mail,department")
    assert any("mail" not in user for user in users)
    assert any(user.get("mail", "") is None for user in users)
    user = some_user(sandbox)
    sandbox.mutate({"op": "graph.update_user", "user": user["id"], "set": {"department": None}})
    assert sandbox.graph(link).json()["value"] == [{"mail": user["mail"], "department": None, "id": user["id"]}]


def test_only_selected_properties_surface_a_user_and_all_of_them_come(sandbox: Sandbox) -> None:
    link = latest(sandbox)
    first, second = some_user(sandbox), some_user(sandbox, 1)
    sandbox.mutate(
        {"op": "graph.update_user", "user": first["id"], "set": {"city": "Elsewhere"}},
        {"op": "graph.update_user", "user": second["id"], "set": {"jobTitle": "Boss"}},
    )
    [item] = sandbox.graph(link).json()["value"]
    assert (item["id"], item["jobTitle"]) == (second["id"], "Boss")
    assert set(item) == {"id", "displayName", "mail", "jobTitle", "accountEnabled"}
    minimal = sandbox.graph(link, headers={"Prefer": "return=minimal"}).json()["value"]
    assert minimal == [{"id": second["id"], "jobTitle": "Boss"}]


def test_a_link_can_be_asked_again_and_the_next_round_is_empty(sandbox: Sandbox) -> None:
    link = latest(sandbox)
    sandbox.mutate({"op": "graph.disable_user", "user": some_user(sandbox)["id"]})
    first, again = sandbox.graph(link).json(), sandbox.graph(link).json()
    assert first["value"] == again["value"]
    assert first["value"][0]["accountEnabled"] is False
    assert sandbox.graph(first["@odata.deltaLink"]).json()["value"] == []


def test_tombstones_and_restoration(sandbox: Sandbox) -> None:
    link = latest(sandbox)
    soft, hard = some_user(sandbox)["id"], some_user(sandbox, 1)["id"]
    sandbox.mutate({"op": "graph.delete_user", "user": soft}, {"op": "graph.delete_user", "user": hard, "hard": True})
    assert sandbox.graph(link).json()["value"] == [
        {"id": soft, "@removed": {"reason": "changed"}},
        {"id": hard, "@removed": {"reason": "deleted"}},
    ]
    sandbox.mutate({"op": "graph.restore_user", "user": soft})
    items = {item["id"]: item for item in sandbox.graph(link).json()["value"]}
    assert "@removed" not in items[soft]
    assert items[hard]["@removed"] == {"reason": "deleted"}


def test_new_and_recreated_users_surface(sandbox: Sandbox) -> None:
    link = latest(sandbox)
    old = some_user(sandbox)
    created, again = sandbox.mutate(
        {
            "op": "graph.create_user",
            "set": {"userPrincipalName": "n@contoso.example", "displayName": "N", "mail": "n@contoso.example"},
        },
        {"op": "graph.recreate_user", "user": old["id"]},
    )
    items = {item["id"]: item for item in sandbox.graph(link).json()["value"]}
    assert items[created["id"]]["mail"] == "n@contoso.example"
    assert items[again["id"]]["mail"] == old["mail"]
    assert items[old["id"]]["@removed"] == {"reason": "deleted"}


def test_replays_and_duplicates_on_demand(sandbox: Sandbox) -> None:
    link = latest(sandbox)
    user = some_user(sandbox)
    sandbox.mutate({"op": "graph.replay", "users": [user["id"]]})
    assert [item["id"] for item in sandbox.graph(link).json()["value"]] == [user["id"]]
    sandbox.control("POST", "settings", {"graph.delta_duplicates": 3, "graph.delta_page_size": 50})
    users, _ = sandbox.walk("/users/delta")
    assert len(users) == 500 + 9 * 3
    assert len({item["id"] for item in users}) == 500


def test_a_round_of_changes_has_pages_too(sandbox: Sandbox) -> None:
    link = latest(sandbox)
    sandbox.mutate({"op": "graph.replay"})
    users, last = sandbox.walk(link)
    assert len(users) == 500
    assert sandbox.graph(last["@odata.deltaLink"]).json()["value"] == []


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("$filter=accountEnabled eq true", 400),
        ("$orderby=displayName", 400),
        ("$expand=manager", 400),
        ("$search=x", 400),
        ("$select=skills", 501),
        ("$select=nonsense", 400),
        ("$deltatoken=garbled", 400),
    ],
)
def test_what_delta_refuses(sandbox: Sandbox, query: str, expected: int) -> None:
    assert sandbox.graph(f"/users/delta?{query}").status_code == expected


def test_a_filter_by_ids_narrows_the_round(sandbox: Sandbox) -> None:
    first, second = some_user(sandbox)["id"], some_user(sandbox, 1)["id"]
    users, last = sandbox.walk("/users/delta", params={"$filter": f"id eq '{first}' or id eq '{second}'"})
    assert {user["id"] for user in users} == {first, second}
    sandbox.mutate({"op": "graph.replay"})
    again, _ = sandbox.walk(last["@odata.deltaLink"])
    assert {user["id"] for user in again} == {first, second}


def test_a_token_dies_after_seven_days(sandbox: Sandbox) -> None:
    link = latest(sandbox)
    sandbox.control("POST", "advance-clock", {"seconds": 7 * 86_400 + 60})
    sandbox._tokens.clear()
    answer = sandbox.graph(link)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "syncStateNotFound")
    sandbox.control("POST", "settings", {"graph.delta_expired_status": 410})
    gone = sandbox.graph(link)
    assert (gone.status_code, gone.json()["error"]["code"]) == (410, "resyncRequired")
    assert len(sandbox.walk(gone.headers["Location"])[0]) == 500


def test_manager_is_told_in_its_own_way(sandbox: Sandbox) -> None:
    users, _ = sandbox.walk("/users/delta?$select=id,manager")
    managed = next(user for user in users if "manager@delta" in user)
    assert managed["manager@delta"][0]["@odata.type"] == "#microsoft.graph.user"


def test_changes_can_be_late(sandbox: Sandbox) -> None:
    link = latest(sandbox)
    sandbox.control("POST", "settings", {"graph.list_lag_s": 60})
    sandbox.mutate(
        {"op": "graph.create_user", "set": {"userPrincipalName": "late@contoso.example", "displayName": "Late"}}
    )
    assert sandbox.graph(link).json()["value"] == []
    assert len(sandbox.walk("/users?$top=999")[0]) == 500
    assert sandbox.graph("/users/late@contoso.example").status_code == 200
    sandbox.control("POST", "settings", {"graph.list_lag_s": 0})
    assert len(sandbox.graph(link).json()["value"]) == 1
