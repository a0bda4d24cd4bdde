"""Few-shot methods that need models: what makes features of pictures, and what finds more of given examples."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iapas.models.registry import extractor_of, locate, masker_of

if TYPE_CHECKING:
    from iapas.config import Config
    from iapas.models.loading import Runtime
    from iapas.protocols import Exemplars, FeatureExtractor


def extractor(config: Config, runtime: Runtime) -> FeatureExtractor:
    """The model that ``exemplars.extractor`` names, or the one that the method brings along.

    Raises ConfigError for a model that makes no features, MissingError for one that is not there.
    """
    from iapas.models.exemplars.extractors import dense

    settings = config.exemplars
    return dense(locate(extractor_of(settings), config.models.root), settings.side, runtime)


def exemplars(config: Config, runtime: Runtime, first: Exemplars | None = None) -> Exemplars:
    """The method that ``exemplars.name`` names: any but fm, which needs an extractor alone.

    ``first``: for sam2-refine what is refined, feature matching; it is prepared and closed with the rest.
    Raises ConfigError, MissingError.
    """
    settings, root = config.exemplars, config.models.root
    if settings.name == "ssp":
        from iapas.models.exemplars.ssp import Ssp

        return Ssp(locate(extractor_of(settings), root), settings.side, runtime)
    folder = locate(masker_of(settings), root)
    if settings.name == "sam2-video":
        from iapas.models.exemplars.sam2_video import Sam2Video

        return Sam2Video(folder, settings.model_side, runtime)
    if settings.name == "persam":
        from iapas.models.exemplars.persam import PerSam

        return PerSam(folder, runtime)
    if settings.name == "matcher":
        from iapas.models.exemplars.matcher import Matcher

        return Matcher(extractor(config, runtime), folder, runtime)
    if settings.name == "sam2-refine" and first is not None:
        from iapas.core.fusion import Fusion
        from iapas.models.exemplars.sam2_refine import Sam2Refine

        rule = Fusion(
            "replace" if settings.fusion == "none" else settings.fusion,  # the paper's
            settings.tau1,
            settings.tau2,
            settings.dilation,
            settings.area_condition,
            settings.erase_ring,
        )
        return Sam2Refine(first, folder, settings.refine, rule, config.everything, runtime)
    raise ValueError(f"{settings.name} is not built here, or lacks what it refines")
