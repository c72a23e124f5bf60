"""The Protocols that tasks need and nothing more. A method says what a repeat does; adapters satisfy them by shape."""

from tasks.ports.bundle import Ports, Timing
from tasks.ports.configuration import Configuration
from tasks.ports.decisions import Decisions
from tasks.ports.events import Events
from tasks.ports.kept_plans import KeptPlans
from tasks.ports.ledger import Index, Memory, Plan, Reading, Runs, Users
from tasks.ports.messages import Publisher
from tasks.ports.upkeep import Alerts, Budgets, Expiry, Journal, Notifier, Presence, Recovery, Reports
from tasks.ports.vendors import Contacts, Directory, Json, Permit, Subscriptions

__all__ = [
    "Alerts",
    "Budgets",
    "Configuration",
    "Contacts",
    "Decisions",
    "Directory",
    "Events",
    "Expiry",
    "Index",
    "Journal",
    "Json",
    "KeptPlans",
    "Memory",
    "Notifier",
    "Permit",
    "Plan",
    "Ports",
    "Presence",
    "Publisher",
    "Reading",
    "Recovery",
    "Reports",
    "Runs",
    "Subscriptions",
    "Timing",
    "Users",
]
