"""PDN, the shallow network of FM (Liu et al., "Exploring Few-Shot Defect Segmentation...", GFDS): made and loaded.

A folder holds the authors' model_large.pth or model_small.pth, or config.json with ``{"model_type": "pdn", "size":
"large"|"small"}`` and model.safetensors. Tensors have the authors' names. No authors' file could be had where this was
written: names and shapes are those of the released code.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal, cast

from iapas.errors import MissingError
from iapas.models import checksums
from iapas.models.registry import PDN_FILES, require_packages
from iapas.models.tensors import read_checkpoint, read_safetensors, require_shapes

Size = Literal["large", "small"]

STRIDE, DEPTH = 4, 384

_AGAIN = "it must be model_large.pth, model_small.pth, or what iapas distill wrote, and whole"


def network(size: Size) -> Any:
    """The untrained network: (B, 3, H, W), normalised as ImageNet's, to (B, 384, H / 4, W / 4), H and W times 4.

    The released code's: FM-l has two 1x1 convolutions more than the paper's table. Pools count padded zeros.
    """
    from torch import nn

    c = 256 if size == "large" else 128
    pool = {"kernel_size": 2, "stride": 2, "padding": 1}
    first = [nn.Conv2d(3, c, 4, padding=3), nn.ReLU(), nn.AvgPool2d(**pool)]
    second = [nn.Conv2d(c, 2 * c, 4, padding=3), nn.ReLU(), nn.AvgPool2d(**pool)]
    third = [nn.Conv2d(2 * c, 2 * c, 3, padding=1), nn.ReLU(), nn.Conv2d(2 * c, DEPTH, 4)]
    if size == "large":
        third = [nn.Conv2d(2 * c, 2 * c, 1), nn.ReLU(), *third, nn.ReLU(), nn.Conv2d(DEPTH, DEPTH, 1)]
    return nn.Sequential(*first, *second, *third)


def is_pdn(folder: Path) -> bool:
    """Whether a folder holds PDN."""
    if any((folder / name).is_file() for name in PDN_FILES.values()):
        return True
    try:
        about = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(about, dict) and about.get("model_type") == "pdn"


def load(folder: Path) -> Any:
    """The network in a folder, fp32, in eval mode, without gradients, on the CPU.

    Strict: raises MissingError when a file is not what its checksum says, is broken or holds more than tensors, or when
    a tensor is missing, not known, or of another shape.
    """
    require_packages()
    checksums.verify(folder)
    size, tensors = _read(folder)
    return build(size, tensors, folder)


def build(size: Size, tensors: dict[str, Any], where: Path) -> Any:
    """The network with these tensors, which are from ``where``: as :func:`load`, and as strict."""
    import torch

    with torch.device("meta"):
        made = network(size)
    require_shapes(tensors, {n: tuple(value.shape) for n, value in made.state_dict().items()}, "PDN's", where, _AGAIN)
    made.load_state_dict({name: value.float() for name, value in tensors.items()}, assign=True)
    return made.eval().requires_grad_(False)


def save(made: Any, size: Size, folder: Path) -> None:
    """Write a network of :func:`network` into ``folder`` as :func:`load` reads it, with its checksums."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    part = folder / "model.safetensors.part"
    save_file({name: value.detach().float().cpu().contiguous() for name, value in made.state_dict().items()}, part)
    part.replace(folder / "model.safetensors")
    about = {"model_type": "pdn", "size": size}
    (folder / "config.json").write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
    checksums.write_sums(folder)


def _read(folder: Path) -> tuple[Size, dict[str, Any]]:
    """The size and the tensors in a folder; a distilled network before an official one."""
    if (folder / "config.json").is_file():
        return _size(folder / "config.json"), read_safetensors(folder / "model.safetensors", _AGAIN)
    name, file = next((n, folder / f) for n, f in PDN_FILES.items() if (folder / f).is_file())
    return cast(Size, name.removeprefix("pdn-")), read_checkpoint(file, _AGAIN)


def _size(file: Path) -> Size:
    try:
        size = json.loads(file.read_text(encoding="utf-8"))["size"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise MissingError(f"{file} does not say which PDN it is: {error}", _AGAIN) from error
    if size not in ("large", "small"):
        raise MissingError(f"{file}: size must be large or small, got {size!r}", _AGAIN)
    return cast(Size, size)
