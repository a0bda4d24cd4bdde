"""COCO: one JSON, as pycocotools loads it.

``file_name`` is the id of the image. ``segmentation`` is a compressed run length, so the masks are exact, with holes;
``iscrowd`` is 0, as each is one defect (pycocotools decodes run lengths whatever it says). ``bbox`` is x, y, width,
height and ``area`` the pixels of the exported mask. ``score`` is an addition to the format. Ids count from 1 in the
order of the images' ids, categories in the order of their names: the same run gives the same bytes.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from iapas.files.atomic import write_text
from iapas.files.exports.annotations import Annotation, annotated_images, classes
from iapas.files.exports.finished import FinishedRun
from iapas.files.regions import run_lengths

DESCRIPTION = "defects that iapas reported; the masks of an image together are its mask in the run folder"


def export_coco(run: FinishedRun, out: Path) -> dict[str, int]:
    """Write the file ``out``, or coco.json in it unless it is called *.json. Raises OutputError."""
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    categories = {name: number for number, name in enumerate(classes(run), start=1)}
    for image in annotated_images(run):
        height, width = image.size
        images.append({"id": len(images) + 1, "file_name": image.id, "width": width, "height": height})
        for annotation in image.annotations:
            numbers = {
                "id": len(annotations) + 1,
                "image_id": len(images),
                "category_id": categories[annotation.phrase],
            }
            annotations.append(numbers | _entry(annotation, image.size))
    data = {
        "info": {"description": DESCRIPTION},
        "images": images,
        "annotations": annotations,
        "categories": [{"id": number, "name": name, "supercategory": "defect"} for name, number in categories.items()],
    }
    file = out if out.suffix == ".json" else out / "coco.json"
    write_text(file, json.dumps(data, separators=(",", ":")) + "\n")
    return {"annotations": len(annotations)}


def _entry(annotation: Annotation, size: tuple[int, int]) -> dict[str, Any]:
    x0, y0, x1, y1 = annotation.frame
    entry = {
        "segmentation": run_lengths(annotation.crop, annotation.frame, size),
        "bbox": [x0, y0, x1 - x0, y1 - y0],
        "area": int(annotation.crop.sum()),
        "iscrowd": 0,
    }
    return entry if annotation.score is None else entry | {"score": annotation.score}
