"""The figures of each variant: exact ones by category and defect type, and how sure their differences are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from iapas.core.intervals import LEVELS, figures_at, interval, resamples
from iapas.core.metrics import image_figures
from iapas.core.ranking import score_bits
from iapas.evaluation.pixels import PixelPool
from iapas.evaluation.results import number
from iapas.experiments.records import Record
from iapas.experiments.sweep import Sweep
from iapas.experiments.tables import Table, curve, pooled, rounded

RESAMPLES = 1000
SEED = 111
SURE = ("pixel_ap", "pixel_f1_max")
"""The figures whose differences to the first variant get an interval."""

FIGURES = (*SURE, "pixel_f1_threshold", "image_auroc")

Part = tuple[str, str | None]
"""A category, and a defect type of it; None: all."""

Draws = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Judged:
    """A variant on a category. ``figures`` of each part; ``draws`` (2, RESAMPLES) of each: AP and F1-max."""

    category: str
    dataset: str
    records: Sequence[Record]
    """Of its images, with coarse tables alone."""
    counts: Mapping[str | None, tuple[int, int]]
    """Of each part the images and the defective ones."""
    figures: Mapping[str | None, Mapping[str, float]]
    draws: Mapping[str | None, Draws]
    coarse: Table


def judge(sweep: Sweep, variant: str, category: str, seed: int) -> Judged:
    """Judge a variant on a category that has a truth. The same ``seed`` draws the same images for each variant."""
    shots = [shot for _, shot in sweep.shots(category)]
    records: list[Record] = []
    defects = np.array([shot.item.sample.defect for shot in shots], object)
    with PixelPool(sweep.folder) as pool:
        for shot, record in sweep.records(variant, category):
            (table,) = record.table
            pool.add_counts(table.keys.view(np.float32), table.hits, table.misses, shot.item.sample.defect)
            records.append(replace(record, table=(table.coarse(),)))
        levels = rounded(score_bits(pool.curve(LEVELS)[2])).view(np.float32)
        tops = np.array([record.glance.top for record in records], np.float32)
        figures = {part: _figures(pool, part, tops, defects) for part in _parts(defects)}
    counts = np.stack([record.table[0].at(levels) for record in records]).astype(np.float64)
    chosen = {part: _chosen(defects, part) for part in figures}
    return Judged(
        category,
        shots[0].dataset,
        records,
        {part: (int(mine.sum()), int((defects[mine] != "").sum())) for part, mine in chosen.items()},
        figures,
        {part: draws(counts[mine], defects[mine] != "", seed) for part, mine in chosen.items()},
        pooled(record.table[0] for record in records),
    )


def draws(counts: npt.NDArray[Any], defective: npt.NDArray[np.bool_], seed: int) -> Draws:
    """(2, RESAMPLES): AP and F1-max of resamples of the images, at the levels of ``counts`` (images, 2, levels).

    Images are drawn with replacement, defective and normal ones apart. AP at 256 levels of recall is near the exact one
    of the same resample: between two levels no more than 1 / 256 of recall is gained.
    """
    strata = [places for kind in (True, False) if (places := np.flatnonzero(defective == kind)).size]
    weights = np.stack(list(resamples(strata, RESAMPLES, seed)))
    drawn = (weights @ counts.reshape(len(counts), -1)).reshape(RESAMPLES, *counts.shape[1:])
    return np.stack(figures_at(drawn))


def rows_of(name: str, judged: Sequence[Judged], first: Sequence[Judged] | None) -> list[dict[str, Any]]:
    """The rows of a variant: each category, its defect types, and the mean of each data set."""
    rows = []
    for at, part in enumerate(judged):
        for kind, figures in part.figures.items():
            other = None if first is None else first[at]
            row = _row(name, part.dataset, part.category, kind, part.counts[kind], figures)
            if other is not None:
                row["difference"] = _differences(figures, other.figures[kind], part.draws[kind] - other.draws[kind])
            rows.append(row)
    for dataset in dict.fromkeys(part.dataset for part in judged):
        mine = [at for at, part in enumerate(judged) if part.dataset == dataset]
        rows.append(_mean(name, dataset, [judged[at] for at in mine], first and [first[at] for at in mine]))
    return rows


def unjudged_rows(sweep: Sweep, name: str) -> list[dict[str, Any]]:
    """The rows of the categories without a truth: how many images, and no figures."""
    rows = []
    for category in sweep.pictures.categories:
        shots = [shot for _, shot in sweep.shots(category)]
        if shots and not shots[0].judged:
            none = dict.fromkeys(FIGURES, np.nan)
            rows.append(_row(name, shots[0].dataset, category, None, (len(shots), 0), none) | {"defective": None})
    return rows


def curves_of(name: str, judged: Sequence[Judged]) -> list[dict[str, Any]]:
    """Precision and recall of each category, and of all pixels together."""
    found = []
    parts: list[tuple[str | None, Table]] = [(part.category, part.coarse) for part in judged]
    if len(parts) > 1:
        parts.append((None, pooled(part.coarse for part in judged)))
    for category, table in parts:
        recall, precision = curve(table)
        found.append({"variant": name, "category": category, "precision": precision, "recall": recall})
    return found


def _parts(defects: npt.NDArray[Any]) -> list[str | None]:
    kinds = sorted(set(defects.tolist()) - {""})
    return [None, *kinds] if len(kinds) > 1 else [None]


def _chosen(defects: npt.NDArray[Any], part: str | None) -> npt.NDArray[np.bool_]:
    """The images of a defect type, and the normal ones."""
    return np.ones(defects.shape, bool) if part is None else (defects == part) | (defects == "")


def _figures(
    pool: PixelPool, part: str | None, tops: npt.NDArray[np.float32], defects: npt.NDArray[Any]
) -> dict[str, float]:
    pixels = pool.figures(None if part is None else {part, ""})
    chosen = _chosen(defects, part)
    labels = defects[chosen] != ""
    known = labels.any() and not labels.all()
    auroc = image_figures(tops[chosen], labels).auroc if known else np.nan
    return dict(zip(FIGURES, (pixels.ap, pixels.f1_max, pixels.f1_threshold, auroc), strict=True))


def _row(
    name: str,
    dataset: str,
    category: str | None,
    kind: str | None,
    counts: tuple[int, int],
    figures: Mapping[str, float],
) -> dict[str, Any]:
    head = {"variant": name, "dataset": dataset, "category": category, "defect_type": kind}
    told = {"images": counts[0], "defective": counts[1]}
    return head | told | {key: number(figures[key]) for key in FIGURES} | {"difference": None}


def _mean(name: str, dataset: str, parts: Sequence[Judged], first: Sequence[Judged] | None) -> dict[str, Any]:
    """The mean over the categories in which a figure is defined."""
    values = {key: _nanmean(np.array([part.figures[None][key] for part in parts])) for key in FIGURES}
    counts = [part.counts[None] for part in parts]
    row = _row(name, dataset, None, None, (sum(c[0] for c in counts), sum(c[1] for c in counts)), values)
    row["pixel_f1_threshold"] = None  # each category has its own
    if first is not None:
        other = {key: _nanmean(np.array([part.figures[None][key] for part in first])) for key in SURE}
        drawn = [np.stack([part.draws[None] for part in side]) for side in (parts, first)]
        row["difference"] = _differences(values, other, _nanmean(drawn[0]) - _nanmean(drawn[1]))
    return row


def _differences(mine: Mapping[str, float], other: Mapping[str, float], drawn: Draws) -> dict[str, Any]:
    """The exact difference of each figure, with the ends of its 95 % interval."""
    found = {}
    for key, values in zip(SURE, drawn, strict=True):
        low, high = interval(values)
        found[key] = {"value": number(mine[key] - other[key]), "low": number(low), "high": number(high)}
    return found


def _nanmean(values: npt.NDArray[np.float64]) -> Any:
    """The mean over the first axis, nan left out; nan where nothing is left."""
    known = np.isfinite(values)
    total, many = np.where(known, values, 0).sum(axis=0), known.sum(axis=0)
    mean = np.where(many > 0, total / np.maximum(many, 1), np.nan)
    return mean if mean.ndim else float(mean)
