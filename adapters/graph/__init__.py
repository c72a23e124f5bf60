"""Microsoft Graph: one tenant's users, and the login that opens the door."""

from adapters.graph.auth import CLOUDS, AppRegistration, Certificate, Cloud
from adapters.graph.client import GraphDirectory

__all__ = ["CLOUDS", "AppRegistration", "Certificate", "Cloud", "GraphDirectory"]
