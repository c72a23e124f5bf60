"""Microsoft Graph: one tenant's users, and the login that opens the door."""

from adapters.graph.auth import CLOUDS, AppRegistration, Certificate, Cloud
from adapters.graph.client import GraphDirectory
from adapters.graph.notifications import parse_notifications
from adapters.graph.subscriptions import GraphSubscriptions

__all__ = [
    "CLOUDS",
    "AppRegistration",
    "Certificate",
    "Cloud",
    "GraphDirectory",
    "GraphSubscriptions",
    "parse_notifications",
]
