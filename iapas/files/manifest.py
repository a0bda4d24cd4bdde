"""manifest.jsonl: a row for each image, exactly once, appended as images are finished.

In memory there is an id and a place in the file for each row, about 200 bytes. A row is one write; what a power
cut or a full disk leaves of one is cut off when the file is opened again, and its image done again.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from iapas.errors import OutputError
from iapas.files.atomic import guarded, write_all, write_bytes

KEYS = (
    "id", "status", "error", "message", "sha256", "width", "height", "exif_orientation",
    "verdict", "score", "regions", "warnings", "seconds",
)  # fmt: skip

Row = dict[str, Any]


def read_rows(path: Path) -> Iterator[tuple[int, Row]]:
    """Each row with its place in the file, in the file's order; a torn last line is left out. No file: no rows.

    Raises OutputError when anything before the last line is not a row.
    """
    place = 0
    if not path.exists():
        return
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            row = _row(line)
            if row is None:
                if file.read(1):
                    raise OutputError(f"{path}: line {number} is not a row", "--restart makes the run anew")
                return
            yield place, row
            place += len(line)


def drop_failed(path: Path) -> list[str]:
    """Rewrite a manifest, whole or not at all, without its failed rows; their ids."""
    kept, dropped = [], []
    for _, row in read_rows(path):
        if row["status"] == "failed":
            dropped.append(row["id"])
        else:
            kept.append(_line(row))
    if dropped:
        write_bytes(path, b"".join(kept))
    return dropped


class Manifest:
    """The rows of one run folder, open for more; call ``close()`` when done."""

    def __init__(self, path: Path) -> None:
        """Open or make the file; a torn last line is cut off."""
        self.path = path
        self.counts = Counter[str]()  # rows that are "ok" and "failed"; of the ok ones those that are "defect"
        self._places: dict[str, int] = {}
        self._end = 0
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
        with guarded(path):
            self._file = os.open(path, flags, 0o666)
        try:
            for place, row in read_rows(path):
                if row["id"] in self._places:
                    raise OutputError(f"{path}: two rows for {row['id']!r}", "--restart makes the run anew")
                self._note(row, place)
            self._end = self._end_of_rows()
            self._cut()
        except BaseException:
            self.close()
            raise

    def __contains__(self, image_id: str) -> bool:
        return image_id in self._places

    def __len__(self) -> int:
        return len(self._places)

    def rows(self) -> Iterator[Row]:
        """Every row, in the order of the ids."""
        with self.path.open("rb") as file:
            for image_id in sorted(self._places):
                file.seek(self._places[image_id])
                yield json.loads(file.readline())

    def append(self, row: Row) -> None:
        """Add a row, which holds exactly KEYS. Raises OutputError; then the file is as it was before."""
        if tuple(row) != KEYS or row["id"] in self._places:
            raise ValueError(f"not a new row: {row!r}")
        line = _line(row)
        try:
            with guarded(self.path):
                write_all(self._file, line)
        except OutputError:
            self._cut()
            raise
        self._note(row, self._end)
        self._end += len(line)

    def sync(self) -> None:
        """Wait until the rows are on the disk."""
        with guarded(self.path):
            os.fsync(self._file)

    def close(self) -> None:
        """Close the file, which may be closed already."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _note(self, row: Row, place: int) -> None:
        self._places[row["id"]] = place
        self.counts[row["status"]] += 1
        self.counts["defect"] += row["verdict"] == "defect"

    def _end_of_rows(self) -> int:
        if not self._places:
            return 0
        last = max(self._places.values())
        with self.path.open("rb") as file:
            file.seek(last)
            return last + len(file.readline())

    def _cut(self) -> None:
        os.ftruncate(self._file, self._end)
        os.lseek(self._file, self._end, os.SEEK_SET)


def _row(line: bytes) -> Row | None:
    """The row in a line; None if it is not whole."""
    if not line.endswith(b"\n"):
        return None
    try:
        row = json.loads(line)
    except ValueError:
        return None
    whole = isinstance(row, dict) and tuple(row) == KEYS and isinstance(row["id"], str)
    return row if whole and row["status"] in ("ok", "failed") else None


def _line(row: Row) -> bytes:
    """A row as a line of ASCII: nothing in an id or a message can break lines or encodings."""
    return json.dumps(row, separators=(",", ":"), allow_nan=False).encode("ascii") + b"\n"
