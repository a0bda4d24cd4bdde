"""The phrases of each variant for each category: stage 1, done once for all that share it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import cast

from iapas.config import Config
from iapas.errors import UsageError
from iapas.experiments.data import Pictures
from iapas.experiments.plan import Variant
from iapas.prompting.lexicons import LexiconPrompts, load_lexicon, split_prompt
from iapas.protocols import Detector
from iapas.roles import check
from iapas.run.capacity import open_pool
from iapas.run.loop import log_profile_warnings
from iapas.run.products import describe_products
from iapas.run.tasks import set_up, work
from iapas.segmenter import Segmenter
from iapas.stages.describe import OBJECT, describe
from iapas.types import ObjectProfile, Phrase, normalise_phrase

NO_WORDS = "defect"
"""Typed in place of any words where only the object is looked for: no language model is asked then."""


class Profiles:
    """Makes the profiles of variants; what several have in common is made once."""

    def __init__(self, pictures: Pictures, stop: Callable[[], bool]) -> None:
        self._pictures, self._stop = pictures, stop
        self._known: dict[tuple[str, str], ObjectProfile] = {}

    def of(self, variant: Variant) -> dict[str, ObjectProfile]:
        """The profile of each category; its phrases are the user's, so that every detector takes them as asked for."""
        categories = self._pictures.categories
        found: dict[str, ObjectProfile] = {}
        if variant.words.kind == "template":
            found = self._asked(variant)
        bases = self._bases(variant)
        for category in categories:
            base = bases[category]
            source = found.get(category) or _worded(variant, category, base.object)
            phrases = source.phrases[: variant.max_phrases]
            if not phrases:
                raise UsageError(f"{variant.name} has no phrases for {category!r}")
            asked = tuple(p if p.source == "object" else replace(p, source="user") for p in phrases)
            told = source.found.get("fallback") or source.found.get("phrases", "")
            found[category] = replace(base, phrases=asked, found=base.found | {"phrases": told})
            log_profile_warnings({f"{variant.name}, {category}": source})
        return found

    def _bases(self, variant: Variant) -> dict[str, ObjectProfile]:
        """What is known of each category's object.

        Without models nothing names it, and the detector finds one in each image, so that no profile's size is needed.
        """
        config = variant.config
        if config.uses_models or config.size.object == "profile":
            return self._described(variant, {"describe.prompt": NO_WORDS})
        named = {c: normalise_phrase(name) for c, name in self._names(variant).items()}
        return {category: ObjectProfile(object=name) for category, name in named.items()}

    def _asked(self, variant: Variant) -> dict[str, ObjectProfile]:
        """What the language model says; with a fixed prompt once, of no object."""
        if not variant.fixed:
            return self._described(variant, {})
        config = _with(variant.config, {"describe.product": "", "describe.tagger": "none"})
        answer = self._run(config, {"": ()})[""]
        return dict.fromkeys(self._pictures.categories, answer)

    def _described(self, variant: Variant, changes: Mapping[str, str]) -> dict[str, ObjectProfile]:
        """The profile of each category, with the names that the user gives to some."""
        names = self._names(variant)
        found: dict[str, ObjectProfile] = {}
        for name in sorted(set(names.values())):
            config = _with(variant.config, dict(changes) | ({"describe.product": name} if name else {}))
            paths = {c: self._pictures.stage1[c] for c, given in names.items() if given == name}
            found |= self._run(config, paths)
        return found

    def _names(self, variant: Variant) -> dict[str, str]:
        """The name that the user gives to each category's object, or the config; "" where neither does."""
        usual = variant.objects.get("", variant.config.describe.product)
        return {category: variant.objects.get(category, usual) for category in self._pictures.categories}

    def _run(self, config: Config, paths: Mapping[str, tuple[str, ...]]) -> dict[str, ObjectProfile]:
        """Stage 1 by the workers of a run, for the categories that are not known yet."""
        settings = {"describe", "detector", "tagger", "generator", "models", "reading", "verdict"}
        shown = config.model_dump_json(include=settings)
        missing = {category: seen for category, seen in paths.items() if (shown, category) not in self._known}
        if missing:
            check(config, (1,))
            make = partial(set_up, Segmenter.from_config, config, Path())
            with open_pool(config, make, work, len(missing)) as pool:
                made = describe_products(pool, missing, config, self._stop)
            self._known |= {(shown, category): profile for category, profile in made.items()}
        return {category: self._known[shown, category] for category in paths if (shown, category) in self._known}


def _worded(variant: Variant, category: str, name: str) -> ObjectProfile:
    """The phrases of a lexicon or of typed words, {object} replaced by the object's name."""
    settings = variant.config.describe
    lexicon = load_lexicon(settings.lexicon, settings.prompts_folder)
    called = "" if variant.fixed else name
    words = variant.words
    if words.kind == "lexicon":
        nobody = cast(Detector, None)  # without images it is not asked
        generator = LexiconPrompts(lexicon)
        made = describe([], nobody, generator, object_name=called, append=settings.append, material=settings.material)
        return replace(made, phrases=tuple(_named(phrase, called) for phrase in made.phrases))
    text = words.text
    if words.kind == "mapping":
        text = words.by_category.get(category, words.by_category.get("", ""))
        if not text:
            given = ", ".join(words.by_category)
            raise UsageError(f"{words.name} has no words for the category {category!r}", f"it has some for: {given}")
    phrases = tuple(_named(lexicon.phrase(part, "user"), called) for part in split_prompt(text))
    return ObjectProfile(phrases=phrases, found={"phrases": "given by the user"})


def _named(phrase: Phrase, name: str) -> Phrase:
    return replace(phrase, text=phrase.text.replace(OBJECT, name or "object"))


def _with(config: Config, changes: Mapping[str, str]) -> Config:
    """The config with ``describe`` fields changed."""
    fields = {key.partition(".")[2]: value for key, value in changes.items()}
    return config.model_copy(update={"describe": config.describe.model_copy(update=fields)})
