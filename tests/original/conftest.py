"""Tests of the authors' packages run in an environment of their own (scripts/test_original), where they must be there.

Elsewhere they are skipped, and say so. Tiny files in the authors' layout, with random weights, are made by ``files``.
"""

import importlib.util
import os
from pathlib import Path

import pytest

os.environ["HF_HUB_OFFLINE"] = os.environ["TRANSFORMERS_OFFLINE"] = "1"

HERE = bool(importlib.util.find_spec("groundingdino") and importlib.util.find_spec("segment_anything"))


def pytest_collection_modifyitems(items):
    if HERE or os.environ.get("IAPAS_ORIGINAL"):
        return
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.skip(reason="the authors' packages are not installed: scripts/test_original"))


@pytest.fixture(scope="session")
def root(tmp_path_factory):
    """A folder with a folder for each tiny model: the authors' file, and for Grounding DINO a vocabulary."""
    import originals
    import torch

    folder = tmp_path_factory.mktemp("originals")
    for name, file, make in (
        ("grounding-dino-tiny", "groundingdino_swint_ogc.pth", originals.grounding_dino),
        ("sam-vit-base", "sam_vit_b_01ec64.pth", originals.sam),
    ):
        (folder / name).mkdir()
        saved = make(folder / name)
        torch.save(saved, folder / name / file)
    return folder


@pytest.fixture(scope="session")
def converted(root, tmp_path_factory):
    """The same, converted, in a folder of the same form."""
    from iapas.models.conversion.convert import convert

    folder = tmp_path_factory.mktemp("converted")
    for file in sorted(root.glob("*/*.pth")):
        tokenizer = file.parent if "dino" in file.name else None
        convert(file, folder / file.parent.name, tokenizer=tokenizer)
    return folder
