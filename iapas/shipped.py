"""Where the shipped configs and prompts lie, where caches lie, and the one strict reader of YAML."""

from __future__ import annotations

import os
import sys
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from iapas.errors import ConfigError

MAX_YAML_BYTES = 1_000_000
"""A config or lexicon is a page of text; a file beyond this is a mistake or an attack."""


@cache
def folder(kind: str) -> Path:
    """The folder of the shipped ``configs`` or ``prompts``: in the installed package, else in the checkout."""
    package = Path(__file__).parent
    installed = package / "_data" / kind
    return installed if installed.is_dir() else package.parent / kind


def names(kind: str) -> list[str]:
    """The names of what is shipped of a kind (``configs``, ``prompts/lexicons``, ``prompts/templates``), sorted."""
    top, _, rest = kind.partition("/")
    return sorted(path.stem for path in (folder(top) / rest).glob("*.yaml"))


def path(kind: str, name: str) -> Path:
    """The file of one shipped thing.

    Raises ConfigError, with the names that there are, when there is none of that name.
    """
    known = names(kind)
    if name not in known:
        what = kind.rpartition("/")[2].removesuffix("s")
        raise ConfigError(f"there is no {what} called {name!r}; shipped are: {', '.join(known)}")
    top, _, rest = kind.partition("/")
    return folder(top) / rest / f"{name}.yaml"


def cache_root() -> Path:
    """The folder of all that iapas keeps between runs: IAPAS_CACHE, else ``iapas`` in the user's cache folder.

    That is XDG_CACHE_HOME where it is set; else ~/Library/Caches on a Mac, LOCALAPPDATA on Windows, ~/.cache elsewhere.
    """
    own = os.environ.get("IAPAS_CACHE", "")
    if own:
        return Path(os.path.abspath(os.path.expanduser(own)))  # noqa: PTH100, PTH111 - these never fail
    base = os.environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(base):  # noqa: PTH117
        usual = {"darwin": "~/Library/Caches", "win32": os.environ.get("LOCALAPPDATA", "~/.cache")}
        base = os.path.expanduser(usual.get(sys.platform, "~/.cache"))  # noqa: PTH111
    return Path(base) / "iapas"


def read_yaml(file: Path) -> dict[str, Any]:
    """The mapping in a YAML (or JSON) file.

    Plain data only: no tags that build Python objects, no duplicate keys, at most MAX_YAML_BYTES.
    Raises ConfigError, naming the file and the line.
    """
    try:
        size = file.stat().st_size
        if size > MAX_YAML_BYTES:
            raise ConfigError(f"{file}: {size} bytes are too many for a config (at most {MAX_YAML_BYTES})")
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: cannot be read: {error}") from error
    return parse_yaml(text, str(file))


def parse_yaml(text: str, where: str) -> dict[str, Any]:
    """The mapping in ``text``; ``where`` names it in errors."""
    try:
        data = yaml.load(text, Loader=_StrictLoader)  # noqa: S506 - a SafeLoader with one more check
    except (yaml.YAMLError, RecursionError) as error:
        raise ConfigError(f"{where}: not valid YAML: {' '.join(str(error).split())}") from error
    if data is None:
        return {}
    if not isinstance(data, dict) or not all(isinstance(key, str) for key in data):
        raise ConfigError(f"{where}: must be a mapping of names to values, not {type(data).__name__}")
    return data


class _StrictLoader(yaml.SafeLoader):
    """SafeLoader that refuses duplicate keys and aliases (a few lines of which can fill the memory)."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.events.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.constructor.ConstructorError(None, None, "aliases are not allowed", mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str | int | float | bool) or key in seen:
                problem = f"duplicate key {key!r}" if isinstance(key, str) else f"key {key!r} is not a plain name"
                raise yaml.constructor.ConstructorError(None, None, problem, key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)
