"""``--method sam-everything-oracle``: what a mask generator's masks could be at best, chosen with the ground truth.

Song et al., section 3: all masks of an image, superimposed or negated towards the truth. An upper bound, no method.
Published with SAM ViT-H; here with whatever mask generator the config names.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from iapas.config import Config
from iapas.core.oracle import select_masks
from iapas.errors import ImageError, OutputError, RunError
from iapas.evaluation.data import Item
from iapas.evaluation.sources import ANY_SIZE, MADE_WITH, About, failed_row, require_same_size
from iapas.files.atomic import make_folder, write_bytes, write_text
from iapas.files.images import read_image, read_mask
from iapas.files.provenance import WAY_OUT, new_run
from iapas.files.results import check_id, mask_png, result_path
from iapas.protocols import MaskGenerator
from iapas.run.contents import contents
from iapas.run.progress import progress
from iapas.run.signals import Signals
from iapas.run.worker import failure
from iapas.segmenter import Segmenter
from iapas.settings import Reading
from iapas.types import BoolMap, FloatMap

log = logging.getLogger("iapas")

METHOD = "sam-everything-oracle"
TITLE = "all masks of a mask generator, chosen with the ground truth: an upper bound, no method"

TruthOf = Callable[[Item], BoolMap | None]
Row = dict[str, Any]


@dataclass(frozen=True)
class OracleMaps:
    """The chosen masks, as maps of 0 and 1; see :class:`iapas.evaluation.sources.Maps`."""

    root: Path
    about: About
    rows: Mapping[str, Row]

    def scores(self, item: Item) -> FloatMap:
        """The chosen mask, as 0 and 1."""
        return self.mask(item).astype(np.float32)

    def mask(self, item: Item) -> BoolMap:
        """The chosen mask."""
        row = self.rows[item.sample.id]
        if row["error"]:
            raise failed_row(row)
        return read_mask(result_path(self.root, "masks", item.sample.id), ANY_SIZE)


def oracle_maps(
    config: Config,
    items: Sequence[Item],
    truth_of: TruthOf,
    out: Path,
    *,
    restart: bool = False,
    retry_failed: bool = False,
    quiet: bool = False,
    make: Callable[[Config], MaskGenerator] = lambda config: Segmenter.from_config(config).mask_generator(),
) -> tuple[OracleMaps | None, int, float | None]:
    """Choose the masks of each image, into ``out``/oracle, or go on with what is there.

    Gives the maps (None when interrupted), the exit status, and the mean seconds that the generator took. ``make``: the
    mask generator of a config. Raises OutputError where the folder was made with another config.
    """
    root = out / "oracle"
    made_with = {key: value for key, value in new_run(config, contents(config)).items() if key in MADE_WITH}
    make_folder(root)
    rows = {} if restart else _known(root, items, made_with["fingerprint"], retry_failed)
    todo = [item for item in items if item.sample.id not in rows]
    log.info("%s%s", TITLE, f"; {len(rows)} images are done" if rows else "")
    generator: MaskGenerator | None = None
    with Signals() as signals, progress(len(todo), quiet) as report:
        for done, item in enumerate(todo, start=1):
            if signals:
                return None, 128 + (signals.number or 0), None
            generator = generator or make(config)
            row = _choose(generator, item, truth_of, root, config.reading)
            rows[item.sample.id] = row | {"fingerprint": made_with["fingerprint"]}
            write_text(_file(root, item), json.dumps(rows[item.sample.id]) + "\n", fsync=False)
            report(done, 0)
    if generator is not None:
        generator.close()
    taken = [row["seconds"] for row in rows.values() if row.get("seconds") is not None]
    seconds = round(float(np.mean(taken)), 4) if taken else None
    about = About(
        METHOD,
        f"{TITLE}; the masks: {config.title}",
        "masks chosen with the ground truth, as 0 and 1",
        made_with,
        config.reading,
        finished=True,
    )
    return OracleMaps(root, about, rows), 0, seconds


def _choose(generator: MaskGenerator, item: Item, truth_of: TruthOf, root: Path, reading: Reading) -> Row:
    """Choose the masks of one image, and write what they make; its row. The seconds are the generator's alone.

    Of a normal image nothing is chosen, so the generator is not asked.
    """
    row: Row = {"id": item.sample.id, "content": _content(item), "error": None, "message": None}
    try:
        check_id(item.sample.id)
        image = read_image(item.sample.path, reading).frames[0]
        truth = truth_of(item)
        mask = np.zeros(image.shape[:2], bool)
        if truth is not None:
            require_same_size(item, mask, truth)
            start = time.monotonic()
            regions = generator.generate(image)
            row["seconds"] = round(time.monotonic() - start, 4)
            chosen = select_masks(regions, truth)
            mask = chosen.mask
            row |= {"masks": len(regions), "steps": [[at, deed] for at, deed in chosen.steps]}
        write_bytes(result_path(root, "masks", item.sample.id), mask_png(mask), fsync=False)
    except RunError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, it costs one image alone
        why = failure(error)
        log.debug("%s: %s", item.sample.id, why.details or why.message)
        row |= {"error": why.code, "message": why.message}
    return row


def _known(root: Path, items: Sequence[Item], fingerprint: str, retry_failed: bool) -> dict[str, Row]:
    """The rows that are there and still hold."""
    rows = {}
    for item in items:
        try:
            row = json.loads(_file(root, item).read_bytes())
            old, content, failed = row["fingerprint"], row["content"], row["error"]
        except (OSError, ValueError, KeyError, ImageError):
            continue
        if old != fingerprint:
            raise OutputError(f"{root} was made with another config", WAY_OUT)
        if content == _content(item) and not (failed and retry_failed):
            rows[item.sample.id] = row
    return rows


def _file(root: Path, item: Item) -> Path:
    return root / "rows" / f"{item.sample.id}.json"


def _content(item: Item) -> str:
    """What a row depends on beside the settings."""
    return f"{item.image_hash} {item.mask_hash}"
