"""Autotask PSA: contacts and companies of one database."""

from adapters.autotask.auth import Access
from adapters.autotask.contacts import AutotaskContacts, InstanceFacts
from adapters.autotask.layout import FieldSettings

__all__ = ["Access", "AutotaskContacts", "FieldSettings", "InstanceFacts"]
