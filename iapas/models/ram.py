"""The tagger RAM (Zhang et al. 2023, "Recognize Anything") and RAM++ (Huang et al. 2023): 4585 tags, yes or no each.

Agrees with numbers of the official code on generated weights; the official weights are unverified here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image as Pillow

from iapas.errors import ConfigError
from iapas.models import memory
from iapas.models.loading import Runtime
from iapas.models.precision import computing, finite
from iapas.models.registry import require_packages
from iapas.settings import TaggerSettings
from iapas.types import FloatMap, Image

if TYPE_CHECKING:
    from iapas.models.ram_network import Network

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # ImageNet's, of RGB in 0..1
_BATCH = {"cpu": 1, "cuda": 8}  # pictures at once: a CPU gains nothing by more


class RamTagger:
    """RAM or RAM++, as the weights in ``folder`` are: an official .pth file, or a converted model.safetensors.

    Raises MissingError where weights are not there or not RAM's, ConfigError where tags or thresholds do not fit.
    For one thread at a time.
    """

    def __init__(self, folder: Path, settings: TaggerSettings, runtime: Runtime) -> None:
        require_packages()
        memory.settle()
        from iapas.models import ram_checkpoint

        tags = Path(settings.tags).expanduser() if settings.tags else folder / ram_checkpoint.TAGS
        thresholds = (
            Path(settings.thresholds).expanduser() if settings.thresholds else folder / ram_checkpoint.THRESHOLDS
        )
        self.tags = read_tags(tags)
        self.thresholds = read_thresholds(thresholds, len(self.tags))
        self.runtime = runtime
        # on a CPU bf16 took as long as fp32: the weights would be cast anew for each picture
        self._backbone_runtime = runtime if runtime.device == "cuda" else replace(runtime, precision="fp32")
        self._network: Network | None = ram_checkpoint.load(ram_checkpoint.weights_file(folder), runtime)
        count = self._network.shape.tags
        if count != len(self.tags):
            raise ConfigError(f"{tags} has {len(self.tags)} tags, the weights in {folder} are of {count}", _FILES)

    def tag(self, images: Sequence[Image]) -> list[list[str]]:
        """The tags of each image whose probability is above their threshold.

        The most probable comes first; of equal ones the first in the list of tags.
        """
        return [[self.tags[i] for i in fired(row, self.thresholds)] for row in self.tag_scores(images)]

    def tag_scores(self, images: Sequence[Image]) -> FloatMap:
        """(N, tags) float32, the probability of each tag for each image."""
        import torch

        def run(part: slice) -> Any:
            pictures = [prepared(image, self._open.shape.side) for image in images[part]]
            return torch.sigmoid(self._logits(pictures)).cpu().numpy()

        rows = memory.in_chunks(len(images), _BATCH[self.runtime.device], run)
        return np.concatenate([np.empty((0, len(self.tags)), np.float32), *rows])

    def close(self) -> None:
        """Give the memory back; the tagger cannot be used any more."""
        self._network = None
        memory.free()

    @property
    def _open(self) -> Network:
        if self._network is None:
            raise ValueError("the tagger is closed")
        return self._network

    def _logits(self, pictures: list[FloatMap]) -> Any:
        """(N, tags): the backbone in bf16 or fp16 where that gains, the rest in fp32, for thresholds are fine."""
        import torch

        network = self._open
        pixels = torch.from_numpy(np.stack(pictures)).to(self.runtime.device)

        def run(runtime: Runtime) -> Any:
            with torch.inference_mode():
                with computing(runtime):
                    features = network.features(pixels)
                return network.logits(features.float())

        return finite(run, self._backbone_runtime, "RAM")


def prepared(image: Image, side: int) -> FloatMap:
    """(3, side, side) float32 normalised: Pillow's bilinear filter, which smooths; the aspect ratio is not kept."""
    resized = Pillow.fromarray(image).resize((side, side), Pillow.Resampling.BILINEAR)
    unit = np.asarray(resized, np.float32) / np.float32(255)
    normal = (unit - np.array(MEAN, np.float32)) / np.array(DEVIATION, np.float32)
    return np.ascontiguousarray(normal.transpose(2, 0, 1))


def fired(probabilities: FloatMap, thresholds: FloatMap) -> list[int]:
    """The indices of (tags,) ``probabilities`` strictly above their thresholds, highest first, then lowest index."""
    above = np.flatnonzero(probabilities > thresholds)
    return [int(i) for i in above[np.argsort(-probabilities[above], kind="stable")]]


def read_tags(file: Path) -> list[str]:
    """The tags in a file, one a line. Raises ConfigError."""
    tags = _lines(file)
    for number, tag in enumerate(tags, 1):
        if not tag:
            raise ConfigError(f"{file}, line {number}: empty, where a tag must be", _FILES)
    return tags


def read_thresholds(file: Path, count: int) -> FloatMap:
    """(count,) float32: the thresholds in a file, one a line, in 0..1; at 1 a tag never fires. Raises ConfigError."""
    lines = _lines(file)
    if len(lines) != count:
        raise ConfigError(f"{file} has {len(lines)} thresholds for {count} tags", _FILES)
    values = []
    for number, line in enumerate(lines, 1):
        try:
            value = float(line)
        except ValueError:
            value = math.nan
        if not 0 <= value <= 1:
            raise ConfigError(f"{file}, line {number}: {line!r} is no threshold from 0 to 1", _FILES)
        values.append(value)
    return np.array(values, np.float32)


def _lines(file: Path) -> list[str]:
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} cannot be read: {error}", _FILES) from error
    return [line.strip() for line in text.rstrip().split("\n")]


_FILES = (
    "ram_tag_list.txt and ram_tag_list_threshold.txt are in ram/data of github.com/xinyu1205/recognize-anything; copy "
    "them beside the weights, or name them in tagger.tags and tagger.thresholds"
)
