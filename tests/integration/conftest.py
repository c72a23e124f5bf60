"""Tests of a module that share an installation stay together when several processes run the tests."""

import pytest

SHARED = ("module", "package", "session")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if isinstance(item, pytest.Function) and _shares(item):
            item.add_marker(pytest.mark.xdist_group(item.path.name))


def _shares(item: pytest.Function) -> bool:
    return any(
        definition.scope in SHARED and definition.baseid.endswith(item.path.name)
        for definitions in item._fixtureinfo.name2fixturedefs.values()
        for definition in definitions
    )
