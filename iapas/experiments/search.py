"""A better list of phrases: greedily chosen on one half of the images, reported on the other."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from iapas.evaluation.results import number
from iapas.experiments.data import Shot
from iapas.experiments.sweep import Sweep
from iapas.experiments.tables import pooled
from iapas.run.workers import Pool
from iapas.types import ObjectProfile, Phrase

log = logging.getLogger("iapas")

STEPS = 10
GAIN = 0.001
"""Of AP: what a step must gain, else the search ends."""
CANDIDATES = 40

List = tuple[str, ...]


def search(sweep: Sweep, pool: Pool, stop: Callable[[], bool]) -> dict[str, Any] | None:
    """From the first variant's phrases: add one of any variant's, or drop one, whichever gains most, while it gains.

    One list for all categories; its figure is the mean over them of pooled AP, at scores rounded to 0.2 %. In each
    category every second image by id chooses, the others report. None where nothing is known of the truth.
    """
    halves = _halves(sweep)
    if not all(halves):
        return None
    finder = _Finder(sweep, pool)
    start = finder.phrases([sweep.variants[0].name])
    candidates = finder.phrases([variant.name for variant in sweep.variants])[:CANDIDATES]
    proposed = start
    begun = best = finder.ap([start], halves[0])[0]
    steps: list[dict[str, Any]] = []
    while len(steps) < STEPS and not stop():
        moves = _moves(proposed, candidates)
        found = finder.ap([phrases for _, phrases in moves], halves[0])
        top = int(np.argmax(found)) if found else 0
        if not found or found[top] < best + GAIN:
            break
        best, (told, proposed) = found[top], moves[top]
        steps.append(told | {"pixel_ap": number(best)})
        log.info("search: %s: AP %.3f", ", ".join(f"{key} {word!r}" for key, word in told.items()), best)
    reported = finder.ap([start, proposed], halves[1])
    return {
        "config": sweep.variants[0].config.name,
        "start": list(start),
        "proposed": list(proposed),
        "chosen_on": {"images": len(halves[0]), "pixel_ap_start": number(begun), "pixel_ap": number(best)},
        "reported_on": {
            "images": len(halves[1]),
            "pixel_ap_start": number(reported[0]),
            "pixel_ap": number(reported[1]),
        },
        "steps": steps,
    }


class _Finder:
    """Finds the AP of lists of phrases."""

    def __init__(self, sweep: Sweep, pool: Pool) -> None:
        self._sweep, self._pool = sweep, pool
        self._first = sweep.variants[0]
        self._known: dict[str, Phrase] = {}

    def phrases(self, names: Sequence[str]) -> List:
        """The texts of the variants' phrases in all categories, each once."""
        found: dict[str, None] = {}
        for name in names:
            for profile in self._sweep.profiles[name].values():
                for phrase in profile.phrases:
                    found[phrase.text] = None
                    self._known.setdefault(phrase.text, phrase)
        return tuple(found)

    def ap(self, lists: Sequence[List], places: Sequence[int]) -> list[float]:
        """For each list the mean over the categories of AP on the images at ``places``."""
        if not lists:
            return []

        def asked(shot: Shot) -> list[ObjectProfile]:
            base = self._sweep.profiles[self._first.name][shot.category]
            return [replace(base, phrases=tuple(self._known[text] for text in texts)) for texts in lists]

        found = self._sweep.tables(self._pool, places, asked, self._first.name)
        values = np.full((len(self._sweep.pictures.categories), len(lists)), np.nan)
        for row, category in zip(values, self._sweep.pictures.categories, strict=True):
            mine = [tables for place, tables in found.items() if self._category(place) == category]
            for at in range(len(lists) if mine else 0):
                row[at] = pooled(tables[at] for tables in mine).ap_f1()[0]
        known = np.isfinite(values)
        return list(np.where(known, values, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1))

    def _category(self, place: int) -> str:
        return self._sweep.pictures.shots[place].category


def _halves(sweep: Sweep) -> tuple[list[int], list[int]]:
    """The places of the images that choose, and of those that report."""
    halves: tuple[list[int], list[int]] = ([], [])
    for category in sweep.pictures.categories:
        for defective in (True, False):  # each half has its share of both
            shots = [(p, s) for p, s in sweep.shots(category) if s.judged and s.item.defective == defective]
            for at, (place, _) in enumerate(shots):
                halves[at % 2].append(place)
    return sorted(halves[0]), sorted(halves[1])


def _moves(phrases: List, candidates: Sequence[str]) -> list[tuple[dict[str, Any], List]]:
    """What a step may do, and the list that it leads to."""
    added = [({"added": text}, (*phrases, text)) for text in candidates if text not in phrases]
    dropped = [({"dropped": text}, tuple(p for p in phrases if p != text)) for text in phrases if len(phrases) > 1]
    return [*added, *dropped]
