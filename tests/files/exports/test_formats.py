"""Each format is opened again: COCO by pycocotools, the others by readers written from their documentation."""

import json
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
import yaml
from exported_runs import write_run
from PIL import Image, ImageDraw
from pycocotools.coco import COCO

from iapas.errors import UsageError
from iapas.files.exports import FORMATS
from iapas.files.exports.finished import open_finished


def export(name, run, out):
    FORMATS[name](open_finished(run), out)
    return out


def read_labelme(picture):
    """(label, group, mask) of each shape of the JSON beside ``picture``, drawn as labelme draws polygons."""
    data = json.loads(Path(os.path.splitext(picture)[0] + ".json").read_text(encoding="utf-8"))
    assert data["imagePath"] == os.path.basename(picture)
    assert data["imageData"] is None
    assert {"version", "flags"} <= data.keys()
    for shape in data["shapes"]:
        assert shape["shape_type"] == "polygon"
        assert len(shape["points"]) > 2
        drawn = Image.new("1", (data["imageWidth"], data["imageHeight"]), 0)
        ImageDraw.Draw(drawn).polygon([tuple(point) for point in shape["points"]], outline=1, fill=1)
        yield shape["label"], shape["group_id"], np.array(drawn)


def read_yolo(file, sizes):
    """{picture: [(class, mask)]} of a data.yaml, found and drawn as Ultralytics does it."""
    data = yaml.safe_load(file.read_text())
    images = {}
    for line in (file.parent / data["train"]).read_text().splitlines():
        picture = line.replace("./", f"{file.parent}{os.sep}", 1)
        before, images_folder, after = picture.rpartition(f"{os.sep}images{os.sep}")
        labels = Path(before + images_folder.replace("images", "labels") + after.rpartition(".")[0] + ".txt")
        image_id = os.path.relpath(picture, file.parent / "images")
        height, width = sizes[image_id]
        images[image_id] = []
        for row in labels.read_text().splitlines():
            number, *places = row.split(" ")
            points = np.array(places, float).reshape(-1, 2)
            assert points.min() >= 0
            assert points.max() <= 1
            assert len(points) >= 3
            mask = np.zeros((height, width), np.uint8)
            cv2.fillPoly(mask, [(points * (width, height)).astype(np.int32)], 1)
            images[image_id].append((data["names"][int(number)], mask > 0))
    return images


def union(masks, size):
    return np.any([np.zeros(size, bool), *masks], axis=0)


def test_coco_by_pycocotools(run, results, tmp_path):
    coco = COCO(export("coco", run, tmp_path / "out.json"))
    assert [image["file_name"] for image in coco.dataset["images"]] == sorted(results)
    for number, image in coco.imgs.items():
        result = results[image["file_name"]]
        assert (image["height"], image["width"]) == result.mask.shape
        masks = []
        for entry in coco.imgToAnns[number]:
            mask = coco.annToMask(entry) > 0
            rows, columns = np.nonzero(mask)
            assert entry["bbox"] == [columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1]
            assert entry["area"] == mask.sum()
            assert entry["iscrowd"] == 0
            assert entry["score"] > 0
            masks.append(mask)
        np.testing.assert_array_equal(union(masks, result.mask.shape), result.mask)
    assert [entry["id"] for entry in coco.dataset["annotations"]] == [1, 2, 3, 4, 5, 6]
    assert [category["name"] for category in coco.loadCats([1, 2, 3, 4])] == ["crack", "hole", "scratch", "defect"]


def test_coco_goes_into_a_folder_too(run, tmp_path):
    export("coco", run, tmp_path / "folder")
    assert (tmp_path / "folder" / "coco.json").is_file()


def test_labelme(run, results, tmp_path):
    out = export("labelme", run, tmp_path / "out")
    for image_id, result in results.items():
        shapes = list(read_labelme(out / image_id))
        np.testing.assert_array_equal(union((mask for _, _, mask in shapes), result.mask.shape), result.mask)
    cracks = [(label, group) for label, group, _ in read_labelme(out / "a/2.jpg")]
    assert cracks == [("crack", 0), ("crack", 0), ("defect", None)]  # two parts of one defect, and another
    (hole, *_) = (mask for label, _, mask in read_labelme(out / "a/1.png") if label == "hole")
    assert hole[25, 12]
    assert not hole[25, 25]


def test_yolo(run, results, tmp_path):
    out = export("yolo", run, tmp_path / "out")
    images = read_yolo(out / "data.yaml", {image_id: result.mask.shape for image_id, result in results.items()})
    assert list(images) == sorted(results)
    for image_id, result in results.items():
        masks = union((mask for _, mask in images[image_id]), result.mask.shape)
        np.testing.assert_array_equal(masks, result.mask, err_msg=image_id)
    assert [name for name, _ in images["a/2.jpg"]] == ["crack", "crack", "defect"]
    assert (out / "labels" / "ü none.txt").read_bytes() == b""


def test_yolo_labels_of_a_folder_called_images_lie_where_they_are_looked_for(run, tmp_path):
    out = export("yolo", run, tmp_path / "out")
    assert (out / "images/labels/b.c.txt").is_file()  # the last folder of that name is replaced


def test_yolo_names_with_line_breaks_are_left_out_of_the_list(tmp_path, results, caplog):
    run = write_run(tmp_path / "run", {"a\nb.png": results["ü none.png"], "c.png": results["ü none.png"]})
    out = export("yolo", run, tmp_path / "out")
    assert (out / "images.txt").read_text() == "./images/c.png\n"
    assert "line breaks" in caplog.text


def test_mvtec(run, results, tmp_path):
    out = export("mvtec", run, tmp_path / "out")
    for image_id, result in results.items():
        stem = image_id.rpartition(".")[0]
        scores = tifffile.imread(out / "anomaly_maps" / f"{stem}.tiff")
        assert scores.dtype == np.float32
        np.testing.assert_array_equal(scores, result.score_map)
        mask = np.array(Image.open(out / "anomaly_images_thresholded" / f"{stem}.png"))
        np.testing.assert_array_equal(mask, result.mask * np.uint8(255))
    assert len(list((out / "anomaly_maps").rglob("*"))) == len(results) + 2  # and two folders


def test_mvtec_needs_score_maps(tmp_path, results):
    run = write_run(tmp_path / "run", results, assignments=["output.score_map=none"])
    with pytest.raises(UsageError, match="--score-map none"):
        export("mvtec", run, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", FORMATS)
def test_the_same_run_gives_the_same_bytes_whole_over_what_was_there(name, tmp_path, results):
    runs = [
        write_run(tmp_path / "1", results),
        write_run(tmp_path / "2", dict(reversed(results.items()))),  # finished in another order
    ]
    outs = [export(name, run, tmp_path / f"out{i}") for i, run in enumerate(runs)]
    files = [{p.relative_to(out): p.read_bytes() for p in out.rglob("*") if p.is_file()} for out in outs]
    assert files[0] == files[1]
    assert files[0]
    for path in outs[0].rglob("*.*"):
        path.write_bytes(b"torn")
    export(name, runs[0], outs[0])
    assert {p.relative_to(outs[0]): p.read_bytes() for p in outs[0].rglob("*") if p.is_file()} == files[0]
