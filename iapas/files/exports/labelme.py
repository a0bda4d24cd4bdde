"""labelme: one JSON for each image, named like it, without its extension.

Masks are polygons rather than labelme's mask shapes: every version reads them, converters too, and people can drag
them. A hole is cut out by a seam (see ``iapas.core.polygons``); a defect in several parts is several polygons with one
``group_id``. Corners are places of pixels: labelme's own drawing gives the mask again. ``imagePath`` is the bare name:
the JSON belongs beside its picture.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from iapas.core.polygons import keyholes
from iapas.files.atomic import write_bytes
from iapas.files.exports.annotations import AnnotatedImage, Annotation, annotated_images
from iapas.files.exports.finished import FinishedRun, stems

_VERSION = "5.5.0"
"""Of labelme, whose format this is."""


def export_labelme(run: FinishedRun, out: Path) -> dict[str, int]:
    """Write ``<id without extension>.json`` below ``out`` for every image. Raises UsageError and OutputError."""
    names = stems(run)
    shapes = 0
    for image in annotated_images(run):
        data = _entry(image)
        text = json.dumps(data, separators=(",", ":"), ensure_ascii=False) + "\n"
        write_bytes(out / f"{names[image.id]}.json", text.encode("utf-8", "backslashreplace"), sync_folder=False)
        shapes += len(data["shapes"])
    return {"polygons": shapes}


def _entry(image: AnnotatedImage) -> dict[str, Any]:
    height, width = image.size
    shapes = [shape for group, annotation in enumerate(image.annotations) for shape in _shapes(annotation, group)]
    return {
        "version": _VERSION,
        "flags": {},
        "shapes": shapes,
        "imagePath": image.id.rpartition("/")[2],
        "imageData": None,
        "imageHeight": height,
        "imageWidth": width,
    }


def _shapes(annotation: Annotation, group: int) -> list[dict[str, Any]]:
    rings = keyholes(annotation.crop)
    return [
        {
            "label": annotation.phrase,
            "points": (ring + annotation.frame[:2]).tolist(),
            "group_id": group if len(rings) > 1 else None,
            "description": "" if annotation.score is None else f"score {annotation.score:.6g}",
            "shape_type": "polygon",
            "flags": {},
            "mask": None,
        }
        for ring in rings
    ]
