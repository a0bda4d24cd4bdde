"""Builds what a config names, each role behind its protocol. What is heavy is imported here, and when asked for."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING

from iapas.config import Config
from iapas.core.fusion import Fusion
from iapas.errors import ConfigError, MissingError
from iapas.files.supports import read_supports
from iapas.prompting.asking import ChatPrompts
from iapas.prompting.lexicons import Lexicon, LexiconPrompts
from iapas.prompting.templates import load_template
from iapas.protocols import (
    Chat,
    Detector,
    Exemplars,
    FeatureExtractor,
    MaskDecoder,
    MaskGenerator,
    PromptGenerator,
    Tagger,
)
from iapas.stages.exemplars import FeatureMatching, Referring
from iapas.types import Image, Regions

if TYPE_CHECKING:
    from iapas.models.loading import Runtime

GetRuntime = Callable[[], "Runtime"]
"""Where models compute; asked only by roles that are models."""


def check(config: Config, stages: Collection[int] = (2,)) -> None:
    """Raise MissingError, quickly and without loading anything, for what the stages need and is not there."""
    if config.uses_models:
        from iapas.models.original import packages
        from iapas.models.registry import model_folders

        model_folders(config, stages)
        packages.require(config)
    elif config.detector.embedded and config.detector.model:
        _weights(config.detector.model)
    if not config.uses_models and config.run.device == "cuda":
        raise MissingError(
            "--device cuda: the embedded default runs on the CPU alone", "leave --device out, or say cpu"
        )


def runtime(config: Config) -> Runtime:
    """Where and how models compute. Imports torch."""
    from iapas.models.loading import Runtime
    from iapas.models.original import packages

    found = Runtime.of(config)
    if packages.used_by(config):
        packages.make_importable()  # before transformers looks for torchvision
    return found


def model_digests(config: Config, stages: Collection[int]) -> dict[str, str]:
    """For each model that the stages use a hash of its files' contents.

    Raises MissingError for one that is not there, or not what its checksums say.
    """
    if not config.uses_models:
        return {}
    from iapas.models.checksums import folder_digest, verify
    from iapas.models.registry import model_folders

    digests = {}
    for name, folder in model_folders(config, stages).items():
        verify(folder)
        digests[f"model {name}"] = folder_digest(folder)
    return digests


def tagger(config: Config, runtime: GetRuntime) -> Tagger | None:
    """What names the product; None where nothing does."""
    if config.describe.tagger == "none":
        return None
    from iapas.models.ram import RamTagger

    return RamTagger(_folder(config, config.tagger.model), config.tagger, runtime())


def generator(config: Config, lexicon: Lexicon, runtime: GetRuntime) -> PromptGenerator:
    """What names the possible defects; a language model falls back on the lexicon."""
    fixed = LexiconPrompts(lexicon)
    if config.describe.generator == "lexicon":
        return fixed
    template = load_template(config.generator.template, config.describe.prompts_folder)
    chat: Chat
    if config.describe.generator == "endpoint":
        from iapas.models.endpoint import EndpointChat

        chat = EndpointChat(config.generator, config.run.offline)
    else:
        from iapas.models.llm import LlmChat

        chat = LlmChat(_folder(config, config.generator.model), config.generator, runtime(), template.reply)
    return ChatPrompts(chat, template, config.generator, fixed, config.describe.seed)


def detector(config: Config, runtime: GetRuntime) -> Detector:
    """What finds regions."""
    settings = config.detector
    if settings.embedded:
        from iapas.embedded.compact.model import CompactModel
        from iapas.embedded.detector import EmbeddedDetector

        model = CompactModel(_weights(settings.model)) if settings.name == "compact" else None
        return EmbeddedDetector(settings.work_size, settings.max_regions, model)
    folder = _folder(config, settings.model)
    if settings.name == "sam3":
        from iapas.models.sam3 import Sam3Detector

        return Sam3Detector(folder, settings, runtime())
    if settings.name == "clipseg":
        from iapas.models.clipseg import ClipsegDetector

        return ClipsegDetector(folder, settings, runtime())
    if settings.name == "owlv2":
        from iapas.models.owlv2 import Owlv2Detector

        return Owlv2Detector(folder, settings, runtime())
    from iapas.models.grounding_dino import GroundingDinoDetector

    if settings.name == "grounding-dino-original":
        from iapas.models.original.grounding_dino import OriginalNetwork

        return GroundingDinoDetector(folder, settings, runtime(), OriginalNetwork.load)
    return GroundingDinoDetector(folder, settings, runtime())


def decoder(config: Config, runtime: GetRuntime) -> MaskDecoder | None:
    """What draws masks of boxes; None where the detector draws them."""
    if config.decoder.name == "none":
        return None
    folder = _folder(config, config.decoder.model)
    if config.decoder.name == "sam-original":
        from iapas.models.original.sam import OriginalSamDecoder

        return OriginalSamDecoder(folder, config.decoder, runtime())
    from iapas.models.sam import mask_decoder

    return mask_decoder(folder, config.decoder, runtime())


def mask_generator(config: Config, runtime: GetRuntime) -> MaskGenerator:
    """What cuts a picture into all its parts: the mask decoder in everything mode. Raises ConfigError without one."""
    if config.decoder.name != "sam":
        raise ConfigError("the everything mode needs the mask decoder sam", "take --config fast, or set decoder.model")
    from iapas.models.everything import Everything

    return Everything(_folder(config, config.decoder.model), config.everything, runtime())


def referring(config: Config, runtime: GetRuntime, parts: Callable[[Image], Regions]) -> Referring | None:
    """The examples that the config names, read and prepared; None where it names none. Raises ConfigError.

    ``parts`` cuts a picture into all its parts; asked only where a mask decoder is there to do it.
    """
    settings = config.exemplars
    if not settings.support:
        return None
    examples = [(e.kind, e.image, e.mask) for e in read_supports(settings.support, config.reading).examples]
    tuned = (settings.tau1, settings.tau2, settings.dilation, settings.area_condition, settings.erase_ring)
    fusion = Fusion(settings.fusion, *tuned)
    cuts = parts if fusion.mode != "none" and config.decoder.name != "none" else None
    return Referring.of(exemplars(config, runtime), examples, fusion, settings.combine, cuts)


def exemplars(config: Config, runtime: GetRuntime, *, alone: bool = False) -> Exemplars:
    """What finds more of given examples; to be prepared with them. ``alone``: nothing is combined with its map."""
    settings, first = config.exemplars, None
    if settings.name in ("fm", "sam2-refine"):
        shots = settings.shots
        if shots == "auto":
            shots = "joined" if alone or settings.combine == "alone" else "mean"
        kinds = (settings.foreground, settings.background, shots)
        first = FeatureMatching(extractor(config, runtime), settings.side, *kinds)
        if settings.name == "fm":
            return first
    from iapas.models import exemplars as methods

    return methods.exemplars(config, runtime(), first)


def extractor(config: Config, runtime: GetRuntime) -> FeatureExtractor:
    """What makes features for matching."""
    if config.exemplars.extractor == "embedded":
        from iapas.embedded.compact.model import CompactModel
        from iapas.embedded.exemplars import FilterBank, PairFeatures

        if config.detector.name == "classical":
            return FilterBank(config.exemplars.side)
        own = config.detector.model if config.detector.name == "compact" else ""
        return PairFeatures(config.exemplars.side, CompactModel(_weights(own)))
    from iapas.models import exemplars as methods

    return methods.extractor(config, runtime())


def _weights(file: str) -> bytes | None:
    """The ONNX file of a compact model of the user's own; None: the shipped one."""
    try:
        return Path(file).read_bytes() if file else None
    except OSError as error:
        hint = "scripts/train_compact.py writes such a file; leave detector.model out for the shipped one"
        raise MissingError(f"detector.model {file!r} cannot be read: {error.strerror or error}", hint) from error


def _folder(config: Config, model: str) -> Path:
    from iapas.models.registry import locate

    return locate(model, config.models.root)
