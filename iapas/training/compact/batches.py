"""Batches: crops of the bank's pictures, turned and mirrored, and what the network is to say of them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from iapas.embedded.compact.picture import PATCH, cells, planes
from iapas.training.compact.bank import FIELD_SCALE, Array, Bank

CENTRED = 0.8  # of the crops hold some of a defect, where the picture has one


class Batch(NamedTuple):
    """What goes in, and what should come out.

    ``cells``: (N, 192, h, w) float32. ``any``: (N, 16, h, w) float32, 0 or 1.
    ``says``: (N, T, h, w) int8, 1 the attribute holds, -1 it does not, 0 not known.
    ``weight``: (N, 1, h, w) float32, what a cell counts for its attributes: each defect counts the same.
    """

    cells: Array
    any: Array
    says: Array
    weight: Array


def draw_batch(bank: Bank, chosen: range, count: int, side: int, seed: tuple[int, ...]) -> Batch:
    """``count`` crops of ``side`` squared of the chosen pictures; the same for the same arguments."""
    rng = np.random.default_rng(seed)
    return batch([crop(bank, chosen[int(k)], side, rng) for k in rng.integers(len(chosen), size=count)])


class Crop(NamedTuple):
    """``image`` (s, s, 3) float32 in 0..1, ``fields`` (7, s, s) float32, ``labels`` (s, s) uint8, ``says`` of its defects."""

    image: Array
    fields: Array
    labels: Array
    says: Array


def crop(bank: Bank, at: int, side: int, rng: np.random.Generator) -> Crop:
    """A crop of one picture, turned and mirrored."""
    height, width = bank.labels.shape[1:]
    y, x = int(rng.integers(height - side + 1)), int(rng.integers(width - side + 1))
    if side < height and rng.random() < CENTRED and (wrong := np.flatnonzero(np.asarray(bank.labels[at]))).size:
        row, column = divmod(int(rng.choice(wrong)), width)
        y = int(np.clip(row - rng.integers(side), 0, height - side))
        x = int(np.clip(column - rng.integers(side), 0, width - side))
    ys, xs = slice(y, y + side), slice(x, x + side)
    image = np.asarray(bank.images[at, ys, xs], np.float32) / np.float32(255)
    fields, labels = _fields(bank.fields[at, :, ys, xs]), np.asarray(bank.labels[at, ys, xs])
    turns, mirrored = int(rng.integers(4)), bool(rng.integers(2))
    image, labels, fields = np.rot90(image, turns), np.rot90(labels, turns), np.rot90(fields, turns, (1, 2))
    if mirrored:
        image, labels, fields = image[:, ::-1], labels[:, ::-1], fields[:, :, ::-1]
    if rng.random() < 0.3:
        image = image ** np.float32(np.exp(rng.normal(0, 0.3)))
    return Crop(image, fields, labels, np.asarray(bank.says[at]))


def whole(bank: Bank, at: int) -> Crop:
    """A whole picture, as it is."""
    image = np.asarray(bank.images[at], np.float32) / np.float32(255)
    return Crop(image, _fields(bank.fields[at]), np.asarray(bank.labels[at]), np.asarray(bank.says[at]))


def batch(crops: list[Crop]) -> Batch:
    """Crops of one size as the network wants them."""
    rows = [_targets(one) for one in crops]
    return Batch(*(np.stack(column) for column in zip(*rows, strict=True)))


def _fields(stored: Array) -> Array:
    return np.asarray(stored, np.float32) / np.float32(FIELD_SCALE)


def _targets(one: Crop) -> tuple[Array, Array, Array, Array]:
    labels, says = np.ascontiguousarray(one.labels), one.says
    wrong = cells((labels > 0).astype(np.float32)[None])
    # a cell belongs to the defect that has most of its pixels
    by_cell = cells(labels[None]).astype(np.int64)
    height, width = labels.shape
    shares = np.stack([(by_cell == k + 1).sum(0) for k in range(len(says))])
    owner, share = shares.argmax(0), shares.max(0)
    said = np.where(share[None] > 0, says[owner].transpose(2, 0, 1), 0).astype(np.int8)
    areas = np.maximum([(labels == k + 1).sum() for k in range(len(says))], 1)
    weight = (share / areas[owner])[None].astype(np.float32) * (height * width / PATCH**2 / 64)
    given = np.concatenate([planes(np.ascontiguousarray(one.image)), one.fields])
    return cells(given), wrong, said, weight
