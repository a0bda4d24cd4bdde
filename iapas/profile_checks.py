"""What the user of a profile should know: words without a meaning, a threshold measured with other settings."""

from __future__ import annotations

from collections.abc import Iterable

from iapas import __version__
from iapas.config import Config, fingerprint
from iapas.prompting.lexicons import Lexicon
from iapas.types import ObjectProfile, Phrase

WARNINGS = ("unknown words", "stale threshold")
"""Entries of ``found`` that warn, made for each config."""

TOLD = ("fallback", "phrases left out")
"""Entries of ``found`` that warn, written by stage 1; they say nothing of phrases that the user gave later."""


def profile_warnings(profile: ObjectProfile) -> list[str]:
    """What the user of a profile should know, from its ``found``."""
    keys = WARNINGS if profile.found.get("phrases") == "given by the user" else (*WARNINGS, *TOLD)
    return [profile.found[key] for key in keys if key in profile.found]


def calibration_fingerprint(config: Config, profile: ObjectProfile) -> str:
    """64 hex digits over what a calibrated threshold depends on: the scores, so neither thresholds nor outputs."""
    settings = config.results()
    parts = ("reading", "detector", "decoder", "size", "tile", "exemplars")
    kept = {key: settings[key] for key in parts if key in settings}  # no exemplars, no such settings
    area_and_roi = [config.verdict.min_area, config.verdict.roi]
    words = [profile.object, *([phrase.text, phrase.source] for phrase in profile.phrases)]
    return fingerprint([kept, area_and_roi, words, __version__])


def warnings_of(config: Config, profile: ObjectProfile, lexicon: Lexicon) -> dict[str, str]:
    """What to add to ``found``, by the keys of WARNINGS."""
    reads = not config.detector.embedded  # then words need no meaning of ours
    unknown = "" if reads else _unknown_words(profile.phrases, lexicon)
    told = zip(WARNINGS, (unknown, _stale_threshold(config, profile)), strict=True)
    return {key: text for key, text in told if text}


def _stale_threshold(config: Config, profile: ObjectProfile) -> str:
    """A warning when the threshold in use was calibrated with other settings or words; "" when it was not."""
    made_with = profile.calibration.get("fingerprint")
    if profile.threshold is None or config.verdict.threshold != "auto" or made_with is None:
        return ""
    if made_with == calibration_fingerprint(config, profile):
        return ""
    return "the profile's threshold was calibrated with other settings or words: run iapas calibrate again"


def _unknown_words(phrases: Iterable[Phrase], lexicon: Lexicon) -> str:
    """A warning that names the user's words without a meaning beside those with one; "" when there are none."""
    unknown = [word for phrase in phrases if phrase.source == "user" for word in lexicon.unknown(phrase.text)]
    if not unknown:
        return ""
    words = ", ".join(repr(word) for word in dict.fromkeys(unknown))
    return f"unknown words, which change nothing: {words}; known words: {', '.join(sorted(lexicon.words))}"
