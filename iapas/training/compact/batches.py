"""Batches: crops of the bank's pictures, turned and mirrored, and what the network is to say of them."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from iapas.embedded.compact.picture import CHANNELS, PATCH, cells, planes
from iapas.training.compact.bank import FIELD_SCALE, TERMS, Array, Bank

SMALLEST = 96  # pixels: side of the smallest part of a picture that a crop shows
SMALL, LARGE = 0.003, 0.04  # of what is seen
CONTRAST, NOISE = 0.25, 0.3  # how far planes are changed: log of their gain, deviation; they lie in -4..4
CENTRED = 0.8  # of the crops hold some of a defect, where the picture has one


class Batch(NamedTuple):
    """What goes in, and what should come out.

    ``cells``: (N, CHANNELS * 16, h, w) float32. ``any``: (N, 16, h, w) float32, 0 or 1.
    ``says``: (N, T, h, w) int8, 1 the attribute holds, -1 it does not, 0 not known.
    ``weight``: (N, 1, h, w) float32, what a cell counts for its attributes: each defect counts the same.
    ``share``: (N, 16, h, w) float32 in 0..1, of the crop that the defect covers to which a pixel belongs; 0 elsewhere.
    """

    cells: Array
    any: Array
    says: Array
    weight: Array
    share: Array


def draw_batch(bank: Bank, chosen: range, count: int, side: int, seed: tuple[int, ...]) -> Batch:
    """``count`` crops of ``side`` squared of the chosen pictures; the same for the same arguments."""
    rng = np.random.default_rng(seed)
    given = batch([crop(bank, chosen[int(k)], side, rng) for k in rng.integers(len(chosen), size=count)])
    return given._replace(cells=_jittered(given.cells, rng))


def _jittered(cells: Array, rng: np.random.Generator) -> Array:
    """With each plane's contrast changed a little and noise added: photographs differ from what is generated."""
    count, _, height, width = cells.shape
    planes = cells.reshape(count, CHANNELS, PATCH**2, height, width)
    gain = np.exp(rng.normal(0, CONTRAST, (count, CHANNELS, 1, 1, 1))).astype(np.float32)
    loud = rng.uniform(0, NOISE, (count, 1, 1, 1, 1)).astype(np.float32)
    noise = rng.standard_normal(planes.shape, np.float32) * loud * (planes != 0)  # grey pictures stay grey
    return np.asarray(planes * gain + noise, np.float32).reshape(cells.shape)


class Crop(NamedTuple):
    """Part of a picture: ``image`` (s, s, 3) float32 in 0..1, ``fields`` (8, s, s) float32, the rest as in Bank."""

    image: Array
    fields: Array
    labels: Array
    says: Array


def crop(bank: Bank, at: int, side: int, rng: np.random.Generator) -> Crop:
    """A part of one picture, SMALLEST pixels wide up to all of it, at ``side`` squared, turned and mirrored.

    Enlarged parts make defects large, and surfaces soft: as in photographs taken from nearer.
    """
    height, width = bank.labels.shape[1:]
    most = min(height, width)
    extent = round(float(np.exp(rng.uniform(np.log(min(SMALLEST, most)), np.log(most)))))
    y, x = int(rng.integers(height - extent + 1)), int(rng.integers(width - extent + 1))
    if extent < most and rng.random() < CENTRED and (wrong := np.flatnonzero(np.asarray(bank.labels[at]))).size:
        row, column = divmod(int(rng.choice(wrong)), width)
        y = int(np.clip(row - rng.integers(extent), 0, height - extent))
        x = int(np.clip(column - rng.integers(extent), 0, width - extent))
    ys, xs = slice(y, y + extent), slice(x, x + extent)
    image, labels = np.asarray(bank.images[at, ys, xs]), np.asarray(bank.labels[at, ys, xs])
    fields = np.moveaxis(np.asarray(bank.fields[at, :, ys, xs]).view(np.uint8) ^ 128, 0, 2)  # resized as unsigned
    if extent != side:
        mode = cv2.INTER_AREA if extent > side else cv2.INTER_LINEAR
        image, fields = cv2.resize(image, (side, side), interpolation=mode), _resized(fields, side, mode)
        labels = cv2.resize(labels, (side, side), interpolation=cv2.INTER_NEAREST)
    turns, mirrored = int(rng.integers(4)), bool(rng.integers(2))
    image, labels, fields = np.rot90(image, turns), np.rot90(labels, turns), np.rot90(fields, turns)
    if mirrored:
        image, labels, fields = image[:, ::-1], labels[:, ::-1], fields[:, ::-1]
    light = image.astype(np.float32) / np.float32(255)
    if rng.random() < 0.3:
        light = light ** np.float32(np.exp(rng.normal(0, 0.3)))
    given = (np.moveaxis(fields, 2, 0).astype(np.float32) - 128) / np.float32(FIELD_SCALE)
    return Crop(light, given, labels, _sized(np.asarray(bank.says[at]), labels))


def _resized(fields: Array, side: int, mode: int) -> Array:
    """(h, w, 8) uint8 at ``side`` squared; OpenCV takes at most four channels at once."""
    parts = [cv2.resize(np.ascontiguousarray(fields[..., k : k + 4]), (side, side), interpolation=mode) for k in (0, 4)]
    return np.dstack(parts)


def _sized(says: Array, labels: Array) -> Array:
    """What is small and what is large depends on the part of the picture that is seen."""
    says = says.copy()
    share = np.bincount(labels.ravel(), minlength=len(says) + 1)[1 : len(says) + 1] / labels.size
    there = (share > 0) & says.any(axis=1)
    says[:, TERMS.index("small")] = np.where(there, np.where(share < SMALL, 1, -1), 0)
    says[:, TERMS.index("large")] = np.where(there, np.where(share > LARGE, 1, -1), 0)
    return says


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


def _targets(one: Crop) -> tuple[Array, ...]:
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
    covered = np.bincount(labels.ravel(), minlength=len(says) + 1).astype(np.float32) / labels.size
    covered[0] = 0
    return cells(given), wrong, said, weight, cells(covered[labels][None])
