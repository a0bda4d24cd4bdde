"""What an entry of the table of data sets can say.

Patterns are over POSIX paths relative to the root: ``{category}`` is one or more characters of a name, ``{path}`` may
hold slashes, ``{name:regex}`` is what the regex says, ``{ext}`` is any extension that can be decoded, in any case.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from iapas.files.truth import Rule


@dataclass(frozen=True)
class Images:
    """Images of one kind: their ``pattern``, and those of their masks, the first that is there being taken."""

    pattern: str
    masks: tuple[str, ...] = ()
    train: bool = False


@dataclass(frozen=True)
class Split:
    """A part of the images, drawn by seed within each defect type: ``count`` of all, or ``share``."""

    what: str
    count: int = 0
    share: float = 0.0
    defective_only: bool = False


@dataclass(frozen=True)
class IapAs:
    """What the protocol ``iap-as`` takes: normal images or not, stage-1 images, each folder as a category."""

    normal_images: bool = True
    stage1: Literal["train", "normal", "defective"] = "train"
    per_folder: bool = False
    note: str = ""


@dataclass(frozen=True)
class Layout:
    """One data set.

    ``commercial``: whether its licence allows commercial use. ``categories``: their names, where known. ``normal``:
    words in the place of ``{defect}`` for images without one. ``decides``: what makes an image defective: its
    ``path``, that there is a mask ``file``, or the ``content`` of the mask. ``no_mask``: what an image is that should
    have a mask and has none: ``missing`` its mask, ``normal``, or ``unknown`` and left out. ``defect``: the type, from
    the fields of the pattern, some renamed by ``defect_names``. ``rule``: how masks are read. ``top``: what ids leave
    out. ``split_file``: the set's own list of test images. ``paired_in_order``: images and masks belong together by
    their order alone. ``unverified``: the layout could not be checked against anything.
    """

    name: str
    title: str
    where: str
    licence: str
    commercial: Literal["yes", "no", "unknown"]
    images: tuple[Images, ...]
    categories: tuple[str, ...] = ()
    normal: tuple[str, ...] = ()
    decides: Literal["path", "file", "content"] = "path"
    no_mask: Literal["missing", "normal", "unknown"] = "missing"
    defect: str = "{defect}"
    defect_names: Mapping[str, str] = field(default_factory=dict)
    rule: Rule = "half"
    top: str = ""
    split_file: str = ""
    paired_in_order: bool = False
    iap_as: IapAs = IapAs()
    splits: Mapping[str, Split] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    unverified: bool = False
