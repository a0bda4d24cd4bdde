"""What a config names and that is kept elsewhere: its contents are part of what a run is."""

from __future__ import annotations

import hashlib
from pathlib import Path

from iapas.config import Config
from iapas.errors import ConfigError
from iapas.files.roi import roi_file
from iapas.files.supports import read_supports
from iapas.roles import model_digests


def contents(config: Config) -> dict[str, str]:
    """The hash of each file, folder of examples or model that the config names and that changes results.

    Raises ConfigError, and MissingError for a model that is not there or not what its checksums say.
    """
    hashes = {}
    roi = roi_file(config)
    if roi is not None:
        try:
            hashes["verdict.roi"] = hashlib.sha256(Path(roi).read_bytes()).hexdigest()
        except OSError as error:
            raise ConfigError(f"verdict.roi {roi!r} cannot be read: {error.strerror or error}") from error
    if config.exemplars.support:
        hashes["exemplars.support"] = read_supports(config.exemplars.support, config.reading).digest
    return hashes | model_digests(config, (2,))
