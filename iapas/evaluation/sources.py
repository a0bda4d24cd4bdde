"""Where score maps come from: a run folder, a folder of TIFF files, or masks that an oracle chose."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from iapas.errors import ImageError, OutputError, UsageError
from iapas.evaluation.data import Item
from iapas.files.images import read_image, read_mask
from iapas.files.manifest import Row, read_rows
from iapas.files.provenance import read_run
from iapas.files.results import check_id, read_score_map, result_path
from iapas.settings import Reading
from iapas.types import BoolMap, FloatMap

ANY_SIZE = Reading(max_pixels=2_000_000_000)
"""For pictures whose size was judged by whoever made the maps."""

MADE_WITH = ("iapas", "versions", "fingerprint", "made_with", "profiles")
"""Of run.json: what the maps of a run depend on."""


class Unjudged(ImageError):
    """An image that cannot be judged: it counts as failed, and is in no figure."""

    code = "not-judged"


@dataclass(frozen=True)
class About:
    """What is known of a method's maps.

    ``method``: a short name, for tables; ``title``: what ran, in plain words; ``kind``: what the maps are.
    ``made_with``: for the provenance. ``reading``: how the images are read. ``finished``: the maps are saliency maps
    in [0, 1] already, to be judged as they are; else they are sharpened first. ``per_image``: under iap-as each map is
    min-max scaled first, the last step of that method.
    """

    method: str
    title: str
    kind: str
    made_with: Mapping[str, Any]
    reading: Reading
    finished: bool = False
    per_image: bool = False


class Maps(Protocol):
    """The score maps of a method."""

    @property
    def about(self) -> About:
        """What is known of them."""
        ...

    def scores(self, item: Item) -> FloatMap:
        """(H, W) float32, finite, >= 0, at the image's size. Raises ImageError."""
        ...

    def mask(self, item: Item) -> BoolMap | None:
        """(H, W) bool, the verdict's mask; None where the method gives none. Raises ImageError."""
        ...


@dataclass(frozen=True)
class RunMaps:
    """The score maps and masks of a run folder."""

    root: Path
    about: About
    rows: Mapping[str, Row]
    """By id."""
    same: Mapping[str, str]
    """The id of a finished image, by SHA-256."""

    def scores(self, item: Item) -> FloatMap:
        """See :class:`Maps`."""
        return _checked(result_path(self.root, "scores", self._place(item)))

    def mask(self, item: Item) -> BoolMap | None:
        """See :class:`Maps`."""
        return read_mask(result_path(self.root, "masks", self._place(item)), ANY_SIZE)

    def _place(self, item: Item) -> str:
        """The id in the run of a data set's image: its own, if that is the same picture, else by content."""
        row = self.rows.get(item.sample.id)
        if row is not None and (row["sha256"] == item.image_hash or row["status"] == "failed"):
            if row["status"] == "failed":
                raise failed_row(row)
            return item.sample.id
        if item.image_hash in self.same:
            return self.same[item.image_hash]
        if row is None:
            raise Unjudged(f"{item.sample.id}: the run holds no result for it")
        raise Unjudged(f"{item.sample.id}: the picture that the run has under this name is another one")


@dataclass(frozen=True)
class FolderMaps:
    """``<id>.tiff`` in a folder: the maps of any method."""

    root: Path
    about: About
    _sizes: dict[str, tuple[int, int]] = field(default_factory=dict, repr=False)
    """Of the normal images read so far: maps are asked for more than once."""

    def scores(self, item: Item) -> FloatMap:
        """See :class:`Maps`."""
        image_id = item.sample.id
        scores = _checked(self.root / f"{image_id}.tiff")
        if not item.defective:  # else the mask is compared
            if image_id not in self._sizes:
                picture = read_image(item.sample.path, self.about.reading)
                self._sizes[image_id] = picture.height, picture.width
            _require_size(f"the map of {image_id}", scores.shape, "the image", self._sizes[image_id])
        return scores

    def mask(self, item: Item) -> BoolMap | None:
        """None: maps alone say nothing of a verdict."""
        return None


