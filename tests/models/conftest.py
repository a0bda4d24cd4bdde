"""Tests of models need torch and never ask the network; their tiny checkpoints: ``tiny`` in tests/conftest.py."""

import importlib.util
import os
from pathlib import Path

import pytest

# before huggingface_hub is imported anywhere: no test of models may ask the network
os.environ["HF_HUB_OFFLINE"] = os.environ["TRANSFORMERS_OFFLINE"] = "1"


def pytest_collection_modifyitems(items):
    """Tests here need torch; where it is not installed they are skipped, and say so."""
    if importlib.util.find_spec("torch") is None:
        for item in items:
            if Path(__file__).parent in item.path.parents:
                item.add_marker(pytest.mark.skip(reason='torch is not installed: pip install "iapas[models]"'))
