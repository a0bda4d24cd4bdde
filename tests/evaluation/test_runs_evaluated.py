"""Score maps of a run folder: made by the evaluation itself, or brought along."""

import json
import shutil
import sys

import numpy as np
import pytest
from made_sets import put
from sklearn.metrics import average_precision_score

from iapas.cli.app import run
from iapas.config import load_config
from iapas.errors import OutputError, UsageError
from iapas.evaluation import evaluate as module
from iapas.evaluation.evaluate import Order, evaluate
from iapas.files.images import read_mask
from iapas.files.results import read_score_map
from iapas.run import RunSummary, segment_run

SMALL = {"detector.work_size": 64, "run.workers": 1, "run.fsync": False}
IDS = ("images-a.png", "images-b.png", "sub/good.png")


@pytest.fixture(scope="module")
def small():
    return load_config("embedded", overrides=SMALL)


@pytest.fixture(scope="module")
def place(tmp_path_factory, surface):
    """A folder set of three pictures, one of them good."""
    root = tmp_path_factory.mktemp("set")
    for number, image_id in enumerate(IDS):
        put(root / "images" / image_id, surface(64, 80, seed=number, scratch="good" not in image_id))
        if "good" not in image_id:
            mask = np.zeros((64, 80), np.uint8)
            mask[31:34, 16:64] = 255
            put(root / "masks" / image_id, mask)
    return root


@pytest.fixture(scope="module")
def finished(place, small, tmp_path_factory):
    """An evaluation that segmented them."""
    out = tmp_path_factory.mktemp("out")
    return out, evaluate(Order("folder", place, out, config=small, quiet=True))


def test_a_config_is_run_and_judged(place, finished, small):
    out, ended = finished
    results = ended.results
    assert ended.exit_status == 0 and results["method"] == "embedded"
    told = results["provenance"]
    run_json = json.loads((out / "run" / "run.json").read_text())
    assert told["title"] == small.title
    assert told["made_with"]["fingerprint"] == run_json["fingerprint"]
    assert {path.name for path in out.iterdir()} >= {"results.json", "results.csv", "results.md", "report.html", "run"}
    assert not (out / "run" / "overlays").exists() and not (out / "run" / "thumbnails").exists()
    scores, labels, union = [], [], np.zeros(3, int)
    for image_id in IDS:
        truth = read_mask(place / "masks" / image_id) if "good" not in image_id else np.zeros((64, 80), bool)
        mask = read_mask(out / "run" / "masks" / f"{image_id}.png")
        union += [(mask & truth).sum(), (mask | truth).sum(), mask.sum() + truth.sum()]
        scores.append(read_score_map(out / "run" / "scores" / f"{image_id}.tiff").ravel())
        labels.append(truth.ravel())
    wanted = average_precision_score(np.concatenate(labels), np.concatenate(scores))
    assert results["rows"][0]["pixel_ap"] == pytest.approx(wanted, abs=1e-10)
    assert wanted > 0.5  # a plain scratch on a plain surface
    at = results["at_threshold"]
    assert at["iou"] == pytest.approx(union[0] / union[1]) and at["f1"] == pytest.approx(2 * union[0] / union[2])
    good = read_mask(out / "run" / "masks" / "sub/good.png.png")
    assert at["empty_on_normal"] == float(not good.any())


def test_it_goes_on_where_it_was(place, finished, small, caplog):
    out, ended = finished
    before = (out / "run" / "manifest.jsonl").read_bytes()
    again = evaluate(Order("folder", place, out, config=small, quiet=True))
    assert (out / "run" / "manifest.jsonl").read_bytes() == before
    assert again.results == ended.results
    other = small.model_copy(update={"verdict": small.verdict.model_copy(update={"default": 0.3})})
    with pytest.raises(OutputError, match="another config"):
        evaluate(Order("folder", place, out, config=other, quiet=True))


def test_a_run_is_matched_by_id(place, finished, tmp_path):
    out, ended = finished
    results = evaluate(Order("folder", place, tmp_path, run=out / "run", quiet=True)).results
    assert results == ended.results | {"provenance": results["provenance"]}
    assert results["provenance"]["made_with"] == ended.results["provenance"]["made_with"]


def test_else_by_content(place, finished, small, tmp_path):
    renamed = tmp_path / "renamed"
    for image_id in IDS:
        (renamed / image_id).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(place / "images" / image_id, renamed / f"{image_id.replace('images', 'other')}")
    segment_run([str(renamed)], small, tmp_path / "run", quiet=True)
    results = evaluate(Order("folder", place, tmp_path / "out", run=tmp_path / "run", quiet=True)).results
    assert results["rows"] == finished[1].results["rows"]


def test_another_picture_under_the_same_name_is_not_judged(place, finished, tmp_path, surface):
    changed = tmp_path / "set"
    shutil.copytree(place, changed)
    put(changed / "images" / IDS[0], surface(64, 80, seed=9))
    ended = evaluate(Order("folder", changed, tmp_path / "out", run=finished[0] / "run", quiet=True))
    assert ended.exit_status == 3
    (failed,) = ended.results["failed"]
    assert failed["id"] == IDS[0] and "another one" in failed["message"]


