"""What tests share: pictures that are made, never read from elsewhere."""

import atexit
import importlib.util
import os
import shutil
import tempfile
from pathlib import Path

import hypothesis
import numpy as np
import pytest

os.environ["XDG_CACHE_HOME"] = tempfile.mkdtemp(
    prefix="iapas-tests-"
)  # what is in yours changes nothing, nor is changed
atexit.register(shutil.rmtree, os.environ["XDG_CACHE_HOME"], ignore_errors=True)

hypothesis.settings.register_profile("iapas", deadline=None)  # how long an example takes is the machine's affair
hypothesis.settings.load_profile("iapas")


def scratched_surface(height=256, width=256, seed=0, scratch=True):
    """(H, W, 3) uint8: a grainy grey surface, with a dark line of 3 px across its middle."""
    rng = np.random.default_rng(seed)
    grey = 140 + rng.normal(0, 4, (height, width))
    if scratch:
        row = height // 2
        grey[row - 1 : row + 2, width // 5 : -width // 5] -= 60
    return np.repeat(np.clip(grey, 0, 255).astype(np.uint8)[..., None], 3, axis=2)


@pytest.fixture(scope="session")
def surface():
    return scratched_surface


TINY_MODELS = Path(__file__).parents[1] / "scripts" / "make_tiny_models.py"


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """``tiny(name)``: the folder of the tiny random model of that name, made once; skips without torch."""
    pytest.importorskip("torch", reason='torch is not installed: pip install "iapas[models]"')
    root = tmp_path_factory.mktemp("tiny-models")
    spec = importlib.util.spec_from_file_location("make_tiny_models", TINY_MODELS)
    script = importlib.util.module_from_spec(spec)

    def folder(name):
        if not hasattr(script, "make"):
            spec.loader.exec_module(script)
        return root / name if (root / name).is_dir() else script.make(name, root)

    return folder
