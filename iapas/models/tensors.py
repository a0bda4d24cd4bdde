"""Files of tensors, read as tensors only: nothing in them can run code."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

from iapas.errors import MissingError

_NAMED = 5  # tensors that a message names


def read_safetensors(file: Path, hint: str) -> dict[str, Any]:
    """The tensors of a .safetensors file by name. Raises MissingError with ``hint`` for one that cannot be read."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        tensors: dict[str, Any] = load_file(file)
    except (OSError, SafetensorError) as error:
        raise MissingError(f"{file} cannot be read: {error}", hint) from error
    return tensors


def read_pth(file: Path, hint: str, *, key: str = "") -> dict[str, Any]:
    """The tensors of a .pth file by name, those under ``key`` where one is given.

    ``weights_only``: a file that wants to run code is refused, not run. Raises MissingError with ``hint``.
    """
    import torch

    try:
        with file.open("rb") as stream:
            zipped = stream.read(4) == b"PK\3\4"  # the format that can be mapped, not read whole
        loaded = torch.load(file, map_location="cpu", weights_only=True, mmap=zipped)
    except (OSError, RuntimeError, ValueError, EOFError, KeyError, pickle.UnpicklingError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise MissingError(f"{file} cannot be read as tensors alone: {reason}", hint) from error
    state = loaded.get(key) if key and isinstance(loaded, dict) else loaded
    if not isinstance(state, dict) or not all(
        isinstance(name, str) and isinstance(value, torch.Tensor) for name, value in state.items()
    ):
        what = f"has no tensors under {key!r}" if key else "holds more than tensors by name"
        raise MissingError(f"{file} {what}", hint)
    return state


def require_shapes(
    state: dict[str, Any], wanted: dict[str, tuple[int, ...]], whose: str, where: Path, hint: str
) -> None:
    """Raise MissingError with ``hint`` for tensors that are not there, not known, or of another shape."""
    problems = (
        ("are missing", sorted(wanted.keys() - state.keys())),
        (f"are not {whose}'s", sorted(state.keys() - wanted.keys())),
        ("have another shape", sorted(k for k in wanted.keys() & state.keys() if tuple(state[k].shape) != wanted[k])),
    )
    for what, names in problems:
        if names:
            shown = ", ".join(names[:_NAMED]) + (", ..." if len(names) > _NAMED else "")
            raise MissingError(f"{where}: {len(names)} tensors {what}: {shown}", hint)
