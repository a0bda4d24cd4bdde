"""RAM and RAM++ at full size against numbers of the official code (tests/parity/README.md)."""

import json
import math
import os
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from iapas.models import memory
from iapas.models.loading import Runtime
from iapas.models.ram import fired

PARITY = Path(__file__).parents[1] / "parity"
FOLDERS = {"ram": 1, "ram_plus": 51}  # descriptions of a tag
LOGITS = {"standard": ("logits.npy", 1e-5), "strong": ("logits_strong.npy", 2e-5)}  # file, absolute tolerance


def read(name):
    return json.loads((PARITY / name).read_text())


def factor(kind, name):
    if kind == "standard":
        return 0.02
    return 0.3 if name == "label_embed" else 0.5 if name.endswith("relative_position_bias_table") else 0.05


def weight(kind, name, size):
    import torch

    if name == "reweight_scale":
        return torch.tensor(math.log(1 / 0.07))
    x = np.random.default_rng(zlib.crc32(name.encode())).standard_normal(size, dtype=np.float32)
    x *= np.float32(factor(kind, name) if len(size) > 1 else 0.02)
    return torch.from_numpy(x + np.float32(1) if len(size) == 1 and name.endswith("weight") else x)


def weights(kind, shape, known=None):
    """The official tensors by the rule; ``known`` ones of the same shape are taken over."""
    from iapas.models.ram_names import expected

    known = known or {}
    wanted = {n: s for n, s in expected(shape) if n not in known or tuple(known[n].shape) != s}
    with ThreadPoolExecutor(2) as pool:
        made = pool.map(lambda item: weight(kind, *item), wanted.items())
        return known | dict(zip(wanted, made, strict=True))


@pytest.fixture
def threads():
    """These are long: two threads, unless tests run beside them on the other core."""
    import torch

    memory.settle()
    before = torch.get_num_threads()
    torch.set_num_threads(1 if "PYTEST_XDIST_WORKER" in os.environ else 2)
    yield
    torch.set_num_threads(before)
    memory.free()


def listen(network, seen):
    """Keep what passes through the network in ``seen``, by the names of the files of numbers."""

    def keep(name, module, which="output"):
        def hook(_, given, result):
            value = given[0] if which == "input" else result
            seen[name] = (value[0] if isinstance(value, tuple) else value).clone()

        module.register_forward_hook(hook)

    keep("patch_embed", network.backbone.embeddings)
    for i, stage in enumerate(network.backbone.encoder.layers):
        keep(f"stage{i}", stage)
        keep(f"stage{i}_block0", stage.blocks[0])
        keep(f"stage{i}_block1", stage.blocks[1])
    keep("swin_with_mean_token", network.head.image_proj, "input")
    keep("label_embed_before_projection", network.head.wordvec_proj, "input")
    for i, layer in enumerate(network.head.layers):
        keep("label_queries_after_relu", layer, "input") if i == 0 else None
        keep(f"decoder_layer{i}_after_cross_attention", layer.attended_norm)
        keep(f"decoder_layer{i}", layer)


def differences(seen, wanted):
    """By name, how far what was seen is from the numbers, in standard deviations of the tensor."""
    found = {}
    for name, numbers in wanted.items():
        if name.startswith("_"):
            continue
        x = seen[name].double().numpy()
        if name == "label_embed_before_projection" and len(numbers["shape"]) == 2:
            x = x[0]  # ours is expanded over the pictures
        assert list(x.shape) == numbers["shape"], name
        far = [abs(x.mean() - numbers["mean"]), abs(x.std() - numbers["std"])]
        for place, values in numbers.items():
            if place.endswith("_first16"):
                what, row = place.split("_")[:2]
                at = 1000 if what == "token" else -1 if what == "last" else 0
                rows = x[..., at, :16] if "token" in (what, row) else x[at, :16]
                far.append(np.abs(rows - np.array(values)).max())
        found[name] = max(far) / numbers["std"]
    return found


