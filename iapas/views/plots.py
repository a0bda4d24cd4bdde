"""Plots of a prompt experiment for papers, as SVG and PNG: heat tables, bars with intervals, precision over recall.

Drawn by matplotlib (extra ``eval``), imported when used. The same experiment gives the same bytes with the same
matplotlib: no dates, fixed ids, letters as outlines.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from iapas.errors import MissingError
from iapas.views.experiment_page_rows import FIGURES, Column, Rows, column_title, number, percent, rows_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#1b1f23", "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7a5fc0")
"""Okabe and Ito's, without the yellow that is not seen on white: they differ for the colour-blind too."""

_DASHES = ("-", "--", ":")
_STYLE: Any = {
    "svg.hashsalt": "iapas",
    "text.parse_math": False,  # a phrase may hold a dollar sign
    "font.family": "DejaVu Sans",  # comes with matplotlib
    "font.size": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "lines.linewidth": 1.3,
    "legend.frameon": False,
    "savefig.dpi": 200,
}
_METADATA = {"svg": {"Date": None, "Creator": None}, "png": {"Software": None}}
_ACROSS = 3  # curves side by side


def experiment_plots(experiment: Mapping[str, Any]) -> dict[str, bytes]:
    """File names and contents; nothing where nothing was measured.

    ``experiment``: what experiment.json holds. heat-ap, heat-f1-max: variant by category. bars-ap, bars-f1-max: the
    means, with the 95 % interval of their distance from the first. curves: precision over recall. Raises MissingError
    without matplotlib.
    """
    rows = rows_of(experiment)
    if not rows.measured():
        return {}
    try:
        from matplotlib import rc_context
    except ImportError as error:
        raise MissingError("plots need matplotlib", "pip install 'iapas[eval]'") from error
    wanted: dict[str, Callable[[], Figure | None]] = {}
    for key, title in FIGURES.items():
        wanted[f"heat-{title.lower()}"] = lambda key=key: _heat(rows, key)  # type: ignore[misc]
        wanted[f"bars-{title.lower()}"] = lambda key=key: _bars(rows, key)  # type: ignore[misc]
    wanted["curves"] = lambda: _curves(experiment, rows)
    drawn: dict[str, bytes] = {}
    with rc_context(_STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")  # letters that the font lacks are drawn as boxes
        for name, draw in wanted.items():
            figure = draw()
            if figure is not None:
                drawn |= {f"{name}.{kind}": _bytes(figure, kind) for kind in _METADATA}
    return drawn


def _bytes(figure: Figure, kind: str) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format=kind, metadata=_METADATA[kind], bbox_inches="tight", pad_inches=0.04)
    return buffer.getvalue()


