"""What workers do: describe a product from a sample of its images; segment an image and write its files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2

from iapas.config import Config
from iapas.errors import ImageError, RunError
from iapas.files.images import Picture, read_image
from iapas.files.results import write_result
from iapas.run.worker import Failure, failure
from iapas.segmenter import Segmenter
from iapas.types import Image, ObjectProfile, Segmentation

MakeSegmenter = Callable[[Config], Segmenter]


@dataclass(frozen=True)
class DescribeTask:
    """Make a profile from the first ``samples`` of ``paths`` that can be read."""

    product: str
    paths: tuple[str, ...]
    samples: int


@dataclass(frozen=True)
class SegmentTask:
    """Segment one image."""

    image_id: str
    path: str
    profile: ObjectProfile


@dataclass(frozen=True)
class Worker:
    """The state of a worker: a segmenter that has loaded what it needs, and where results go."""

    segmenter: Segmenter
    config: Config
    root: Path


def set_up(make: MakeSegmenter, config: Config, root: Path) -> Worker:
    """Build the state, once in each worker."""
    return Worker(make(config), config, root)


def work(state: Worker, task: DescribeTask | SegmentTask) -> ObjectProfile | tuple[dict[str, Any], Failure | None]:
    """Do one task. The same task has the same result whatever the worker did before.

    Of a SegmentTask: what the manifest's row says of the image, and why it failed if it did.
    """
    cv2.setRNGSeed(0)  # some routines of OpenCV draw numbers
    return _describe(state, task) if isinstance(task, DescribeTask) else _segment(state, task)


def _describe(state: Worker, task: DescribeTask) -> ObjectProfile:
    pictures: list[Picture] = []
    for path in task.paths:
        if len(pictures) == task.samples:
            break
        try:
            pictures.append(read_image(path, state.config.reading))
        except ImageError:
            continue  # stage 2 says so in the image's row
    return state.segmenter.describe(pictures)


def _segment(state: Worker, task: SegmentTask) -> tuple[dict[str, Any], Failure | None]:
    facts: dict[str, Any] = {}
    try:
        picture = read_image(task.path, state.config.reading)
        facts = {
            "sha256": picture.sha256,
            "width": picture.width,
            "height": picture.height,
            "exif_orientation": picture.exif_orientation,
            "warnings": list(picture.notes),
        }
        result = state.segmenter.segment(picture, task.profile)
        output = state.config.output
        write_result(
            state.root,
            task.image_id,
            result,
            scores=output.score_map == "tiff",
            overlay=_overlay(picture.frames[0], result, output.overlay),
            thumbnail=_thumbnail(picture.frames[0], result) if output.thumbnails else None,
            fsync=state.config.run.fsync,
        )
    except RunError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, it costs this image alone
        return facts, failure(error)
    facts["warnings"] += result.warnings
    return facts | {"verdict": result.verdict, "score": result.score, "regions": len(result.reported)}, None


def _overlay(image: Image, result: Segmentation, which: str) -> Image | None:
    if which == "none" or (which == "defects" and result.verdict == "ok"):
        return None
    from iapas.views.overlays import draw_overlay

    return draw_overlay(image, result)


def _thumbnail(image: Image, result: Segmentation) -> Image:
    from iapas.views.thumbnails import draw_strip

    return draw_strip(image, result.score_map)
