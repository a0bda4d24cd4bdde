"""Defects of form and order: chips, missing and displaced elements, bent, squeezed, wrong prints, broken weaves."""

from __future__ import annotations

import cv2
import numpy as np

from iapas.synthesis.defects.patch import (
    Painted,
    Patch,
    between,
    cloud,
    darker,
    ellipse,
    lighter,
    material,
    moved,
    over,
    polygon,
    shaded,
    shape,
    soft,
)
from iapas.synthesis.texture import Map, Rng


def chip(rng: Rng, patch: Patch) -> Painted:
    """A piece of the rim has broken out: the ground shows; at the frame of a picture without a rim, a dark break."""
    far = polygon(rng, patch, patch.radius) if rng.random() < 0.35 else shape(rng, patch, patch.radius * 0.9, 1.8)
    far = far + np.float32(0.05 * patch.radius) * cloud(rng, patch.size, 4, 2)
    cover = soft(far, 1.2)
    if patch.part is not None and not patch.part.all():
        inside = patch.part.astype(np.float32)
        ground = patch.colour[~patch.part].reshape(-1, 3)
        tone = np.median(ground, axis=0).astype(np.float32)
        behind = tone * np.clip(1 + 0.06 * cloud(rng, patch.size, 2, 2), 0.5, 2)[..., None]
        lip = np.clip(soft(far - rng.uniform(1, 4), 1.5) - cover, 0, 1) * inside
        colour = lighter(patch.colour, lip * rng.uniform(0, 0.8), 0.7, patch.tone())
        broken = over(colour, behind.astype(np.float32), cover * inside)
        if rng.random() < 0.4:  # not all the way through: the inner stuff shows instead
            bowl = cv2.GaussianBlur(np.clip(far, -0.4 * patch.radius, 0), (0, 0), 1.5)
            grey = np.float32(between(rng, 0.4, 2.0)) * (1 + 0.12 * cloud(rng, patch.size, 3, 3))
            broken = over(colour, shaded(patch.tone() * grey[..., None], bowl, patch.light, 1.5), cover * inside)
        return Painted(broken, np.maximum(cover, lip) * inside)
    stuff = material(rng, patch) * np.float32(0.3) if rng.random() < 0.6 else material(rng, patch)
    return Painted(shaded(over(patch.colour, stuff, cover), -3 * cover, patch.light, 0.8), soft(far - 1, 1.5))


def _element(patch: Patch) -> Map:
    """Soft cover of the element and of its shadow, which ends where other elements begin."""
    if patch.element is None:
        raise ValueError("this defect needs an element")
    reach = 3 + 2 * round(0.08 * patch.radius)
    wide = cv2.dilate(patch.element.astype(np.float32), np.ones((reach, reach), np.uint8))
    if patch.others is not None:
        wide[patch.others & ~patch.element] = 0
    return cv2.GaussianBlur(wide, (0, 0), 0.8)


def missing(rng: Rng, patch: Patch) -> Painted | None:
    """What belongs there is not there; sometimes only a half of it."""
    if patch.element is None or patch.bare is None:
        return None
    cover = _element(patch)
    words: tuple[str, ...] = ()
    if rng.random() < 0.25:
        rows, columns = patch.away()
        turn = rng.uniform(0, 2 * np.pi)
        line = columns * np.cos(turn) + rows * np.sin(turn) + 0.05 * patch.radius * cloud(rng, patch.size, 5, 2)
        cover, words = cover * soft(line.astype(np.float32), 1.2), ("partly",)
    return Painted(over(patch.colour, patch.bare, cover), cover, words)


def displaced(rng: Rng, patch: Patch) -> Painted | None:
    """An element beside its place, or turned in it."""
    if patch.element is None or patch.bare is None:
        return None
    cover = _element(patch)
    turn = rng.normal(0, 35) if rng.random() < 0.6 else rng.normal(0, 6)
    matrix = cv2.getRotationMatrix2D((patch.centre[1], patch.centre[0]), turn, rng.uniform(0.9, 1.1))
    away, angle = patch.radius * rng.uniform(0.05, 0.5), rng.uniform(0, 2 * np.pi)
    matrix[0, 2] += away * np.cos(angle)
    matrix[1, 2] += away * np.sin(angle)
    there = cv2.warpAffine(cover, matrix, patch.size[::-1])
    turned = cv2.warpAffine(patch.colour, matrix, patch.size[::-1], borderMode=cv2.BORDER_REPLICATE)
    return Painted(over(over(patch.colour, patch.bare, cover), turned, there), np.maximum(cover, there))


def swapped(rng: Rng, patch: Patch) -> Painted | None:
    """An element of another colour, size or kind in the place of the right one."""
    if patch.element is None or patch.bare is None:
        return None
    cover = _element(patch)
    if rng.random() < 0.5:
        tint = np.exp(rng.normal(0, 0.5, 3)).astype(np.float32)
        return Painted(over(patch.colour, patch.colour * tint, cover), cover)
    zoom = rng.choice([rng.uniform(0.55, 0.8), rng.uniform(1.2, 1.45)])
    matrix = cv2.getRotationMatrix2D((patch.centre[1], patch.centre[0]), 0, zoom)
    there = cv2.warpAffine(cover, matrix, patch.size[::-1])
    other = cv2.warpAffine(patch.colour, matrix, patch.size[::-1], borderMode=cv2.BORDER_REPLICATE)
    return Painted(over(over(patch.colour, patch.bare, cover), other, there), np.maximum(cover, there))


