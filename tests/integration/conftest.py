"""How these tests share: those of a module's installation stay together; all commands hear Ctrl-C, as in a terminal."""

import signal

import pytest

SHARED = ("module", "package", "session")


def pytest_configure() -> None:
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # we are a shell's background job, and our children would be
        signal.signal(signal.SIGINT, signal.default_int_handler)


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
