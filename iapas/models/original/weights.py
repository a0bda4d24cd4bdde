"""The authors' .pth file in a folder: found, compared with its checksums, read as tensors only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from iapas.errors import MissingError
from iapas.models import checksums
from iapas.models.conversion.layout import Layout
from iapas.models.tensors import read_checkpoint, require_shapes

HINT = "the authors' code wants their own .pth file, one, whole and unchanged (docs/original.md)"


def read(folder: Path, layout: Layout) -> tuple[dict[str, Any], Any]:
    """The tensors of the one .pth file in ``folder``, and the sizes of their network.

    Raises MissingError where there is none, or several, or where it is broken or of another network.
    """
    files = sorted(folder.glob("*.pth"))
    if len(files) != 1:
        raise MissingError(f"{folder} holds {len(files)} .pth files, not one", HINT)
    checksums.verify(folder)
    state = read_checkpoint(files[0], HINT)
    try:
        return state, layout.shape_of(state)
    except MissingError as error:
        raise MissingError(f"{files[0]}: {error}", HINT) from None


def fill(model: Any, state: dict[str, Any], layout: Layout, folder: Path) -> Any:
    """The authors' model with these tensors, fp32, in eval mode, without gradients.

    Raises MissingError, naming tensors, unless each is used, or known not to be, and of its shape.
    """

    def counts(name: str) -> bool:
        return not layout.unused.match(name)

    wanted = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items() if counts(name)}
    used = {name: tensor for name, tensor in state.items() if counts(name)}
    require_shapes(used, wanted, f"{layout.words}'s", folder, HINT)
    model.load_state_dict(used, strict=False)
    return model.float().eval().requires_grad_(False)
