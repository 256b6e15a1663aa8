"""What the tests of the web room begin with."""

from collections.abc import Iterator

import pytest

from tests.web.desk import USERS, Desk, opened


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """One web process for all tests of a file; each takes a user of its own."""
    with opened(tmp_path_factory.mktemp("web")) as started:
        yield started


@pytest.fixture
def user() -> str:
    return next(USERS)
