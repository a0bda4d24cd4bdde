"""Runs over the images with all prompts at once, and keeps the records on the disk, in a file without a name.

What a stopped experiment has computed is in the cache: the same command goes on with it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from iapas.config import Config
from iapas.errors import UsageError
from iapas.experiments.data import Pictures, Shot
from iapas.experiments.measuring import Asked, Setting, Task, set_up, work
from iapas.experiments.plan import Variant
from iapas.experiments.records import Glance, Record, glance_at
from iapas.experiments.sharing import STEPS
from iapas.experiments.tables import Table, unpacked
from iapas.files.scratch import Scratch
from iapas.run.capacity import open_pool
from iapas.run.contents import contents
from iapas.run.progress import progress
from iapas.run.worker import Done, Failure
from iapas.run.workers import Pool
from iapas.settings import Describe
from iapas.types import ObjectProfile

log = logging.getLogger("iapas")

Profiles = Mapping[str, Mapping[str, ObjectProfile]]
"""Variant -> category -> profile."""


_NAMING = {"describe", "detector", "decoder", "models", "exemplars", "verdict"}
"""The sections that name files or models."""


@dataclass
class Sweep:
    """The records of an experiment, by variant and image."""

    variants: Sequence[Variant]
    pictures: Pictures
    profiles: Profiles
    folder: Path
    failed: dict[str, Failure] = field(default_factory=dict)
    """By image: those that no variant is judged on."""
    times: dict[str, dict[str, float]] = field(default_factory=dict)
    """Variant -> step -> seconds, and how many records were in the cache."""
    _places: dict[tuple[str, int], tuple[int, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._scratch = Scratch(self.folder)
        self.settings, self._setting_of = _settings(self.variants)

    def run(self, pool: Pool, stop: Callable[[], bool], *, alone: bool, quiet: bool) -> None:
        """Compute all records, or take them from the cache; after ``stop()`` some are missing."""
        shots = self.pictures.shots
        tasks = (self._task(place, shot, alone) for place, shot in enumerate(shots))
        with progress(len(shots), quiet) as report:
            for done, (task, outcome) in enumerate(pool.run(tasks, stop=stop), start=1):
                if isinstance(outcome, Failure):
                    self.failed[task.item.sample.id] = outcome
                    log.warning("%s: %s", task.item.sample.id, outcome.message)
                else:
                    self._keep(task, outcome)
                report(done, len(self.failed))
        if len(self.failed) == len(shots):
            raise UsageError(f"no image could be looked at; the first: {next(iter(self.failed.values())).message}")

    def shots(self, category: str | None = None) -> list[tuple[int, Shot]]:
        """The images that were looked at, with their places: of a category, or all."""
        every = enumerate(self.pictures.shots)
        return [
            (place, shot)
            for place, shot in every
            if shot.item.sample.id not in self.failed and category in (None, shot.category)
        ]

    def records(self, variant: str, category: str) -> Iterator[tuple[Shot, Record]]:
        """The images of a category with their records."""
        for place, shot in self.shots(category):
            yield shot, Record.parse(self._data(variant, place))

    def glances(self, variant: str) -> Iterator[tuple[Shot, Glance]]:
        """All images, with what is small of their records."""
        for place, shot in self.shots():
            yield shot, glance_at(self._data(variant, place))

    def tables(
        self, pool: Pool, places: Sequence[int], asked: Callable[[Shot], Sequence[ObjectProfile]], variant: str
    ) -> dict[int, list[Table]]:
        """For each image coarse tables of other profiles under a variant's setting; failed images are left out."""
        setting = self._setting_of[variant]
        tasks = []
        for place in places:
            shot = self.pictures.shots[place]
            prompts = tuple(Asked(setting, profile) for profile in asked(shot))
            tasks.append(Task(place, shot.item, prompts, only_tables=True))
        found = {}
        for task, outcome in pool.run(tasks):
            if isinstance(outcome, Done):
                found[task.place] = unpacked(outcome.value)
        return dict(sorted(found.items()))

    def close(self) -> None:
        """Give the disk back."""
        self._scratch.close()

    def _data(self, variant: str, place: int) -> bytes:
        begin, size = self._places[variant, place]
        return self._scratch.read(begin, np.dtype(np.uint8), size).tobytes()

    def _task(self, place: int, shot: Shot, alone: bool) -> Task:
        asked = tuple(Asked(self._setting_of[v.name], self.profiles[v.name][shot.category]) for v in self.variants)
        return Task(place, shot.item, asked, shot.judged, alone)

    def _keep(self, task: Task, outcome: Done) -> None:
        found, known = outcome.value
        for variant, data, cached in zip(self.variants, found, known, strict=True):
            begin = self._scratch.append(np.frombuffer(data, np.uint8))
            self._places[variant.name, task.place] = (begin, len(data))
            times = self.times.setdefault(variant.name, dict.fromkeys((*STEPS, "total", "cached"), 0.0))
            times["cached"] += cached
            for step, seconds in glance_at(data).seconds.items():
                times[step] += seconds


def pool_for(sweep: Sweep) -> Pool:
    """The workers of an experiment: as many as its heaviest config has."""
    configs = [setting.config for setting in sweep.settings.values()]
    heaviest = next((config for config in configs if config.uses_models), configs[0])
    limit = heaviest.run.time_limit * max(1, len(sweep.variants))
    chosen = heaviest.model_copy(update={"run": heaviest.run.model_copy(update={"time_limit": limit})})
    return open_pool(chosen, partial(set_up, sweep.settings), work, len(sweep.pictures.shots))


def _settings(variants: Sequence[Variant]) -> tuple[dict[str, Setting], dict[str, str]]:
    """The distinct settings of stage 2, and which one each variant has."""
    settings: dict[str, Setting] = {}
    names: dict[str, str] = {}
    hashes: dict[str, Any] = {}
    for variant in variants:
        config = _second_stage(variant.config)
        key = config.fingerprint()
        if key not in settings:
            named = config.model_dump_json(include=_NAMING)
            if named not in hashes:
                hashes[named] = contents(config)
            settings[key] = Setting(config, hashes[named])
        names[variant.name] = key
    return settings, names


def _second_stage(config: Config) -> Config:
    """Without what was for stage 1 alone, so that variants share what they can."""
    default = Config()
    return config.model_copy(
        update={
            "describe": Describe(lexicon=config.describe.lexicon, prompts_folder=config.describe.prompts_folder),
            "generator": default.generator,
            "tagger": default.tagger,
        }
    )
