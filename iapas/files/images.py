"""The only place where an image is decoded.

What is promised of every picture: 8-bit RGB in the displayed frame, from a file that was read once (the hash
is of the very bytes that were decoded) and that was whole; every rule that was applied is in its notes.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import cv2

from iapas.errors import ImageError, ImageTooLarge, ReadDenied, ReadVanished
from iapas.files import raster, tiff
from iapas.files.formats import EXTENSIONS, recognise
from iapas.files.names import shown
from iapas.files.pixels import to_rgb, upright
from iapas.settings import Reading
from iapas.types import BoolMap, Image

_GONE = (errno.ENOENT, errno.ENOTDIR, errno.ESTALE)


@dataclass(frozen=True, eq=False)
class Picture:
    """A file that was read.

    ``frames``: nearly always one; (H, W, 3) uint8 RGB, displayed frame, all of one size. ``sha256``: of the
    bytes decoded. ``exif_orientation``: 1..8, already applied. ``valid``: (H, W) bool, False where every frame is
    wholly transparent, so that nothing is there; None: all valid. ``notes``: the rules applied, for the manifest.
    """

    frames: tuple[Image, ...]
    sha256: str
    exif_orientation: int
    valid: BoolMap | None
    notes: tuple[str, ...]

    @property
    def width(self) -> int:
        """In pixels, as displayed."""
        return int(self.frames[0].shape[1])

    @property
    def height(self) -> int:
        """In pixels, as displayed."""
        return int(self.frames[0].shape[0])


def read_image(path: str | os.PathLike[str], reading: Reading) -> Picture:
    """Read and decode one file. Raises a subclass of ImageError that says what is wrong with it."""
    name = os.path.basename(os.fsdecode(path))  # noqa: PTH119 - Path would drop a trailing slash
    with _named(name):
        data = _read(path, reading.max_bytes)
    return decode_image(data, name, reading)


def decode_image(data: bytes, name: str, reading: Reading) -> Picture:
    """Decode the bytes of one file; ``name`` is for messages alone. Raises as read_image."""
    with _named(name):
        if len(data) > reading.max_bytes:
            raise ImageTooLarge(f"{len(data)} bytes are above reading.max_bytes = {reading.max_bytes}")
        kind = recognise(data, reading.formats)
        decoded = tiff.decode(data, reading) if kind == "tiff" else raster.decode(kind, data, reading)
        frames: list[Image] = []
        valid: BoolMap | None = None
        notes = dict.fromkeys(decoded.notes)
        while decoded.frames:  # each is dropped as soon as it is converted: deep pictures are large
            rgb, seen, rules = to_rgb(decoded.frames.pop(0), reading)
            valid = seen if not frames else (None if seen is None or valid is None else valid | seen)
            frames.append(upright(rgb, decoded.orientation))
            notes.update(dict.fromkeys(rules))
    expected = EXTENSIONS.get(os.path.splitext(name)[1].lower())  # noqa: PTH122
    if expected not in (None, kind):
        notes[f"{kind.upper()} content in a {os.path.splitext(name)[1]} name"] = None  # noqa: PTH122
    return Picture(
        frames=tuple(frames),
        sha256=hashlib.sha256(data).hexdigest(),
        exif_orientation=decoded.orientation,
        valid=None if valid is None else upright(valid, decoded.orientation),
        notes=tuple(notes),
    )


def read_mask(path: str | os.PathLike[str], reading: Reading | None = None) -> BoolMap:
    """A mask file: (H, W) bool, displayed frame, True where the 8-bit grey view is above 127.

    Any size and any decodable format; transparent is False; of several frames the first. Raises as read_image.
    """
    changes = {"formats": [*set(EXTENSIONS.values())], "min_side": 1, "max_aspect": 1e9, "background": [0, 0, 0]}
    reading = reading or Reading()
    first = 0 if reading.frame == "all" else reading.frame
    picture = read_image(path, reading.model_copy(update={**changes, "frame": first}))
    mask: BoolMap = cv2.cvtColor(picture.frames[0], cv2.COLOR_RGB2GRAY) > 127
    return mask


@contextmanager
def _named(name: str) -> Iterator[None]:
    """Puts the file's name before the message of an ImageError."""
    try:
        yield
    except ImageError as error:
        error.args = (f"{shown(name)}: {shown(error.args[0])}",)
        raise


def _read(path: str | os.PathLike[str], max_bytes: int) -> bytes:
    """The bytes of a regular file of at most ``max_bytes``, none of which changed while they were read."""
    try:
        _require_regular(os.stat(path))  # noqa: PTH116 - opening a device to look at it may set it going
        # not blocking: between the two calls the file may have been replaced by a FIFO
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with os.fdopen(descriptor, "rb", buffering=0) as file:
            before = os.fstat(descriptor)
            _require_regular(before)
            if before.st_size > max_bytes:
                raise ImageTooLarge(f"{before.st_size} bytes are above reading.max_bytes = {max_bytes}")
            data = file.read(before.st_size + 1) or b""
            while len(data) < before.st_size and (more := file.read(before.st_size - len(data))):
                data += more
            after = os.fstat(descriptor)
    except OSError as error:
        kind = ReadVanished if error.errno in _GONE else ReadDenied
        raise kind(f"cannot be read: {error.strerror or error}") from error
    except ValueError as error:  # a zero byte in the path
        raise ReadDenied(f"cannot be read: {error}") from error
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns) or len(data) != before.st_size:
        raise ReadVanished("the file changed while it was read", "run again when it is complete")
    return data


def _require_regular(status: os.stat_result) -> None:
    if stat.S_ISREG(status.st_mode):
        return
    kinds = {stat.S_IFDIR: "a directory", stat.S_IFIFO: "a FIFO", stat.S_IFSOCK: "a socket"}
    kind = kinds.get(stat.S_IFMT(status.st_mode), "a device")
    raise ReadDenied(f"this is {kind}, not a regular file")
