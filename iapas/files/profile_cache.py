"""Profiles that were made before, kept in the user's cache: stage 1's models need not run twice for one question.

An entry's key is made from all that its profile hangs on, so it is never out of date; it may be deleted at any time.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from iapas import __version__
from iapas.config import fingerprint
from iapas.errors import ConfigError, OutputError
from iapas.files.atomic import write_bytes
from iapas.files.profiles import profiles_text, read_profiles
from iapas.types import ObjectProfile


def cached_profile(key: Any, make: Callable[[], ObjectProfile]) -> ObjectProfile:
    """The profile of ``key``, made when it is not in the cache.

    ``key``: plain data with all that the profile hangs on: hashes of the images in their order, digests of the models,
    the settings, the text of the template, the lexicon. The version of iapas is added here. An entry that is
    broken is made again; a cache that cannot be written is done without.
    """
    file = cache_folder() / f"{fingerprint([key, __version__])}.json"
    known = _read(file)
    if known is not None:
        return known
    made = make()
    try:
        write_bytes(file, profiles_text({"": made}).encode(), fsync=False)
    except (OutputError, UnicodeEncodeError):
        return made
    # as it is read next time: lists come back as tuples, numbers as floats
    return _read(file) or made


def cache_folder() -> Path:
    """Where the profiles lie: ``iapas/profiles`` in XDG_CACHE_HOME, else in ~/.cache."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    home = Path(base) if Path(base).is_absolute() else Path(os.path.expanduser("~/.cache"))  # noqa: PTH111 - never fails
    return home / "iapas" / "profiles"


def _read(file: Path) -> ObjectProfile | None:
    try:
        return read_profiles(file).get("")
    except ConfigError:
        return None
