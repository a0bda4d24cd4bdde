"""Sorted runs of pixel keys, in memory or on the disk, read together from the highest scores to the lowest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from iapas.core.ranking import Pixels, Rows, merge_rows, split_ties
from iapas.files.scratch import Scratch

Array = npt.NDArray[Any]

RUN = 1 << 22
"""Keys are sorted when there are so many."""

_ROWS = 1 << 20
_BLOCK = 1 << 22
_LEAST = 1 << 10  # far more than the equal keys that a run may hold, see ``split_ties``


@dataclass(frozen=True, eq=False)
class Run:
    """Sorted keys or rows: where they are (in memory, or in a file from the byte ``begin``), and how many."""

    place: Array | Scratch
    dtype: np.dtype[Any]
    size: int
    begin: int = 0

    @classmethod
    def of(cls, array: Array) -> Run:
        """A run in memory."""
        return cls(array, array.dtype, array.size)

    def read(self, start: int, end: int) -> Array:
        """The elements from ``start`` to before ``end``."""
        if isinstance(self.place, Scratch):
            return self.place.read(self.begin + start * self.dtype.itemsize, self.dtype, end - start)
        return self.place[start:end]

    def spilled(self, scratch: Scratch) -> Run:
        """The same run, on the disk."""
        if isinstance(self.place, Scratch):
            return self
        return replace(self, place=scratch, begin=scratch.append(self.place))


class Keys:
    """Pixels of one kind, positive or negative, of one group."""

    def __init__(self) -> None:
        self._loose: list[Array] = []
        self._rows: list[Rows] = []
        self.runs: list[Run] = []

    def add(self, keys: Array) -> None:
        """Single pixels."""
        self._loose.append(keys)
        if sum(part.size for part in self._loose) >= RUN:
            self._sort()

    def add_rows(self, rows: Rows) -> None:
        """Equal pixels together."""
        self._rows.append(rows)
        if sum(part.size for part in self._rows) >= _ROWS:
            self._gather()

    def settle(self) -> None:
        """Make everything that was added part of a run."""
        self._sort()
        self._gather(settle=True)

    def spill(self, scratch: Scratch) -> None:
        """Put everything on the disk."""
        self.settle()
        self.runs = [run.spilled(scratch) for run in self.runs]

    def held(self) -> int:
        """Bytes in memory."""
        kept = [run.place.nbytes for run in self.runs if not isinstance(run.place, Scratch)]
        return sum(array.nbytes for array in (*self._loose, *self._rows)) + sum(kept)

    def _sort(self) -> None:
        if not self._loose:
            return
        keys = np.concatenate(self._loose)
        self._loose = []
        keys.sort()
        keys, rows = split_ties(keys)
        self._keep(keys)
        if rows.size:
            self.add_rows(rows)

    def _gather(self, settle: bool = False) -> None:
        """Merge rows; what stays large is a run."""
        if not self._rows:
            return
        merged = merge_rows(self._rows)
        self._rows = []
        if settle or merged.size > _ROWS // 2:
            self._keep(merged)
        else:
            self._rows = [merged]

    def _keep(self, array: Array) -> None:
        if array.size:
            self.runs.append(Run.of(array))


class _Reader:
    """One run, read from its end in windows."""

    def __init__(self, run: Run, window: int) -> None:
        self._run, self._size = run, window
        self._below = run.size
        self.window = np.zeros(0, run.dtype)

    def fill(self) -> None:
        """Read on when half of the window is gone."""
        if self._below and 2 * self.window.size < self._size:
            start = max(0, self._below - self._size)
            self.window = np.concatenate([self._run.read(start, self._below), self.window])
            self._below = start

    def lowest(self) -> int:
        """The bits of the lowest score read, where more lies below; else -1."""
        return int(_bits(self.window[:1])[0]) if self._below else -1

    def highest(self) -> int:
        """The bits of the highest score in the window, -1 where it is empty."""
        return int(_bits(self.window[-1:])[0]) if self.window.size else -1

    def widen(self) -> None:
        """Read more at once: the whole window is one score (of positive pixels in regions of many areas)."""
        self._size *= 4

    def take(self, limit: int) -> Array:
        """Everything in the window with bits above ``limit``."""
        cut = int(np.searchsorted(_bits(self.window), np.uint32(limit), "right")) if limit >= 0 else 0
        taken = self.window[cut:]
        self.window = self.window[:cut]
        return taken


def blocks(negatives: Sequence[Run], positives: Sequence[Run]) -> Iterator[Pixels]:
    """All pixels in blocks that fit into memory: every score of a block is above all those of the next."""
    window = max(_LEAST, _BLOCK // max(1, len(negatives) + len(positives)))
    down, up = ([_Reader(run, window) for run in runs] for runs in (negatives, positives))
    readers = [*down, *up]
    while True:
        for reader in readers:
            reader.fill()
        if not any(reader.window.size for reader in readers):
            return
        limit = max(reader.lowest() for reader in readers)
        if all(reader.highest() <= limit for reader in readers):
            for reader in readers:
                if reader.lowest() == limit:
                    reader.widen()
            continue
        below, above = ([part for reader in side if (part := reader.take(limit)).size] for side in (down, up))
        yield Pixels(*_sides(below), *_sides(above))


def _sides(parts: list[Array]) -> tuple[list[Array], list[Array]]:
    """Keys and rows apart."""
    return [part for part in parts if not part.dtype.names], [part for part in parts if part.dtype.names]


def _bits(window: Array) -> Array:
    """The bits of the scores of keys or rows, (N,) uint32."""
    keys = window["key"] if window.dtype.names else window
    return np.ascontiguousarray(keys if keys.dtype == np.uint32 else (keys >> np.uint64(32)).astype(np.uint32))