def run_maps(root: Path) -> RunMaps:
    """The maps of the run folder ``root``. Raises UsageError when it is none, or kept no score maps."""
    hint = "give a folder that iapas segment wrote: runs/<name>"
    if not root.is_dir():
        raise UsageError(f"{root} is not there", hint)
    try:
        run = read_run(root, ())
        rows = {row["id"]: row for _, row in read_rows(root / "manifest.jsonl")}
    except OutputError as error:
        raise UsageError(str(error.args[0]), hint) from error
    if run is None or not rows:
        raise UsageError(f"{root} holds no results", hint)
    if run["made_with"].get("output.score_map") == "none":
        raise UsageError(f"the run {root} kept no score maps", "segment again with --score-map tiff")
    done = [row for row in rows.values() if row["status"] == "ok"]
    for row in done:
        _check(root, row["id"])
    try:
        about = About(
            method=str(run["config"].get("name") or root.name),
            title=str(run["title"]),
            kind="score maps of a run of iapas",
            made_with={key: run[key] for key in MADE_WITH},
            reading=Reading.model_validate(run["config"]["reading"]),
            per_image=run["made_with"].get("detector.name") in ("grounding-dino", "grounding-dino-original"),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(f"{root} is not as a run leaves it: {error!r}", hint) from error
    same = {row["sha256"]: row["id"] for row in done if row["sha256"]}
    return RunMaps(root, about, rows, same)


def folder_maps(root: Path) -> FolderMaps:
    """The maps in ``root``. Raises UsageError when it is not there."""
    if not root.is_dir():
        raise UsageError(f"{root} is not there", "--maps takes a folder that holds <id>.tiff for each image")
    title = "maps from a folder; what made them is not known here"
    about = About(root.resolve().name or "maps", title, "maps from a folder, as they are", {}, ANY_SIZE, finished=True)
    return FolderMaps(root, about)


def require_same_size(item: Item, scores: npt.NDArray[Any], truth: BoolMap) -> None:
    """Raise Unjudged unless map and mask are of one size."""
    _require_size(f"the map of {item.sample.id}", scores.shape, "its mask", truth.shape)


def _checked(path: Path) -> FloatMap:
    """A score map from the disk. Raises Unjudged when there is none, or none that can be judged."""
    try:
        found: npt.NDArray[Any] = np.asarray(read_score_map(path))
    except FileNotFoundError:
        raise Unjudged(f"{path.name} is not there") from None
    except Exception as error:  # a broken TIFF may raise anything
        raise Unjudged(f"{path.name} cannot be read: {error}") from error
    if found.ndim == 3 and 1 in (found.shape[0], found.shape[2]):
        found = found[0] if found.shape[0] == 1 else found[:, :, 0]
    if found.ndim != 2 or not found.size or found.dtype.kind not in "fiub":
        raise Unjudged(f"{path.name} is not a map of one number a pixel: {found.dtype} of shape {found.shape}")
    scores = found.astype(np.float32, copy=False)
    low, high = float(scores.min()), float(scores.max())
    if not (low >= 0 and high < np.inf):  # also where either is NaN
        raise Unjudged(f"{path.name}: scores must be finite and >= 0, got values from {low} to {high}")
    return scores


def _require_size(one: str, size: tuple[int, ...], other: str, wanted: tuple[int, ...]) -> None:
    if size != wanted:
        raise Unjudged(f"{one} is {size[1]} x {size[0]} pixels, {other} {wanted[1]} x {wanted[0]}")


def failed_row(row: Row) -> Unjudged:
    """The error that a failed row tells of."""
    error = Unjudged(str(row["message"]), "")
    error.code = str(row["error"])
    return error


def _check(root: Path, image_id: str) -> None:
    """The manifest may have been made by someone else: no file of its images may lie outside the folder."""
    try:
        check_id(image_id)
    except (ImageError, UnicodeError) as error:
        raise UsageError(f"{root / 'manifest.jsonl'}: {image_id!a} is not an id", "") from error
