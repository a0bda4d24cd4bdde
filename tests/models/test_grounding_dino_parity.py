"""A converted file of the authors against their package (groundingdino-py 0.4.0), on weights made from their names.

The numbers lie beside the data (see ``_folder``); without them these tests are skipped. Through a file on the disk
and its conversion by the command it takes 2 GB of memory and of disk: only where IAPAS_SLOW is set.
"""

import json
import os
import re
import zlib
from pathlib import Path

import numpy as np
import pytest

TOKENS = (101, 4937, 1012, 3899, 1012, 6556, 2491, 1012, 102)
SETS = {"standard": 0.02, "strong": 0.05}


def _folder():
    data = Path(os.environ.get("IAPAS_DATA") or Path(__file__).parents[3] / "shared" / "data")
    return data.parent / "parity" / "groundingdino"


def value(name, shape, factor):
    """The tensor of that name; the one small network of the boxes, saved under twelve names, has the last one's."""
    import torch

    name = re.sub(r"^(transformer\.decoder\.)?bbox_embed\.\d", "bbox_embed.5", name)
    drawn = np.random.default_rng(zlib.crc32(name.encode())).standard_normal(shape, dtype=np.float32)
    drawn *= np.float32(factor if len(shape) > 1 else 0.02)
    drawn += np.float32(len(shape) == 1 and name.endswith("weight"))
    return torch.from_numpy(drawn)


def state(factor):
    """What a file of the authors holds."""
    import torch

    if not (_folder() / "keys.json").is_file():
        pytest.skip(f"numbers of the original are not at {_folder()}")
    keys = json.loads((_folder() / "keys.json").read_text())
    floats = {name: value(name, shape, factor) for name, (shape, kind) in keys.items() if kind == "float32"}
    counts = {name: torch.zeros(shape, dtype=torch.int64) for name, (shape, kind) in keys.items() if kind == "int64"}
    assert floats.keys() | counts.keys() == keys.keys()
    return floats | counts


def compare(network, weights, monkeypatch):
    import torch

    theirs = np.load(_folder() / f"{weights}.npz")

    def selected(scores, count, dim):
        """The original's order of the queries: each place has a query of its own, and near-equal scores may swap."""
        found, order = torch.sort(scores, dim=dim, descending=True), torch.from_numpy(theirs["topk_indices"])
        assert set(found.indices[0, :count].tolist()) == set(order[0].tolist())
        torch.testing.assert_close(found.values[:, :count], scores.gather(1, order), atol=5e-4, rtol=0)
        np.testing.assert_allclose(scores, theirs["topk_scores_all_tokens"], atol=5e-4)
        return found.values, order

    monkeypatch.setattr(torch, "topk", selected)
    drawn = np.random.default_rng(4).standard_normal((1, 3, 256, 320), dtype=np.float32)
    found = network.find(network.features(torch.from_numpy(drawn)), (256, 320), TOKENS)
    np.testing.assert_allclose(found.logits, theirs["pred_logits_first9columns"], atol=1e-3)
    np.testing.assert_allclose(found.boxes, theirs["pred_boxes"], atol=1e-5)


@pytest.mark.parametrize("weights", SETS)
def test_logits_and_boxes_are_those_of_the_original(weights, monkeypatch):
    from iapas.models.conversion.grounding_dino import LAYOUT
    from iapas.models.conversion.layout import build
    from iapas.models.grounding_network import Network
    from iapas.models.loading import Runtime

    model, unused = build(LAYOUT, state(SETS[weights]), Path("groundingdino_swint_ogc.pth"), "")
    assert {re.sub(r"\d+", "N", name) for name in unused} == {
        "backbone.N.layers.N.blocks.N.attn.relative_position_index",
        "bert.pooler.dense.weight",
        "bert.pooler.dense.bias",
    }
    compare(Network(model, None, Runtime()), weights, monkeypatch)


@pytest.mark.skipif(not os.environ.get("IAPAS_SLOW"), reason="2 GB of memory and of disk: set IAPAS_SLOW=1")
def test_a_file_through_the_conversion_says_the_same(tmp_path, monkeypatch):
    import torch

    from iapas.models.conversion.convert import convert
    from iapas.models.grounding_network import Network
    from iapas.models.loading import Runtime

    special = {0: "[PAD]", 100: "[UNK]", 101: "[CLS]", 102: "[SEP]", 103: "[MASK]", 1012: ".", 1029: "?"}
    words = [special.get(i, f"[unused{i}]") for i in range(30522)]
    (tmp_path / "vocab.txt").write_text("\n".join(words) + "\n")
    file = tmp_path / "groundingdino_swint_ogc.pth"
    torch.save({"model": {f"module.{name}": tensor for name, tensor in state(SETS["strong"]).items()}}, file)
    done = convert(file, tmp_path / "out", claimed="grounding-dino-tiny", tokenizer=tmp_path)
    assert done.folder.joinpath("model.safetensors").stat().st_size // 10**6 == 689  # as on the hub
    compare(Network.load(done.folder, Runtime()), "strong", monkeypatch)
