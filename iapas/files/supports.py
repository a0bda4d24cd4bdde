"""The examples of a defect that a folder holds: pictures and masks of equal stems."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from iapas.errors import ConfigError, ImageError
from iapas.files.formats import EXTENSIONS
from iapas.files.images import read_image
from iapas.files.names import shown
from iapas.files.truth import read_truth
from iapas.settings import Reading
from iapas.types import BoolMap, Image

LAYOUT = "it must hold images/ and masks/ with files of equal stems, or one such folder for each kind of defect"


@dataclass(frozen=True, eq=False)
class Support:
    """An example: ``image`` (H, W, 3) uint8 RGB and ``mask`` (H, W) bool with both values in it; ``kind`` of defect."""

    kind: str
    image: Image
    mask: BoolMap


@dataclass(frozen=True, eq=False)
class Supports:
    """All examples of a folder, sorted by kind and stem; ``digest``: 64 hex digits over their kinds and contents."""

    examples: tuple[Support, ...]
    digest: str


def read_supports(folder: str | Path, reading: Reading) -> Supports:
    """Read and check the examples in ``folder``.

    Raises ConfigError, which names the file, for a folder that holds no pairs, a picture or a mask without the other,
    one that cannot be read, a mask of another size than its picture, and one that is empty or full.
    """
    root = Path(folder).expanduser()
    if not root.is_dir():
        raise ConfigError(f"exemplars.support: there is no folder {shown(str(folder))}", LAYOUT)
    examples, contents = [], []
    for kind, place in _kinds(root):
        for stem, (picture, mask) in _pairs(place).items():
            try:
                image, truth = _read(picture, mask, reading)
            except ImageError as error:
                raise ConfigError(f"exemplars.support: {shown(str(picture.parent.parent))}: {error}") from error
            examples.append(Support(kind, image, truth))
            contents.append([kind, stem, *(hashlib.sha256(a.tobytes()).hexdigest() for a in (image, truth))])
    return Supports(tuple(examples), hashlib.sha256(json.dumps(contents).encode()).hexdigest())


def _kinds(root: Path) -> list[tuple[str, Path]]:
    """The folders that hold images/ and masks/, each with the name of its kind; "" where the root is the only one."""
    if _holds_pairs(root):
        return [("", root)]
    inner = [(path.name, path) for path in sorted(root.iterdir()) if path.is_dir() and _holds_pairs(path)]
    if not inner:
        raise ConfigError(f"exemplars.support: no examples in {shown(str(root))}", LAYOUT)
    return inner


def _holds_pairs(folder: Path) -> bool:
    return (folder / "images").is_dir() and (folder / "masks").is_dir()


def _pairs(folder: Path) -> dict[str, tuple[Path, Path]]:
    """The picture and the mask of each stem, sorted."""
    pictures, masks = (_by_stem(folder / name) for name in ("images", "masks"))
    alone = sorted(pictures.keys() ^ masks.keys())
    if alone:
        there, absent = ("images", "masks") if alone[0] in pictures else ("masks", "images")
        path = {**pictures, **masks}[alone[0]]
        raise ConfigError(
            f"exemplars.support: {there}/{shown(path.name)} in {shown(str(folder))} has no {absent}/ file"
        )
    if not pictures:
        raise ConfigError(f"exemplars.support: no pictures in {shown(str(folder / 'images'))}", LAYOUT)
    return {stem: (pictures[stem], masks[stem]) for stem in sorted(pictures)}


def _by_stem(folder: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.suffix.lower() not in EXTENSIONS:
            continue
        if path.stem in found:
            names = " and ".join(shown(p.name) for p in (found[path.stem], path))
            raise ConfigError(f"exemplars.support: {names} in {shown(str(folder))} have one stem")
        found[path.stem] = path
    return found


def _read(picture: Path, mask: Path, reading: Reading) -> tuple[Image, BoolMap]:
    image, truth = read_image(picture, reading).frames[0], read_truth(mask)
    problem = ""
    if truth.shape != image.shape[:2]:
        sizes = (f"{shape[1]} x {shape[0]}" for shape in (truth.shape, image.shape))
        problem = "has {} pixels, its picture {}".format(*sizes)
    elif not truth.any():
        problem = "is empty: no value is above 127 of 255, nor are they 0 and 1"
    elif np.all(truth):
        problem = "is full: it leaves no background to compare with"
    if problem:
        raise ConfigError(f"exemplars.support: the mask {shown(str(mask))} {problem}")
    return image, truth
