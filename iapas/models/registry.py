"""The models that iapas knows by name, as a table, and where their files lie. Nothing here asks the network.

Sources of the table: archived pages of huggingface.co and public source that pins the same files. A ``revision`` is a
commit stated there, ``main`` where none was found; sizes are of the weights there (mm-grounding-dino-base,
sam-hq-vit-huge, clipseg, owlv2, sam3 and all extractors: estimated). No entry could be downloaded where iapas was
written: all of it is unverified here.
"""

from __future__ import annotations

import difflib
import importlib.util
import json
import os
import sys
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

from iapas.config import Config
from iapas.errors import ConfigError, MissingError
from iapas.settings import ExemplarSettings

PACKAGES = ("torch", "transformers", "accelerate", "safetensors", "huggingface_hub")
"""What running a model takes; huggingface_hub comes with transformers."""

Kind = (
    Literal["grounding-dino", "mm-grounding-dino", "sam", "sam-hq", "sam2", "ram", "ram-plus", "llama"]
    | Literal["sam3", "clipseg", "owlv2", "dino", "dinov2", "resnet", "pdn-large", "pdn-small"]
)

Role = Literal["tagger", "generator", "detector", "decoder", "extractor"]

OFFICIAL = {"ram": "ram_swin_large_14m.pth", "ram-plus": "ram_plus_swin_large_14m.pth"}
"""Weights that are published as a .pth file alone, by kind. Read as tensors only, which can run no code."""

PDN_FILES = {"pdn-large": "model_large.pth", "pdn-small": "model_small.pth"}
"""The same for PDN, whose files are on no hub: the authors of FM give them out, or ``iapas distill`` makes others."""

HUB = "huggingface.co"


@dataclass(frozen=True)
class Entry:
    """One model. ``megabytes``: the weights, in 10^6 bytes. ``gated``: its owner wants an account and consent first."""

    name: str
    role: Role
    kind: Kind
    repository: str
    revision: str
    licence: str
    licence_url: str
    commercial: bool
    megabytes: int
    gated: bool = False
    host: str = HUB

    @property
    def page(self) -> str:
        """Where a person reads about it, and agrees to its terms where it is gated."""
        return f"https://{self.host}/{self.repository}"

    @property
    def terms(self) -> str:
        """Size, licence and access in words."""
        use = "commercial use allowed" if self.commercial else "no commercial use"
        gate = f"gated: agree to the terms at {self.page} and run: hf auth login" if self.gated else "not gated"
        return f"{size(self.megabytes)}, {self.licence} ({use}), {gate}"


_TABLE = """
grounding-dino-tiny grounding-dino IDEA-Research/grounding-dino-tiny a2bb814dd30d776dcf7e30523b00659f4f141c71 689
grounding-dino-base grounding-dino IDEA-Research/grounding-dino-base 12bdfa3120f3e7ec7b434d90674b3396eccf88eb 933
mm-grounding-dino-tiny mm-grounding-dino openmmlab-community/mm_grounding_dino_tiny_o365v1_goldg_v3det main 692
mm-grounding-dino-base mm-grounding-dino openmmlab-community/mm_grounding_dino_base_o365v1_goldg_v3det main 936
clipseg-rd64-refined clipseg CIDAS/clipseg-rd64-refined 325a839908143a34b409ae6f2910fa015ea390e6 603
owlv2-base-ensemble owlv2 google/owlv2-base-patch16-ensemble cfd3195ba4ea9592eec887ded089f4c08eff231d 620
sam-vit-base sam facebook/sam-vit-base 70c1a07f894ebb5b307fd9eaaee97b9dfc16068f 375
sam-vit-large sam facebook/sam-vit-large 6851e0441005b0fb96f2cc4dfac472f3d1b14af1 1250
sam-vit-huge sam facebook/sam-vit-huge 87aecf0df4ce6b30cd7de76e87673c49644bdf67 2564
sam-hq-vit-base sam-hq syscv-community/sam-hq-vit-base main 379
sam-hq-vit-large sam-hq syscv-community/sam-hq-vit-large main 1250
sam-hq-vit-huge sam-hq syscv-community/sam-hq-vit-huge main 2571
sam2.1-hiera-tiny sam2 facebook/sam2.1-hiera-tiny de431c4043854a71d8101e17995dfe596bf101a5 156
sam2.1-hiera-small sam2 facebook/sam2.1-hiera-small ee5bba1d82bb8749febdf90f45e84b687142ba03 184
sam2.1-hiera-base-plus sam2 facebook/sam2.1-hiera-base-plus b7320756a13354e7530a63935656d35b2f91a290 323
sam2.1-hiera-large sam2 facebook/sam2.1-hiera-large 665f8e2ad61cf5f53d65644ff27c8ee525124610 898
ram-swin-large ram xinyu1205/recognize_anything_model a4f945fe0720892020c28309624df3bd1f3ad3dc 5630
ram-plus-swin-large ram-plus xinyu1205/recognize-anything-plus-model 6afd703f04b23e1c18d4c7d9882c4f5f954848f8 3010
dino-vits8 dino facebook/dino-vits8 main 87
dino-vits16 dino facebook/dino-vits16 main 87
dinov2-small dinov2 facebook/dinov2-small main 88
resnet18 resnet microsoft/resnet-18 main 47
resnet50 resnet microsoft/resnet-50 main 102
"""  # name, kind, repository, revision, megabytes; all these are under Apache-2.0 and none is gated

