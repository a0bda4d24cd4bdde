"""What a worker of an experiment does: one image under all prompts, what does not depend on them only once."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import cv2
import numpy as np

from iapas.config import Config
from iapas.core.scoring import score_map
from iapas.evaluation.data import Item
from iapas.evaluation.sources import Unjudged
from iapas.experiments.records import FORMAT, Record, record_of
from iapas.experiments.sharing import STEPS, Shared, Watch
from iapas.experiments.tables import packed, table_of
from iapas.files.cache import Cache
from iapas.files.images import Picture, read_image
from iapas.files.truth import read_truth
from iapas.run.worker import Done, Failure, one_by_one
from iapas.segmenter import Segmenter
from iapas.types import BoolMap, FloatMap, ObjectProfile, Phrase, Segmentation


@dataclass(frozen=True)
class Setting:
    """A resolved config, and the hashes of what it names."""

    config: Config
    contents: Mapping[str, str]


@dataclass(frozen=True)
class Asked:
    """One prompt for an image: the profile, and under which of the worker's settings."""

    setting: str
    profile: ObjectProfile


@dataclass(frozen=True)
class Task:
    """One image under several prompts.

    ``judged``: a truth is known. ``alone``: also with each phrase left out. ``only_tables``: nothing but a coarse table
    for each prompt is wanted.
    """

    place: int
    item: Item
    asked: tuple[Asked, ...]
    judged: bool = True
    alone: bool = True
    only_tables: bool = False


@dataclass
class Measurer:
    """The state of a worker."""

    settings: Mapping[str, Setting]
    shared: Shared
    cache: Cache = field(default_factory=lambda: Cache("encodings"))

    def segmenter(self, asked: Asked) -> Segmenter:
        """The segmenter of a prompt."""
        return self.shared.segmenter(self.settings[asked.setting].config)


def set_up(settings: Mapping[str, Setting]) -> Measurer:
    """Build the state, once in each worker."""
    on_cpu = all(setting.config.run.device != "cuda" for setting in settings.values())
    return Measurer(settings, Shared(Watch(time.process_time if on_cpu else time.perf_counter)))


def work(state: Measurer, tasks: Sequence[Task]) -> Iterator[Done | Failure]:
    """For each task the records of its prompts, as bytes, or its coarse tables; and how many records were known."""
    return one_by_one(_work, state, tasks)


def _work(state: Measurer, task: Task) -> Any:
    cv2.setRNGSeed(0)  # some routines of OpenCV draw numbers
    if task.only_tables:
        with _Looking(state, task) as looking:
            tables = [table_of(looking.segment(asked).score_map, looking.truth).coarse() for asked in task.asked]
        return packed(tables)
    keys = [_key(state, task, asked) for asked in task.asked]
    known = [state.cache.get(key) for key in keys]
    found = list(known)
    if not all(found):
        with _Looking(state, task) as looking:
            for i, asked in enumerate(task.asked):
                if found[i] is None:
                    found[i] = _record(looking, asked, task.alone).data()
                    state.cache.put(keys[i], found[i] or b"")
    return found, [data is not None for data in known]


@dataclass
class _Looking:
    """One image in hand; what was computed of it is forgotten at the end."""

    state: Measurer
    task: Task
    picture: Picture = field(init=False)
    truth: Any = field(init=False, default=None)

    def __enter__(self) -> _Looking:
        sample = self.task.item.sample
        reading = self.state.settings[self.task.asked[0].setting].config.reading
        self.picture = read_image(sample.path, reading)
        if self.picture.sha256 != self.task.item.image_hash:
            raise Unjudged(f"{sample.id}: the file changed while the experiment ran")
        if self.task.judged:
            self.truth = _truth(self.task.item, (self.picture.height, self.picture.width))
        return self

    def __exit__(self, *_: object) -> None:
        self.state.shared.forget()

    def segment(self, asked: Asked) -> Segmentation:
        """The result for one prompt."""
        return self.state.segmenter(asked).segment(self.picture, asked.profile)


def _record(looking: _Looking, asked: Asked, alone: bool) -> Record:
    """The record of one prompt; the seconds are those of the segmentation alone."""
    watch = looking.state.shared.watch
    looking.state.segmenter(asked)  # made before the clock runs
    watch.seconds = {}
    with watch("total"):
        result = looking.segment(asked)
    seconds = {step: watch.seconds.get(step, 0.0) for step in (*STEPS, "total")}
    without = _without(looking, asked, result) if alone and looking.truth is not None else []
    texts = [phrase.text for phrase in asked.profile.phrases]
    return record_of(result, looking.truth, texts, without, seconds)


def _without(looking: _Looking, asked: Asked, result: Segmentation) -> list[FloatMap]:
    """The score map without each of the phrases.

    A detector that only weighs its candidates by the words is asked again; of a model the phrase's regions are left
    out, which is not quite what it would find without the phrase.
    """
    phrases = asked.profile.phrases
    if looking.state.settings[asked.setting].config.uses_models:
        names = np.array(result.regions.phrases, object)
        return [score_map(result.regions.take(names != phrase.text)) for phrase in phrases]
    rest = [tuple(other for other in phrases if other is not phrase) for phrase in phrases]
    return [looking.segment(replace(asked, profile=_asking(asked.profile, left))).score_map for left in rest]


def _asking(profile: ObjectProfile, phrases: tuple[Phrase, ...]) -> ObjectProfile:
    return replace(profile, phrases=phrases)


def _truth(item: Item, size: tuple[int, int]) -> BoolMap:
    """(H, W) bool; all False for a normal image."""
    mask = item.sample.mask
    if mask == "":
        raise Unjudged(f"{item.sample.id}: its mask is missing")
    truth = np.zeros(size, bool) if mask is None else read_truth(mask, item.sample.rule)
    if truth.shape != size:
        raise Unjudged(f"the mask of {item.sample.id} is not of the image's size")
    return truth


def _key(state: Measurer, task: Task, asked: Asked) -> list[Any]:
    """All that a record hangs on."""
    setting, item = state.settings[asked.setting], task.item
    truth = [item.mask_hash, item.sample.mask is None, item.sample.rule] if task.judged else None
    profile = asdict(replace(asked.profile, found={}, calibration={}))
    results = setting.config.results()
    return ["compare", FORMAT, item.image_hash, truth, results, dict(setting.contents), profile, task.alone]
