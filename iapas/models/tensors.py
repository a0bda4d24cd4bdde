"""Files of tensors, read as tensors only: nothing in them can run code."""

from __future__ import annotations

import pickle
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from iapas.errors import MissingError

_NAMED = 10  # tensors that a message names
_WRAPPERS = ("model", "state_dict")  # keys under which training programs save what a network holds
_PARALLEL = "module."  # before each name, where a network was trained on several devices


def read_safetensors(file: Path, hint: str) -> dict[str, Any]:
    """The tensors of a .safetensors file by name. Raises MissingError with ``hint`` for one that cannot be read."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        tensors: dict[str, Any] = load_file(file)
    except (OSError, SafetensorError) as error:
        raise MissingError(f"{file} cannot be read: {error}", hint) from error
    return tensors


def read_checkpoint(file: Path, hint: str) -> dict[str, Any]:
    """The tensors of a file of the authors by name: .safetensors, else as torch saves, wrapped or not.

    ``weights_only``: a file that wants to run code is refused, not run. Raises MissingError with ``hint``.
    """
    if file.suffix == ".safetensors":
        return read_safetensors(file, hint)
    import torch

    try:
        with file.open("rb") as stream:
            zipped = stream.read(4) == b"PK\3\4"  # the format that can be mapped, not read whole
        loaded = torch.load(file, map_location="cpu", weights_only=True, mmap=zipped)
    except (OSError, RuntimeError, ValueError, EOFError, KeyError, pickle.UnpicklingError) as error:
        told = (str(error).strip().splitlines() or [type(error).__name__])[0]
        reason = told.split(". In PyTorch")[0]  # torch goes on to advise how to load it unsafely
        raise MissingError(f"{file} cannot be read as tensors alone: {reason}", hint) from error
    inner = (loaded.get(key) for key in _WRAPPERS) if isinstance(loaded, dict) else ()
    state = next((part for part in inner if isinstance(part, dict)), loaded)
    if not isinstance(state, dict) or not all(
        isinstance(name, str) and isinstance(value, torch.Tensor) for name, value in state.items()
    ):
        raise MissingError(f"{file} holds more than tensors by name", hint)
    whole = bool(state) and all(name.startswith(_PARALLEL) for name in state)
    return {name.removeprefix(_PARALLEL): value for name, value in state.items()} if whole else dict(state)


def require_shapes(
    state: dict[str, Any], wanted: dict[str, tuple[int, ...]], whose: str, where: Path, hint: str
) -> None:
    """Raise MissingError with ``hint`` for tensors that are not there, not known, or of another shape."""
    problems = (
        ("are missing", sorted(wanted.keys() - state.keys())),
        (f"are not {whose}", sorted(state.keys() - wanted.keys())),
        ("have another shape", sorted(k for k in wanted.keys() & state.keys() if tuple(state[k].shape) != wanted[k])),
    )
    for what, names in problems:
        if names:
            raise MissingError(f"{where}: {len(names)} tensors {what}: {named(names)}", hint)


def named(names: Iterable[str]) -> str:
    """The first of the names, for a message."""
    first = list(names)
    return ", ".join(first[:_NAMED]) + (", ..." if len(first) > _NAMED else "")
