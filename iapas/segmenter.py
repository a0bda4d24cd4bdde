"""The one public object: builds the roles that a config names and runs the two stages with them."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from os import PathLike
from typing import Any, TypeAlias

import numpy as np

from iapas import roles
from iapas.config import Config, load_config
from iapas.core.roi import Roi, cut_out
from iapas.core.scoring import ANY_POSITIVE
from iapas.core.tiles import Frame
from iapas.errors import ImageError
from iapas.files.images import Picture, read_image
from iapas.files.profile_cache import cached_profile
from iapas.files.roi import parse_roi
from iapas.profile_checks import WARNINGS, profile_warnings, warnings_of
from iapas.profile_key import profile_key
from iapas.prompting.lexicons import Lexicon, LexiconPrompts, load_lexicon, split_prompt
from iapas.protocols import Detector, Exemplars, MaskDecoder, MaskGenerator, PromptGenerator, Tagger
from iapas.stages.describe import describe
from iapas.stages.exemplars import Referring, refer
from iapas.stages.segment import Rules, combine_frames, finish, paste, segment
from iapas.types import BoolMap, Image, ObjectProfile, Phrase, Regions, Segmentation, normalise_phrase

log = logging.getLogger("iapas")

_GPU_BATCH = 4

Source: TypeAlias = Image | Picture | str | PathLike[str]
"""An (H, W, 3) uint8 RGB array, a picture that was read, or the path of one."""


class Segmenter:
    """Finds defects: ``describe`` a product once, ``segment`` each image of it.

    Cheap to make and to pickle: models are loaded when they are first used, and stay behind when it is pickled.
    """

    def __init__(self, config: Config) -> None:
        roles.check(config)
        self.config = config

    @classmethod
    def from_config(cls, config: Config | str = "embedded", **overrides: Any) -> Segmenter:
        """A segmenter by the name of a shipped config, a YAML file, or a config; ``overrides``: see load_config.

        >>> Segmenter.from_config("embedded").config.detector.name
        'compact'
        """
        return cls(config if isinstance(config, Config) else load_config(config, **overrides))

    def __getstate__(self) -> dict[str, Any]:
        return {"config": self.config}

    def describe(self, images: Sequence[Source]) -> ObjectProfile:
        """Stage 1: the profile of a product from a sample of its images. Raises ImageError for one it cannot read."""
        pictures = [self._picture(source) for source in images]
        if self.config.describe.tagger == "none" and self.config.describe.generator == "lexicon":
            profile = self._describe(pictures)
        else:
            key = profile_key(self.config, self._lexicon, [frame for p in pictures for frame in p.frames])
            profile = cached_profile(key, lambda: self._describe(pictures))
        completed = self.complete(profile)
        for warning in profile_warnings(completed):
            log.warning("%s", warning)
        return completed

    def complete(self, profile: ObjectProfile) -> ObjectProfile:
        """The profile with the config's object and prompt in place of its own, and attributes for all its phrases.

        What its user should know is added to ``found``; see profile_checks.
        """
        found = {key: text for key, text in profile.found.items() if key not in WARNINGS}
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
        found |= warnings_of(self.config, completed, self._lexicon)
        return replace(completed, found=found)

    def segment(self, image: Source, profile: ObjectProfile | None = None) -> Segmentation:
        """Stage 2: the defects of one image. Without a profile, one is made from this image alone.

        Raises ImageError for an image that cannot be read or that the region of interest does not fit.
        """
        picture = self._picture(image)
        known = self.describe([picture]) if profile is None else self.complete(profile)
        return self._segment([picture], known)[0]

    def segment_batch(self, images: Sequence[Source], profile: ObjectProfile) -> list[Segmentation]:
        """The results of several images that the models take together; as ``segment``, one failing fails all."""
        return self._segment([self._picture(image) for image in images], self.complete(profile))

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

    def mask_generator(self) -> MaskGenerator:
        """What cuts a picture into all its parts: the config's mask decoder in everything mode; the caller closes it.

        Raises ConfigError when the config has no mask decoder.
        """
        return roles.mask_generator(self.config, lambda: self._runtime)

    def exemplars(self) -> Exemplars:
        """What finds more of given examples, by itself; the caller prepares it with them, and closes it."""
        return roles.exemplars(self.config, lambda: self._runtime, alone=True)

    def threshold(self, profile: ObjectProfile) -> float:
        """The threshold on the score map: the config's, else the calibrated one, else the config's default."""
        verdict = self.config.verdict
        if verdict.threshold != "auto":
            return float(verdict.threshold)
        if profile.threshold is not None:
            return profile.threshold
        default = verdict.with_examples if self.config.exemplars.support else verdict.default
        return ANY_POSITIVE if default == "positive" else float(default)

    def close(self) -> None:
        """Give the memory of all models back; they are loaded again when they are used again."""
        self._close("_tagger", "_generator", "_detector", "_decoder", "_parts", "_referring")

    def _close(self, *roles: str) -> None:
        for name in roles:
            role = self.__dict__.pop(name, None)
            if role is not None:
                role.close()

    def _describe(self, pictures: Sequence[Picture]) -> ObjectProfile:
        frames = [frame for picture in pictures for frame in picture.frames]
        cuts = (cut_out(self._roi, frame.shape[:2])[0] for frame in frames)
        settings = self.config.describe
        product = normalise_phrase(settings.product)
        return describe(
            [np.ascontiguousarray(f[y0:y1, x0:x1]) for f, (x0, y0, x1, y1) in zip(frames, cuts, strict=True)],
            self._detector,
            LexiconPrompts(self._lexicon) if self._typed else self._generator,  # no model is loaded to be not asked
            None if product else self._tagger,
            object_name=product,
            phrases=self._typed,
            append=settings.append,
            material=settings.material,
            by_tags=settings.object == "tags",
        )

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
        self._close("_tagger", "_generator")  # stage 1's memory is stage 2's now
        if self._referring is not None:
            self._referring.refuse([frame for picture in pictures for frame in picture.frames])
        rules = self._rules(profile)
        cuts = [self._cut(frame, picture.valid) for picture in pictures for frame in picture.frames]
        found = self._found([cut.image for cut in cuts], profile, rules, [cut.valid for cut in cuts])
        results = iter(
            result if cut.frame is None else paste(result, cut.frame, cut.size, rules)
            for cut, result in zip(cuts, found, strict=True)
        )
        return [_one([next(results) for _ in picture.frames], rules) for picture in pictures]

    def _found(
        self, images: Sequence[Image], profile: ObjectProfile, rules: Rules, valid: Sequence[BoolMap | None]
    ) -> list[Segmentation]:
        """The result of each cut-out, with the examples where there are any."""
        referring = self._referring
        if referring is None or referring.needs_zero_shot:
            found = segment(images, profile, self._detector, self._decoder, rules, valid)
        else:
            found = [finish(Regions.empty((image.shape[0], image.shape[1])), rules, None, ()) for image in images]
        return found if referring is None else refer(images, found, referring, rules, valid)

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
        return load_lexicon(self.config.describe.lexicon, self.config.describe.prompts_folder)

    @cached_property
    def _roi(self) -> Roi | None:
        return parse_roi(self.config)

    @cached_property
    def _runtime(self) -> Any:
        return roles.runtime(self.config)

    @cached_property
    def _tagger(self) -> Tagger | None:
        return roles.tagger(self.config, lambda: self._runtime)

    @cached_property
    def _generator(self) -> PromptGenerator:
        return roles.generator(self.config, self._lexicon, lambda: self._runtime)

    @cached_property
    def _detector(self) -> Detector:
        return roles.detector(self.config, lambda: self._runtime)

    @cached_property
    def _decoder(self) -> MaskDecoder | None:
        return roles.decoder(self.config, lambda: self._runtime)

    @cached_property
    def _parts(self) -> MaskGenerator:
        return self.mask_generator()

    @cached_property
    def _referring(self) -> Referring | None:
        """The examples, prepared once; None where the config names none."""
        return roles.referring(self.config, lambda: self._runtime, lambda image: self._parts.generate(image))


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


def _both(a: BoolMap | None, b: BoolMap | None) -> BoolMap | None:
    if a is None or b is None:
        return b if a is None else a
    return a & b
