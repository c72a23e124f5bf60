"""Who is synchronised: base rules, the connector's filter and exclusions, the run's own filters, in this order."""

from collections.abc import Callable
from typing import Literal, NamedTuple

from adapters.records import User
from tasks.connector import Connector
from tasks.expressions.compiled import compile_condition
from tasks.names import fold
from tasks.request import SyncRequest

__all__ = ["Departure", "Exclusion", "Scope"]

Check = Callable[[User], bool]
Departure = Literal["left", "out_of_scope"]
DISABLED = "disabled"
OUT_OF_SCOPE: Departure = "out_of_scope"


class Exclusion(NamedTuple):
    """The rule that leaves a user out, and what that means for a contact it may have; None: nothing."""

    rule: str
    departure: Departure | None


class Scope:
    """The compiled scope of one run. Raises ExpressionError where an expression cannot be compiled."""

    def __init__(self, connector: Connector, request: SyncRequest) -> None:
        """Compile every rule once."""
        self._skips_disabled = request.skip_disabled_users
        self._lasting = [*_base_rules(connector), *_configured_rules(connector)]
        self._of_this_run = _requested_rules(request)

    def decide(self, user: User) -> str | None:
        """Return None for a user in scope, else the name of the first rule that leaves it out."""
        exclusion = self.exclusion(user)
        return exclusion.rule if exclusion is not None else None

    def exclusion(self, user: User) -> Exclusion | None:
        """Return None for a user in scope, else the first rule that leaves it out, and what that says of the user.

        A disabled user of a run with `skip_disabled_users` false is in scope; the plan then creates nothing for it and
        leaves `active` alone. Whoever is only left out by the run's own filters has not left. Raises ExpressionError if
        a rule cannot be evaluated for this user."""
        if self._skips_disabled and user.account_enabled is not True:
            return Exclusion(DISABLED, "left" if user.account_enabled is False else None)
        for rules, departure in ((self._lasting, OUT_OF_SCOPE), (self._of_this_run, None)):
            for name, is_out in rules:
                if is_out(user):
                    return Exclusion(name, departure)
        return None


def _base_rules(connector: Connector) -> list[tuple[str, Check]]:
    rules: list[tuple[str, Check]] = []
    if not connector.include_guests:
        rules.append(("guest", lambda user: (user.user_type or "").casefold() == "guest"))
    rules.append(("no mail", lambda user: not (user.mail or "").strip()))
    if connector.licensed_only:
        rules.append(("unlicensed", lambda user: not user.assigned_licenses))
    return rules


def _configured_rules(connector: Connector) -> list[tuple[str, Check]]:
    rules: list[tuple[str, Check]] = []
    if connector.office365_sync_filter:
        is_wanted = compile_condition(connector.office365_sync_filter)
        rules.append(("office365_sync_filter", lambda user: not is_wanted(user)))
    rules.extend((rule.name, compile_condition(rule.when)) for rule in connector.exclude)
    return rules


def _requested_rules(request: SyncRequest) -> list[tuple[str, Check]]:
    rules: list[tuple[str, Check]] = []
    if request.department_filter is not None:
        departments = _folded_list(request.department_filter)
        rules.append(("department_filter", lambda user: fold(user.department or "") not in departments))
    if request.office_location_filter is not None:
        locations = _folded_list(request.office_location_filter)
        rules.append(("office_location_filter", lambda user: fold(user.office_location or "") not in locations))
    return rules


def _folded_list(text: str) -> frozenset[str]:
    return frozenset(fold(part) for part in text.split(",") if part.strip())
