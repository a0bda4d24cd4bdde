"""The pictures that training sees: shuffled anew for each pass, decoded ahead, those that cannot be read left out."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from iapas.errors import ImageError, UsageError
from iapas.files.images import read_image
from iapas.files.inputs import Source
from iapas.settings import Reading
from iapas.types import Image

log = logging.getLogger("iapas")

THREADS = 4


@dataclass(frozen=True)
class Batch:
    """``images``: (H, W, 3) uint8 each. ``place``: how many sources the stream had come to after them."""

    images: list[Image]
    place: int


class Stream:
    """Batches without end. The same sources and seed give the same ones; from ``place`` on, a stream goes on.

    ``skipped``: the ids that could not be read so far, which is added to.
    """

    def __init__(
        self, sources: Sequence[Source], reading: Reading, seed: int, place: int = 0, skipped: Sequence[str] = ()
    ) -> None:
        self._sources, self._reading, self._seed, self._place = sources, reading, seed, place
        self.skipped = dict.fromkeys(skipped)

    def batches(self, size: int) -> Generator[Batch, None, None]:
        """Batches of ``size``. Raises UsageError when a whole pass holds nothing that can be read."""
        place, useless = self._place, 0
        images: list[Image] = []
        with ThreadPoolExecutor(THREADS) as pool:
            ahead: deque[tuple[Source, Future[Image]]] = deque()
            order = self._order(place)
            try:
                while True:
                    while len(ahead) < 2 * size:
                        source = next(order)
                        ahead.append((source, pool.submit(self._read, source)))
                    source, future = ahead.popleft()
                    place += 1
                    try:
                        images.append(future.result())
                        useless = 0
                    except ImageError as error:
                        useless += 1
                        self._skip(source, error, useless)
                    if len(images) == size:
                        yield Batch(images, place)
                        images = []
            finally:
                pool.shutdown(wait=False, cancel_futures=True)

    def _order(self, place: int) -> Iterator[Source]:
        count = len(self._sources)
        while True:
            turn, begin = divmod(place, count)
            for at in np.random.default_rng((self._seed, turn)).permutation(count)[begin:].tolist():
                yield self._sources[at]
            place = (turn + 1) * count

    def _read(self, source: Source) -> Image:
        return read_image(source.path, self._reading).frames[0]

    def _skip(self, source: Source, error: ImageError, useless: int) -> None:
        if source.id not in self.skipped:
            log.warning("left out: %s", error)
        self.skipped[source.id] = None
        if useless >= len(self._sources):
            raise UsageError(f"none of the {len(self._sources)} images can be read; the last: {error}")
