"""How a checkpoint of the authors becomes a model of transformers: described as data, done in one place, strictly."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from iapas.errors import MissingError
from iapas.models.loading import quiet
from iapas.models.tensors import named, require_shapes

State = dict[str, Any]
"""Tensors by name."""


@dataclass(frozen=True)
class Layout:
    """One kind of file of the authors.

    ``words``: what it is called. ``model_class``: the class of transformers. ``marks``: tensors of which each tells it
    from the other kinds. ``unused``: names of tensors that results do not depend on. ``shape_of`` reads the sizes off
    the tensors, ``config_of`` makes transformers' config of them. ``source`` gives for a name of transformers the
    authors' one ("": they have none, it is not used) and which third of that tensor is meant, None: all of it. ``same``
    gives for an authors' name the one that decides, where they save one tensor under many.
    """

    words: str
    model_class: str
    marks: tuple[str, ...]
    unused: re.Pattern[str]
    shape_of: Callable[[State], Any]
    config_of: Callable[[Any], Any]
    source: Callable[[str], tuple[str, int | None]]
    same: Callable[[str], str] = str


def build(layout: Layout, state: State, where: Path, hint: str) -> tuple[Any, list[str]]:
    """The model of transformers with the tensors of ``state``, fp32, in eval mode; and the names that it does not need.

    Raises MissingError, naming tensors as the authors do, unless each is used, or known not to be, and of its shape.
    """
    import torch
    import transformers

    try:
        config = layout.config_of(layout.shape_of(state))
    except MissingError as error:
        raise MissingError(f"{where}: {error}", hint) from None
    model_class = getattr(transformers, layout.model_class)
    with quiet(), torch.device("meta"):
        wanted = {name: tensor.shape for name, tensor in model_class(config).state_dict().items()}
    unused = sorted(name for name in state if layout.unused.match(name))
    used = _alone(layout, {name: value for name, value in state.items() if name not in unused}, where, hint)
    require_shapes(used, _expected(layout, wanted), f"{layout.words}'s", where, hint)
    tensors = {name: _tensor(layout, used, name, shape) for name, shape in wanted.items()}
    with quiet():
        model, found = model_class.from_pretrained(
            None, config=config, state_dict=tensors, dtype=torch.float32, output_loading_info=True
        )
    wrong = [*found["missing_keys"], *found["unexpected_keys"], *found["mismatched_keys"]]
    if wrong:
        raise MissingError(
            f"the {layout.model_class} of this transformers has other tensors: {named(map(str, wrong))}",
            "transformers 5.23 is known to fit",
        )
    return model.eval().requires_grad_(False), unused


def counted(names: Iterable[str], pattern: str) -> tuple[int, ...]:
    r"""How many values the pattern's second group takes for each value of its first, a number from 0 without a gap.

    >>> counted(["a.0.x.0", "a.1.x.0", "a.1.x.1", "b"], r"a\.(\d+)\.x\.(\d+)")
    (1, 2)
    """
    found: dict[int, set[str]] = defaultdict(set)
    for match in map(re.compile(pattern).match, names):
        if match:
            found[int(match[1])].add(match[2])
    return tuple(len(found[number]) for number in range(len(found)))


def _alone(layout: Layout, state: State, where: Path, hint: str) -> State:
    """Each tensor under the one name that decides. Raises MissingError where others of its names hold another one."""
    import torch

    kept: State = {}
    for name, value in state.items():
        first = kept.setdefault(layout.same(name), value)
        if first is not value and not torch.equal(first, value):
            raise MissingError(
                f"{where}: {name} differs from {layout.same(name)}; {layout.words} has one for both", hint
            )
    return kept


def _expected(layout: Layout, wanted: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    """The authors' names and shapes of all tensors of transformers' model."""
    expected = {}
    for name, shape in wanted.items():
        original, third = layout.source(name)
        if original:
            rows = shape[:1] if third is None else (shape[0] * 3,)
            expected[layout.same(original)] = (*rows, *shape[1:])
    return expected


def _tensor(layout: Layout, state: State, name: str, shape: Any) -> Any:
    """The tensor of transformers' ``name``; ones or zeros, a norm that changes nothing, where the authors have none."""
    import torch

    original, third = layout.source(name)
    if not original:
        return torch.ones(shape) if name.endswith("weight") else torch.zeros(shape)
    whole = state[layout.same(original)]
    return (whole if third is None else whole.chunk(3)[third]).float().contiguous()
