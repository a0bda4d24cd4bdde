"""iapas finds defects in photographs of industrial products without being trained on them.

>>> from iapas import Segmenter
>>> segmenter = Segmenter.from_config("embedded")
>>> segmenter.config.name
'embedded'
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from iapas.config import Config, load_config
    from iapas.errors import IapasError, ImageError, RunError
    from iapas.segmenter import Segmenter
    from iapas.types import ObjectProfile, Phrase, Regions, Segmentation

__version__ = "0.1.0"

_HOMES = {
    "Config": "config",
    "IapasError": "errors",
    "ImageError": "errors",
    "ObjectProfile": "types",
    "Phrase": "types",
    "Regions": "types",
    "RunError": "errors",
    "Segmentation": "types",
    "Segmenter": "segmenter",
    "load_config": "config",
}

__all__ = [
    "Config",
    "IapasError",
    "ImageError",
    "ObjectProfile",
    "Phrase",
    "Regions",
    "RunError",
    "Segmentation",
    "Segmenter",
    "__version__",
    "load_config",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: ``import iapas`` stays quick."""
    if name not in _HOMES:
        raise AttributeError(f"module 'iapas' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"iapas.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
