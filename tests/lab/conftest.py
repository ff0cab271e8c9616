"""What tests in the lab share."""

from __future__ import annotations

import pytest
from tests.lab.running_gates import RunningLab


@pytest.fixture(scope="module")
def lab() -> RunningLab:
    """Lend the lab that is up."""
    return RunningLab()
