"""A file of the authors in, a folder out that iapas loads as it loads a model from the hub.

What a file is, is told by the tensors in it, not by its name. Each tensor is used, or is on the list of those that
results do not depend on, or the file is refused.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

from iapas.errors import MissingError, OutputError, UsageError
from iapas.models import checksums, ram_checkpoint
from iapas.models.conversion import grounding_dino, sam, vocabulary
from iapas.models.conversion.layout import State, build
from iapas.models.exemplars import pdn
from iapas.models.loading import quiet
from iapas.models.ram_names import DESCRIPTIONS, IGNORED, Shape, shape_of
from iapas.models.registry import find, require_packages
from iapas.models.tensors import named, read_checkpoint

Kind = Literal["grounding-dino", "sam", "ram", "pdn"]

LAYOUTS = {"grounding-dino": grounding_dino.LAYOUT, "sam": sam.LAYOUT}

_RAM_MARKS = ("label_embed", "wordvec_proj.weight")

_HINT = (
    "known are the authors' files of Grounding DINO (groundingdino_swint_ogc.pth, groundingdino_swinb_cogcoor.pth), "
    "SAM (sam_vit_b, _l, _h), RAM, RAM++ and PDN (model_large.pth, model_small.pth), whole and unchanged"
)


@dataclass(frozen=True)
class Converted:
    """What came of a file.

    ``words``: what it is. ``name``: of the registry, "" for sizes that are not published. ``tensors``: how many it
    holds; ``unused``: those that results do not depend on. ``notes``: what the user should know.
    """

    folder: Path
    words: str
    name: str
    tensors: int
    unused: tuple[str, ...]
    notes: tuple[str, ...]


def convert(file: Path, out: Path, *, claimed: str = "", tokenizer: Path | None = None, root: str = "") -> Converted:
    """Write what the authors' ``file`` holds into the new folder ``out``: config, safetensors, vocabulary, checksums.

    All of it or nothing. ``claimed``: the name of the registry that it must turn out to be. ``tokenizer`` and ``root``:
    see :func:`iapas.models.conversion.vocabulary.find`. Raises MissingError for a file that is broken, not known, not
    whole, or holds anything unexplained; UsageError where it is not what was claimed; OutputError for a folder in use.
    """
    require_packages()
    _require_free(out)
    if claimed:
        find(claimed)
    state = read_checkpoint(file, _HINT)
    kind = recognise(state, file)
    name = name_of(kind, state, file)
    words = f"{_words(kind, state)} ({name or 'of sizes that are not published'})"
    if claimed and claimed != name:
        raise UsageError(f"{file} is {words}, not {claimed}", "leave --as out, or give the name that fits")
    with _whole(out) as folder:
        unused, notes = _write(kind, state, file, folder, tokenizer, root)
        checksums.write_sums(folder)
        for path in folder.iterdir():  # safetensors gives its files to their owner alone
            path.chmod((folder / checksums.SUMS).stat().st_mode)
    return Converted(out, words, name, len(state), tuple(unused), tuple(notes))


def recognise(state: State, file: Path) -> Kind:
    """What kind of network the tensors of ``file`` belong to. Raises MissingError, naming some, for no known one."""
    for kind, layout in LAYOUTS.items():
        if any(mark in state for mark in layout.marks):
            return cast(Kind, kind)
    if any(mark in state for mark in _RAM_MARKS):
        return "ram"
    if state and all(re.fullmatch(r"\d+\.(weight|bias)", name) for name in state):
        return "pdn"
    shown = named(sorted(state)) or "none"
    raise MissingError(f"{file} is nothing that can be converted; its {len(state)} tensors are: {shown}", _HINT)


def name_of(kind: Kind, state: State, file: Path) -> str:
    """The name of the registry for tensors of a kind; "" where they have sizes that are not published."""
    try:
        if kind in LAYOUTS:
            return str(LAYOUTS[kind].shape_of(state).name)
        if kind == "pdn":
            return f"pdn-{_pdn_size(state)}"
        shape = shape_of({name.replace("vision_multi", "tagging_head"): value for name, value in state.items()})
    except MissingError as error:
        raise MissingError(f"{file}: {error}", _HINT) from None
    return {Shape(): "ram-swin-large", Shape(descriptions=DESCRIPTIONS): "ram-plus-swin-large"}.get(shape, "")


def _words(kind: Kind, state: State) -> str:
    if kind in LAYOUTS:
        return LAYOUTS[kind].words
    return "PDN" if kind == "pdn" else "RAM or RAM++"


def _write(
    kind: Kind, state: State, file: Path, folder: Path, tokenizer: Path | None, root: str
) -> tuple[list[str], list[str]]:
    """Fill ``folder``; the names of tensors that were not needed, and what the user should know."""
    if kind == "pdn":
        size = _pdn_size(state)
        pdn.save(pdn.build(size, state, file), size, folder)
        return [], []
    if kind == "ram":
        ram_checkpoint.save(ram_checkpoint.checked(state, file), file.parent, folder)
        absent = [name for name in checksums.ADDED if not (folder / name).is_file()]
        notes = [f"put {' and '.join(absent)} into the folder too: they were not beside the file"] if absent else []
        return sorted(name for name in state if IGNORED.match(name)), notes
    notes = []
    if kind == "grounding-dino":
        source = vocabulary.find(tokenizer, root)
        words = vocabulary.read(source, len(state["bert.embeddings.word_embeddings.weight"]))
        words.save_pretrained(folder)
        notes = [f"the vocabulary is that of {source}"]
    model, unused = build(LAYOUTS[kind], state, file, _HINT)
    with quiet():
        model.save_pretrained(folder)
    return unused, notes


def _pdn_size(state: State) -> pdn.Size:
    """By the count of convolutions, which nothing else tells."""
    return "large" if len(state) > 2 * 4 else "small"


def _require_free(out: Path) -> None:
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise OutputError(f"{out} is there already", "give a new folder, or delete this one; nothing is overwritten")


@contextmanager
def _whole(out: Path) -> Iterator[Path]:
    """A folder beside ``out`` that takes its place in the end; without a trace where that does not happen."""
    from safetensors import SafetensorError

    part = out.absolute().with_name(f".{out.absolute().name}.{os.getpid()}")
    try:
        part.mkdir(parents=True)
        yield part
        _require_free(out)
        part.replace(out)
    except (OSError, SafetensorError) as error:  # the latter for a full disk, too
        raise OutputError(f"{out} cannot be written: {getattr(error, 'strerror', None) or error}") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