def _figure(width: float, height: float, **more: Any) -> tuple[Figure, Any]:
    """A figure of a size in inches, and its axes; without pyplot, which keeps figures and picks a display."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots(**more)


def _heat(rows: Rows, key: str) -> Figure:
    values = np.array(
        [[_or_nan(rows.value(key, one, column)) for column in rows.columns] for one in rows.variants], float
    )
    figure, axes = _figure(1.6 + 0.52 * len(rows.columns), 0.6 + 0.24 * len(rows.variants))
    most = float(np.nanmax(values))
    axes.imshow(values, cmap="Blues", vmin=0, vmax=most, aspect="auto")
    for at, line in enumerate(values):
        for place, value in enumerate(line):
            best = value == np.nanmax(values[:, place]) if np.isfinite(values[:, place]).any() else False
            words = percent(float(value)) if np.isfinite(value) else "\u2013"
            shade = "white" if np.isfinite(value) and value > 0.55 * most else "black"
            axes.text(place, at, words, ha="center", va="center", color=shade, weight="bold" if best else "normal")
    titles = [column_title(column) for column in rows.columns]
    axes.set_xticks(range(len(titles)), titles, rotation=30, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(rows.variants)), rows.variants)
    axes.set_xticks(np.arange(len(titles) + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(len(rows.variants) + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=1.5)
    axes.tick_params(which="both", length=0)
    axes.spines[:].set_visible(False)
    several = len(rows.datasets) > 1
    axes.set_title(f"{FIGURES[key]}, %", loc="left", fontsize=8, pad=16 if several else 6)
    names = [column[0] for column in rows.columns]
    for start in map(names.index, rows.datasets if several else ()):
        axes.text(start - 0.45, -0.65, names[start])
        axes.axvline(start - 0.5, color="white", linewidth=7)
    return figure


def _bars(rows: Rows, key: str) -> Figure | None:
    columns = [column for column in rows.means() if any(rows.value(key, one, column) for one in rows.variants)]
    if not columns:
        return None
    figure, grid = _figure(
        3.4 * len(columns), 0.8 + 0.22 * len(rows.variants), ncols=len(columns), sharey=True, squeeze=False
    )
    for axes, column in zip(grid[0], columns, strict=True):
        _draw_bars(axes, rows, key, column)
    words = f"Whiskers: 95 % interval of the difference to {rows.first}"
    figure.supxlabel(words, fontsize=7, color="0.35", x=0.99, ha="right")
    return figure


def _draw_bars(axes: Axes, rows: Rows, key: str, column: Column) -> None:
    places = np.arange(len(rows.variants))
    values = [100 * (rows.value(key, one, column) or 0.0) for one in rows.variants]
    first = rows.value(key, rows.first, column)
    colours = [COLOURS[place % len(COLOURS)] for place in places]
    axes.barh(places, values, height=0.62, color=colours, alpha=0.85)
    for place, one in zip(places, rows.variants, strict=True):
        found = rows.difference(key, one, column)
        low, high = number(found.get("low")), number(found.get("high"))
        if first is not None and low is not None and high is not None:
            ends = [100 * (first + low), 100 * (first + high)]
            axes.plot(ends, [place, place], color="black", linewidth=1, marker="|", markersize=5)
    if first is not None:
        axes.axvline(100 * first, color="black", linewidth=0.7, linestyle=(0, (4, 3)), zorder=0)
    axes.set_yticks(places, rows.variants)
    axes.set_ylim(len(places) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel(f"{FIGURES[key]}, %")
    axes.set_title(f"{column[0]}, {'mean over categories' if column[1] is None else column[1]}", loc="left", fontsize=8)


def _curves(experiment: Mapping[str, Any], rows: Rows) -> Figure | None:
    plots: dict[str, list[Mapping[str, Any]]] = {}
    for curve in experiment.get("curves", ()):
        if len(curve["recall"]) and curve["variant"] in rows.variants:
            plots.setdefault(curve.get("category") or "all", []).append(curve)
    if not plots:
        return None
    across = min(_ACROSS, len(plots))
    down = -(-len(plots) // across)
    figure, grid = _figure(2.3 * across, 2.25 * down + 0.4, nrows=down, ncols=across, squeeze=False)
    for axes, (title, curves) in zip(grid.flat, plots.items(), strict=False):
        _draw_curves(axes, title, curves, rows)
    for axes in grid.flat[len(plots) :]:
        axes.set_visible(False)
    lines = {line.get_label(): line for axes in grid.flat for line in axes.get_lines()}
    handles = {one: lines[f" {one}"] for one in rows.variants if f" {one}" in lines}
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=min(4, len(handles)))
    return figure


def _draw_curves(axes: Axes, title: str, curves: Sequence[Mapping[str, Any]], rows: Rows) -> None:
    for f1 in (0.2, 0.4, 0.6, 0.8):
        recall = f1 / (2 - f1) + (1 - f1 / (2 - f1)) * np.linspace(0, 1, 60) ** 2
        axes.plot(recall, f1 * recall / (2 * recall - f1), color="0.85", linewidth=0.6, zorder=1)
    for curve in sorted(curves, key=lambda curve: curve["variant"] == rows.first):  # the first on top, thinner
        place = rows.variants.index(curve["variant"])
        recall, precision = (np.asarray(curve[key], float) for key in ("recall", "precision"))
        order = np.argsort(recall, kind="stable")
        recall, precision = recall[order], precision[order]
        look = {
            "color": COLOURS[place % len(COLOURS)],
            "linestyle": _DASHES[place // len(COLOURS) % 3],
            "linewidth": 0.8 if curve["variant"] == rows.first else 1.6,
            "label": " " + curve["variant"],  # matplotlib hides labels that begin with an underscore
        }
        axes.plot(np.append(0.0, recall), np.append(precision[:1], precision), **look)
    axes.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="recall", ylabel="precision", xticks=(0, 0.5, 1), yticks=(0, 0.5, 1))
    axes.set_aspect("equal")
    axes.set_title(title, fontsize=8)


def _or_nan(value: float | None) -> float:
    return float("nan") if value is None else value
