"""`config test`: what the rules make of one user; here without a PSA, or with one that is a stand-in."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from adapters.errors import InstanceError
from adapters.records import FieldSpec, PsaSchema
from tests.unit.worker.conftest import Installation
from worker.cli import main, probing
from worker.cli.exits import Exit

RULES = """
office365_sync_filter = "user.department in ['Sales', 'IT']"
[[connectors.contoso.exclude]]
name = "service accounts"
[[connectors.contoso.company_rules]]
name = "the Berlin branch"
when = "user.officeLocation == 'Berlin'"
company_id = "251"
site_id = "7"
[connectors.contoso.field_mapping]
phone = "{{ user.businessPhones | first | phone_e164('DE') }}"
"""
JANE: dict[str, Any] = {
    "id": "5f0c2a5e-0b1d-4c3e-9c55-0d8f0d3f2a12",
    "userPrincipalName": "jane.smith@contoso.com",
    "mail": "jane.smith@contoso.com",
    "displayName": "Jane Smith",
    "givenName": "Jane",
    "surname": "Smith",
    "department": "Sales",
    "officeLocation": "Berlin",
    "businessPhones": ["030 123456"],
    "accountEnabled": True,
}


class Trial:
    """One user's file, and what the command makes of it."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.file = folder / "user.json"
        self._capsys = capsys
        self.err = ""

    def run(self, *options: str, text: str | None = None, **changes: Any) -> tuple[int, str]:
        self.file.write_text(text if text is not None else json.dumps({**JANE, **changes}), encoding="utf-8")
        with pytest.raises(SystemExit) as end:
            main(["config", "test", "contoso", "--user", str(self.file), *options])
        shown = self._capsys.readouterr()
        self.err = shown.err
        return int(end.value.code or 0), shown.out

    def facts(self, **changes: Any) -> dict[str, Any]:
        code, out = self.run("--offline", "--json", **changes)
        facts: dict[str, Any] = json.loads(out)
        assert code == (Exit.ERRORS if facts["error"] and facts["in_scope"] else Exit.SUCCESS)
        return facts


@pytest.fixture
def trial(installation: Installation, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Trial:
    for name, value in installation.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("CONTACT_SYNC_CONFIG", str(installation.path))
    installation.add(RULES)
    return Trial(installation.folder, capsys)


def test_user_in_scope_is_shown_with_company_site_and_fields(trial: Trial) -> None:
    facts = trial.facts()
    assert facts["in_scope"]
    assert (facts["company_id"], facts["site_id"], facts["company_rule"]) == ("251", "7", "the Berlin branch")
    assert facts["fields"] == {
        "first_name": "Jane",
        "last_name": "Smith",
        "email": "jane.smith@contoso.com",
        "phone": "+4930123456",
        "department": "Sales",
    }
    assert facts["warnings"] == []


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"department": "Legal"}, "office365_sync_filter"),
        ({"department": None}, "office365_sync_filter"),
        ({"userPrincipalName": "svc-backup@contoso.com"}, "service accounts"),
        ({"accountEnabled": False}, "disabled"),
        ({"userType": "Guest"}, "guest"),
        ({"mail": None}, "no mail"),
    ],
)
def test_user_out_of_scope_is_shown_with_the_rule(trial: Trial, changes: dict[str, Any], rule: str) -> None:
    assert trial.facts(**changes)["excluded_by"] == rule
    code, out = trial.run("--offline", **changes)
    assert code == Exit.SUCCESS
    assert f"out of scope, by the rule '{rule}'" in out


def test_user_whom_no_rule_places_has_the_default_company(trial: Trial) -> None:
    facts = trial.facts(officeLocation="Paris", businessPhones=[])
    assert (facts["company_id"], facts["company_rule"]) == ("250", None)
    assert [each["code"] for each in facts["warnings"]] == ["MissingPhoneNumber"]
    assert "contact created without phone" in facts["warnings"][0]["message"]


def test_user_who_would_be_refused_is_shown_with_the_code_and_ends_with_1(trial: Trial) -> None:
    code, out = trial.run("--offline", mail="jane smith")
    assert code == Exit.ERRORS
    assert "InvalidFieldMapping" in out
    assert trial.facts(mail="jane smith")["error"]["code"] == "InvalidFieldMapping"


def test_lengths_and_lists_are_the_psas(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    schema = PsaSchema(fields=(FieldSpec(name="last_name", kind="text", max_length=3),))
    psa = SimpleNamespace(contacts_of=lambda *_, **__: SimpleNamespace(fetch_schema=lambda: schema), close=lambda: None)
    monkeypatch.setattr(probing, "Vendors", lambda *_: psa)
    code, out = trial.run("--json")
    assert code == Exit.SUCCESS
    assert json.loads(out)["fields"] == {"last_name": "Smi"}
    assert "ValueTruncated" in {each["code"] for each in json.loads(out)["warnings"]}


def test_psa_that_cannot_be_asked_is_said_with_the_way_round(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise InstanceError("key_refused", vendor="connectwise")

    monkeypatch.setattr(probing, "Vendors", lambda *_: SimpleNamespace(contacts_of=refuse, close=lambda: None))
    assert trial.run() == (Exit.NOT_RUN, "")
    assert "--offline" in trial.err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "line 1: is not valid JSON"),
        ("[]", "must hold one user"),
        ('{"displayName": 7, "accountEnabled": "yes"}', "displayName, accountEnabled: has another type"),
    ],
)
def test_file_that_holds_no_user_is_refused_with_the_reason(trial: Trial, text: str, said: str) -> None:
    assert trial.run("--offline", text=text) == (Exit.USAGE, "")
    assert said in trial.err


def test_misspelt_property_and_what_the_file_does_not_name_are_said(trial: Trial) -> None:
    trial.run("--offline", text='{"displayname": "Jane", "userPrincipalName": "jane@contoso.com"}')
    assert "displayname is no property that is read; did you mean displayName?" in trial.err
    assert "does not name" in trial.err
    assert "accountEnabled" in trial.err


def test_list_of_one_user_and_a_byte_order_mark_are_taken(trial: Trial) -> None:
    code, _ = trial.run("--offline", text="\ufeff" + json.dumps({"@odata.context": "…", "value": [JANE]}))
    assert code == Exit.SUCCESS
