"""The models that iapas knows by name, as a table, and where their files lie. Nothing here asks the network.

Sources of the table: the model pages at huggingface.co as publicly archived. A ``revision`` is a commit that such a
page shows; ``main`` where none was found. No entry could be downloaded where iapas was written, so repositories, commits and
sizes are unverified until ``iapas models fetch`` has run.
"""

from __future__ import annotations

import difflib
import importlib.util
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from iapas.config import Config
from iapas.errors import ConfigError, MissingError

PACKAGES = ("torch", "transformers", "accelerate", "safetensors", "huggingface_hub")
"""What running a model takes; huggingface_hub comes with transformers."""

Kind = Literal["grounding-dino", "mm-grounding-dino", "sam", "sam-hq", "sam2"]


@dataclass(frozen=True)
class Entry:
    """One model. ``megabytes``: the weights, in 10^6 bytes. ``gated``: its owner wants an account and consent first."""

    name: str
    role: Literal["detector", "decoder"]
    kind: Kind
    repository: str
    revision: str
    licence: str
    licence_url: str
    commercial: bool
    megabytes: int
    gated: bool = False

    @property
    def page(self) -> str:
        """Where a person reads about it, and agrees to its terms where it is gated."""
        return f"https://huggingface.co/{self.repository}"

    @property
    def terms(self) -> str:
        """Size, licence and access in words."""
        use = "commercial use allowed" if self.commercial else "no commercial use"
        gate = f"gated: agree to the terms at {self.page} and run: hf auth login" if self.gated else "not gated"
        return f"{size(self.megabytes)}, {self.licence} ({use}), {gate}"


def _entry(name: str, kind: Kind, repository: str, megabytes: int, revision: str = "main") -> Entry:
    """An entry under Apache-2.0, as all so far are."""
    role: Literal["detector", "decoder"] = "detector" if kind.endswith("grounding-dino") else "decoder"
    url = "https://www.apache.org/licenses/LICENSE-2.0"
    return Entry(name, role, kind, repository, revision, "Apache-2.0", url, True, megabytes)


_TABLE = (
    _entry(
        "grounding-dino-tiny",
        "grounding-dino",
        "IDEA-Research/grounding-dino-tiny",
        689,
        "a2bb814dd30d776dcf7e30523b00659f4f141c71",
    ),
    _entry("grounding-dino-base", "grounding-dino", "IDEA-Research/grounding-dino-base", 933),
    _entry(
        "mm-grounding-dino-tiny",
        "mm-grounding-dino",
        "openmmlab-community/mm_grounding_dino_tiny_o365v1_goldg_v3det",
        690,
    ),
    _entry(
        "mm-grounding-dino-base",
        "mm-grounding-dino",
        "openmmlab-community/mm_grounding_dino_base_o365v1_goldg_v3det",
        930,
    ),
    _entry("sam-vit-base", "sam", "facebook/sam-vit-base", 375),
    _entry("sam-vit-large", "sam", "facebook/sam-vit-large", 1249),
    _entry("sam-vit-huge", "sam", "facebook/sam-vit-huge", 2564),
    _entry("sam-hq-vit-base", "sam-hq", "syscv-community/sam-hq-vit-base", 379),
    _entry("sam-hq-vit-large", "sam-hq", "syscv-community/sam-hq-vit-large", 1254),
    _entry("sam-hq-vit-huge", "sam-hq", "syscv-community/sam-hq-vit-huge", 2570),
    _entry("sam2.1-hiera-tiny", "sam2", "facebook/sam2.1-hiera-tiny", 156),
    _entry("sam2.1-hiera-small", "sam2", "facebook/sam2.1-hiera-small", 184),
    _entry("sam2.1-hiera-base-plus", "sam2", "facebook/sam2.1-hiera-base-plus", 324),
    _entry("sam2.1-hiera-large", "sam2", "facebook/sam2.1-hiera-large", 898),
)
REGISTRY = {entry.name: entry for entry in _TABLE}