def test_failed_and_missing_images_are_listed_with_their_codes(place, finished, tmp_path):
    copied = tmp_path / "run"
    shutil.copytree(finished[0] / "run", copied)
    rows = [json.loads(line) for line in (copied / "manifest.jsonl").read_text().splitlines()]
    kept = [row for row in rows if row["id"] != IDS[2]]
    for row in kept:
        if row["id"] == IDS[0]:
            row |= {"status": "failed", "error": "image-truncated", "message": "it ends", "sha256": None}
    (copied / "manifest.jsonl").write_text("".join(json.dumps(row) + "\n" for row in kept))
    ended = evaluate(Order("folder", place, tmp_path / "out", run=copied, quiet=True))
    assert ended.exit_status == 3
    told = {row["id"]: (row["error"], row["message"]) for row in ended.results["failed"]}
    assert told[IDS[0]] == ("image-truncated", "it ends")
    assert "no result" in told[IDS[2]][1]


def test_runs_that_cannot_be_judged_are_refused(place, finished, tmp_path):
    for changes, said in (({"output.score_map": "none"}, "score maps"), ({}, "other images")):
        copied = tmp_path / said
        shutil.copytree(finished[0] / "run", copied)
        facts = json.loads((copied / "run.json").read_text())
        facts["made_with"] |= changes
        (copied / "run.json").write_text(json.dumps(facts))
        if not changes:
            rows = [json.loads(line) for line in (copied / "manifest.jsonl").read_text().splitlines()]
            text = "".join(json.dumps(row | {"id": f"x/{row['id']}", "sha256": "0" * 64}) + "\n" for row in rows)
            (copied / "manifest.jsonl").write_text(text)
        with pytest.raises(UsageError, match=said):
            evaluate(Order("folder", place, tmp_path / "out", run=copied, quiet=True))
    rows = (tmp_path / "other images" / "manifest.jsonl").read_text().replace('"x/', '"../')
    (tmp_path / "other images" / "manifest.jsonl").write_text(rows)
    with pytest.raises(UsageError, match="is not an id"):
        evaluate(Order("folder", place, tmp_path / "out", run=tmp_path / "other images", quiet=True))


def test_an_unreadable_image_is_exit_3(place, small, tmp_path):
    broken = tmp_path / "set"
    shutil.copytree(place, broken)
    (broken / "images" / IDS[1]).write_bytes(b"\x89PNG\r\n\x1a\n")
    ended = evaluate(Order("folder", broken, tmp_path / "out", config=small, quiet=True))
    assert ended.exit_status == 3
    assert [row["id"] for row in ended.results["failed"]] == [IDS[1]]
    assert ended.results["mean"]["images"] == 2


def test_an_interrupted_run_is_not_judged(place, small, tmp_path, monkeypatch):
    def interrupted(*arguments, **settings):
        return RunSummary("", 1, 1, 0, 0, 1, 2, 0.1, "", interrupted=15)

    monkeypatch.setattr(module, "segment_sources", interrupted)
    ended = evaluate(Order("folder", place, tmp_path / "out", config=small, quiet=True))
    assert (ended.results, ended.exit_status) == (None, 143)
    assert not (tmp_path / "out").exists()


def test_a_run_of_another_making_is_refused(place, finished, tmp_path):
    shutil.copytree(finished[0] / "run", tmp_path / "run")
    facts = json.loads((tmp_path / "run" / "run.json").read_text())
    del facts["config"]
    (tmp_path / "run" / "run.json").write_text(json.dumps(facts))
    with pytest.raises(UsageError, match="not as a run leaves it"):
        evaluate(Order("folder", place, tmp_path / "out", run=tmp_path / "run", quiet=True))


def test_from_the_command_line(place, finished, tmp_path, monkeypatch, capsys):
    words = ["iapas", "eval", "folder", "--root", str(place), "--run", str(finished[0] / "run"), "--out"]
    monkeypatch.setattr(sys, "argv", [*words, str(tmp_path / "a"), "--json"])
    assert run() == 0
    assert json.loads(capsys.readouterr().out)["dataset"] == "folder"
    monkeypatch.setattr(sys, "argv", [*words, str(tmp_path / "b"), "--protocol", "iap-as"])
    assert run() == 0
    said = capsys.readouterr().out
    assert "| folder | 3 | 2 |" in said and "report.html" in said
    for wrong, code in (
        ([*words, str(tmp_path / "c"), "--set", "a.b=1"], 2),
        (["iapas", "eval", "folder", "--root", str(tmp_path / "no"), "--out", str(tmp_path / "d")], 4),
        (["iapas", "compare", str(tmp_path / "a"), str(tmp_path / "b")], 2),
        (["iapas", "compare", str(tmp_path / "a"), str(tmp_path / "a"), "--out", str(tmp_path / "e")], 0),
    ):
        monkeypatch.setattr(sys, "argv", wrong)
        assert run() == code, wrong
    assert (tmp_path / "e" / "compare.md").exists()
