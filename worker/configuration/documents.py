"""What is published of a table: its checked values, and instead of each secret the place where it stands."""

from typing import Any

from worker.configuration.layers import Merged
from worker.configuration.references import is_reference
from worker.configuration.service import Section, secret_fields

Json = dict[str, Any]


def to_document(section: type[Section], values: Json, *, merged: Merged) -> Json:
    """Return the values of a checked table without its secrets.

    A secret that stands in the file itself (development only) becomes a reference to that file and key.
    """
    document = dict(values)
    for key in secret_fields(section) & set(values):
        origin = merged.locate((key,))
        written = merged.values[key]
        document[key] = written if is_reference(written) else {"file": origin.file, "key": origin.key}
    return document
