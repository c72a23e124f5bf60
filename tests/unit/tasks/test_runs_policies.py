"""Policies that this release does not carry out are said, not passed over."""

import pytest

from tests.fakes.engine import Engine


@pytest.mark.parametrize("policy", ["on_leaver", "on_out_of_scope"])
def test_asked_for_deactivation_is_answered_by_a_warning(engine: Engine, policy: str) -> None:
    engine.directory.add_user("anna")
    engine.configure(**{policy: "deactivate"})
    report = engine.run(sync_mode="full")
    assert [row["code"] for row in report["warnings"] if row["user_principal_name"] is None] == ["LeaversKept"]
    assert report["success"]
