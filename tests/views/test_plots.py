"""Plots of a prompt experiment: the right figures, the same bytes, and no matplotlib needed by anything else."""

import hashlib
import io
import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from experiment_example import WORDS, experiment, timings, write
from PIL import Image

from iapas.errors import MissingError
from iapas.experiments.page import write_plots
from iapas.views import plots
from iapas.views.experiment_page import experiment_html
from iapas.views.experiment_page_rows import rows_of
from iapas.views.plots import experiment_plots

NAMES = ("heat-ap", "heat-f1-max", "bars-ap", "bars-f1-max", "curves")


def small():
    """An experiment with few curves: drawing them takes most of the time."""
    data = experiment()
    return data | {"curves": [curve for curve in data["curves"] if curve["category"] == "Crack"]}


@pytest.fixture(scope="module")
def drawn():
    return experiment_plots(small())


def test_each_plot_is_there_as_svg_and_png(drawn):
    assert set(drawn) == {f"{name}.{kind}" for name in NAMES for kind in ("svg", "png")}
    for name, data in drawn.items():
        if name.endswith(".svg"):
            assert ElementTree.fromstring(data).tag.endswith("svg")
        else:
            with Image.open(io.BytesIO(data)) as picture:
                assert min(picture.size) > 150
                assert len(picture.convert("RGB").reduce(4).getcolors(1_000_000)) > 20


def test_no_dates_and_versions_in_the_files(drawn):
    for name, data in drawn.items():
        assert b"Date" not in data and b"dc:creator" not in data and b"Software" not in data, name


def test_plots_and_page_have_the_same_bytes_with_another_hash_seed(drawn):
    script = (
        "import hashlib, json; from experiment_example import experiment, timings; from test_plots import small;"
        "from iapas.views.plots import experiment_plots; from iapas.views.experiment_page import experiment_html;"
        "made = experiment_plots(small());"
        "made['index.html'] = experiment_html(experiment(pictures=2), timings()).encode();"
        "print(json.dumps({name: hashlib.sha256(data).hexdigest() for name, data in made.items()}))"
    )
    here = Path(__file__).parent
    environment = os.environ | {"PYTHONHASHSEED": "7", "PYTHONPATH": os.pathsep.join([str(here), str(here.parents[1])])}
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment)
    assert ended.returncode == 0, ended.stderr
    here_too = drawn | {"index.html": experiment_html(experiment(pictures=2), timings()).encode()}
    assert json.loads(ended.stdout) == {name: hashlib.sha256(data).hexdigest() for name, data in here_too.items()}


def test_whiskers_are_the_interval_of_the_difference(drawn):
    rows = rows_of(experiment())
    axes = plots._bars(rows, "pixel_ap").axes[0]
    assert [bar.get_width() for bar in axes.patches] == pytest.approx(
        [100 * rows.value("pixel_ap", one, ("mtd", None)) for one in WORDS]
    )
    *whiskers, dashed = [line.get_xdata() for line in axes.get_lines()]
    first = rows.value("pixel_ap", "no words", ("mtd", None))
    assert dashed[0] == pytest.approx(100 * first)
    assert len(whiskers) == len(WORDS) - 1
    for one, ends in zip(list(WORDS)[1:], whiskers, strict=True):
        difference = rows.difference("pixel_ap", one, ("mtd", None))
        assert ends == pytest.approx([100 * (first + difference["low"]), 100 * (first + difference["high"])])


def test_odd_names_and_more_variants_than_colours(monkeypatch):
    monkeypatch.setattr(plots, "_METADATA", {"svg": {}})
    data = experiment()
    names = ["$x_1$ \\frac{", "_hidden", "漆器", *WORDS, "a", "b"]
    row, curve = data["rows"][0], data["curves"][0]
    data["variants"] = [data["variants"][0] | {"name": name} for name in names]
    data["rows"] = [row | {"variant": name} for name in names]
    data["curves"] = [curve | {"variant": name} for name in names]
    assert set(experiment_plots(data)) == {f"{name}.svg" for name in NAMES}
    legend = plots._curves(data, rows_of(data)).legends[0]
    assert [words.get_text().strip() for words in legend.get_texts()] == names


def test_nothing_is_drawn_where_nothing_was_measured(tmp_path):
    write(tmp_path, experiment(masks=False))
    assert write_plots(tmp_path) == []
    assert not (tmp_path / "plots").exists()


def test_without_matplotlib_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingError, match=r"iapas\[eval\]"):
        experiment_plots(experiment())


def test_plots_are_written_into_the_folder(tmp_path, drawn, monkeypatch):
    write(tmp_path, experiment(), timings())
    monkeypatch.setattr("iapas.experiments.page.experiment_plots", lambda data: drawn if data["rows"] else {})
    paths = write_plots(tmp_path)
    assert {path.relative_to(tmp_path / "plots").name: path.read_bytes() for path in paths} == drawn
