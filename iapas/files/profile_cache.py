"""Profiles that were made before, kept in the user's cache: stage 1's models need not run twice for one question."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from iapas.errors import ConfigError
from iapas.files.cache import Cache
from iapas.files.profiles import parse_profiles, profiles_text
from iapas.types import ObjectProfile


def cached_profile(key: Any, make: Callable[[], ObjectProfile]) -> ObjectProfile:
    """The profile of ``key``, made when it is not in the cache.

    ``key``: plain data with all that the profile hangs on: hashes of the images in their order, digests of the models,
    the settings, the text of the template, the lexicon. An entry that is broken is made again; a cache that cannot be
    written is done without.
    """
    cache = Cache("profiles")
    known = _parsed(cache.get(key))
    if known is not None:
        return known
    made = make()
    try:
        data = profiles_text({"": made}).encode()
    except UnicodeEncodeError:
        return made
    cache.put(key, data)
    # as it is read next time: lists come back as tuples, numbers as floats
    return _parsed(data) or made


def _parsed(data: bytes | None) -> ObjectProfile | None:
    try:
        return None if data is None else parse_profiles(data, "the cache").get("")
    except ConfigError:
        return None
