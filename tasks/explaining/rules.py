"""What a connector's rules make of one user, without a run: scope, company, draft, warnings. Pure."""

from dataclasses import dataclass

from adapters.records import PsaSchema, User
from tasks.connector import CompanyRule, Connector
from tasks.drafting import DONE, Drafted, Drafter
from tasks.expressions.compiled import compile_condition
from tasks.request import SyncRequest
from tasks.scope import Scope

__all__ = ["Explanation", "company_rule_of", "explain_user"]


@dataclass(frozen=True)
class Explanation:
    """What would become of a user who has no contact yet. A user out of scope has a draft too, as if it were in."""

    excluded_by: str | None
    company_rule: CompanyRule | None
    drafted: Drafted

    @property
    def warnings(self) -> list[tuple[str, str]]:
        """The codes and messages that a creation would report."""
        return [(note.code, note.message.replace(DONE, "created")) for note in self.drafted.notes]


def explain_user(connector: Connector, schema: PsaSchema, user: User) -> Explanation:
    """Decide about one user as a run without inputs would. Raises ExpressionError if a rule fails on this user."""
    request = SyncRequest()
    return Explanation(
        excluded_by=Scope(connector, request).decide(user),
        company_rule=company_rule_of(connector, user),
        drafted=Drafter(connector, schema, request).draft(user),
    )


def company_rule_of(connector: Connector, user: User) -> CompanyRule | None:
    """Return the company rule that a user falls under. Raises ExpressionError."""
    return next((rule for rule in connector.company_rules if compile_condition(rule.when)(user)), None)