_APACHE = "https://www.apache.org/licenses/LICENSE-2.0"

_ROLES: dict[str, Role] = {
    **dict.fromkeys(("grounding-dino", "mm-grounding-dino", "clipseg", "owlv2", "sam3"), "detector"),
    **dict.fromkeys(("ram", "ram-plus"), "tagger"),
    **dict.fromkeys(("dino", "dinov2", "resnet"), "extractor"),
    "llama": "generator",
}  # by kind; the others are decoders


def _entry(row: str, licence: str = "Apache-2.0", url: str = _APACHE, *, gated: bool = False) -> Entry:
    name, kind, repository, revision, megabytes = row.split()
    role = _ROLES.get(kind, "decoder")
    return Entry(name, role, cast(Kind, kind), repository, revision, licence, url, True, int(megabytes), gated)


_GATED = [
    _entry(
        # commercial use allowed, but not in war, weapons, espionage
        "sam3 sam3 facebook/sam3 3c879f39826c281e95690f02c7821c4de09afae7 3440",
        "SAM License",
        "https://github.com/facebookresearch/sam3/blob/main/LICENSE",
        gated=True,
    ),
    _entry(
        # commercial use allowed, but not to companies with over 700 million users a month
        "llama-3-8b-instruct llama meta-llama/Meta-Llama-3-8B-Instruct 5f0b02c75b57c5855da9ae460ce51323ea669d8a 16061",
        "Meta Llama 3 Community License",
        "https://llama.meta.com/llama3/license/",
        gated=True,
    ),
]


def _pdn(kind: Kind, megabytes: int) -> Entry:
    name, page, terms = "liutongkun/GFDS", "https://github.com/liutongkun/GFDS", "licence not known"
    return Entry(kind, "extractor", kind, name, "main", terms, page, False, megabytes, host="github.com")


_ENTRIES = [*map(_entry, _TABLE.split("\n")[1:-1]), *_GATED, _pdn("pdn-large", 32), _pdn("pdn-small", 11)]

REGISTRY = {entry.name: entry for entry in _ENTRIES}


def find(name: str) -> Entry:
    """The entry called ``name``. Raises ConfigError with a name that is near, or with all of them."""
    if name in REGISTRY:
        return REGISTRY[name]
    near = difflib.get_close_matches(name, REGISTRY, 1)
    hint = f"did you mean {near[0]!r}?" if near else f"known are: {', '.join(REGISTRY)}"
    raise ConfigError(f"there is no model called {name!r}; {hint}")


def named_by(config: Config, stages: Collection[int] = (1, 2)) -> list[Entry | Path]:
    """The models that the stages of a config use, in the order of the pipeline: entries, or folders where it says so.

    Stage 1 asks no tagger for a product, and no generator for phrases, that the user has given.
    """
    describe = config.describe
    models = []
    if 1 in stages and describe.tagger != "none" and not describe.product:
        models.append(config.tagger.model)
    if 1 in stages and describe.generator == "llm" and not describe.prompt:
        models.append(config.generator.model)
    if not config.detector.embedded:  # in both
        models.append(config.detector.model)
    if 2 in stages and config.decoder.name != "none":
        models.append(config.decoder.model)
    if 2 in stages and config.exemplars.support:
        models += filter(None, (extractor_of(config.exemplars), masker_of(config.exemplars)))
    return list(dict.fromkeys(_entry_or_folder(model) for model in models))


def extractor_of(settings: ExemplarSettings) -> str:
    """The model that makes features of exemplars: the one that is set, else the method's own; "" where none does."""
    if settings.name in ("sam2-video", "persam"):
        return ""
    own = {"matcher": "dinov2-small", "ssp": "resnet50"}.get(settings.name, "")
    return own if settings.extractor == "embedded" else settings.extractor


