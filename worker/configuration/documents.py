"""What is published of a table: its checked values, and instead of each secret the place where it stands."""

from typing import Any

from worker.configuration.layers import Merged
from worker.configuration.psas import identity_keys
from worker.configuration.references import is_reference
from worker.configuration.service import Section, secret_fields

Json = dict[str, Any]


def vendor_document(section: type[Section], values: Json, *, merged: Merged) -> Json:
    """Return a vendor's table with its references kept, so that no credential is published.

    What says which installation this is stands in clear, for the fingerprint. A secret that stands in the file itself
    (development only) becomes a reference to that file and key.
    """
    document = dict(values)
    for key in set(values) - identity_keys(section):
        written = merged.values[key]
        if is_reference(written):
            document[key] = written
        elif key in secret_fields(section):
            origin = merged.locate((key,))
            document[key] = {"file": origin.file, "key": origin.key}
    return document
