"""Why a user's contact is as it is, and what a run would do about it. Nothing here writes."""

from tasks.explaining.explanation import explain, failed, unexplained
from tasks.explaining.rules import Explanation, explain_user

__all__ = ["Explanation", "explain", "explain_user", "failed", "unexplained"]
