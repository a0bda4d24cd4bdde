"""Where templates and lexicons lie: in the package, and in a folder of the user's, whose own names come first."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from iapas import shipped
from iapas.errors import ConfigError

Kind = Literal["templates", "lexicons"]

KINDS: tuple[Kind, ...] = ("templates", "lexicons")


def names(kind: Kind, folder: str = "") -> list[str]:
    """The names of all that there are of a kind, sorted. Raises ConfigError for a ``folder`` that is none."""
    return sorted({*shipped.names(f"prompts/{kind}"), *(file.stem for file in own_files(kind, folder))})


def find(kind: Kind, name_or_file: str, folder: str = "") -> Path:
    """The file of a template or lexicon: itself, the one of that name in the user's ``folder``, or the shipped one.

    Raises ConfigError, with the names that there are, when there is none of that name.
    """
    if is_file(name_or_file):
        return Path(name_or_file)
    own = {file.stem: file for file in own_files(kind, folder)}
    if name_or_file in own:
        return own[name_or_file]
    if name_or_file not in shipped.names(f"prompts/{kind}"):
        known = ", ".join(names(kind, folder))
        raise ConfigError(f"there is no {kind.removesuffix('s')} called {name_or_file!r}; there are: {known}")
    return shipped.path(f"prompts/{kind}", name_or_file)


def is_file(name_or_file: str) -> bool:
    """Whether a file is meant, and not a name."""
    return name_or_file.endswith((".yaml", ".yml")) or "/" in name_or_file


def own_files(kind: Kind, folder: str) -> list[Path]:
    """``folder``/templates/*.yaml or ``folder``/lexicons/*.yaml, sorted; either may be missing, but not both."""
    if not folder:
        return []
    top = Path(folder).expanduser()
    if not any((top / one).is_dir() for one in KINDS):
        raise ConfigError(f"{folder}: there is neither a folder templates nor a folder lexicons in it")
    return sorted(file for file in (top / kind).glob("*.yaml") if file.is_file())
