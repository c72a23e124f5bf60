"""The configuration: from TOML files to checked settings, and to the numbered snapshots that runs pin."""

from worker.configuration.connectors import merge_mapping
from worker.configuration.files import find_file
from worker.configuration.loading import Settings, load
from worker.configuration.problems import ConfigurationError, Problem
from worker.configuration.rules import BuiltIn
from worker.configuration.service import ApiSection, ServiceSection
from worker.configuration.snapshots import Snapshot, SnapshotConfiguration, Snapshots, from_documents, to_documents
from worker.configuration.vendors import AnyPsa, AutotaskPsa, ConnectwisePsa, GraphApp, HaloPsa

__all__ = [
    "AnyPsa",
    "ApiSection",
    "AutotaskPsa",
    "BuiltIn",
    "ConfigurationError",
    "ConnectwisePsa",
    "GraphApp",
    "HaloPsa",
    "Problem",
    "ServiceSection",
    "Settings",
    "Snapshot",
    "SnapshotConfiguration",
    "Snapshots",
    "find_file",
    "from_documents",
    "load",
    "merge_mapping",
    "to_documents",
]
