"""Whole experiments, from pictures to experiment.json."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from iapas import Segmenter
from iapas.core.metrics import judge, rank_values
from iapas.errors import OutputError, UsageError
from iapas.experiments import compare as module
from iapas.experiments.compare import compare
from iapas.experiments.plan import Given, plan
from iapas.files.truth import read_truth
from iapas.prompting.lexicons import load_lexicon
from iapas.types import ObjectProfile

SMALL = ("detector.work_size=64", "run.workers=1", "describe.samples=1")
WORDS = ("none", "spots=dark spot", "lines=thin dark line . bright spot")


PLOTS = importlib.util.find_spec("matplotlib") is not None


def run(tiles, out, words=WORDS, plots=False, **more):
    given = {"data": (f"mtd={tiles}",), "group": "defect", "assignments": SMALL, **more}
    return compare(plan(Given(words=tuple(words), **given)), out, page_images=2, plots=plots, quiet=True)


@pytest.fixture(scope="module")
def ended(tiles, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IAPAS_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield run(tiles, tmp_path_factory.mktemp("out"), plots=PLOTS, search=True)


def rows(experiment, **wanted):
    return [row for row in experiment["rows"] if all(row[key] == value for key, value in wanted.items())]


def test_figures_are_those_of_the_plain_segmenter(ended, tiles):
    segmenter = Segmenter.from_config("embedded", assignments=SMALL)
    profile = ObjectProfile(phrases=(load_lexicon("default").phrase("dark spot", "user"),))
    scores, truths = [], []
    for kind, numbers in (("Crack", range(4)), ("Free", (1, 3))):
        for number in numbers:
            file = tiles / f"MT_{kind}" / "Imgs" / f"{number}.jpg"
            scores.append(segmenter.segment(file, profile).score_map)
            truths.append(read_truth(file.with_suffix(".png")) if kind == "Crack" else np.zeros(scores[-1].shape, bool))
    ranking, totals = rank_values(*(np.concatenate([one.ravel() for one in side]) for side in (scores, truths)))
    expected = judge([ranking], totals)
    (row,) = rows(ended.experiment, variant="spots", category="Crack", defect_type=None)
    assert (row["images"], row["defective"]) == (6, 4)
    found = [row[key] for key in ("pixel_ap", "pixel_f1_max", "pixel_f1_threshold")]
    np.testing.assert_allclose(found, [expected.ap, expected.f1_max, expected.f1_threshold], rtol=1e-9)


def test_the_mean_and_the_differences(ended):
    for variant in ("none", "spots", "lines"):
        parts = rows(ended.experiment, variant=variant, defect_type=None)
        (mean,) = (row for row in parts if row["category"] is None)
        assert mean["pixel_ap"] == pytest.approx(np.mean([row["pixel_ap"] for row in parts if row["category"]]))
    (first,), (other,) = (rows(ended.experiment, variant=name, category=None) for name in ("none", "lines"))
    assert first["difference"] is None
    told = other["difference"]["pixel_ap"]
    assert told["value"] == pytest.approx(other["pixel_ap"] - first["pixel_ap"])
    assert told["low"] <= told["high"]


def test_words_without_a_meaning_are_no_words(ended):
    none = [row for row in ended.experiment["phrases"] if row["variant"] == "none"]
    assert all(row["without"]["difference"] == 0 and not row["drop"] for row in none)


def test_shares_of_phrases_add_up(ended):
    for category in ("Crack", "Blowhole"):
        mine = [r for r in ended.experiment["phrases"] if (r["variant"], r["category"]) == ("lines", category)]
        assert [row["phrase"] for row in mine] == ["thin dark line", "bright spot"]
        for key in ("true_share", "false_share"):
            assert sum(row[key] for row in mine) == pytest.approx(1)
        assert sum(row["boxes"] for row in mine) > 0


def test_the_search_begins_with_the_first_variant_and_reports_on_other_images(ended):
    found = ended.experiment["search"]
    assert found["start"] == ["defect", "abnormal"]
    assert found["chosen_on"]["images"] + found["reported_on"]["images"] == 12
    assert found["chosen_on"]["pixel_ap"] >= found["chosen_on"]["pixel_ap_start"]
    assert [step["pixel_ap"] for step in found["steps"]] == sorted(step["pixel_ap"] for step in found["steps"])
    assert bool(found["steps"]) == (found["proposed"] != found["start"])


def test_what_the_page_shows_is_there(ended):
    assert len(ended.experiment["images"]) == 2
    for image in ended.experiment["images"]:
        assert set(image["maps"]) == {"none", "spots", "lines"}
        for path in (image["picture"], image["truth"], *image["maps"].values()):
            assert (ended.out / path).stat().st_size > 0
    assert {path.name for path in ended.out.iterdir()} <= set(module.OURS)


def test_the_first_pays_for_what_all_share(ended):
    first, *others = ended.timings["variants"]
    assert first["ratio"] == 1
    assert first["detector_encode"] > 0
    assert all(row["detector_encode"] < 0.1 * first["detector_encode"] for row in others)


def test_the_same_again_is_the_same_bytes_under_another_hash_seed(ended, tiles, tmp_path):
    out, seed = tmp_path / "out", "2" if os.environ.get("PYTHONHASHSEED") == "1" else "1"
    options = [part for text in SMALL for part in ("--set", text)]
    options += ["--by", "defect", "--page-images", "2", "--search", "--quiet", "--data", f"mtd={tiles}"]
    options += ["--plots"] if PLOTS else []
    done = subprocess.run(
        [sys.executable, "-m", "iapas", "prompts", "compare", *WORDS, *options, "--out", out],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONHASHSEED": seed},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("| prompt |")
    assert held(out) == held(ended.out)
    assert Path("experiment.json") in held(out)


def held(folder):
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {p.relative_to(folder): p.read_bytes() for p in files if p.name not in ("timings.json", "index.html")}


class Stopping:
    """Signals of which one comes when a few records are in the cache."""

    number = None

    def __init__(self, cache):
        self.cache = cache

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def __bool__(self):
        if len(list(self.cache.glob("encodings/*"))) > len(WORDS):
            self.number = 2
        return self.number is not None

    def raise_noted(self):
        pass


def test_a_stopped_experiment_continues_also_with_more_prompts(ended, tiles, tmp_path, monkeypatch, cache):
    with monkeypatch.context() as patch:
        patch.setattr(module, "Signals", lambda: Stopping(cache))
        stopped = run(tiles, tmp_path / "out")
    assert (stopped.experiment, stopped.exit_status) == (None, 130)
    again = run(tiles, tmp_path / "out", (*WORDS, "more=bright spot"))
    cached = [row["cached"] for row in again.timings["variants"]]
    assert 0 < cached[0] < 12
    assert cached[1:] == [cached[0], cached[0], 0]
    for part in ("rows", "phrases", "curves"):
        mine = [row for row in again.experiment[part] if row["variant"] != "more"]
        assert mine == ended.experiment[part]


def test_a_folder_without_masks_has_phrases_and_maps_alone(tiles, tmp_path):
    folder = tmp_path / "plates"
    shutil.copytree(tiles / "MT_Crack" / "Imgs", folder, ignore=shutil.ignore_patterns("*.png"))
    (folder / "9.jpg").write_bytes(b"no picture")
    found = run(tiles, tmp_path / "out", data=(str(folder),), search=True)
    assert found.exit_status == 3
    experiment = found.experiment
    assert [failed["id"] for failed in experiment["provenance"]["failed"]] == ["9.jpg"]
    assert all(row["pixel_ap"] is None and row["category"] == "plates" for row in experiment["rows"])
    assert len(experiment["rows"]) == 3
    assert experiment["search"] is None
    assert all(row["true_share"] is None and row["without"] is None for row in experiment["phrases"])
    iou = np.array(experiment["agreement"]["iou"])
    np.testing.assert_allclose(np.diag(iou), 1)
    assert (iou == iou.T).all()
    assert iou.min() < 1
    assert experiment["images"][0]["truth"] is None


def test_a_mapping_needs_words_for_every_category(tiles, tmp_path):
    file = tmp_path / "experiment.yaml"
    file.write_text("variants: {right: {words: {Crack: thin line}}}")
    with pytest.raises(UsageError, match="no words for the category 'Blowhole'"):
        run(tiles, tmp_path / "out", (str(file),), limit=1)


@pytest.mark.parametrize("name", ["holiday.jpg", "pictures"])
def test_other_things_are_not_written_over(tiles, tmp_path, name):
    (tmp_path / "out" / name).mkdir(parents=True)
    with pytest.raises(OutputError, match="holds other things"):
        run(tiles, tmp_path / "out")