def thresholds_that_fit():
    """(4585,) thresholds of the official values with which the recorded logits give the recorded decisions.

    The official list itself is not here; deleted tags are tags with a threshold of one.
    """
    values = read("ram/decisions.json")["thresholds"]["unique"]
    values.sort(key=lambda value: (value != 0.65, value != 0.8, value))  # the usual ones first
    fits = np.ones((len(values), 4585), bool)
    for folder in FOLDERS:
        logits = np.load(PARITY / folder / "logits_strong.npy") + np.float32(3.1)
        decisions = read(f"{folder}/decisions.json")
        for row, indices in zip(1 / (1 + np.exp(-logits)), decisions["fired_tag_indices_per_image"], strict=True):
            did = np.isin(np.arange(4585), indices)
            fits &= (row > np.array(values, np.float32)[:, None]) == did
        fits[:, decisions["deleted_tag_indices"]] = (np.array(values) == 1.0)[:, None]
    assert fits.any(axis=0).all()
    first = read("ram/decisions.json")["thresholds"]["first10"]
    assert all(fits[values.index(value), tag] for tag, value in enumerate(first))
    return np.array(values, np.float32)[fits.argmax(axis=0)]


def test_the_rule_for_weights():
    for name, known in read("ram/weights_check.json").items():
        size = read("ram/keys.json")[name][0]
        assert zlib.crc32(name.encode()) == known["crc32"]
        assert weight("standard", name, size).flatten()[:3].tolist() == known["first3"][:3], name


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_official_tensors_are_used_or_on_the_list(folder):
    from iapas.models.ram_names import IGNORED, Shape, expected

    official = {name: tuple(size) for name, (size, _) in read(f"{folder}/keys.json").items()}
    used = dict(expected(Shape(descriptions=FOLDERS[folder])))
    assert used == {name: size for name, size in official.items() if not IGNORED.match(name)}


@pytest.mark.parametrize("kind", LOGITS)
def test_numbers_of_the_official_code(kind, threads):
    """Logits, image tokens, intermediates and decisions; the backbone is the same in both networks and runs once."""
    import torch

    from iapas.models.ram_checkpoint import build
    from iapas.models.ram_names import Shape

    pixels = torch.from_numpy(np.random.default_rng(0).standard_normal((2, 3, 384, 384), dtype=np.float32))
    file, tolerance = LOGITS[kind]
    seen, state, far = {}, {}, {}
    for folder, descriptions in FOLDERS.items():
        state = weights(kind, Shape(descriptions=descriptions), state)
        network = build(state, Runtime())
        listen(network, seen)
        with torch.inference_mode():
            if "swin_final_layernorm" not in seen:
                seen["swin_final_layernorm"] = network.features(pixels)
            tokens = seen["image_embeds"] = network.head.tokens(seen["swin_final_layernorm"])
            seen["logits"] = network.head(tokens, at_once=4585)
            if descriptions > 1:
                seen["description_weights"] = network.head.description_weights(tokens, slice(None)).transpose(0, 1)
            off = differences(seen, read(f"{folder}/intermediates_{kind}.json"))
            far |= {f"{folder} {name}": deviation / 1e-4 for name, deviation in off.items()}
            logits = seen["logits"]
            in_parts = network.head(tokens[:1], at_once=3000)
        del network
        far[f"{folder} logits"] = np.abs(logits.numpy() - np.load(PARITY / folder / file)).max() / tolerance
        far[f"{folder} logits in parts"] = float((in_parts - logits[:1]).abs().max()) / tolerance
        if kind == "strong":
            decisions_are_those_recorded(logits, folder)
    known = np.load(PARITY / "image_embeds_some_tokens.npz")
    far["image tokens"] = np.abs(seen["image_embeds"][:, known["tokens"]].numpy() - known[kind]).max() / 5e-5
    assert not {name: round(share, 2) for name, share in far.items() if not share <= 1}, "in shares of the tolerance"


def decisions_are_those_recorded(logits, folder):
    """One or two may differ: a probability lies 8e-6 from its threshold."""
    import torch

    thresholds = thresholds_that_fit()
    recorded = read(f"{folder}/decisions.json")["fired_tag_indices_per_image"]
    for row, indices in zip(torch.sigmoid(logits + 3.1).numpy(), recorded, strict=True):
        assert len(set(fired(row, thresholds)) ^ set(indices)) <= 2
