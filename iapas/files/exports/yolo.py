"""YOLO-seg: a text file for each image, as Ultralytics reads it.

A line is one connected part of one defect: ``class x y x y ...``. Coordinates are the middles of pixels, as shares of
the width and the height, so that readers that cut off and readers that round draw the same mask. Holes are cut out by
a seam (see ``iapas.core.polygons``). A line has no room for a score or for several parts. An image without a defect
has an empty file. Pictures are not copied: ``images.txt`` lists them as ``./images/<id>``, where data.yaml lies.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path

from iapas.core.polygons import keyholes
from iapas.files.atomic import write_bytes, write_text
from iapas.files.exports.annotations import AnnotatedImage, annotated_images, classes
from iapas.files.exports.finished import FinishedRun, stems

log = logging.getLogger("iapas")


def export_yolo(run: FinishedRun, out: Path) -> dict[str, int]:
    """Write data.yaml, images.txt and a file in labels/ for every image. Raises UsageError and OutputError."""
    names, stem_of = classes(run), stems(run)
    numbers = {name: number for number, name in enumerate(names)}
    polygons = 0
    for image in annotated_images(run):
        lines = _lines(image, numbers)
        text = "".join(f"{line}\n" for line in lines)
        write_bytes(out / label_path(stem_of[image.id]), text.encode(), sync_folder=False)
        polygons += len(lines)
    write_text(out / "images.txt", "".join(f"./images/{image_id}\n" for image_id in _listed(run)))
    write_text(out / "data.yaml", _data(names))
    return {"polygons": polygons}


def label_path(stem: str) -> str:
    """Where readers look for the labels of ``images/<stem>``: they replace the last folder called images."""
    return "/labels/".join(f"/images/{stem}".rsplit("/images/", 1)).lstrip("/") + ".txt"


def _lines(image: AnnotatedImage, numbers: dict[str, int]) -> list[str]:
    height, width = image.size
    lines = []
    for annotation in image.annotations:
        for ring in keyholes(annotation.crop):
            places = ((ring + annotation.frame[:2] + 0.5) / (width, height)).ravel()
            lines.append(f"{numbers[annotation.phrase]} " + " ".join(f"{place:.6f}" for place in places))
    return lines


def _listed(run: FinishedRun) -> list[str]:
    """The ids that fit on a line of images.txt."""
    listed = [image_id for image_id in run.sizes if len(image_id.splitlines()) == 1]
    if len(listed) < len(run.sizes):
        log.warning("%d images with line breaks in their names are not in images.txt", len(run.sizes) - len(listed))
    return listed


def _data(names: Sequence[str]) -> str:
    lines = [
        "# Put or link the pictures at images/ beside this file. The labels are what iapas reported, not ground truth:",
        "# look at them, and split images.txt, before you train with them.",
        "train: images.txt",
        "val: images.txt",
        "names:",
        *(f"  {number}: {json.dumps(name)}" for number, name in enumerate(names)),
    ]
    return "\n".join(lines) + "\n"
