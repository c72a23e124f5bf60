"""The configuration: from TOML files to checked settings, and to the numbered snapshots that runs pin."""

from worker.configuration.connectors import merge_mapping
from worker.configuration.files import find_file
from worker.configuration.graph_app import GraphApp
from worker.configuration.loading import Settings, load
from worker.configuration.problems import ConfigurationError, Problem
from worker.configuration.psas import Parts, PsaContacts, PsaKind, PsaSection, psa_kinds
from worker.configuration.rules import BuiltIn
from worker.configuration.service import ApiSection, ServiceSection
from worker.configuration.snapshots import Snapshot, SnapshotConfiguration, Snapshots, from_documents, to_documents

__all__ = [
    "ApiSection",
    "BuiltIn",
    "ConfigurationError",
    "GraphApp",
    "Parts",
    "Problem",
    "PsaContacts",
    "PsaKind",
    "PsaSection",
    "ServiceSection",
    "Settings",
    "Snapshot",
    "SnapshotConfiguration",
    "Snapshots",
    "find_file",
    "from_documents",
    "load",
    "merge_mapping",
    "psa_kinds",
    "to_documents",
]
