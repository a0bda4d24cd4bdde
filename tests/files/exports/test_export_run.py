"""``export_run``: what is refused, where files go, what is said of a run that is not whole."""

import json

import pytest
from exported_runs import write_run

from iapas.config import load_config
from iapas.errors import UsageError
from iapas.files.manifest import KEYS
from iapas.files.store import open_run
from iapas.run import export_run


def test_by_default_it_goes_into_the_run_folder_and_restart_leaves_it(run):
    assert export_run(run, "coco")["out"] == str(run / "export/coco.json")
    assert export_run(run, "labelme") == {
        "format": "labelme",
        "out": str(run / "export/labelme"),
        "images": 4,
        "polygons": 7,
        "failed": 0,
        "left": 0,
    }
    with open_run(run, load_config("embedded", ["run.fsync=false"]), restart=True):
        assert not (run / "masks").exists()
        assert (run / "export/coco.json").is_file()  # someone may have edited what was exported
        assert (run / "export/labelme/a/1.json").is_file()


def test_what_is_missing_is_counted_and_said(tmp_path, results, caplog):
    run = write_run(tmp_path / "run", results, failed=["broken.png"], left=3)
    summary = export_run(run, "coco")
    assert (summary["images"], summary["failed"], summary["left"]) == (4, 1, 3)
    assert "1 images of the run failed" in caplog.text
    assert "3 images have no results" in caplog.text


def test_a_killed_run_is_exported_as_far_as_it_came(tmp_path, results, caplog):
    run = write_run(tmp_path / "run", results, ended=False)
    with (run / "manifest.jsonl").open("ab") as file:
        file.write(b'{"id": "torn')
    summary = export_run(run, "yolo")
    assert (summary["images"], summary["left"]) == (4, None)
    assert "has not ended" in caplog.text


@pytest.mark.parametrize("make", [lambda folder: None, lambda folder: folder.mkdir(), lambda folder: folder.touch()])
def test_what_is_no_run_folder_is_refused(tmp_path, make):
    make(tmp_path / "x")
    with pytest.raises(UsageError, match="x"):
        export_run(tmp_path / "x", "coco")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "run.json").write_text('{"made by": "someone else"}')
    with pytest.raises(UsageError, match="not a run of iapas"):
        export_run(tmp_path / "other", "coco")
    assert [path.name for path in (tmp_path / "other").iterdir()] == ["run.json"]


def test_a_run_without_results_is_refused(tmp_path):
    with pytest.raises(UsageError, match="no results"):
        export_run(write_run(tmp_path / "run", {}, failed=["broken.png"]), "coco")


@pytest.mark.parametrize("broken", ["config", "summary"])
def test_books_that_are_not_as_a_run_leaves_them_are_refused(run, broken):
    told = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps(told | {broken: {}}))
    with pytest.raises(UsageError, match="not as a run leaves it"):
        export_run(run, "coco")


def test_an_unknown_format_is_refused(run):
    with pytest.raises(UsageError, match="coco, labelme, yolo, mvtec"):
        export_run(run, "voc")


@pytest.mark.parametrize("place", ["", "regions", "run.json", "export/../masks"])
def test_the_files_of_the_run_are_not_written_over(run, place):
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    with pytest.raises(UsageError, match="its own files"):
        export_run(run, "labelme", run / place)
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("image_id", ["../evil.png", "/tmp/evil.png", "a/../../evil.png", "a//b.png", "", "\ud800.png"])
@pytest.mark.parametrize("form", ["coco", "labelme", "yolo", "mvtec"])
def test_fault_18_ids_that_lead_outside_are_refused(run, tmp_path, image_id, form):
    row = dict.fromkeys(KEYS) | {"id": image_id, "status": "ok", "width": 80, "height": 60}
    with (run / "manifest.jsonl").open("a") as file:
        file.write(json.dumps(row) + "\n")
    with pytest.raises(UsageError, match="is not an id"):
        export_run(run, form, tmp_path / "deep/er/out")
    assert not (tmp_path / "deep").exists()
    assert not list(tmp_path.rglob("*evil*"))
