"""Programs of the people of every test."""

import pytest


@pytest.fixture
def api(alice):
    """alice's program, which may trade."""
    from tests.api.kit import api_for

    return api_for(alice)


@pytest.fixture
def reader(alice):
    """alice's program that may only read."""
    from tests.api.kit import api_for

    return api_for(alice, "read")


@pytest.fixture
def stranger(charlie):
    """charlie's program, which must be refused."""
    from tests.api.kit import api_for

    return api_for(charlie)
