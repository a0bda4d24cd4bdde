"""The one public object: builds the roles that a config names and runs the two stages with them."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from os import PathLike
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from iapas import __version__
from iapas.config import Config, fingerprint, load_config
from iapas.core.roi import Roi, cut_out
from iapas.core.scoring import ANY_POSITIVE
from iapas.core.tiles import Frame
from iapas.errors import ConfigError, ImageError, MissingError
from iapas.files.images import Picture, read_image, read_mask
from iapas.prompting.lexicons import Lexicon, LexiconPrompts, load_lexicon, split_prompt
from iapas.protocols import Detector, MaskDecoder, PromptGenerator
from iapas.stages.describe import describe
from iapas.stages.segment import Rules, combine_frames, paste, segment
from iapas.types import BoolMap, Image, ObjectProfile, Phrase, Segmentation, normalise_phrase

if TYPE_CHECKING:
    from iapas.models.loading import Runtime

log = logging.getLogger("iapas")

_GPU_BATCH = 4

Source: TypeAlias = Image | Picture | str | PathLike[str]
"""An (H, W, 3) uint8 RGB array, a picture that was read, or the path of one."""


class Segmenter:
    """Finds defects: ``describe`` a product once, ``segment`` each image of it.

    Cheap to make and to pickle: models are loaded when they are first used, and stay behind when it is pickled.
    """

    def __init__(self, config: Config) -> None:
        if config.uses_models:
            from iapas.models.registry import model_folders

            model_folders(config)  # says now what is not there
        elif config.run.device == "cuda":
            raise MissingError(
                "--device cuda: the embedded default runs on the CPU alone", "leave --device out, or say cpu"
            )
        self.config = config

    @classmethod
    def from_config(cls, config: Config | str = "embedded", **overrides: Any) -> Segmenter:
        """A segmenter by the name of a shipped config, a YAML file, or a config; ``overrides``: see load_config.

        >>> Segmenter.from_config("embedded").config.detector.name
        'classical'
        """
        return cls(config if isinstance(config, Config) else load_config(config, **overrides))

    def __getstate__(self) -> dict[str, Any]:
        return {"config": self.config}

    def describe(self, images: Sequence[Source]) -> ObjectProfile:
        """Stage 1: the profile of a product from a sample of its images. Raises ImageError for one it cannot read."""
        frames = [frame for source in images for frame in self._picture(source).frames]
        cuts = (cut_out(self._roi, frame.shape[:2])[0] for frame in frames)
        profile = describe(
            [np.ascontiguousarray(f[y0:y1, x0:x1]) for f, (x0, y0, x1, y1) in zip(frames, cuts, strict=True)],
            self._detector,
            self._generator,
            object_name=normalise_phrase(self.config.describe.product),
            phrases=self._typed,
            append=self.config.describe.append,
        )
        completed = self.complete(profile)
        for warning in profile_warnings(completed):
            log.warning("%s", warning)
        return completed

    def complete(self, profile: ObjectProfile) -> ObjectProfile:
        """The profile with the config's object and prompt in place of its own, and attributes for all its phrases.

        What its user should know is added to ``found``; see profile_warnings.
        """
        found = {key: text for key, text in profile.found.items() if key not in _WARNINGS}
        name, phrases = normalise_phrase(self.config.describe.product), self._typed
        if name and name != profile.object:
            found["object"] = "given by the user"
        if phrases and phrases != profile.phrases:
            found["phrases"] = "given by the user"
        full = tuple(
            phrase if phrase.attributes else self._lexicon.phrase(phrase.text, phrase.source)
            for phrase in phrases or profile.phrases
        )
        completed = replace(profile, object=name or profile.object, phrases=full)
        reads = self.config.detector.name != "classical"  # then words need no meaning of ours
        warnings = ("" if reads else _unknown_words(full, self._lexicon), _stale_threshold(self.config, completed))
        found |= {key: text for key, text in zip(_WARNINGS, warnings, strict=True) if text}
        return replace(completed, found=found)

    def segment(self, image: Source, profile: ObjectProfile | None = None) -> Segmentation:
        """Stage 2: the defects of one image. Without a profile, one is made from this image alone.

        Raises ImageError for an image that cannot be read or that the region of interest does not fit.
        """
        picture = self._picture(image)
        known = self.describe([picture]) if profile is None else self.complete(profile)
        return self._segment([picture], known)[0]

    def segment_batch(self, images: Sequence[Source], profile: ObjectProfile | None = None) -> list[Segmentation]:
        """The results of several images that the models take together; as ``segment``, one failing fails all."""
        pictures = [self._picture(image) for image in images]
        known = self.describe(pictures[:1]) if profile is None else self.complete(profile)
        return self._segment(pictures, known)

    def segment_many(self, images: Iterable[Source], profile: ObjectProfile | None = None) -> Iterator[Segmentation]:
        """The results of many images, one after the other, in their order; holds one batch of images at a time.

        Without a profile each image is described by itself.
        """
        if profile is None:
            yield from (self.segment(image) for image in images)
            return
        waiting = iter(images)
        while batch := list(islice(waiting, self.batch_size)):
            yield from self.segment_batch(batch, profile)

    @property
    def batch_size(self) -> int:
        """Images that are segmented together: ``run.batch_size``; for 0 four on a GPU, else one."""
        if self.config.run.batch_size or not self.config.uses_models:
            return self.config.run.batch_size or 1
        return _GPU_BATCH if self._runtime.device == "cuda" else 1

    def threshold(self, profile: ObjectProfile) -> float:
        """The threshold on the score map: the config's, else the calibrated one, else the config's default."""
        verdict = self.config.verdict
        if verdict.threshold != "auto":
            return float(verdict.threshold)
        if profile.threshold is not None:
            return profile.threshold
        return ANY_POSITIVE if verdict.default == "positive" else float(verdict.default)

    def close(self) -> None:
        """Give the memory of all models back; they are loaded again when they are used again."""
        for name in ("_detector", "_generator", "_decoder"):
            role = self.__dict__.pop(name, None)
            if role is not None:
                role.close()

    def _picture(self, source: Source) -> Picture:
        if isinstance(source, Picture):
            return source
        if not isinstance(source, np.ndarray):
            return read_image(source, self.config.reading)
        if source.ndim != 3 or source.shape[2] != 3 or source.dtype != np.uint8 or not source.size:
            raise ImageError(
                f"an image must be an (H, W, 3) uint8 RGB array, got {source.dtype} of shape {source.shape}",
                "give a path to have other kinds of pictures converted",
            )
        return Picture((np.ascontiguousarray(source),), "", 1, None, ())

    def _segment(self, pictures: Sequence[Picture], profile: ObjectProfile) -> list[Segmentation]:
        """The result of each picture; all their frames are looked at together."""
        rules = self._rules(profile)
        cuts = [self._cut(frame, picture.valid) for picture in pictures for frame in picture.frames]
        found = segment(
            [cut.image for cut in cuts], profile, self._detector, self._decoder, rules, [cut.valid for cut in cuts]
        )
        results = iter(
            result if cut.frame is None else paste(result, cut.frame, cut.size, rules)
            for cut, result in zip(cuts, found, strict=True)
        )
        return [_one([next(results) for _ in picture.frames], rules) for picture in pictures]

    def _cut(self, image: Image, valid: BoolMap | None) -> _Cut:
        size = (image.shape[0], image.shape[1])
        frame, inside = cut_out(self._roi, size)
        x0, y0, x1, y1 = frame
        look = _both(inside, None if valid is None else valid[y0:y1, x0:x1])
        whole = frame == (0, 0, size[1], size[0])
        return _Cut(np.ascontiguousarray(image[y0:y1, x0:x1]), look, None if whole else frame, size)

    def _rules(self, profile: ObjectProfile) -> Rules:
        config = self.config
        return Rules(
            threshold=self.threshold(profile),
            size_limit=config.size.limit,
            size_object=config.size.object,
            joint_pass=config.detector.object_pass == "joint",  # noqa: S105 - no password
            tile_size=config.tile.size,
            tile_overlap=config.tile.overlap,
            tile_above=config.tile.above,
            min_area=config.verdict.min_area,
        )

    @cached_property
    def _typed(self) -> tuple[Phrase, ...]:
        texts = split_prompt(self.config.describe.prompt)
        return tuple(self._lexicon.phrase(text, "user") for text in texts)

    @cached_property
    def _lexicon(self) -> Lexicon:
        return load_lexicon(self.config.describe.lexicon)

    @cached_property
    def _roi(self) -> Roi | None:
        return parse_roi(self.config)

    @cached_property
    def _generator(self) -> PromptGenerator:
        return LexiconPrompts(self._lexicon)

    @cached_property
    def _runtime(self) -> Runtime:
        from iapas.models.loading import Runtime

        return Runtime.of(self.config)

    @cached_property
    def _detector(self) -> Detector:
        settings = self.config.detector
        if settings.name == "classical":
            from iapas.embedded.classical import ClassicalDetector  # here, so that other configs need not load it

            return ClassicalDetector(settings.work_size, settings.max_regions)
        from iapas.models.grounding_dino import GroundingDinoDetector
        from iapas.models.registry import locate

        return GroundingDinoDetector(locate(settings.model, self.config.models.root), settings, self._runtime)

    @cached_property
    def _decoder(self) -> MaskDecoder | None:
        settings = self.config.decoder
        if settings.name == "none":
            return None
        from iapas.models.registry import locate
        from iapas.models.sam import mask_decoder

        return mask_decoder(locate(settings.model, self.config.models.root), settings, self._runtime)


@dataclass(frozen=True)
class _Cut:
    """What is looked at of a frame: ``frame`` is None when it is the whole of it."""

    image: Image
    valid: BoolMap | None
    frame: Frame | None
    size: tuple[int, int]


def _one(results: Sequence[Segmentation], rules: Rules) -> Segmentation:
    """The result of a picture from those of its frames."""
    return results[0] if len(results) == 1 else combine_frames(results, rules)


def roi_file(config: Config) -> str | None:
    """The file that ``verdict.roi`` names; None when it is a rectangle, or empty."""
    text = config.verdict.roi
    return None if not text or _RECTANGLE.fullmatch(text) else text


def parse_roi(config: Config) -> Roi | None:
    """The region of interest of ``verdict.roi``. Raises ConfigError when it is neither a rectangle nor a mask."""
    text = config.verdict.roi
    if not text:
        return None
    if roi_file(config) is None:
        x, y, width, height = (int(number) for number in text.split(","))
        if width <= 0 or height <= 0:
            raise ConfigError(f"verdict.roi {text!r}: width and height must be above 0")
        return Roi(rectangle=(x, y, width, height))
    try:
        return Roi(mask=read_mask(text))
    except ImageError as error:
        raise ConfigError(f"verdict.roi {text!r} is neither x,y,width,height nor a mask image: {error}") from error


_RECTANGLE = re.compile(r"\s*-?\d+(\s*,\s*-?\d+){3}\s*")

_WARNINGS = ("unknown words", "stale threshold")


def profile_warnings(profile: ObjectProfile) -> list[str]:
    """What the user of a profile should know, from its ``found``."""
    return [profile.found[key] for key in _WARNINGS if key in profile.found]


def calibration_fingerprint(config: Config, profile: ObjectProfile) -> str:
    """64 hex digits over what a calibrated threshold depends on: the scores, so neither thresholds nor outputs."""
    settings = config.results()
    kept = {key: settings[key] for key in ("reading", "detector", "decoder", "size", "tile")}
    area_and_roi = [config.verdict.min_area, config.verdict.roi]
    words = [profile.object, *([phrase.text, phrase.source] for phrase in profile.phrases)]
    return fingerprint([kept, area_and_roi, words, __version__])


def _stale_threshold(config: Config, profile: ObjectProfile) -> str:
    """A warning when the threshold in use was calibrated with other settings or words; "" when it was not."""
    made_with = profile.calibration.get("fingerprint")
    if profile.threshold is None or config.verdict.threshold != "auto" or made_with is None:
        return ""
    if made_with == calibration_fingerprint(config, profile):
        return ""
    return "the profile's threshold was calibrated with other settings or words: run iapas calibrate again"


def _both(a: BoolMap | None, b: BoolMap | None) -> BoolMap | None:
    if a is None or b is None:
        return b if a is None else a
    return a & b


def _unknown_words(phrases: Iterable[Phrase], lexicon: Lexicon) -> str:
    """A warning that names the user's words without a meaning beside those with one; "" when there are none."""
    unknown = [word for phrase in phrases if phrase.source == "user" for word in lexicon.unknown(phrase.text)]
    if not unknown:
        return ""
    words = ", ".join(repr(word) for word in dict.fromkeys(unknown))
    return f"unknown words, which change nothing: {words}; known words: {', '.join(sorted(lexicon.words))}"
