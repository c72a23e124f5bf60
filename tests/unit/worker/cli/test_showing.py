"""What people read of a run that the guard holds back."""

from typing import Any, cast

import pytest

from adapters.store import Store
from worker.cli.showing import print_report, print_rows

ROW = {
    "office365_id": "u1",
    "user_principal_name": "ann@contoso.com",
    "display_name": "Ann [bold]Example",
    "psa_contact_id": "12",
    "operation": "update",
    "before": {"phone": "+49 30 1", "fax": None},
    "after": {"phone": "+49 30 0", "fax": "\x1b[31m7"},
}
HEAD: dict[str, Any] = {
    "connector": "contoso",
    "run_id": "r1",
    "success": False,
    "dry_run": False,
    "statistics": {"contacts_updated": 0},
    "held": [{"kind": "rewrites", "field": "phone"}],
}


class Rows:
    """Satisfies what is read of a store: the rows of a report."""

    def __init__(self) -> None:
        self.reports = self

    def rows(self, _run_id: str, kind: str) -> list[dict[str, Any]]:
        """Return the one row that is held."""
        return [ROW] if kind == "held" else []


@pytest.fixture
def store() -> Store:
    return cast("Store", Rows())


def test_held_changes_are_listed_with_old_and_new_values(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    print_rows(store, HEAD, "held", most=None)
    shown = " ".join(capsys.readouterr().out.split())
    assert "updated" in shown
    assert "phone: +49 30 1 → +49 30 0" in shown
    assert "fax: (nothing) →" in shown
    assert "\x1b" not in shown
    assert "[bold]Example" in shown


@pytest.mark.parametrize(("dry_run", "words"), [(False, "contoso: held"), (True, "contoso: dry run: would be held")])
def test_report_begins_with_being_held(
    store: Store, capsys: pytest.CaptureFixture[str], dry_run: bool, words: str
) -> None:
    print_report(store, {**HEAD, "dry_run": dry_run})
    assert capsys.readouterr().out.startswith(words)
