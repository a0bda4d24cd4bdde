"""The files of one image's result, as workers write them: mask, score map, regions, overlay, thumbnail.

All but the pictures are the same bytes for the same result: no times, no names of hosts, fixed encoders.
"""

from __future__ import annotations

import io
import os
from pathlib import Path, PurePosixPath

import cv2
import numpy as np
import numpy.typing as npt
import tifffile

from iapas.errors import ReadDenied
from iapas.files.atomic import write_bytes
from iapas.files.regions import regions_text
from iapas.types import BoolMap, FloatMap, Image, Segmentation

SUFFIXES = {"masks": ".png", "scores": ".tiff", "regions": ".json", "overlays": ".jpg", "thumbnails": ".jpg"}
"""The folders of results, with what is added to an id there."""

_NAME_BYTES = 255  # what Linux, macOS and Windows file systems allow
_LONGEST = max(map(len, SUFFIXES.values()))
_PNG = (cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE)
_JPEG = (cv2.IMWRITE_JPEG_QUALITY, 90)
_SMALL_JPEG = (cv2.IMWRITE_JPEG_QUALITY, 75, cv2.IMWRITE_JPEG_OPTIMIZE, 1)


def result_path(root: Path, kind: str, image_id: str) -> Path:
    """Where the ``kind`` (masks, scores, ...) of an image lies. Call ``check_id`` first on ids from outside."""
    return root / kind / (image_id + SUFFIXES[kind])


def check_id(image_id: str) -> None:
    """Raise ReadDenied for an id whose files could not be written, or would lie outside the run folder."""
    parts = PurePosixPath(image_id).parts
    if not parts or parts != tuple(image_id.split("/")) or {"..", "/"} & set(parts) or "\0" in image_id:
        raise ReadDenied(f"{image_id!r} is not the name of a file below the input folder", "")
    if os.name == "nt" and set(image_id) & set('\\:*?"<>|'):
        raise ReadDenied(f"{image_id!r} is not a name that this system can write", "rename the file")
    for part, room in zip(parts, [_NAME_BYTES] * (len(parts) - 1) + [_NAME_BYTES - _LONGEST], strict=True):
        length = len(part.encode("utf-8", "surrogateescape"))
        if length > room:
            message = (
                f"the name {part[:40]!r}... has {length} bytes; with the suffixes of its results at most {room} fit"
            )
            raise ReadDenied(message, "rename the file")


def write_result(
    root: Path,
    image_id: str,
    result: Segmentation,
    *,
    scores: bool,
    overlay: Image | None,
    thumbnail: Image | None = None,
    fsync: bool,
) -> None:
    """Write the files of one image below ``root``; ``overlay`` and ``thumbnail`` are drawn already, or None.

    Their names are synced by the store, once for many images. Raises OutputError (disk full, ...), and
    ReadDenied when a path is too long.
    """
    check_id(image_id)
    contents = {"masks": mask_png(result.mask), "regions": regions_text(result.reported).encode()}
    if scores:
        contents["scores"] = score_tiff(result.score_map)
    if overlay is not None:
        contents["overlays"] = overlay_jpeg(overlay)
    if thumbnail is not None:
        contents["thumbnails"] = thumbnail_jpeg(thumbnail)
    for kind, data in contents.items():
        write_bytes(result_path(root, kind, image_id), data, fsync=fsync, sync_folder=False)


def remove_result(root: Path, image_id: str) -> None:
    """Take away what a failed attempt at an image may have left."""
    check_id(image_id)
    for kind in SUFFIXES:
        result_path(root, kind, image_id).unlink(missing_ok=True)


def mask_png(mask: BoolMap) -> bytes:
    """An 8-bit PNG, 0 or 255. Run lengths and level 1: 1.1 ms and 3 kB for 512 x 512; level 9 took 7 ms for 2.4 kB."""
    return _encode(".png", np.where(mask, np.uint8(255), np.uint8(0)), _PNG)


def overlay_jpeg(image: Image) -> bytes:
    """A JPEG of an (H, W, 3) RGB picture."""
    return _encode(".jpg", np.ascontiguousarray(image[:, :, ::-1]), _JPEG)


def thumbnail_jpeg(image: Image) -> bytes:
    """A small JPEG: about 8 kB for a strip of 480 x 240."""
    return _encode(".jpg", np.ascontiguousarray(image[:, :, ::-1]), _SMALL_JPEG)


def picture_png(image: Image) -> bytes:
    """A PNG of an (H, W, 3) RGB picture."""
    return _encode(".png", np.ascontiguousarray(image[:, :, ::-1]), ())


def score_tiff(scores: FloatMap) -> bytes:
    """A float32 TIFF in one strip of zlib, level 1: 2.5 ms and 70 kB for 512 x 512 instead of 1 MB raw.

    Level 6 took twice as long for 8 % less; OpenCV's own TIFF writer took 10 ms.
    """
    buffer = io.BytesIO()
    tifffile.imwrite(
        buffer,
        np.ascontiguousarray(scores, np.float32),
        photometric="minisblack",
        compression="zlib",
        compressionargs={"level": 1},
        rowsperstrip=scores.shape[0],
        metadata=None,
        software=False,
    )
    return buffer.getvalue()


def read_score_map(path: str | Path) -> FloatMap:
    """(H, W) float32 of a score map that ``score_tiff`` made."""
    scores: npt.NDArray[np.float32] = tifffile.imread(path)
    return scores


def _encode(suffix: str, image: npt.NDArray[np.uint8], options: tuple[int, ...]) -> bytes:
    done, data = cv2.imencode(suffix, image, options)
    if not done:
        raise ValueError(f"a picture of shape {image.shape} cannot be encoded as {suffix}")
    return data.tobytes()
