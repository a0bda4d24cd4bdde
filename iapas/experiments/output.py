"""What an experiment leaves: experiment.json, the same bytes for the same experiment; timings.json; small pictures."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from iapas import __version__
from iapas.evaluation.results import json_text
from iapas.experiments.data import Pictures, Shot
from iapas.experiments.plan import Experiment, Variant
from iapas.experiments.records import Glance
from iapas.experiments.sharing import STEPS
from iapas.experiments.sweep import Sweep
from iapas.files.atomic import write_bytes, write_text
from iapas.files.images import read_image
from iapas.files.results import mask_png, picture_png, thumbnail_jpeg
from iapas.files.truth import read_truth
from iapas.types import Image

SIDE = 480
"""Long side of a picture of the page, in pixels."""


def variants_told(sweep: Sweep) -> list[dict[str, Any]]:
    """Each variant: its words, by category, and how they were found."""
    return [
        {
            "name": variant.name,
            "config": variant.config.name,
            "kind": variant.words.kind,
            "switches": dict(variant.switches),
            "phrases": {c: [p.text for p in profile.phrases] for c, profile in sweep.profiles[variant.name].items()},
            "objects": {c: profile.object for c, profile in sweep.profiles[variant.name].items()},
            "found": {c: profile.found.get("phrases", "") for c, profile in sweep.profiles[variant.name].items()},
        }
        for variant in sweep.variants
    ]


def provenance(experiment: Experiment, pictures: Pictures, sweep: Sweep) -> dict[str, Any]:
    """What the figures hang on, without times, hosts and folders."""
    configs: dict[str, Any] = {}
    for variant in experiment.variants:
        configs[variant.name] = {"config": variant.config.name, "fingerprint": variant.config.fingerprint()}
    contents = {key: value for setting in sweep.settings.values() for key, value in setting.contents.items()}
    return {
        "iapas": __version__,
        "configs": configs,
        "contents": dict(sorted(contents.items())),
        "data": dict(pictures.told),
        "failed": [{"id": key, "message": sweep.failed[key].message} for key in sorted(sweep.failed)],
    }


def write_timings(folder: Path, sweep: Sweep) -> dict[str, Any]:
    """timings.json: seconds of each variant, of the segmentation alone, and their ratio to the first's."""
    number = len(sweep.shots())
    rows: list[dict[str, Any]] = []
    for variant in sweep.variants:
        times = sweep.times.get(variant.name, {})
        row: dict[str, Any] = {"variant": variant.name, "images": number}
        row |= {step: round(times.get(step, 0.0), 4) for step in (*STEPS, "total")}
        first = rows[0]["total"] if rows else row["total"]
        row["per_image"] = round(row["total"] / max(number, 1), 5)
        row["ratio"] = round(row["total"] / first, 4) if first else None
        row["cached"] = int(times.get("cached", 0))
        rows.append(row)
    on_gpu = any(setting.config.run.device == "cuda" for setting in sweep.settings.values())
    told = {
        "unit": "seconds" if on_gpu else "seconds of the processor, all threads together",
        "note": "without reading, metrics and writing; what does not depend on the prompt is computed for the first"
        " variant alone; of records from the cache the time is that of when they were made",
        "variants": rows,
    }
    write_text(folder / "timings.json", json_text(told))
    return told


def write_pictures(folder: Path, sweep: Sweep, number: int) -> list[dict[str, Any]]:
    """Pictures, truths and the maps of all variants of ``number`` images, spread over the categories."""
    chosen = _chosen(sweep, number)
    names = _folders(sweep.variants)
    maps: dict[str, dict[str, str]] = {}
    wanted = {shot.item.sample.id for shot in chosen}
    for variant in sweep.variants:
        for shot, glance in sweep.glances(variant.name):
            image_id = shot.item.sample.id
            if image_id in wanted:
                path = f"maps/{names[variant.name]}/{image_id}.png"
                write_bytes(folder / path, picture_png(_heat(glance)), fsync=False)
                maps.setdefault(image_id, {})[variant.name] = path
    told = []
    for shot in chosen:
        sample = shot.item.sample
        photo, truth = _shown(sweep, shot)
        write_bytes(folder / f"pictures/{sample.id}.jpg", thumbnail_jpeg(photo), fsync=False)
        if truth is not None:
            write_bytes(folder / f"truth/{sample.id}.png", mask_png(truth), fsync=False)
        told.append(
            {
                "id": sample.id,
                "dataset": shot.dataset,
                "category": shot.category,
                "defect_type": sample.defect or None,
                "picture": f"pictures/{sample.id}.jpg",
                "truth": f"truth/{sample.id}.png" if truth is not None else None,
                "maps": maps[sample.id],
            }
        )
    return told


def write_experiment(folder: Path, data: Mapping[str, Any]) -> None:
    """experiment.json."""
    write_text(folder / "experiment.json", json_text(data))


def _chosen(sweep: Sweep, number: int) -> list[Shot]:
    """``number`` images, as many of each category, evenly spaced; defective ones before others."""
    categories = sweep.pictures.categories
    found: list[Shot] = []
    for at, category in enumerate(categories):
        share = number // len(categories) + (at < number % len(categories))
        shots = [shot for _, shot in sweep.shots(category)]
        wanted = [shot for shot in shots if shot.item.defective] or shots
        count = min(share, len(wanted))
        found += [wanted[i * len(wanted) // count] for i in range(count)]
    return found


def _shown(sweep: Sweep, shot: Shot) -> tuple[Image, Any]:
    """The photograph and its truth, made small."""
    reading = next(iter(sweep.settings.values())).config.reading
    photo = _small(read_image(shot.item.sample.path, reading).frames[0])
    mask = shot.item.sample.mask
    if not mask or not shot.judged:
        return photo, None
    truth = read_truth(mask, shot.item.sample.rule).astype(np.float32)
    return photo, cv2.resize(truth, photo.shape[1::-1], interpolation=cv2.INTER_AREA) >= 0.5


def _small(image: Image) -> Image:
    height, width = image.shape[:2]
    scale = SIDE / max(height, width)
    if scale >= 1:
        return image
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def _heat(glance: Glance) -> Image:
    """The small map in the colours of the report: black 0, pale yellow 1."""
    return np.asarray(cv2.applyColorMap(glance.preview, cv2.COLORMAP_INFERNO)[:, :, ::-1], np.uint8)


def _folders(variants: Sequence[Variant]) -> dict[str, str]:
    """A folder name for each variant, that every system can write."""
    found: dict[str, str] = {}
    for at, variant in enumerate(variants, start=1):
        word = re.sub(r"[^a-z0-9]+", "-", variant.name.lower()).strip("-")[:40]
        found[variant.name] = f"{at:02}-{word}" if word else f"{at:02}"
    return found
