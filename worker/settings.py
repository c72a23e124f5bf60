"""The configuration of this process: the only module that reads the environment."""

import os
from pathlib import Path
from typing import Any

from tasks.expressions.compiled import compile_condition, compile_template
from worker.configuration import (
    BuiltIn,
    ConfigurationError,
    Problem,
    Settings,
    Snapshot,
    SnapshotConfiguration,
    Snapshots,
    find_file,
    from_documents,
    load,
)
from worker.configuration.files import FILE_VARIABLE
from worker.configuration.psas import default_mapping

__all__ = [
    "BUILT_IN",
    "ConfigurationError",
    "Problem",
    "Settings",
    "SnapshotConfiguration",
    "child_environment",
    "load_settings",
    "read_snapshot",
    "snapshot_configuration",
]

BUILT_IN = BuiltIn(
    default_mapping=default_mapping, compile_condition=compile_condition, compile_template=compile_template
)


def load_settings(config: Path | None = None) -> Settings:
    """Read and check the configuration: this file, else $CONTACT_SYNC_CONFIG's, else ./contact-sync.toml.

    Raises ConfigurationError with every fault at once.
    """
    path = find_file(config, environment=os.environ, folder=Path.cwd())
    return load(path, environment=os.environ, built_in=BUILT_IN)


def child_environment(settings: Settings) -> dict[str, str]:
    """Return this process's environment for a child that shall use the same configuration."""
    return {**os.environ, FILE_VARIABLE: str(settings.path)}


def snapshot_configuration(settings: Settings, snapshots: Snapshots) -> SnapshotConfiguration:
    """Return the configuration port over the store's snapshots; secrets are looked up in this process."""
    return SnapshotConfiguration(snapshots, base_dir=settings.base_dir, environment=os.environ, built_in=BUILT_IN)


def read_snapshot(settings: Settings, documents: dict[str, Any], *, name: str) -> Snapshot:
    """Read published documents back; secrets are looked up in this process. `name` is what problems call them."""
    return from_documents(documents, base_dir=settings.base_dir, environment=os.environ, built_in=BUILT_IN, name=name)
