"""What a config names and that is kept elsewhere: its contents are part of what a run is."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from iapas import shipped
from iapas.config import Config
from iapas.errors import ConfigError
from iapas.files.roi import roi_file
from iapas.files.supports import read_supports
from iapas.prompting.folders import Kind, find
from iapas.roles import model_digests


def contents(config: Config) -> dict[str, str]:
    """The hash of each file, folder of examples or model that the config names and that changes results.

    Raises ConfigError, and MissingError for a model that is not there or not what its checksums say.
    """
    hashes = {}
    roi = roi_file(config)
    if roi is not None:
        hashes["verdict.roi"] = _hash(Path(roi), f"verdict.roi {roi!r}")
    if config.exemplars.support:
        hashes["exemplars.support"] = read_supports(config.exemplars.support, config.reading).digest
    if config.detector.embedded and config.detector.model:
        hashes["detector.model"] = _hash(Path(config.detector.model), f"detector.model {config.detector.model!r}")
    for key, kind, name in _words(config):
        file = find(kind, name, config.describe.prompts_folder)
        if not file.is_relative_to(shipped.folder("prompts")):  # what is shipped goes with the version
            hashes[key] = _hash(file, f"{key} {name!r}")
    return hashes | model_digests(config, (2,))


def _words(config: Config) -> Iterator[tuple[str, Kind, str]]:
    """The setting, kind and name of the lexicon, and of the template where one is asked."""
    yield "describe.lexicon", "lexicons", config.describe.lexicon
    if config.describe.generator != "lexicon":
        yield "generator.template", "templates", config.generator.template


def _hash(file: Path, what: str) -> str:
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError as error:
        raise ConfigError(f"{what} cannot be read: {error.strerror or error}") from error
