"""Whether the authors' packages are here, and how they are imported.

They import torchvision, though for what is done here they use nothing compiled of it. The registry's
torchvision is compiled for a torch with CUDA; beside another torch it fails at its first missing operator. Then the two
operators that it looks for are declared, and it is imported without them: asking one of them to compute fails.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from iapas.config import Config
from iapas.errors import MissingError
from iapas.models.loading import quiet

NEEDED = {"grounding-dino-original": "groundingdino", "sam-original": "segment_anything"}
"""The package that a back end's name stands for."""

_HINT = 'pip install "iapas[models,original]", in an environment of its own (docs/original.md)'

_declared: list[Any] = []  # torch takes the operators back when what declared them is collected


def used_by(config: Config) -> list[str]:
    """The packages that a config's back ends need; empty for most."""
    return [NEEDED[name] for name in (config.detector.name, config.decoder.name) if name in NEEDED]


def require(config: Config) -> None:
    """Raise MissingError, without importing anything, where packages that the config's back ends need are not here."""
    wanted = used_by(config)
    absent = [name for name in (*wanted, *(["torchvision"] if wanted else [])) if not is_here(name)]
    if absent:
        raise MissingError(f"this config needs the authors' code, not installed here: {', '.join(absent)}", _HINT)


def is_here(package: str) -> bool:
    """Whether a package is installed; nothing is imported."""
    return importlib.util.find_spec(package) is not None


def load(name: str) -> Any:
    """A module of the authors' packages. Raises MissingError where it cannot be imported."""
    make_importable()
    try:
        with silent():
            return importlib.import_module(name)
    except ImportError as error:
        raise MissingError(f"the authors' code cannot be imported: {error}", _HINT) from error


@contextmanager
def silent() -> Iterator[None]:
    """Without the warnings that this code, of 2023, draws from what it is built on."""
    with warnings.catch_warnings(), quiet():
        warnings.simplefilter("ignore")
        yield


def make_importable() -> None:
    """Have ``import torchvision`` succeed, from here on, also where it does not fit torch; also for transformers."""
    try:
        importlib.import_module("torchvision")
    except ModuleNotFoundError as error:
        raise MissingError(f"the authors' code cannot be imported: {error}", _HINT) from error
    except (ImportError, OSError, RuntimeError):
        for module in [module for module in sys.modules if module.partition(".")[0] == "torchvision"]:
            del sys.modules[module]
        _declare()
        importlib.import_module("torchvision")


def _declare() -> None:
    import torch

    operators = torch.library.Library("torchvision", "DEF")
    for name in ("nms", "qnms"):
        operators.define(f"{name}(Tensor boxes, Tensor scores, float overlap) -> Tensor")
    _declared.append(operators)
