"""Opens a data set: which images are judged, what is wrong with each, and which ones stage 1 may see."""

from __future__ import annotations

import csv
import difflib
import os
import random
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from iapas.errors import ImageError, MissingError, UsageError
from iapas.evaluation.datasets.layout import Images, Layout, Split
from iapas.evaluation.datasets.layouts import LAYOUTS
from iapas.evaluation.datasets.samples import DataSet, Sample
from iapas.evaluation.datasets.tree import Entry, Tree, inner_folder, list_names, looked_for, sort_names
from iapas.files.names import escaped, shown
from iapas.files.truth import read_truth

SEED = 0
"""Of the splits that are drawn here."""

PROTOCOLS = ("standard", "iap-as", "fewshot")


def open_dataset(
    name: str,
    root: str | os.PathLike[str],
    *,
    protocol: str = "standard",
    split: str = "",
    folders: tuple[str, str] | None = None,
) -> DataSet:
    """The data set ``name`` whose own top folder is ``root``, as ``protocol`` takes it.

    ``split``: "" or one of the layout's (``360``, ``196``, ``7:3``). ``folders``: of ``folder`` and ``nrsd-mn``, where
    images and masks lie, if not in images/ and masks/. Only where the content of masks decides what is defective are
    files opened. Raises UsageError: an unknown name, protocol or split; MissingError: no folder, or no image of this
    layout in it.
    """
    layout = layout_of(name, folders)
    _require_known("protocol", protocol, PROTOCOLS)
    if split:
        _require_known(f"split of {name}", split, tuple(layout.splits))
    place = os.fspath(root)
    tree = sort_names(list_names(place), layout)
    if not tree.entries:
        raise _nothing(layout, place, tree)
    entries, listed = _parted(tree.entries, layout, place, protocol)
    rows = _samples(entries, layout, place, protocol)
    test = [sample for sample, train in rows if not train]
    rest = [sample for sample, train in rows if train]
    notes = [*layout.notes, *listed, *_left_out(tree, len(entries) - len(rows))]
    if split:
        test, more, note = _drawn(test, layout.splits[split])
        rest, notes = rest + more, [*notes, note]
    stage1, how = _stage1(test, rest, layout, protocol)
    if protocol == "iap-as" and layout.iap_as.note:
        notes.append(layout.iap_as.note)
    if protocol == "iap-as" and not layout.iap_as.normal_images:
        test = [sample for sample in test if sample.defect]
        notes.append("images with a defect alone, as the authors of iap-as have it")
    if not test:
        raise _nothing(layout, place, tree)
    ordered = tuple(sorted(test, key=lambda sample: sample.id))
    stage1 = {category: stage1[category] for category in sorted({sample.category for sample in ordered})}
    return DataSet(name, place, ordered, stage1, (*notes, *how), folders)


def layout_of(name: str, folders: tuple[str, str] | None = None) -> Layout:
    """The entry of a data set. Raises UsageError."""
    _require_known("data set", name, tuple(LAYOUTS))
    layout = LAYOUTS[name]
    if folders is None:
        return layout
    if layout.images[0].pattern != "images/{path}.{ext}":
        raise UsageError(f"the folders of {name} are fixed: {looked_for(layout)}")
    images, masks = (folder.strip("/").replace("{", "").replace("}", "") for folder in folders)
    pattern = Images(f"{images}/{{path}}.{{ext}}", (f"{masks}/{{path}}.{{ext}}", f"{masks}/{{path}}_mask.{{ext}}"))
    return replace(layout, images=(pattern,), top=f"{images}/" if layout.top else "")


def _require_known(what: str, word: str, known: Sequence[str]) -> None:
    if word in known:
        return
    near = difflib.get_close_matches(word.lower(), known, 1)
    hint = f"did you mean {near[0]!r}?" if near else f"known are: {', '.join(known) or 'none'}"
    raise UsageError(f"there is no {what} called {word!r}", hint)


def _nothing(layout: Layout, root: str, tree: Tree) -> MissingError:
    message = f"no image of {layout.name} in {shown(root)!r}: looked for {looked_for(layout)}"
    if tree.strangers:
        message += f"; {len(tree.strangers)} other pictures are there, the first {shown(tree.strangers[0])!r}"
    if tree.unreadable:
        message += f"; {len(tree.unreadable)} folders cannot be read, the first {shown(tree.unreadable[0])!r}"
    inner = inner_folder(root, layout)
    return MissingError(message, f"--root {shown(inner)} holds some" if inner else "--root is the set's own top folder")


def _left_out(tree: Tree, unknown: int) -> list[str]:
    """What is there and not taken, in sentences; ``unknown``: the images of which nothing is known."""
    notes = []
    if unknown:
        notes.append(f"{unknown} images without a truth are left out: they are not known to be normal")
    if tree.orphans:
        notes.append(f"{len(tree.orphans)} masks belong to no image, the first {shown(tree.orphans[0])}")
    if tree.unreadable:
        notes.append(f"{len(tree.unreadable)} folders cannot be read; their images are missing")
    if tree.links:
        notes.append(f"{len(tree.links)} links to folders, or out of the root, are not followed")
    return notes


