"""The weights of RAM and RAM++: the official .pth files, or what :func:`convert` made of them.

Tensors keep their official names, in the converted file too. Every tensor of a file is used or is on the list of those
that tagging does not need; no other file is taken for RAM. No official checkpoint could be had where this was written:
names and shapes come from the official code; what a real file holds besides, and whether all of it is plain tensors,
is unverified.
"""

from __future__ import annotations

import dataclasses
import json
import math
import shutil
from pathlib import Path
from typing import Any

from iapas.errors import MissingError
from iapas.models import checksums
from iapas.models.loading import Runtime, quiet
from iapas.models.ram_names import IGNORED, expected, for_backbone, for_head, shape_of
from iapas.models.ram_network import Head, Network
from iapas.models.registry import OFFICIAL, require_packages
from iapas.models.tensors import read_checkpoint, require_shapes

CONVERTED = "model.safetensors"
TAGS, THRESHOLDS = checksums.ADDED
"""The official text files, looked for beside the weights."""

_SCALE = math.log(1 / 0.07)  # RAM++'s reweight_scale where a checkpoint lacks it, as in the official code

_AGAIN = "it must be ram_swin_large_14m.pth or ram_plus_swin_large_14m.pth, or be converted from one of them, and whole"


def weights_file(folder: Path) -> Path:
    """The file with the weights in a folder: a converted one, else the official one. Raises MissingError."""
    for name in (CONVERTED, *OFFICIAL.values()):
        if (folder / name).is_file():
            return folder / name
    raise MissingError(f"{folder} has no weights of RAM", f"put one of these there: {', '.join(OFFICIAL.values())}")


def load(file: Path, runtime: Runtime) -> Network:
    """The network with the weights of an official or a converted file, in eval mode, without gradients, on the device.

    Raises MissingError for a file that is broken, holds more than tensors, or is not RAM's or RAM++'s.
    """
    require_packages()
    return build(read(file), runtime)


def read(file: Path) -> dict[str, Any]:
    """The tensors that tagging uses, under their official names, checked: all there, of the right shapes."""
    return checked(read_checkpoint(file, _AGAIN), file)


def checked(raw: dict[str, Any], file: Path) -> dict[str, Any]:
    """The same of all the tensors of ``file``."""
    import torch

    state = {name.replace("vision_multi", "tagging_head"): value for name, value in raw.items()}
    state = {name: value for name, value in state.items() if not IGNORED.match(name)}
    try:
        shape = shape_of(state)
        if shape.descriptions > 1:
            state.setdefault("reweight_scale", torch.tensor(_SCALE))
    except MissingError as error:
        raise MissingError(f"{file}: {error}", _AGAIN) from None
    require_shapes(state, dict(expected(shape)), "RAM's", file, _AGAIN)
    return state


def build(state: dict[str, Any], runtime: Runtime) -> Network:
    """A network of tensors as :func:`read` gives them."""
    import torch
    from transformers import SwinConfig, SwinModel

    shape = shape_of(state)
    config = SwinConfig(
        image_size=shape.side,
        patch_size=shape.patch,
        embed_dim=shape.embed,
        depths=list(shape.depths),
        num_heads=list(shape.heads),
        window_size=shape.window,
    )
    with quiet():
        backbone, found = SwinModel.from_pretrained(
            None,
            config=config,
            state_dict=dict(for_backbone(state)),
            add_pooling_layer=False,
            dtype=torch.float32,
            output_loading_info=True,
        )
    if found["missing_keys"] or found["unexpected_keys"] or found["mismatched_keys"]:
        raise MissingError(
            "the Swin of this transformers has other tensors than RAM's", "transformers 5.23 is known to fit"
        )
    with torch.device("meta"):
        head = Head(shape)
    head.load_state_dict({name: value.float() for name, value in for_head(state)}, assign=True)
    return Network(shape, *(part.eval().requires_grad_(False).to(runtime.device) for part in (backbone, head)))


def convert(official: Path, out: Path) -> Path:
    """Write what tagging uses of an official checkpoint into the folder ``out``; returns it.

    Writes config.json, model.safetensors and SHA256SUMS, and copies the tags and thresholds that lie beside the
    checkpoint. The file is smaller (RAM: no captioning branch), loads quickly and can run no code.
    """
    require_packages()
    out.mkdir(parents=True, exist_ok=True)
    save(read(official), official.parent, out)
    checksums.write_sums(out)
    return out


def save(state: dict[str, Any], beside: Path, out: Path) -> None:
    """Write tensors as :func:`read` gives them into ``out``, and the tags and thresholds that lie in ``beside``."""
    from safetensors.torch import save_file

    shape = shape_of(state)
    part = out / f"{CONVERTED}.part"
    save_file({name: state[name].float().contiguous().clone() for name in sorted(state)}, part)
    part.replace(out / CONVERTED)
    about = {"model_type": "ram-plus" if shape.descriptions > 1 else "ram", **dataclasses.asdict(shape)}
    (out / "config.json").write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
    for name in (TAGS, THRESHOLDS):
        if (beside / name).is_file() and beside.resolve() != out.resolve():
            shutil.copyfile(beside / name, out / name)
