"""SAM ViT-B at full size against numbers of the original package (segment-anything 1.0), on weights made by a rule.

The numbers are not part of the project: the tests skip where its folder shared/parity is not beside the checkout.
Half a minute of a core: only where IAPAS_SLOW is set.
"""

import os
import re
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

NAMES = [
    (r"^image_encoder\.", "vision_encoder."),
    (r"patch_embed\.proj\.", "patch_embed.projection."),
    (r"\.blocks\.", ".layers."),
    (r"^(vision_encoder\.layers\.\d+)\.norm", r"\1.layer_norm"),
    (r"neck\.0\.", "neck.conv1."),
    (r"neck\.1\.", "neck.layer_norm1."),
    (r"neck\.2\.", "neck.conv2."),
    (r"neck\.3\.", "neck.layer_norm2."),
    (r"pe_layer\.positional_encoding_gaussian_matrix", "shared_embedding.positional_embedding"),
    (r"point_embeddings\.", "point_embed."),
    (r"mask_downscaling\.0\.", "mask_embed.conv1."),
    (r"mask_downscaling\.1\.", "mask_embed.layer_norm1."),
    (r"mask_downscaling\.3\.", "mask_embed.conv2."),
    (r"mask_downscaling\.4\.", "mask_embed.layer_norm2."),
    (r"mask_downscaling\.6\.", "mask_embed.conv3."),
    (r"output_upscaling\.0\.", "upscale_conv1."),
    (r"output_upscaling\.1\.", "upscale_layer_norm."),
    (r"output_upscaling\.3\.", "upscale_conv2."),
    (r"((?:mlps\.\d|head))\.layers\.0\.", r"\1.proj_in."),
    (r"((?:mlps\.\d|head))\.layers\.1\.", r"\1.layers.0."),
    (r"((?:mlps\.\d|head))\.layers\.2\.", r"\1.proj_out."),
    (r"norm_final_attn", "layer_norm_final_attn"),
    (r"(transformer\.layers\.\d)\.norm", r"\1.layer_norm"),
]
"""From the original's names to transformers'."""


def original_name(names, wanted):
    """{transformers' name: the original's}, of the names of the state dict that the original has."""
    renamed = {}
    for name in names:
        new = name
        for pattern, replacement in NAMES:
            new = re.sub(pattern, replacement, new)
        renamed[new] = name
    shared = "prompt_encoder.shared_embedding.positional_embedding"
    renamed["shared_image_embedding.positional_embedding"] = renamed[shared]
    assert set(renamed) == set(wanted)
    return renamed


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
    import transformers

    # the original's eps of these norms; transformers has 1e-6, which moves the masks by 1.5e-4 of the largest logit
    config = transformers.SamConfig(mask_decoder_config={"layer_norm_eps": 1e-5})
    model = transformers.SamModel(config).eval()
    shapes = {name: tuple(shape) for name, (shape, _) in json.loads((FOLDER / "keys.json").read_text()).items()}
    names = original_name(shapes, model.state_dict())
    model.load_state_dict({new: weight(old, shapes[old]) for new, old in names.items()})
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
