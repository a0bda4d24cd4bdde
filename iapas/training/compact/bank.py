"""A bank of generated pictures on disk, so that several trainings share the cost of generating."""

from __future__ import annotations

import json
import logging
import multiprocessing
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from iapas import __version__
from iapas.embedded.classical.view import view
from iapas.embedded.compact.picture import FIELD_COUNT, fields
from iapas.embedded.words import ATTRIBUTES
from iapas.errors import UsageError
from iapas.files.atomic import write_text
from iapas.synthesis.sample import draw

log = logging.getLogger("iapas")

TERMS = tuple(ATTRIBUTES)
MOST_DEFECTS = 6  # of one picture
FIELD_SCALE = 31.0  # -4..4 in an int8
SHADING = ("uneven",)  # kinds that are not taught: sound surfaces are as unevenly lit
CHUNK = 64  # pictures between two notes of how far it is

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Bank:
    """Memory-mapped arrays.

    ``images``: (N, S, S, 3) uint8 RGB. ``labels``: (N, S, S) uint8, 0 normal, k the k-th defect.
    ``fields``: (N, 8, S, S) int8, what classical vision measures of each picture, in steps of 1 / FIELD_SCALE.
    ``says``: (N, MOST_DEFECTS, len(TERMS)) int8, 1 an attribute holds of the defect, -1 it does not, 0 not known.
    """

    images: Array
    labels: Array
    says: Array
    fields: Array


def make_bank(folder: Path, count: int, side: int, seed: int, processes: int = 1) -> Bank:
    """Generate ``count`` pictures of ``side`` squared into ``folder``; goes on where it stopped.

    Picture k is ``draw(seed + k)``. Raises UsageError for a folder that holds another bank.
    """
    folder.mkdir(parents=True, exist_ok=True)
    note = folder / "bank.json"
    told = {"count": count, "side": side, "seed": seed, "terms": list(TERMS), "version": __version__}
    done = 0
    if note.exists():
        before = json.loads(note.read_text())
        done = int(before.pop("done"))
        if before != told:
            raise UsageError(f"{folder} holds another bank: {before}; take another folder")
    shapes = {
        "images": (count, side, side, 3),
        "labels": (count, side, side),
        "says": (count, MOST_DEFECTS, len(TERMS)),
        "fields": (count, FIELD_COUNT, side, side),
    }
    maps = {name: _mapped(folder / f"{name}.npy", shape, bool(done)) for name, shape in shapes.items()}
    if done < count:
        for at, row in enumerate(_generated(range(seed + done, seed + count), side, processes), done):
            for array, values in zip(maps.values(), row, strict=True):
                array[at] = values
            if (at + 1) % CHUNK == 0 or at + 1 == count:
                for array in maps.values():
                    array.flush()
                write_text(note, json.dumps({**told, "done": at + 1}) + "\n")
                log.info("bank: %d of %d pictures", at + 1, count)
    return Bank(**maps)


def _mapped(path: Path, shape: tuple[int, ...], there: bool) -> np.memmap[Any, Any]:
    kind = np.int8 if path.stem in ("says", "fields") else np.uint8
    return np.lib.format.open_memmap(path, "r+" if there else "w+", dtype=kind, shape=None if there else shape)


def _generated(seeds: range, side: int, processes: int) -> Iterator[tuple[Array, ...]]:
    jobs = ((seed, side) for seed in seeds)
    if processes <= 1:
        yield from map(_one, jobs)
        return
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        yield from pool.imap(_one, jobs, chunksize=16)


def _one(job: tuple[int, int]) -> tuple[Array, ...]:
    seed, side = job
    sample = draw(seed, (side, side))
    image, labels, found = measured(sample.image, sample.labels)
    says = np.zeros((MOST_DEFECTS, len(TERMS)), np.int8)
    for k, defect in enumerate(sample.defects[:MOST_DEFECTS]):
        if defect.kind in SHADING:
            labels[labels == k + 1] = 0
            continue
        for name, holds in defect.attributes.items():
            says[k, TERMS.index(name)] = 1 if holds else -1
    return image, labels, says, found


def measured(image: Array, labels: Array) -> tuple[Array, Array, Array]:
    """A square picture (S, S, 3) uint8 RGB as the network will see it, its labels, and ``Bank.fields`` of it.

    Of a part on a plain ground the network sees the part alone, here made square.
    """
    side = len(labels)
    seen = view(image, side)
    x0, y0, x1, y1 = seen.frame
    found = np.stack([_square(field, side, cv2.INTER_LINEAR) for field in fields(seen)])
    return (
        _square(np.rint(seen.work * 255).astype(np.uint8), side, cv2.INTER_LINEAR),
        _square(labels[y0:y1, x0:x1], side, cv2.INTER_NEAREST),
        np.asarray(np.rint(found * FIELD_SCALE), np.int8),
    )


def _square(field: Array, side: int, how: int) -> Array:
    return field if field.shape[:2] == (side, side) else cv2.resize(field, (side, side), interpolation=how)