def _warped(patch: Patch, down: Map, right: Map) -> Map:
    """The window with each pixel taken from (``down``, ``right``) pixels away."""
    rows, columns = np.indices(patch.size, dtype=np.float32)
    warped: Map = cv2.remap(
        patch.colour,
        columns + right.astype(np.float32),
        rows + down.astype(np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return warped


def _dome(patch: Patch) -> Map:
    """1 at the centre, 0 from ``radius`` on, smooth."""
    rows, columns = patch.away()
    far = np.clip((rows * rows + columns * columns) / np.float32(patch.radius**2), 0, 1)
    dome: Map = ((1 - far) ** 2).astype(np.float32)
    return dome


def bent(rng: Rng, patch: Patch) -> Painted:
    """Pushed aside: everything within the dome is moved one way."""
    dome, angle = _dome(patch), rng.uniform(0, 2 * np.pi)
    amount = patch.radius * rng.uniform(0.15, 0.5)
    down, right = amount * np.sin(angle) * dome, amount * np.cos(angle) * dome
    return Painted(_warped(patch, down, right), (dome > 0.02).astype(np.float32))


def squeezed(rng: Rng, patch: Patch) -> Painted:
    """Drawn together, blown up or twisted about the centre."""
    dome = _dome(patch)
    rows, columns = patch.away()
    amount = rng.choice([-1, 1]) * rng.uniform(0.3, 0.75)
    if rng.random() < 0.5:
        warped = _warped(patch, amount * dome * rows, amount * dome * columns)
    else:
        turn = 1.8 * amount * dome
        warped = _warped(
            patch,
            np.cos(turn) * rows - np.sin(turn) * columns - rows,
            np.sin(turn) * rows + np.cos(turn) * columns - columns,
        )
    return Painted(warped, (dome > 0.02).astype(np.float32))


def thread(rng: Rng, patch: Patch) -> Painted:
    """A row or a column of the weave is missing, doubled, or of another yarn, over some length."""
    rows, columns = np.broadcast_arrays(*patch.away())
    if rng.random() < 0.5:
        rows, columns = columns, rows
    slant = columns + np.float32(rng.normal(0, 0.03)) * rows
    width = np.float32(between(rng, 1.5, 7) * patch.scale**0.6)
    band = soft(np.abs(slant) - width / 2, 1.5) * soft(np.abs(rows) - 0.9 * patch.radius, 2 + 0.1 * patch.radius)
    which = rng.random()
    if which < 0.4:
        colour = darker(patch.colour, band, rng.uniform(0.4, 0.9))
    elif which < 0.65:
        colour = lighter(patch.colour, band, rng.uniform(0.4, 0.9), patch.tone())
    elif which < 0.85:
        colour = over(patch.colour, cv2.blur(patch.colour, (1 + 2 * int(width), 1 + 2 * int(width))), band)
    else:
        colour = over(patch.colour, patch.colour * np.exp(rng.normal(0, 0.4, 3)).astype(np.float32), band)
    return Painted(colour, band)


def smeared(rng: Rng, patch: Patch) -> Painted | None:
    """A print that was wiped while wet."""
    if patch.element is None or patch.bare is None:
        return None
    length = max(3, int(patch.radius * rng.uniform(0.2, 0.7)))
    kernel = np.zeros((2 * length + 1, 2 * length + 1), np.float32)
    angle = rng.uniform(0, 2 * np.pi)
    tip = round(length + length * np.cos(angle)), round(length + length * np.sin(angle))
    cv2.line(kernel, (length, length), tip, 1.0)
    kernel /= kernel.sum()
    ink = cv2.filter2D(_element(patch), -1, kernel)
    wide = np.clip(1.6 * ink, 0, 1) * rng.uniform(0.6, 1)
    usual = np.median(patch.colour[patch.element], axis=0).astype(np.float32)
    return Painted(over(patch.colour, usual, wide), np.clip(2 * ink, 0, 1))


def doubled(rng: Rng, patch: Patch) -> Painted | None:
    """Printed twice, a little apart."""
    if patch.element is None or patch.bare is None:
        return None
    away, angle = between(rng, 2, 6) * patch.scale**0.6, rng.uniform(0, 2 * np.pi)
    down, right = away * np.sin(angle), away * np.cos(angle)
    again = moved(_element(patch), down, right)
    return Painted(over(patch.colour, moved(patch.colour, down, right), again * rng.uniform(0.5, 0.95)), again)


def faded(rng: Rng, patch: Patch) -> Painted | None:
    """Strokes of a print that are missing or pale in places."""
    if patch.element is None or patch.bare is None:
        return None
    holes = np.clip(
        2.5 * cloud(rng, patch.size, patch.radius * rng.uniform(0.2, 0.6) + 1, 3) + rng.uniform(0, 1.5), 0, 1
    )
    cover = _element(patch) * holes * rng.uniform(0.7, 1)
    return Painted(over(patch.colour, patch.bare, cover), cover)


def blot(rng: Rng, patch: Patch) -> Painted:
    """A blot of ink or paint on the print or the label."""
    cover = soft(ellipse(rng, patch, patch.radius * 0.8, between(rng, 1, 2.5), 0.2), 1.3)
    ink = np.array([0.02, 0.02, 0.03], np.float32) * np.exp(rng.normal(0, 0.8, 3)).astype(np.float32)
    if patch.element is not None:
        ink = np.median(patch.colour[patch.element], axis=0).astype(np.float32)
    return Painted(over(patch.colour, ink, cover * rng.uniform(0.8, 1)), cover)
