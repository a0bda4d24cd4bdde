"""The precision of heavy layers, and the check that what comes out is finite."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np

from iapas.errors import ModelNonfinite

if TYPE_CHECKING:
    from iapas.models.loading import Runtime

log = logging.getLogger("iapas")

T = TypeVar("T")


def choose(wanted: str, device: str) -> Literal["fp32", "bf16", "fp16"]:
    """The precision for a device: what was ``wanted``, or for ``auto`` bf16 or fp16 where the device gains by it."""
    if wanted in ("fp32", "bf16", "fp16"):
        return wanted  # type: ignore[return-value]
    import torch

    if device == "cuda":
        # emulated bf16 is no gain
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"
    checks = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")  # private: other versions may lack them
    return "bf16" if any(getattr(torch.cpu, check, bool)() for check in checks) else "fp32"


def computing(runtime: Runtime) -> AbstractContextManager[Any]:
    """The context that heavy layers run in: autocast to bf16 or fp16, or nothing."""
    if runtime.precision == "fp32":
        return nullcontext()
    import torch

    kind = torch.bfloat16 if runtime.precision == "bf16" else torch.float16
    context: AbstractContextManager[Any] = torch.autocast(runtime.device, kind)
    return context


def finite(run: Callable[[Runtime], T], runtime: Runtime, what: str) -> T:
    """``run(runtime)``, whose floating tensors and arrays are all finite.

    Where they are not, it runs once more in fp32; raises ModelNonfinite, naming ``what``, if that does not help.
    """
    result = run(runtime)
    if all_finite(result):
        return result
    if runtime.precision != "fp32":
        log.warning("%s gave NaN or infinite values in %s: once more in fp32", what, runtime.precision)
        del result
        result = run(replace(runtime, precision="fp32"))
        if all_finite(result):
            return result
    raise ModelNonfinite(f"{what} gave NaN or infinite values, in fp32 too")


def all_finite(result: Any) -> bool:
    """Whether each floating tensor or array in ``result`` (containers and dataclasses of them) is finite."""
    return all(_is_finite(value) for value in _leaves(result))


def _is_finite(value: Any) -> bool:
    if isinstance(value, np.ndarray):
        return bool(np.isfinite(value).all()) if np.issubdtype(value.dtype, np.inexact) else True
    if not (value.is_floating_point() or value.is_complex()) or not value.numel():
        return True
    # a sum is finite or not as its terms are, without a mask of their size; it can overflow too: then look closely
    import torch

    return bool(torch.isfinite(value.detach().sum(dtype=torch.float64))) or bool(torch.isfinite(value).all())


def _leaves(value: Any) -> Iterator[Any]:
    """The tensors and arrays in ``value``."""
    if isinstance(value, np.ndarray) or (hasattr(value, "is_floating_point") and hasattr(value, "numel")):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _leaves(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _leaves(inner)
    elif is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            yield from _leaves(getattr(value, field.name))
