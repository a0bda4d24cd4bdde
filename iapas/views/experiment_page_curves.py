"""Precision over recall on an experiment's page: a plot for each category, a line for each variant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from iapas.views.experiment_page_rows import Rows
from iapas.views.experiment_page_summary import COLOURS, colour
from iapas.views.markup import name, note, text

_SIDE = 100  # of a plot, in its own units
_F1 = (0.2, 0.4, 0.6, 0.8)


def curves_section(experiment: Mapping[str, Any], rows: Rows) -> str:
    """The section; "" where there are no curves."""
    plots: dict[str, list[Mapping[str, Any]]] = {}
    for curve in experiment.get("curves", ()):
        if len(curve["recall"]) and curve["variant"] in rows.variants:
            plots.setdefault(curve.get("category") or "all", []).append(curve)
    if not plots:
        return ""
    drawn = "".join(_plot(title, curves, rows) for title, curves in plots.items())
    keys = "".join(_key(place, one) for place, one in enumerate(rows.variants))
    words = "All pixels of a category pooled. Thin lines: equal F1; a point: where F1 is highest."
    return (
        f'<section id="curves"><h2>Precision and recall</h2>{note(words)}<div class="keys">{keys}</div>'
        f'<div class="plots">{drawn}</div></section>'
    )


def _key(place: int, variant: str) -> str:
    """An entry of the legend, which is a button where there are scripts: it lifts one variant out."""
    return (
        f'<button type="button" class="key" data-variant="{place}" aria-pressed="false"><svg viewBox="0 0 24 8"'
        f' aria-hidden="true"><line x2="24" y1="4" y2="4" {_look(place)}/></svg>{name(variant)}</button>'
    )


def _look(place: int) -> str:
    """Colour of a variant's line; dashed when the colour has been used before."""
    dashes = ("", "5 3", "1.5 3")[place // COLOURS % 3]
    return f'style="stroke:{colour(place)}"' + (f' stroke-dasharray="{dashes}"' if dashes else "")


def _plot(title: str, curves: Sequence[Mapping[str, Any]], rows: Rows) -> str:
    ordered = sorted(curves, key=lambda curve: curve["variant"] == rows.first)  # the first on top, thinner
    lines = "".join(_line(curve, rows) for curve in ordered)
    marks = "".join(
        f'<text x="{_SIDE * at:g}" y="{_SIDE + 5.5}" text-anchor="middle">{at:g}</text>'
        f'<text x="-1.5" y="{_SIDE * (1 - at) + 1.4:g}" text-anchor="end">{at:g}</text>'
        for at in (0, 0.5, 1)
    )
    equal = "".join(_equal_f1(f1) for f1 in _F1)
    return (
        f'<figure><figcaption>{name(title)}</figcaption><svg viewBox="-9 -3 {_SIDE + 12} {_SIDE + 15}" role="img"'
        ' aria-label="Precision over recall:'
        f' {text(title)}">{equal}<rect class="frame" width="{_SIDE}" height="{_SIDE}"/>{marks}'
        f'<text x="{_SIDE / 2:g}" y="{_SIDE + 10.5}" text-anchor="middle">recall</text>{lines}</svg></figure>'
    )


def _line(curve: Mapping[str, Any], rows: Rows) -> str:
    place = rows.variants.index(curve["variant"])
    recall, precision = (np.asarray(curve[key], float) for key in ("recall", "precision"))
    order = np.argsort(recall, kind="stable")
    recall, precision = recall[order], precision[order]
    f1 = 2 * recall * precision / np.maximum(recall + precision, 1e-12)
    best = int(np.argmax(f1))
    across, up = np.append(0.0, recall), np.append(precision[:1], precision)
    points = " ".join(f"{_SIDE * x:.1f},{_SIDE * (1 - y):.1f}" for x, y in zip(across, up, strict=True))
    kind = "curve first" if curve["variant"] == rows.first else "curve"
    return (
        f'<g class="{kind}" data-variant="{place}"><polyline points="{points}" {_look(place)}/>'
        f'<circle cx="{_SIDE * recall[best]:.1f}" cy="{_SIDE * (1 - precision[best]):.1f}" r="1.3"'
        f' style="fill:{colour(place)}"/></g>'
    )


def _equal_f1(f1: float) -> str:
    """Where precision and recall have one F1."""
    recall = f1 / (2 - f1) + (1 - f1 / (2 - f1)) * np.linspace(0, 1, 30) ** 2  # denser where it is steep
    precision = f1 * recall / (2 * recall - f1)
    points = " ".join(f"{_SIDE * x:.1f},{_SIDE * (1 - y):.1f}" for x, y in zip(recall, precision, strict=True))
    at = _SIDE * (1 - precision[-1])
    return (
        f'<polyline class="equal" points="{points}"/>'
        f'<text class="equal" x="{_SIDE - 1}" y="{at - 1:.1f}" text-anchor="end">{f1:g}</text>'
    )
