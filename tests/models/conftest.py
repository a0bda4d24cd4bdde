"""Tiny random checkpoints for tests of models."""

import importlib.util
import os
from pathlib import Path

import pytest

# before huggingface_hub is imported anywhere: no test of models may ask the network
os.environ["HF_HUB_OFFLINE"] = os.environ["TRANSFORMERS_OFFLINE"] = "1"

SCRIPT = Path(__file__).parents[2] / "scripts" / "make_tiny_models.py"


def pytest_collection_modifyitems(items):
    """Tests here need torch; where it is not installed they are skipped, and say so."""
    if importlib.util.find_spec("torch") is None:
        for item in items:
            if Path(__file__).parent in item.path.parents:
                item.add_marker(pytest.mark.skip(reason='torch is not installed: pip install "iapas[models]"'))


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """``tiny(name)``: the folder of the tiny random model of that name, made once."""
    root = tmp_path_factory.mktemp("tiny-models")
    spec = importlib.util.spec_from_file_location("make_tiny_models", SCRIPT)
    script = importlib.util.module_from_spec(spec)

    def folder(name):
        if not hasattr(script, "make"):
            spec.loader.exec_module(script)
        return root / name if (root / name).is_dir() else script.make(name, root)

    return folder
