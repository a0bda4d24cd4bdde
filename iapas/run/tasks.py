"""What workers do: describe a product from a sample of its images; segment an image and write its files."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, TypeAlias, cast

import cv2

from iapas.config import Config
from iapas.errors import ImageError, InternalError, RunError
from iapas.files.images import Picture, read_image
from iapas.files.results import write_result
from iapas.run.worker import Done, Failure, failure, one_by_one
from iapas.segmenter import Segmenter
from iapas.types import Image, ObjectProfile, Segmentation

Row: TypeAlias = tuple[dict[str, Any], Failure | None]
"""What the manifest's row says of an image, and why it failed if it did."""

_THREADS = 4  # that read and write beside the models

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


def work(state: Worker, tasks: Sequence[DescribeTask | SegmentTask]) -> Iterator[Done | Failure]:
    """Do a group of tasks. The same task has the same result whatever the worker did before.

    A DescribeTask gives an ObjectProfile; a SegmentTask what the manifest's row says of the image, and why it failed
    if it did.
    """
    if len(tasks) > 1 and all(isinstance(task, SegmentTask) for task in tasks):
        return _segment_group(state, cast(Sequence[SegmentTask], tasks))
    return one_by_one(_work, state, tasks)


def _work(state: Worker, task: DescribeTask | SegmentTask) -> ObjectProfile | Row:
    cv2.setRNGSeed(0)  # some routines of OpenCV draw numbers
    if isinstance(task, DescribeTask):
        return _describe(state, task)
    picture, row = _read(state, task)
    return row if picture is None else _write(state, task, picture, row, _each(state, [picture], task.profile)[0])


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


def _segment_group(state: Worker, tasks: Sequence[SegmentTask]) -> Iterator[Done | Failure]:
    """In batches; the next ones are read, and the last one's files written, while a batch is worked on."""
    size = state.segmenter.batch_size
    batches = [tasks[at : at + size] for at in range(0, len(tasks), size)]
    with ThreadPoolExecutor(_THREADS) as threads:

        def read(batch: Sequence[SegmentTask]) -> list[Future[tuple[Picture | None, Row]]]:
            return [threads.submit(_read, state, task) for task in batch]

        ahead = read(batches[0])
        written: list[Future[Row]] = []
        seconds = 0.0
        for number, batch in enumerate(batches, start=1):
            start = time.monotonic()
            cv2.setRNGSeed(0)
            found = [reading.result() for reading in ahead]
            ahead = read(batches[number]) if number < len(batches) else []
            results = _segment_batch(state, batch, [picture for picture, _ in found])
            before, written = (
                written,
                [
                    threads.submit(_write, state, task, picture, row, result) if picture else _known(row)
                    for task, (picture, row), result in zip(batch, found, results, strict=True)
                ],
            )
            yield from (Done(row.result(), seconds) for row in before)
            seconds = (time.monotonic() - start) / len(batch)
        yield from (Done(row.result(), seconds) for row in written)


def _segment_batch(
    state: Worker, tasks: Sequence[SegmentTask], pictures: Sequence[Picture | None]
) -> list[Segmentation | Exception | None]:
    """The result of each picture, None for one that could not be read; those of one product together."""
    results: list[Segmentation | Exception | None] = [None] * len(tasks)
    for _, places in groupby(range(len(tasks)), lambda place: id(tasks[place].profile)):
        there = [(place, picture) for place in places if (picture := pictures[place]) is not None]
        if there:
            profile = tasks[there[0][0]].profile
            for (place, _), result in zip(there, _each(state, [p for _, p in there], profile), strict=True):
                results[place] = result
    return results


def _each(state: Worker, pictures: Sequence[Picture], profile: ObjectProfile) -> list[Segmentation | Exception]:
    """The result of each picture, or why there is none. A batch that fails is done again one by one."""
    try:
        if len(pictures) > 1:
            return list(state.segmenter.segment_batch(pictures, profile))
        return [state.segmenter.segment(pictures[0], profile)]
    except RunError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, it costs one image alone
        if len(pictures) == 1:
            return [error]
    return [_each(state, [picture], profile)[0] for picture in pictures]


def _read(state: Worker, task: SegmentTask) -> tuple[Picture | None, Row]:
    """The picture of a task and what is known of it; or None and why it cannot be read."""
    try:
        picture = read_image(task.path, state.config.reading)
    except RunError:
        raise
    except Exception as error:  # noqa: BLE001 - as in _each
        return None, ({}, failure(error))
    facts = {
        "sha256": picture.sha256,
        "width": picture.width,
        "height": picture.height,
        "exif_orientation": picture.exif_orientation,
        "warnings": list(picture.notes),
    }
    return picture, (facts, None)


def _write(
    state: Worker, task: SegmentTask, picture: Picture, row: Row, result: Segmentation | Exception | None
) -> Row:
    """Write the files of a result, and complete its row."""
    facts = row[0]
    if not isinstance(result, Segmentation):
        return facts, failure(result or InternalError("there is no result"))
    output = state.config.output
    try:
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
    except Exception as error:  # noqa: BLE001 - as in _each
        return facts, failure(error)
    facts["warnings"] += result.warnings
    return facts | {"verdict": result.verdict, "score": result.score, "regions": len(result.reported)}, None


def _known(row: Row) -> Future[Row]:
    future: Future[Row] = Future()
    future.set_result(row)
    return future


def _overlay(image: Image, result: Segmentation, which: str) -> Image | None:
    if which == "none" or (which == "defects" and result.verdict == "ok"):
        return None
    from iapas.views.overlays import draw_overlay

    return draw_overlay(image, result)


def _thumbnail(image: Image, result: Segmentation) -> Image:
    from iapas.views.thumbnails import draw_strip

    return draw_strip(image, result.score_map)