def find(name: str) -> Entry:
    """The entry called ``name``. Raises ConfigError with a name that is near, or with all of them."""
    if name in REGISTRY:
        return REGISTRY[name]
    near = difflib.get_close_matches(name, REGISTRY, 1)
    hint = f"did you mean {near[0]!r}?" if near else f"known are: {', '.join(REGISTRY)}"
    raise ConfigError(f"there is no model called {name!r}; {hint}")


def named_by(config: Config) -> list[Entry | Path]:
    """The models that a config uses, in the order of the pipeline: entries, or folders where it names folders."""
    models = [config.detector.model] if config.detector.name != "classical" else []
    models += [config.decoder.model] if config.decoder.name != "none" else []
    return list(dict.fromkeys(_entry_or_folder(model) for model in models))


def model_folders(config: Config) -> list[Path]:
    """The folders of the models that a config uses. Raises MissingError, quickly, for the first that is not there."""
    models = named_by(config)
    require_packages()
    return [locate(str(model) if isinstance(model, Path) else model.name, config.models.root) for model in models]


def locate(model: str, root: str = "") -> Path:
    """The folder with the files of a model: a name of the table, or a folder.

    A name is looked for in ``<root>/<name>``, without ``root`` in the cache of Hugging Face. Nothing is downloaded.
    Raises ConfigError for a name that is not known and MissingError, which says how to get it, for what is not there.
    """
    known = _entry_or_folder(model)
    if isinstance(known, Path):
        folder, hint = known, "give a folder with config.json and .safetensors files, or a name of: iapas models list"
    elif root:
        folder, hint = Path(root).expanduser() / known.name, _how_to_get(known, root)
    else:
        cached = cache_folder(known)
        if cached is None:
            raise MissingError(f"{known.name} is not in the Hugging Face cache: {known.terms}", _how_to_get(known))
        folder, hint = cached, _how_to_get(known)
    absent = absent_files(folder)
    if absent:
        what = f"{folder} has no {absent[0]}" if folder.is_dir() else f"there is no folder {folder}"
        raise MissingError(f"{model}: {what}" + ("" if isinstance(known, Path) else f": {known.terms}"), hint)
    return folder


def cache_folder(entry: Entry) -> Path | None:
    """The snapshot of a model in the cache of Hugging Face; None where it was not fetched."""
    if importlib.util.find_spec("huggingface_hub") is None:
        require_packages()
    from huggingface_hub import try_to_load_from_cache

    file = try_to_load_from_cache(entry.repository, "config.json", revision=entry.revision)
    return Path(file).parent if isinstance(file, str) else None


def absent_files(folder: Path) -> list[str]:
    """What a folder lacks of the files that loading needs: config.json, the weights, all parts of them."""
    absent = [] if (folder / "config.json").is_file() else ["config.json"]
    index = folder / "model.safetensors.index.json"
    if not index.is_file():
        return absent + ([] if (folder / "model.safetensors").is_file() else ["model.safetensors"])
    try:
        parts = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return [*absent, "readable model.safetensors.index.json"]
    return absent + [part for part in parts if not (folder / part).is_file()]


def require_packages() -> None:
    """Raise MissingError, with the command that helps, unless the packages for models are installed."""
    absent = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if absent:
        raise MissingError(
            f"foundation models need {', '.join(absent)}, not installed here", 'pip install "iapas[models]"'
        )


def size(megabytes: int) -> str:
    """Megabytes for people."""
    return f"{megabytes} MB" if megabytes < 1000 else f"{megabytes / 1000:.1f} GB"


def _entry_or_folder(model: str) -> Entry | Path:
    if not model:
        raise ConfigError("the config names no model", "set detector.model and decoder.model; see: iapas models list")
    if model in REGISTRY or not ("/" in model or Path(model).is_dir()):
        return find(model)
    return Path(model).expanduser()


def _how_to_get(entry: Entry, root: str = "") -> str:
    option = f" --root {root}" if root else ""
    return (
        f"download it with: iapas models fetch {entry.name}{option}; or copy {entry.page} into "
        f"{root or 'FOLDER'}/{entry.name}" + ("" if root else " and set models.root=FOLDER")
    )
