"""Installations for the hostile tests: those of the live path.

The tests read all topics with aiokafka, which what they send would end: here too it reads as the product does.
"""

import pytest

from agents.kafka.fetches import read_all_batches
from tests.broker.conftest import make_live

__all__ = ["make_live"]


@pytest.fixture(autouse=True)
def reads_all_batches() -> None:
    """For the rest of the process: it reads at least as well."""
    read_all_batches()
