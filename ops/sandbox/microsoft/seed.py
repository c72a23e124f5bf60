"""Loads people into directories, with the same tenants, applications and secrets whatever the seed."""

from uuid import NAMESPACE_DNS, uuid5

from ops.sandbox.microsoft.state import App, Directory, Tenant
from ops.sandbox.people import Cast

MULTI_TENANT_APP = str(uuid5(NAMESPACE_DNS, "multi-tenant.sandbox.example"))
MULTI_TENANT_SECRET = "multi~sandbox.Secret-0001"


def tenant_id(number: int) -> str:
    """The id of the n-th tenant."""
    return str(uuid5(NAMESPACE_DNS, f"tenant{number}.sandbox.example"))


def own_app(number: int) -> App:
    """The application registration that only the n-th tenant has."""
    client_id = str(uuid5(NAMESPACE_DNS, f"app{number}.sandbox.example"))
    return App(client_id, secret=f"own~sandbox.Secret-{number:04d}", expired_secret=f"old~sandbox.Secret-{number:04d}")


def load_tenant(directory: Directory, number: int, *, name: str, domain: str, cast: Cast) -> Tenant:
    """Make the n-th tenant."""
    tenant = Tenant(tenant_id(number), name=name, domain=domain, clock=directory.clock)
    shared = App(MULTI_TENANT_APP, secret=MULTI_TENANT_SECRET, expired_secret="", is_registered_here=False)
    for app in (own_app(number), shared):
        tenant.apps[app.client_id] = app
    tenant.load(cast.users)
    tenant.managers = dict(cast.managers)
    tenant.purposes = dict(cast.purposes)
    directory.tenants[tenant.id] = tenant
    return tenant
