"""``iapas prompts compare``: prompts on the same pictures, in one pass over them."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from iapas.errors import OutputError
from iapas.experiments.attribution import agreement, phrases_of
from iapas.experiments.data import open_pictures
from iapas.experiments.figures import SEED, Judged, curves_of, judge, rows_of, unjudged_rows
from iapas.experiments.output import provenance, variants_told, write_experiment, write_pictures, write_timings
from iapas.experiments.page import write_page, write_plots
from iapas.experiments.plan import Experiment
from iapas.experiments.search import search
from iapas.experiments.stage1 import Profiles
from iapas.experiments.sweep import Sweep, pool_for
from iapas.files.atomic import make_folder
from iapas.roles import check
from iapas.run.signals import Signals

log = logging.getLogger("iapas")

OURS = ("experiment.json", "timings.json", "index.html", "pictures", "truth", "maps", "plots")
"""What an experiment's folder holds."""


@dataclass(frozen=True)
class Ended:
    """How an experiment ended. ``experiment``, ``timings``: as in the files; None: it was stopped before."""

    out: Path
    experiment: Mapping[str, Any] | None
    timings: Mapping[str, Any] | None
    exit_status: int


def compare(
    experiment: Experiment,
    out: Path,
    *,
    page_images: int = 30,
    alone: bool = True,
    plots: bool = False,
    quiet: bool = False,
) -> Ended:
    """Run ``experiment`` into the folder ``out``; an earlier one there is replaced.

    ``page_images``: how many images the page shows. ``alone``: also what each phrase is worth alone. ``plots``: with
    matplotlib. Raises UsageError, ConfigError, MissingError and OutputError.
    """
    _require_ours(out)
    for variant in experiment.variants:
        check(variant.config)
    pictures = open_pictures(experiment.places, experiment.group, experiment.limit, experiment.every_normal)
    make_folder(out)
    with Signals() as signals:
        stop = signals.__bool__
        describing = Profiles(pictures, stop)
        profiles = {variant.name: describing.of(variant) for variant in experiment.variants if not signals}
        signals.raise_noted()
        sweep = Sweep(experiment.variants, pictures, profiles, out)
        try:
            with pool_for(sweep) as pool:
                sweep.run(pool, stop, alone=alone, quiet=quiet)
                found = search(sweep, pool, stop) if experiment.search and not signals else None
            if signals.number is not None:
                return Ended(out, None, None, 128 + signals.number)
            return _written(experiment, sweep, found, page_images, plots)
        finally:
            sweep.close()


def _written(
    experiment: Experiment, sweep: Sweep, found: Mapping[str, Any] | None, page_images: int, plots: bool
) -> Ended:
    """Everything judged and written."""
    out = sweep.folder
    timings = write_timings(out, sweep)  # first: by it the folder is known to be ours
    for name in ("pictures", "truth", "maps", "plots"):
        shutil.rmtree(out / name, ignore_errors=True)
    data: dict[str, Any] = {
        "title": experiment.title,
        "first": experiment.variants[0].name,
        "provenance": provenance(experiment, sweep.pictures, sweep),
        "variants": variants_told(sweep),
        **_figures(sweep),
        "agreement": agreement(sweep),
        "search": found,
        "images": write_pictures(out, sweep, page_images),
    }
    write_experiment(out, data)
    if plots:
        write_plots(out)
    write_page(out)
    return Ended(out, data, timings, 3 if sweep.failed else 0)


def _figures(sweep: Sweep) -> dict[str, Any]:
    """The rows, curves and phrases of all variants."""
    rows, curves, phrases = [], [], []
    first: list[Judged] | None = None
    categories = [name for name in sweep.pictures.categories if sweep.shots(name)]
    truths = {name: sweep.shots(name)[0][1].judged for name in categories}
    for variant in sweep.variants:
        name, judged = variant.name, []
        for number, category in enumerate(categories):
            if truths[category]:
                part = judge(sweep, name, category, SEED + number)
                judged.append(part)
                records, threshold = part.records, part.figures[None]["pixel_f1_threshold"]
            else:
                records, threshold = [record for _, record in sweep.records(name, category)], None
            phrases += phrases_of(sweep, name, category, records, threshold)
        rows += [*rows_of(name, judged, first), *unjudged_rows(sweep, name)]
        curves += curves_of(name, judged)
        first = first or judged
    return {"rows": rows, "curves": curves, "phrases": phrases}


def _require_ours(out: Path) -> None:
    """Nothing of anybody else's is written over: the folder is not there, empty, or an experiment's."""
    if not out.exists():
        return
    names = {entry.name for entry in out.iterdir() if not entry.name.startswith(".")} if out.is_dir() else {""}
    if names and (names - set(OURS) or "timings.json" not in names):
        raise OutputError(f"{out} holds other things than an experiment", "choose another folder with --out")
