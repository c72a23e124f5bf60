"""An application registration as Graph shows it: when its secrets end (page "Get application")."""

from ops.sandbox.clock import iso
from ops.sandbox.http import Json
from ops.sandbox.microsoft import errors
from ops.sandbox.microsoft.state import Tenant

APPLICATION_READERS = frozenset({"Application.Read.All", "Application.ReadWrite.All"})
SECRET_DAYS = 180  # what the portal proposes


def describe_application(tenant: Tenant, client_id: str) -> Json:
    """Show an app that is registered in this tenant; another tenant's is not found here."""
    app = tenant.apps.get(client_id)
    if app is None or not app.is_registered_here:
        raise errors.not_found(client_id)
    secrets = (
        ("current", app.secret, -1 if app.secret_expired else SECRET_DAYS),
        ("former", app.expired_secret, -1),
    )
    return {
        "appId": app.client_id,
        "passwordCredentials": [
            {"displayName": name, "endDateTime": iso(tenant.now() + days * 86_400), "hint": secret[:3]}
            for name, secret, days in secrets
        ],
        "keyCredentials": [],
    }
