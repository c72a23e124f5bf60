"""The frozen records that adapters and tasks exchange: directory users, PSA contacts, runs and their outcomes."""

from adapters.records.base import Record
from adapters.records.contacts import (
    Company,
    Contact,
    ContactChange,
    ContactDraft,
    FieldSpec,
    PsaSchema,
)
from adapters.records.decisions import UserDecision
from adapters.records.directory import USER_PROPERTIES, Credential, DirectoryPage, Organization, Tombstone, User
from adapters.records.events import LifecycleEvent, Notification, Subscribed, Subscription, Taken
from adapters.records.plans import Carrier, KeptPlan
from adapters.records.runs import (
    Batch,
    Churn,
    Claim,
    Former,
    Grant,
    HistoryEvent,
    Intent,
    Link,
    Member,
    Outcome,
    Planned,
    Run,
    RunState,
    Watermark,
)

__all__ = [
    "USER_PROPERTIES",
    "Batch",
    "Carrier",
    "Churn",
    "Claim",
    "Company",
    "Contact",
    "ContactChange",
    "ContactDraft",
    "Credential",
    "DirectoryPage",
    "FieldSpec",
    "Former",
    "Grant",
    "HistoryEvent",
    "Intent",
    "KeptPlan",
    "LifecycleEvent",
    "Link",
    "Member",
    "Notification",
    "Organization",
    "Outcome",
    "Planned",
    "PsaSchema",
    "Record",
    "Run",
    "RunState",
    "Subscribed",
    "Subscription",
    "Taken",
    "Tombstone",
    "User",
    "UserDecision",
    "Watermark",
]
