"""One ground for all trials that a check does."""

from collections.abc import Iterator

import pytest

from tests.chaos.ground import Ground, standing_ground


@pytest.fixture(scope="session")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    with standing_ground(tmp_path_factory.mktemp("ground")) as standing:
        yield standing
