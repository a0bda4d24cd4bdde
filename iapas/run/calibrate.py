"""``iapas calibrate``: the threshold of each product in a profile, measured on images without a defect."""

from __future__ import annotations

import logging
import os
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from iapas.config import Config
from iapas.core.scoring import calibrated_threshold, critical_score
from iapas.errors import UsageError
from iapas.files.inputs import Source, list_images
from iapas.files.profiles import read_profiles, write_profiles
from iapas.profile_checks import calibration_fingerprint
from iapas.run.capacity import open_pool
from iapas.run.progress import progress
from iapas.run.signals import Signals
from iapas.run.worker import Done, one_by_one
from iapas.segmenter import Segmenter
from iapas.types import ObjectProfile

log = logging.getLogger("iapas")


@dataclass(frozen=True)
class _Task:
    product: str
    path: str
    profile: ObjectProfile


def calibrate_run(
    inputs: Sequence[str], config: Config, profile: str | os.PathLike[str], false_alarms: float, *, quiet: bool = False
) -> dict[str, Any]:
    """Write into the file ``profile``, for each product in it, the threshold for this share of ``false_alarms``.

    The good images of a product are those in its folder, or all, if the file holds one profile for everything.
    An image that cannot be read is named in a warning and left out. The file is written once, at the end.
    Raises UsageError when a product has no good image, ConfigError for the file, Interrupted after a signal.
    """
    file = Path(profile)
    segmenter = Segmenter.from_config(config)
    profiles = {product: segmenter.complete(known) for product, known in read_profiles(file).items()}
    sources = list_images([os.fspath(given) for given in inputs]).sources
    tasks = [_Task(product, source.path, profiles[product]) for product, source in _by_product(sources, profiles)]
    _require_each(profiles, {task.product for task in tasks}, "good image")  # now, not after the work
    critical, failed = _measure(tasks, config, quiet)
    _require_each(profiles, critical, "readable good image")
    calibrated = {
        product: _calibrated(known, critical[product], false_alarms, config) for product, known in profiles.items()
    }
    write_profiles(file, profiles | calibrated)
    return {
        "profile": str(file),
        "images": sum(map(len, critical.values())),
        "failed": failed,
        "thresholds": {product: known.threshold for product, known in calibrated.items()},
    }


def _require_each(profiles: Mapping[str, ObjectProfile], found: Container[str], what: str) -> None:
    for product in sorted(profiles):
        if product not in found:
            where = f"give a folder that holds one called {product!r}" if product else "give some outside of folders"
            raise UsageError(f"no {what} of the product {product!r}", where)


def _by_product(sources: Sequence[Source], profiles: Mapping[str, ObjectProfile]) -> list[tuple[str, Source]]:
    """Each image with its product: its first folder, if the profile knows that; else "", if there is one for all."""
    pairs = []
    for source in sources:
        folder = source.id.partition("/")[0] if "/" in source.id else ""
        product = folder if folder in profiles else ""
        if product in profiles:
            pairs.append((product, source))
        else:
            log.warning("%s: the profile has no product %r; left out", source.id, folder)
    return pairs


def _measure(tasks: Sequence[_Task], config: Config, quiet: bool) -> tuple[dict[str, list[float]], int]:
    """For each product the critical score of each of its images; and how many images failed."""
    critical: dict[str, list[float]] = {}
    failed = 0
    with (
        Signals() as signals,
        open_pool(config, partial(Segmenter.from_config, config), partial(one_by_one, _work), len(tasks)) as pool,
        progress(len(tasks), quiet) as report,
    ):
        for done, (task, outcome) in enumerate(pool.run(tasks, stop=lambda: bool(signals)), start=1):
            if isinstance(outcome, Done):
                critical.setdefault(task.product, []).append(outcome.value)
            else:
                failed += 1
                log.warning("left out: %s", outcome.message)
            report(done, failed)
        signals.raise_noted()
    return critical, failed


def _work(segmenter: Segmenter, task: _Task) -> float:
    result = segmenter.segment(task.path, task.profile)
    return critical_score(result.score_map, segmenter.config.verdict.min_area)


def _calibrated(
    profile: ObjectProfile, critical: Sequence[float], false_alarms: float, config: Config
) -> ObjectProfile:
    threshold = calibrated_threshold(critical, false_alarms)
    facts = {
        "config": config.name,
        "false_alarms": false_alarms,
        "fingerprint": calibration_fingerprint(config, profile),
        "images": len(critical),
    }
    found = profile.found | {"threshold": f"calibrated on {len(critical)} good images at {false_alarms:g} false alarms"}
    return replace(profile, threshold=threshold, calibration=facts, found=found)
