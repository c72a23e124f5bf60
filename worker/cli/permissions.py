"""What the tenant's consent gives, against what is needed: what is missing, and what is too much. Pure."""

from collections.abc import Iterator

from worker.cli.findings import Found

__all__ = ["judge_roles"]

NEEDED = ("User.Read.All", "Directory.Read.All", "Organization.Read.All")
USEFUL = frozenset({"Application.Read.All"})  # lets `check` see when the app's own secrets end


def judge_roles(roles: frozenset[str] | None) -> Iterator[Found]:
    """Yield how the consented application permissions compare with those that are needed; None: they are not shown."""
    if roles is None:
        return
    missing = [name for name in NEEDED if name not in roles]
    if missing:
        detail = f"missing: {', '.join(missing)}; add them to the app registration and grant admin consent"
        yield "Graph permissions", "failed", detail
    surplus = sorted(roles - set(NEEDED) - USEFUL)
    if surplus:
        detail = f"more than needed: {', '.join(surplus)}; take them off the app registration unless others use it"
        yield "Graph permissions", "warning", detail
    if not missing and not surplus:
        yield "Graph permissions", "ok", f"what is needed and no more: {', '.join(NEEDED)}"
