"""What tasks read of the published configuration."""

from collections.abc import Iterable
from typing import Any, Protocol


class Configuration(Protocol):
    """The published snapshots; `Connector` is `tasks.connector.Connector`."""

    def current_version(self) -> int:
        """Return the newest published version; 0 if there is none."""

    def connector(self, connector_id: str, *, version: int) -> Any:
        """Return the compiled connector of that snapshot. Raises KeyError."""

    def connectors(self, *, version: int) -> Iterable[str]:
        """List the connector ids of that snapshot."""
