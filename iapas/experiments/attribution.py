"""Which phrase does what: the regions it wins, its share of what is found rightly and wrongly, and life without it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from iapas.evaluation.results import number
from iapas.experiments.records import Record
from iapas.experiments.sweep import Sweep
from iapas.experiments.tables import Table, pooled

WORTH = 0.002
"""Of AP: a phrase whose absence gains more than this had better be dropped."""


def phrases_of(
    sweep: Sweep, name: str, category: str, records: Sequence[Record], threshold: float | None
) -> list[dict[str, Any]]:
    """A row for each phrase of a variant in a category.

    ``records``: of its images, with coarse tables. ``threshold``: on the score map; None where nothing is known of the
    truth. A pixel at or above it counts for the phrase whose region gives most of its score, so that shares add up to
    1. AP without a phrase is compared with AP of all, both at scores rounded to 0.2 %.
    """
    asked = [phrase.text for phrase in sweep.profiles[name][category].phrases]
    phrases = list(dict.fromkeys([*asked, *(phrase for record in records for phrase in record.glance.phrases)]))
    boxes = {phrase: sum(_boxes(record, phrase) for record in records) for phrase in phrases}
    areas = {} if threshold is None else _areas(records, phrases, threshold)
    alone = {} if threshold is None else _without(records, asked)
    totals = np.sum(list(areas.values()), axis=0) if areas else (0, 0)
    rows = []
    for phrase in phrases:
        shares: list[float | None] = [None, None]
        if areas:
            shares = [area / int(total) if total else None for area, total in zip(areas[phrase], totals, strict=True)]
        without = alone.get(phrase)
        rows.append(
            {
                "variant": name,
                "category": category,
                "phrase": phrase,
                "boxes": boxes[phrase],
                "true_share": shares[0],
                "false_share": shares[1],
                "without": without,
                "drop": bool(without and without["difference"] is not None and without["difference"] > WORTH),
            }
        )
    return rows


def agreement(sweep: Sweep) -> dict[str, Any]:
    """How alike the masks of each two variants are: their IoU, pixels of all small maps pooled; None: both empty."""
    names = [variant.name for variant in sweep.variants]
    shared = np.zeros((len(names), len(names)))
    either = np.zeros_like(shared)
    for seen in zip(*(sweep.glances(name) for name in names), strict=True):
        masks = np.stack([glance.mask.ravel() for _, glance in seen]).astype(np.float64)
        both = masks @ masks.T
        sizes = np.diag(both)
        shared += both
        either += sizes[:, None] + sizes[None] - both
    iou = [
        [round(float(a / b), 5) if b else None for a, b in zip(*pair, strict=True)]
        for pair in zip(shared, either, strict=True)
    ]
    return {"variants": names, "iou": iou}


def _boxes(record: Record, phrase: str) -> int:
    return record.glance.boxes[record.glance.phrases.index(phrase)] if phrase in record.glance.phrases else 0


def _areas(records: Sequence[Record], phrases: Sequence[str], threshold: float) -> dict[str, tuple[int, int]]:
    """True and other pixels that each phrase has found."""
    found = dict.fromkeys(phrases, (0, 0))
    for record in records:
        for phrase, table in zip(record.glance.phrases, record.won, strict=True):
            hits, misses = table.area(threshold)
            found[phrase] = (found[phrase][0] + hits, found[phrase][1] + misses)
    return found


def _without(records: Sequence[Record], asked: Sequence[str]) -> Mapping[str, dict[str, float | None]]:
    """AP without each phrase, and the difference to AP with all."""
    if not records or not all(record.without for record in records):
        return {}
    whole = pooled(record.table[0] for record in records).ap_f1()[0]
    found = {}
    for place, phrase in enumerate(asked):
        left: list[Table] = [record.without[place] for record in records]
        ap = pooled(left).ap_f1()[0]
        found[phrase] = {"pixel_ap": number(ap), "difference": number(ap - whole)}
    return found
