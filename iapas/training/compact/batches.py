"""Batches: crops of the bank's pictures, turned and mirrored, and what the network is to say of them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from iapas.embedded.compact.picture import PATCH, cells, planes
from iapas.training.compact.bank import Array, Bank

CENTRED = 0.8  # of the crops hold some of a defect, where the picture has one


class Batch(NamedTuple):
    """What goes in, and what should come out.

    ``cells``: (N, 80, h, w) float32. ``any``: (N, 16, h, w) float32, 0 or 1.
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


def crop(bank: Bank, at: int, side: int, rng: np.random.Generator) -> tuple[Array, Array, Array]:
    """A crop of one picture: image, labels, and what is said of its defects."""
    height, width = bank.labels.shape[1:]
    y, x = int(rng.integers(height - side + 1)), int(rng.integers(width - side + 1))
    if side < height and rng.random() < CENTRED and (wrong := np.flatnonzero(np.asarray(bank.labels[at]))).size:
        row, column = divmod(int(rng.choice(wrong)), width)
        y = int(np.clip(row - rng.integers(side), 0, height - side))
        x = int(np.clip(column - rng.integers(side), 0, width - side))
    image = np.asarray(bank.images[at, y : y + side, x : x + side], np.float32) / np.float32(255)
    labels = np.asarray(bank.labels[at, y : y + side, x : x + side])
    turns, mirrored = int(rng.integers(4)), bool(rng.integers(2))
    image, labels = np.rot90(image, turns), np.rot90(labels, turns)
    if mirrored:
        image, labels = image[:, ::-1], labels[:, ::-1]
    if rng.random() < 0.3:
        image = image ** np.float32(np.exp(rng.normal(0, 0.3)))
    return image, labels, np.asarray(bank.says[at])


def batch(crops: list[tuple[Array, Array, Array]]) -> Batch:
    """Crops of one size as the network wants them."""
    rows = [_targets(*one) for one in crops]
    return Batch(*(np.stack(column) for column in zip(*rows, strict=True)))


def _targets(image: Array, labels: Array, says: Array) -> tuple[Array, Array, Array, Array]:
    labels = np.ascontiguousarray(labels)
    wrong = cells((labels > 0).astype(np.float32)[None])
    # a cell belongs to the defect that has most of its pixels
    by_cell = cells(labels[None]).astype(np.int64)
    height, width = labels.shape
    shares = np.stack([(by_cell == k + 1).sum(0) for k in range(len(says))])
    owner, share = shares.argmax(0), shares.max(0)
    said = np.where(share[None] > 0, says[owner].transpose(2, 0, 1), 0).astype(np.int8)
    areas = np.maximum([(labels == k + 1).sum() for k in range(len(says))], 1)
    weight = (share / areas[owner])[None].astype(np.float32) * (height * width / PATCH**2 / 64)
    return cells(planes(np.ascontiguousarray(image))), wrong, said, weight
