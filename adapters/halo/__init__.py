"""HaloPSA: users and clients of one installation, which we call contacts and companies."""

from adapters.halo.auth import Access
from adapters.halo.contacts import HaloContacts, InstanceFacts
from adapters.halo.layout import FieldSettings

__all__ = ["Access", "FieldSettings", "HaloContacts", "InstanceFacts"]
