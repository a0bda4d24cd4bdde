"""Small data sets, made where a test wants one."""

import pytest
from dataset_builders import BUILDERS, Builder


@pytest.fixture
def build(tmp_path):
    """A function from a data set's name to the root of a small one, and its builder."""

    def make(name, below="data"):
        builder = Builder(tmp_path / below)
        builder.root.mkdir(parents=True)
        BUILDERS[name](builder)
        return builder

    return make
