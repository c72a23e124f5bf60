"""ConnectWise PSA (Manage): contacts and companies of one installation."""

from adapters.connectwise.auth import Access
from adapters.connectwise.contacts import ConnectWiseContacts, InstanceFacts
from adapters.connectwise.layout import FieldSettings

__all__ = ["Access", "ConnectWiseContacts", "FieldSettings", "InstanceFacts"]
