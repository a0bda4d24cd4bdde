"""The run folder: whole files, whole rows, and nothing lost whatever happens in between."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from PIL import Image as Pillow
from pycocotools import mask as coco

from iapas.config import load_config
from iapas.errors import OutputError, ReadDenied
from iapas.files import atomic
from iapas.files.manifest import KEYS, Manifest
from iapas.files.regions import mask_of, read_regions, regions_text, run_lengths
from iapas.files.results import check_id, read_score_map, result_path, score_tiff, write_result
from iapas.files.store import done_rows, open_run
from iapas.files.summary import safe_cell
from iapas.types import Regions, Segmentation

CONFIG = load_config("embedded", ["run.fsync=false"])


def row(image_id, status="ok", **told):
    error = "internal" if status == "failed" else None
    return dict.fromkeys(KEYS) | {"id": image_id, "status": status, "error": error} | told


def result(seed=0):
    random = np.random.default_rng(seed)
    soft = random.integers(0, 256, (5, 6), np.uint8)
    box, scores = np.array([[2.25, 3, 7.75, 8]], np.float32), np.array([0.7], np.float32)
    regions = Regions((12, 10), box, scores, ["=spot"], (soft,))
    score_map = np.zeros((12, 10), np.float32)
    score_map[3:8, 2:8] = soft * np.float32(0.7 / 255)
    return Segmentation(score_map, regions, score_map > 0.3, 0.3)


def test_results_are_read_back_and_are_the_same_bytes(tmp_path):
    made = result()
    for name in ("a", "b"):
        write_result(tmp_path / name, "x/1.png", made, scores=True, overlay=None, fsync=False)
    for kind in ("masks", "scores", "regions"):
        assert result_path(tmp_path / "a", kind, "x/1.png").read_bytes() == (
            result_path(tmp_path / "b", kind, "x/1.png").read_bytes()
        )
    with Pillow.open(tmp_path / "a/masks/x/1.png.png") as mask:
        assert mask.mode == "L"
        assert np.array_equal(np.asarray(mask), made.mask * np.uint8(255))
    assert np.array_equal(read_score_map(tmp_path / "a/scores/x/1.png.tiff"), made.score_map)
    (entry,) = read_regions(tmp_path / "a/regions/x/1.png.json")
    assert np.array_equal(mask_of(entry).astype(bool), made.regions.masks()[0])
    assert (entry["box"], entry["score"], entry["phrase"]) == ([2.0, 3.0, 8.0, 8.0], 0.7, "=spot")
    assert entry["area"] == made.regions.masks()[0].sum()


def test_score_maps_carry_no_time_and_no_program():
    import io

    with tifffile.TiffFile(io.BytesIO(score_tiff(np.ones((4, 5), np.float32)))) as tiff:
        assert not {"DateTime", "Software", "ImageDescription"} & {tag.name for tag in tiff.pages[0].tags.values()}


@given(st.data())
def test_run_lengths_are_those_of_coco(data):
    height, width = data.draw(st.integers(1, 12)), data.draw(st.integers(1, 12))
    y0, x0 = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    y1, x1 = data.draw(st.integers(y0 + 1, height)), data.draw(st.integers(x0 + 1, width))
    crop = data.draw(arrays(bool, (y1 - y0, x1 - x0)))
    image = np.zeros((height, width), np.uint8, order="F")
    image[y0:y1, x0:x1] = crop
    assert run_lengths(crop, (x0, y0, x1, y1), (height, width))["counts"] == coco.encode(image)["counts"].decode()


def test_no_regions():
    assert regions_text(Regions.empty((4, 4))) == '{"regions":[]}\n'


@pytest.mark.parametrize("bad", ["../a.png", "/a.png", "a/../../b", "a//b", "", ".", "a\0b", "a/./b", "n" * 251])
def test_ids_stay_in_the_folder(bad):
    with pytest.raises(ReadDenied):
        check_id(bad)


def test_files_and_folders_of_one_name_do_not_collide(tmp_path):
    for image_id in ("a.png", "a.png/b.png"):
        write_result(tmp_path, image_id, result(), scores=True, overlay=None, fsync=False)
    assert (tmp_path / "masks/a.png.png").is_file()
    assert (tmp_path / "masks/a.png/b.png.png").is_file()


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@x", " =1", "\t=1", "\uff1d1", "|x", "\rx"])
def test_cells_that_are_formulas(text):
    assert safe_cell(text) == "'" + text


@pytest.mark.parametrize("value", ["a.png", "b=c", 0.5, -1, None, ""])
def test_other_cells(value):
    assert safe_cell(value) is value


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "deep" / "er" / "file"
    atomic.write_bytes(path, b"first")
    assert path.read_bytes() == b"first"

    def fail(*_):
        raise OSError(28, "No space left on device")

    for broken in ("fsync", "write"):
        monkeypatch.setattr(os, broken, fail)
        with pytest.raises(OutputError, match="disk is full: make room"):
            atomic.write_bytes(path, b"second")
        monkeypatch.undo()
        assert [entry.name for entry in path.parent.iterdir()] == ["file"]
        assert path.read_bytes() == b"first"


def test_stray_temporaries_are_known_by_name(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / ".iapas-0123456789abcdef.tmp").write_text("")
    (tmp_path / "mine.tmp").write_text("")
    assert atomic.clean_temporaries(tmp_path) == 1
    assert (tmp_path / "mine.tmp").exists()


def test_a_new_run_takes_an_empty_folder_and_no_other(tmp_path):
    (tmp_path / "empty").mkdir()
    with open_run(tmp_path / "empty", CONFIG):
        pass
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "photo.png").write_text("")
    with pytest.raises(OutputError, match="not empty and not a run of iapas"), open_run(tmp_path / "full", CONFIG):
        pass
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["photo.png"]


def test_another_config_may_follow_when_there_are_no_results(tmp_path):
    other = load_config("embedded", ["detector.work_size=512"])
    with open_run(tmp_path / "out", CONFIG):
        pass
    with open_run(tmp_path / "out", other) as folder:
        folder.append(row("a.png"))
    assert done_rows(tmp_path / "out", other) == {"a.png"}
    with pytest.raises(OutputError, match=r"work_size was 512, now 256"):
        done_rows(tmp_path / "out", CONFIG)
    assert done_rows(tmp_path / "none", CONFIG) == set()


def test_the_lock_names_its_owner_and_outlives_no_process(tmp_path):
    code = (
        "import sys, time; from iapas.files.store import open_run; from iapas.config import load_config\n"
        "with open_run(sys.argv[1], load_config()): print('open', flush=True); time.sleep(60)"
    )
    owner = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "out")], stdout=subprocess.PIPE, text=True)
    assert owner.stdout.readline() == "open\n"
    with pytest.raises(OutputError, match=f"in use by process {owner.pid} on "), open_run(tmp_path / "out", CONFIG):
        pass
    owner.kill()
    owner.communicate()
    with open_run(tmp_path / "out", CONFIG):
        pass


def test_profiles_are_pinned_once_there_are_rows(tmp_path):
    with open_run(tmp_path / "out", CONFIG) as folder:
        folder.pin_profiles({"": "one"})
        folder.pin_profiles({"": "two"})
        folder.append(row("a.png"))
    with open_run(tmp_path / "out", CONFIG) as folder:
        folder.pin_profiles({"": "two", "new": "three"})
        with pytest.raises(OutputError, match="the profile of the product is not the one"):
            folder.pin_profiles({"": "one"})


def test_rows_come_in_the_order_of_ids_whatever_is_in_them(tmp_path):
    ids = ["b\n.png", "a\u2028.png", '"c".png', "\u00e9.png", "a/1.png"]
    manifest = Manifest(tmp_path / "manifest.jsonl")
    for image_id in ids:
        manifest.append(row(image_id, message="\udcff"))
    manifest.close()
    again = Manifest(tmp_path / "manifest.jsonl")
    assert [found["id"] for found in again.rows()] == sorted(ids)
    assert len((tmp_path / "manifest.jsonl").read_bytes().splitlines()) == len(ids)
    again.close()


IDS = [f"{folder}{i}.png" for folder in ("", "a/", "b/c/") for i in range(3)]


class Store(RuleBasedStateMachine):
    """Images are finished or fail; kills, power cuts and full disks come between. In the end nothing is missing."""

    def __init__(self):
        super().__init__()
        self.root = Path(tempfile.mkdtemp())
        self.out = self.root / "out"
        self.stack = ExitStack()
        self.folder = self.stack.enter_context(open_run(self.out, CONFIG))
        self.done = {}

    def left(self):
        return [image_id for image_id in IDS if image_id not in self.done]

    def write(self, image_id):
        made = result(IDS.index(image_id))
        write_result(self.out, image_id, made, scores=True, overlay=None, fsync=False)

    def finish(self, image_id):
        self.write(image_id)
        self.folder.append(row(image_id, verdict="defect", score=0.7, regions=1))
        self.done[image_id] = "ok"

    @precondition(lambda self: self.left())
    @rule(choice=st.integers(0, 99))
    def an_image_is_finished(self, choice):
        self.finish(self.left()[choice % len(self.left())])

    @precondition(lambda self: self.left())
    @rule(choice=st.integers(0, 99))
    def an_image_fails_after_a_part_was_written(self, choice):
        image_id = self.left()[choice % len(self.left())]
        self.write(image_id)
        self.folder.append(row(image_id, "failed"))
        self.done[image_id] = "failed"

    @precondition(lambda self: self.left())
    @rule(choice=st.integers(0, 99), room=st.integers(0, 3))
    def the_disk_is_full(self, choice, room):
        image_id, writes = self.left()[choice % len(self.left())], iter(range(99))
        real = os.write

        def write(descriptor, data):
            if next(writes) >= room:
                real(descriptor, bytes(data)[: len(data) // 2])
                raise OSError(28, "full")
            return real(descriptor, data)

        os.write = write
        try:
            self.finish(image_id)
        except OutputError:
            pass
        else:
            raise AssertionError("the fault was not noticed")
        finally:
            os.write = real

    @rule(lost=st.integers(0, 400), torn=st.binary(max_size=20), again=st.booleans())
    def the_power_is_cut(self, lost, torn, again):
        """The end of the manifest may be lost or garbled, temporaries and files without a row may be there."""
        self.stack.close()
        manifest = self.out / "manifest.jsonl"
        data = manifest.read_bytes()
        data = data[: max(0, len(data) - lost)]
        whole = data[: data.rfind(b"\n") + 1]
        manifest.write_bytes(data + torn.replace(b"\n", b""))
        self.done = {found["id"]: found["status"] for found in map(json.loads, whole.splitlines())}
        (self.out / ".iapas-00000000000000aa.tmp").write_bytes(b"half")
        run = json.loads((self.out / "run.json").read_text())
        run.pop("ended", None)
        (self.out / "run.json").write_text(json.dumps(run))
        self.folder = self.stack.enter_context(open_run(self.out, CONFIG, retry_failed=again))
        if again:
            self.done = {image_id: status for image_id, status in self.done.items() if status == "ok"}
        assert not list(self.out.rglob("*.tmp"))

    @invariant()
    def the_rows_are_known(self):
        assert {image_id: True for image_id in IDS if image_id in self.folder.manifest} == dict.fromkeys(
            self.done, True
        )
        assert self.folder.manifest.counts["ok"] == sum(status == "ok" for status in self.done.values())

    def teardown(self):
        for image_id in self.left():
            self.finish(image_id)
        self.folder.finish({})
        self.stack.close()
        rows = [json.loads(line) for line in (self.out / "manifest.jsonl").read_bytes().splitlines()]
        assert sorted(found["id"] for found in rows) == IDS_SORTED
        assert {found["id"]: found["status"] for found in rows} == self.done
        for image_id, status in self.done.items():
            for kind in ("masks", "scores", "regions"):
                path = result_path(self.out, kind, image_id)
                expected = REFERENCE[kind, image_id] if status == "ok" else None
                assert (path.read_bytes() if path.exists() else None) == expected
        assert len((self.out / "summary.csv").read_text().splitlines()) == len(IDS) + 1
        assert not list(self.out.rglob("*.tmp"))
        shutil.rmtree(self.root)


def _reference():
    """What an undisturbed run writes."""
    with tempfile.TemporaryDirectory() as folder:
        for i, image_id in enumerate(IDS):
            write_result(Path(folder), image_id, result(i), scores=True, overlay=None, fsync=False)
        kinds = ("masks", "scores", "regions")
        return {
            (kind, image_id): result_path(Path(folder), kind, image_id).read_bytes()
            for kind in kinds
            for image_id in IDS
        }


IDS_SORTED = sorted(IDS)
REFERENCE = _reference()
TestStore = Store.TestCase
TestStore.settings = settings(
    max_examples=25, stateful_step_count=12, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
