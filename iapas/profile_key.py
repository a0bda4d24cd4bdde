"""What a profile that models made hangs on: the key under which it is kept."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import astuple
from pathlib import Path
from typing import Any

from iapas.config import Config
from iapas.prompting.lexicons import Lexicon
from iapas.prompting.templates import load_template
from iapas.roles import model_digests
from iapas.types import Image


def profile_key(config: Config, lexicon: Lexicon, images: Sequence[Image]) -> dict[str, Any]:
    """All that stage 1's outcome for ``images`` hangs on, as plain data. Raises MissingError as model_digests."""
    settings = config.results()
    return {
        **{key: settings[key] for key in ("reading", "describe", "tagger", "generator", "detector", "models")},
        "roi": settings["verdict"]["roi"],
        "device": config.run.device,
        "contents": model_digests(config, (1,)),
        "tag files": [_digest(file) for file in (config.tagger.tags, config.tagger.thresholds)],
        "template": astuple(load_template(config.generator.template, config.describe.prompts_folder)),
        "lexicon": [lexicon.phrases, sorted(lexicon.words.items())],
        "images": [hashlib.sha256(repr(image.shape).encode() + image.tobytes()).hexdigest() for image in images],
    }


def _digest(file: str) -> str:
    """Of a file's contents; "" for no file, or one that its reader will complain about."""
    path = Path(file).expanduser()
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
