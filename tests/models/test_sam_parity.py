"""A converted SAM ViT-B against numbers of the original package (segment-anything 1.0), on weights made by a rule.

The numbers are not part of the project: the tests skip where its folder shared/parity is not beside the checkout.
Half a minute of a core: only where IAPAS_SLOW is set.
"""

import os
import zlib
from pathlib import Path

import numpy as np
import pytest

from iapas.models.sam_networks import FAMILIES, predict

CHECKOUT = Path(__file__).parents[2]
DATA = Path(os.environ.get("IAPAS_DATA", CHECKOUT.parent / "shared" / "data"))
FOLDER = DATA.parent / "parity" / "segment_anything"
BOXES = np.array([[80, 96, 480, 560], [324, 162, 960, 720], [0, 0, 1024, 768]], np.float64)

pytestmark = [
    pytest.mark.skipif(not os.environ.get("IAPAS_SLOW"), reason="half a minute of a core: set IAPAS_SLOW=1"),
    pytest.mark.skipif(not (FOLDER / "strong.npz").is_file(), reason=f"no {FOLDER}/strong.npz"),
]


def weight(name, shape):
    """A tensor of the strong set, by the rule of the numbers' README."""
    import torch

    values = np.random.default_rng(zlib.crc32(name.encode())).standard_normal(shape, dtype=np.float32)
    if len(shape) > 1:
        values *= np.float32(1.0 if name.endswith("positional_encoding_gaussian_matrix") else 0.05)
    else:
        values *= np.float32(0.02)
        values += np.float32(name.endswith("weight"))
    return torch.from_numpy(values)


def test_embeddings_and_masks_are_those_of_the_original():
    import json

    import torch

    from iapas.models.conversion.layout import build
    from iapas.models.conversion.sam import LAYOUT

    shapes = {name: tuple(shape) for name, (shape, _) in json.loads((FOLDER / "keys.json").read_text()).items()}
    state = {name: weight(name, shape) for name, shape in shapes.items()}
    model, unused = build(LAYOUT, state, Path("sam_vit_b_01ec64.pth"), "")
    assert unused == []
    expected = np.load(FOLDER / "strong.npz")
    pixels = np.random.default_rng(6).standard_normal((1, 3, 1024, 1024), dtype=np.float32)
    prompts = {"input_boxes": torch.from_numpy(BOXES)[None]}
    with torch.inference_mode():
        features = FAMILIES["sam"].embed(model, torch.from_numpy(pixels))
        single, iou_single = predict(FAMILIES["sam"], model, features, prompts, False)
        multi, iou_multi = predict(FAMILIES["sam"], model, features, prompts, True)
    found = {
        "image_embedding_first16channels_every4th": features[0][:, :16, ::4, ::4],
        "low_res_masks_single": single,
        "iou_single": iou_single,
        "low_res_masks_multi_every4th": multi[:, :, ::4, ::4],
        "iou_multi": iou_multi,
    }
    for name, tensor in found.items():
        atol = 1e-4 * np.abs(expected[name]).max()
        np.testing.assert_allclose(tensor.numpy(), expected[name], rtol=0, atol=atol, err_msg=name)
