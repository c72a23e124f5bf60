"""Errors travel between processes, so each must survive pickling with all that it knows."""

import importlib
import inspect
import pickle
import pkgutil
from typing import Any

import pytest

import adapters
from adapters.errors import SyncError


def _all_errors() -> list[type[SyncError]]:
    for module in pkgutil.walk_packages(adapters.__path__, "adapters."):
        importlib.import_module(module.name)
    found: list[type[SyncError]] = []
    waiting: list[type[SyncError]] = [SyncError]
    while waiting:
        kind = waiting.pop()
        found.append(kind)
        waiting.extend(kind.__subclasses__())
    return sorted(set(found), key=lambda kind: kind.__qualname__)


def _made(kind: type[SyncError]) -> SyncError:
    """Make one with a value for every argument, so that a forgotten field shows."""
    values: dict[str, Any] = {"status": 429, "retry_after_s": 1.5}
    parameters = list(inspect.signature(kind).parameters.values())
    given = {each.name: values.get(each.name, f"some-{each.name}") for each in parameters if each.name != "reason"}
    return kind("some-reason", **given)


@pytest.mark.parametrize("kind", _all_errors(), ids=lambda kind: kind.__qualname__)
def test_error_survives_pickling(kind: type[SyncError]) -> None:
    error = _made(kind)
    twin = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert type(twin) is kind
    assert vars(twin) == vars(error)
    assert str(twin) == str(error)
    assert twin.args == error.args


@pytest.mark.parametrize("kind", _all_errors(), ids=lambda kind: kind.__qualname__)
def test_error_is_named_as_one(kind: type[SyncError]) -> None:
    assert kind.__name__.endswith("Error")
