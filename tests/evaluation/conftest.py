"""What tests of evaluations share."""

import pytest
from made_sets import MadeSet


@pytest.fixture
def made(tmp_path):
    return MadeSet(tmp_path)