def _parted(entries: Iterable[Entry], layout: Layout, root: str, protocol: str) -> tuple[list[Entry], list[str]]:
    """The entries, parted into test and train as the set's own list says where it brings one."""
    chosen = list(entries)
    if not layout.split_file:
        return chosen, []
    if protocol == "iap-as":
        return chosen, [f"all images: the list {layout.split_file} is for the standard protocol"]
    listed = Path(root) / layout.split_file
    unlisted = [f"no list {layout.split_file} that can be read: all images are test images"]
    try:
        if not listed.is_file():
            return chosen, unlisted
        with listed.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.reader(file))[1:]  # a header, then: object, split, label, image, mask
            train = {row[3]: row[1] == "train" for row in rows}
    except (OSError, IndexError, UnicodeDecodeError, csv.Error):
        return chosen, unlisted
    known = [replace(entry, train=train[entry.path]) for entry in chosen if entry.path in train]
    note = f"test and training images by {layout.split_file}"
    if len(known) < len(chosen):
        note += f"; {len(chosen) - len(known)} images that it does not name are left out"
    return known, [note]


def _samples(entries: Iterable[Entry], layout: Layout, root: str, protocol: str) -> list[tuple[Sample, bool]]:
    """A sample for each entry, and whether it is for training; images of which nothing is known are left out."""
    rows = []
    for entry in entries:
        defect = _defect(entry, layout, root)
        if defect is None:
            continue
        category = entry.fields.get("category", layout.name)
        if protocol == "iap-as" and layout.iap_as.per_folder:
            category = entry.fields["folder"]
        mask = None if not defect else os.path.join(root, entry.mask) if entry.mask else ""  # noqa: PTH118
        sample = Sample(
            escaped(entry.path.removeprefix(layout.top)),
            os.path.join(root, entry.path),  # noqa: PTH118
            escaped(category),
            defect,
            mask,
            layout.rule,
        )
        rows.append((sample, entry.train))
    return rows


def _defect(entry: Entry, layout: Layout, root: str) -> str | None:
    """The defect type, "" for a normal image, None where it is not known."""
    fields = {name: layout.defect_names.get(text, text) for name, text in entry.fields.items()}
    if entry.train and "{defect}" in layout.defect and "defect" not in fields:
        return ""
    named = escaped(layout.defect.format(**fields))
    if layout.decides == "path":
        return "" if entry.fields["defect"] in layout.normal else named
    if not entry.mask:
        return {"missing": named, "normal": "", "unknown": None}[layout.no_mask]
    if layout.decides == "file":
        return named
    try:
        return named if read_truth(os.path.join(root, entry.mask), layout.rule).any() else ""  # noqa: PTH118
    except ImageError:
        return named  # its row fails, and says why


def _drawn(samples: Sequence[Sample], split: Split) -> tuple[list[Sample], list[Sample], str]:
    """The part that is judged, the rest, and how they were parted: within each defect type, by seed."""
    groups: dict[str, list[Sample]] = {}
    for sample in sorted(samples, key=lambda sample: sample.id):
        if sample.defect or not split.defective_only:
            groups.setdefault(sample.defect, []).append(sample)
    total = sum(map(len, groups.values()))
    wanted = min(total, split.count or round(split.share * total))
    order: list[tuple[float, Sample]] = []
    for defect, group in sorted(groups.items()):
        random.Random(f"{SEED} {defect}").shuffle(group)  # noqa: S311
        order += [((place + 0.5) / len(group), sample) for place, sample in enumerate(group)]
    order.sort(key=lambda pair: (pair[0], pair[1].id))
    chosen = {sample.id for _, sample in order[:wanted]}
    note = f"{split.what}, drawn by seed {SEED} ({len(chosen)} of {total}): not the publications' own list"
    test = [sample for sample in samples if sample.id in chosen]
    return test, [sample for sample in samples if sample.id not in chosen], note


def _stage1(
    test: Sequence[Sample], rest: Sequence[Sample], layout: Layout, protocol: str
) -> tuple[dict[str, tuple[str, ...]], list[str]]:
    """The images that stage 1 may see, of each category, and in sentences where they are not training normals."""
    kind = layout.iap_as.stage1 if protocol == "iap-as" else "train"
    everything = [*rest, *test]
    found: dict[str, tuple[str, ...]] = {}
    without = []
    for category in sorted({sample.category for sample in test}):
        mine = [sample for sample in everything if sample.category == category]
        if kind == "defective":
            paths = [sample.path for sample in mine if sample.defect]
        elif kind == "normal":
            paths = [sample.path for sample in test if sample.category == category and not sample.defect]
            paths = paths or [sample.path for sample in mine if not sample.defect]
        else:
            paths = [sample.path for sample in rest if sample.category == category and not sample.defect]
        if not paths:
            without.append(category)
            paths = [sample.path for sample in test if sample.category == category]
        found[category] = tuple(sorted(paths))
    notes = []
    if kind == "defective":
        notes.append("stage 1 sees images with a defect, as the authors of iap-as have it")
    elif kind == "normal":
        notes.append("stage 1 sees normal test images, as the authors of iap-as have it")
    if without:
        named = "" if len(without) == len(found) else f" of {', '.join(without)}"
        notes.append(f"no training images without a defect{named}: stage 1 sees test images")
    return found, notes
