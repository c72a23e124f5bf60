import pytest

from tasks.connector import Rule
from tasks.expressions.compiled import ExpressionError
from tasks.request import SyncRequest
from tasks.scope import Scope
from tests.unit.tasks.makers import make_connector, make_user


def decide(user: dict[str, object], settings: dict[str, object] | None = None, **request: object) -> str | None:
    scope = Scope(make_connector(**(settings or {})), SyncRequest.model_validate(request))
    return scope.decide(make_user(**user))


def test_active_member_with_mail_is_in() -> None:
    assert decide({}) is None


@pytest.mark.parametrize(
    ("user", "rule"),
    [
        ({"account_enabled": False}, "disabled"),
        ({"account_enabled": None}, "disabled"),
        ({"user_type": "Guest"}, "guest"),
        ({"user_type": "guest"}, "guest"),
        ({"user_type": None}, None),
        ({"mail": None}, "no mail"),
        ({"mail": "  "}, "no mail"),
        ({"surname": None, "given_name": None}, None),
        ({"assigned_licenses": ()}, None),
        ({"account_enabled": False, "user_type": "Guest", "mail": None}, "disabled"),
    ],
)
def test_base_rules_leave_out_by_name(user: dict[str, object], rule: str | None) -> None:
    assert decide(user) == rule


def test_disabled_users_are_in_when_they_are_not_skipped() -> None:
    assert decide({"account_enabled": False}, skip_disabled_users=False) is None
    assert decide({"account_enabled": False, "user_type": "Guest"}, skip_disabled_users=False) == "guest"


def test_guests_are_in_when_included() -> None:
    assert decide({"user_type": "Guest"}, {"include_guests": True}) is None


def test_licensed_only_is_a_rule_that_can_be_switched_on() -> None:
    assert decide({"assigned_licenses": ()}, {"licensed_only": True}) == "unlicensed"
    assert decide({"assigned_licenses": ("sku",)}, {"licensed_only": True}) is None


def test_filter_goes_before_exclusions_and_these_before_the_requests_filters() -> None:
    settings: dict[str, object] = {
        "office365_sync_filter": "user.department in ['Sales', 'IT']",
        "exclude": (
            Rule(name="service accounts", when="user.userPrincipalName is match('^svc[-_.]')"),
            Rule(name="rooms", when="user.displayName is search('room')"),
        ),
    }
    service: dict[str, object] = {"user_principal_name": "svc-backup@contoso.com", "display_name": "Room 1"}
    assert decide({**service, "department": "HR"}, settings) == "office365_sync_filter"
    assert decide({**service, "department": None}, settings) == "office365_sync_filter"
    assert decide(service, settings, department_filter="HR") == "service accounts"
    assert decide({"display_name": "Room 1"}, settings, department_filter="HR") == "rooms"
    assert decide({}, settings, department_filter="HR") == "department_filter"
    assert decide({}, settings, department_filter="Sales") is None


@pytest.mark.parametrize("text", ["Sales", " sales ", "IT, SALES", ",Sales,"])
def test_department_filter_is_a_list_trimmed_and_folded(text: str) -> None:
    assert decide({"department": " Sales"}, department_filter=text) is None
    assert decide({"department": "Salesforce"}, department_filter=text) == "department_filter"
    assert decide({"department": None}, department_filter=text) == "department_filter"


def test_office_location_filter_is_a_list_trimmed_and_folded() -> None:
    assert decide({"office_location": "BERLIN"}, office_location_filter="Munich,berlin") is None
    assert decide({"office_location": "Berlin Mitte"}, office_location_filter="berlin") == "office_location_filter"
    assert decide({}, office_location_filter="berlin") == "office_location_filter"


def test_user_without_a_department_is_in_none_of_those_asked_for() -> None:
    assert decide({"department": None}, department_filter=",Sales,") == "department_filter"


def test_broken_rule_is_refused_before_anybody_is_decided() -> None:
    with pytest.raises(ExpressionError):
        Scope(make_connector(exclude=(Rule(name="x", when="user.departmnt"),)), SyncRequest())
