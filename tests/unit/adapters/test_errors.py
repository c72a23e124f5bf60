import copy
import inspect
import pickle
from collections.abc import Iterator
from typing import Any

import pytest

from adapters.errors import SyncError, TransientError


def _branches(kind: type[SyncError] = SyncError) -> Iterator[type[SyncError]]:
    yield kind
    for sub in kind.__subclasses__():
        yield from _branches(sub)


@pytest.mark.parametrize("kind", sorted(set(_branches()), key=str))
def test_every_error_survives_pickling_with_all_it_knows(kind: type[SyncError]) -> None:
    named = [name for name in inspect.signature(kind.__init__).parameters if name not in {"self", "reason"}]
    fields: dict[str, Any] = {name: 7.0 if name.endswith("_s") else name for name in named}
    error = kind("some_reason", **fields)
    error.vendor_code = "SomeCode"

    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error)):  # noqa: S301 - our own bytes
        assert type(again) is kind
        assert again.__dict__ == error.__dict__
        assert str(again) == str(error)


def test_an_error_says_what_is_known_and_no_more() -> None:
    bare = TransientError("timeout", vendor="graph")
    full = TransientError("server_error", vendor="graph", status=503, request_id="r1", retry_after_s=3)
    full.vendor_code = "serviceNotAvailable"

    assert str(bare) == "graph: timeout"
    assert str(full) == "graph: server_error, status 503, code serviceNotAvailable, request r1"
    assert TransientError("timeout", vendor="graph").vendor_code is None