def masker_of(settings: ExemplarSettings) -> str:
    """The model that draws masks from exemplars: the one that is set, else the method's own; "" where none does."""
    tracking, drawing = "sam2.1-hiera-small", "sam-vit-huge"  # the former is the best in the paper
    own = {"sam2-video": tracking, "sam2-refine": tracking, "persam": drawing, "matcher": drawing}.get(
        settings.name, ""
    )
    return own and (settings.model or own)


def model_folders(config: Config, stages: Collection[int] = (1, 2)) -> dict[str, Path]:
    """The folders of the models that the stages of a config use, by name.

    Raises MissingError, quickly, for the first that is not there.
    """
    models = named_by(config, stages)
    if models:
        require_packages()
    if config.run.offline:
        go_offline()
    names = [str(model) if isinstance(model, Path) else model.name for model in models]
    return {name: locate(name, config.models.root) for name in names}


def locate(model: str, root: str = "") -> Path:
    """The folder with the files of a model: a name of the table, or a folder.

    A name is looked for in ``<root>/<name>``, without ``root`` in the cache of Hugging Face. Nothing is downloaded.
    Raises ConfigError for a name that is not known and MissingError, which says how to get it, for what is not there.
    """
    known = _entry_or_folder(model)
    if isinstance(known, Path):
        folder, hint = known, "give a folder with config.json and .safetensors files, or a name of: iapas models list"
    elif root:
        folder, hint = Path(root).expanduser() / known.name, how_to_get(known, root)
    else:
        cached = cache_folder(known)
        if cached is None:
            where = "in the Hugging Face cache" if known.host == HUB else "on the Hugging Face hub"
            raise MissingError(f"{known.name} is not {where}: {known.terms}", how_to_get(known))
        folder, hint = cached, how_to_get(known)
    absent = absent_files(folder)
    if absent:
        what = f"{folder} has no {absent[0]}" if folder.is_dir() else f"there is no folder {folder}"
        raise MissingError(f"{model}: {what}" + ("" if isinstance(known, Path) else f": {known.terms}"), hint)
    return folder


def cache_folder(entry: Entry) -> Path | None:
    """The snapshot of a model in the cache of Hugging Face; None where it was not fetched."""
    if entry.host != HUB:
        return None
    if importlib.util.find_spec("huggingface_hub") is None:
        require_packages()
    from huggingface_hub import try_to_load_from_cache

    name = OFFICIAL.get(entry.kind, "config.json")
    file = try_to_load_from_cache(entry.repository, name, revision=entry.revision)
    return Path(file).parent if isinstance(file, str) else None


def absent_files(folder: Path) -> list[str]:
    """What a folder lacks of the files that loading needs: config.json, the weights, all parts of them.

    A .pth file is enough: RAM, PDN and the authors' own code read theirs.
    """
    if any(folder.glob("*.pth")):
        return []
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


def go_offline() -> None:
    """Have the packages of Hugging Face ask nothing of the network, here and in processes started from here on."""
    os.environ["HF_HUB_OFFLINE"] = os.environ["TRANSFORMERS_OFFLINE"] = "1"
    hub = sys.modules.get("huggingface_hub.constants")
    if hub is not None:  # it has read the variables already
        hub.HF_HUB_OFFLINE = True  # type: ignore[attr-defined]


def size(megabytes: int) -> str:
    """Megabytes for people."""
    return f"{megabytes} MB" if megabytes < 1000 else f"{megabytes / 1000:.1f} GB"


def _entry_or_folder(model: str) -> Entry | Path:
    if not model:
        raise ConfigError(
            "the config names no model",
            "set tagger.model, generator.model, detector.model or decoder.model (iapas models list)",
        )
    if model in REGISTRY or not ("/" in model or Path(model).is_dir()):
        return find(model)
    return Path(model).expanduser()


def how_to_get(entry: Entry, root: str = "") -> str:
    """The commands that bring a model here."""
    option = f" --root {root}" if root else ""
    if entry.host != HUB:
        return (
            f"copy {PDN_FILES[entry.kind]} from {entry.page}, or what iapas distill made, into "
            f"{root or 'FOLDER'}/{entry.name}" + ("" if root else " and set models.root=FOLDER")
        )
    return (
        f"download it with: iapas models fetch {entry.name}{option}; or copy what is at {entry.page} into "
        f"{root or 'FOLDER'}/{entry.name}" + ("" if root else " and set models.root=FOLDER")
    )
