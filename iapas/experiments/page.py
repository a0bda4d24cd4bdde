"""Page and plots of an experiment: read its folder, draw, write."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from iapas.errors import UsageError
from iapas.files.atomic import write_bytes, write_text
from iapas.views.experiment_page import experiment_html
from iapas.views.plots import experiment_plots

PLOTS = "plots"


def write_page(folder: Path) -> Path:
    """Write index.html of the experiment in ``folder``, from its experiment.json and timings.json; the file.

    Plots that are there already are linked. Raises UsageError where there is no experiment, OutputError.
    """
    plots = sorted(path.name for path in (folder / PLOTS).glob("*") if path.suffix in (".png", ".svg"))
    page = folder / "index.html"
    write_text(page, experiment_html(_read(folder / "experiment.json"), _read(folder / "timings.json"), plots))
    return page


def write_plots(folder: Path) -> list[Path]:
    """Write plots/*.svg and *.png of the experiment in ``folder``; the files. No file where nothing was measured.

    Raises MissingError without matplotlib, UsageError, OutputError.
    """
    drawn = experiment_plots(_read(folder / "experiment.json"))
    paths = [folder / PLOTS / name for name in drawn]
    for path, data in zip(paths, drawn.values(), strict=True):
        write_bytes(path, data)
    return paths


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read: {error}", "give a folder that iapas prompts compare wrote") from error
    if not isinstance(found, dict):
        raise UsageError(f"{path} holds no experiment", "give a folder that iapas prompts compare wrote")
    return found
