"""How the public data sets lie on disk: one entry each. A new set is an entry here and a fixture in its test.

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


@dataclass(frozen=True)
class Layout:
    """One data set.

    ``commercial``: whether its licence allows commercial use. ``categories``: their names, where known. ``normal``: words
    in the place of ``{defect}`` for images without one. ``decides``: what makes an image defective: its ``path``, that
    there is a mask ``file``, or the ``content`` of the mask. ``no_mask``: what an image is that should have a mask and has
    none: ``missing`` its mask, ``normal``, or ``unknown`` and left out. ``defect``: the type, from the fields of the
    pattern, some renamed by ``defect_names``. ``rule``: how masks are read. ``top``: what ids leave out. ``split_file``:
    the set's own list of test images. ``paired_in_order``: images and masks belong together by their order alone.
    ``unverified``: the layout could not be checked against anything.
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


_MVTEC = (
    Images("{category}/train/good/{stem}.{ext}", train=True),
    Images(
        "{category}/test/{defect}/{stem}.{ext}",
        ("{category}/ground_truth/{defect}/{stem}_mask.{ext}", "{category}/ground_truth/{defect}/{stem}.{ext}"),
    ),
)
_SEVEN_TO_THREE = Split("30 of 100 images of each defect type and of the normal ones", share=0.3)
_NOT_STATED = "the authors of iap-as say nothing of the images of this set: with its normal images"

_ALL = (
    Layout(
        "mvtec-ad",
        "MVTec AD: 10 objects, 5 textures",
        "https://www.mvtec.com/company/research/datasets/mvtec-ad",
        "CC BY-NC-SA 4.0",
        "no",
        _MVTEC,
        categories=tuple(
            [
                "bottle",
                "cable",
                "capsule",
                "carpet",
                "grid",
                "hazelnut",
                "leather",
                "metal_nut",
                "pill",
                "screw",
                "tile",
                "toothbrush",
                "transistor",
                "wood",
                "zipper",
            ]
        ),
        normal=("good",),
        iap_as=IapAs(stage1="normal"),
    ),
    Layout(
        "mpdd",
        "MPDD: painted metal parts",
        "https://github.com/stepanje/MPDD",
        "CC BY-NC-SA 4.0",
        "no",
        _MVTEC,
        categories=("bracket_black", "bracket_brown", "bracket_white", "connector", "metal_plate", "tubes"),
        normal=("good",),
        iap_as=IapAs(normal_images=False),
    ),
    Layout(
        "btad",
        "BTAD: beanTech, three products",
        "http://avires.dimi.uniud.it/papers/btad/btad.zip",
        "unknown",
        "unknown",
        (
            Images("{category}/train/ok/{stem}.{ext}", train=True),
            Images(
                "{category}/test/{defect:ok|ko}/{stem}.{ext}",
                ("{category}/ground_truth/{defect}/{stem}.{ext}", "{category}/ground_truth/{defect}/{stem}_mask.{ext}"),
            ),
        ),
        categories=("01", "02", "03"),
        normal=("ok",),
        iap_as=IapAs(normal_images=False),
    ),
    Layout(
        "ksdd",
        "KolektorSDD: cracks in commutators",
        "https://www.vicos.si/resources/kolektorsdd/",
        "CC BY-NC-SA 4.0",
        "no",
        (Images(r"{folder:kos\d+}/{stem}.{ext:jpe?g|png}", ("{folder}/{stem}_label.{ext}",)),),
        decides="content",
        defect="crack",
        rule="any",
        iap_as=IapAs(stage1="normal", per_folder=True),
        notes=("under iap-as each folder kosNN is a category",),
    ),
    Layout(
        "mtd",
        "MTD: magnetic tiles",
        "https://github.com/abin24/Magnetic-tile-defect-datasets.",
        "unknown",
        "unknown",
        (Images("MT_{defect}/Imgs/{stem}.{ext:jpe?g}", ("MT_{defect}/Imgs/{stem}.{ext:png}",)),),
        normal=("Free",),
        iap_as=IapAs(stage1="normal"),
        splits={
            "196": Split("196 of the defective images", count=196, defective_only=True),
            "7:3": _SEVEN_TO_THREE,
        },
    ),
    Layout(
        "dtd-synthetic",
        "DTD-Synthetic: textures of DTD with drawn defects",
        "https://drive.google.com/drive/folders/10OyPzvI3H6llCZBxKxFlKWt1Pw1tkMK1",
        "unknown",
        "unknown",
        _MVTEC,
        categories=tuple(
            [
                "Blotchy_099",
                "Fibrous_183",
                "Marbled_078",
                "Matted_069",
                "Mesh_114",
                "Perforated_037",
                "Stratified_154",
                "Woven_001",
                "Woven_068",
                "Woven_104",
                "Woven_125",
                "Woven_127",
            ]
        ),
        normal=("good",),
        iap_as=IapAs(normal_images=False),
    ),
    Layout(
        "dagm",
        "DAGM 2007: generated textures",
        "https://hci.iwr.uni-heidelberg.de/content/weakly-supervised-learning-industrial-optical-inspection",
        "unknown",
        "unknown",
        (
            Images(
                r"{category:Class\d+}/Train/{stem}.{ext}", ("{category}/Train/Label/{stem}_label.{ext}",), train=True
            ),
            Images(r"{category:Class\d+}/Test/{stem}.{ext}", ("{category}/Test/Label/{stem}_label.{ext}",)),
        ),
        categories=tuple(f"Class{n}" for n in range(1, 11)),
        decides="file",
        no_mask="normal",
        defect="defect",
        iap_as=IapAs(normal_images=False, stage1="defective"),
    ),
    Layout(
        "visa",
        "VisA: 12 objects",
        "https://github.com/amazon-science/spot-diff",
        "CC BY 4.0",
        "yes",
        (
            Images("{category}/Data/Images/{defect:Normal}/{stem}.{ext}"),
            Images(
                "{category}/Data/Images/{defect:Anomaly}/{stem}.{ext}", ("{category}/Data/Masks/{defect}/{stem}.{ext}",)
            ),
        ),
        categories=tuple(
            [
                "candle",
                "capsules",
                "cashew",
                "chewinggum",
                "fryum",
                "macaroni1",
                "macaroni2",
                "pcb1",
                "pcb2",
                "pcb3",
                "pcb4",
                "pipe_fryum",
            ]
        ),
        normal=("Normal",),
        defect_names={"Anomaly": "anomaly"},
        rule="any",
        split_file="split_csv/1cls.csv",
        iap_as=IapAs(stage1="normal"),
        notes=(_NOT_STATED,),
    ),
    Layout(
        "ksdd2",
        "KolektorSDD2: surfaces",
        "https://www.vicos.si/resources/kolektorsdd2/",
        "CC BY-NC-SA 4.0",
        "no",
        (
            Images("train/{stem}.{ext}", ("train/{stem}_GT.{ext}",), train=True),
            Images("test/{stem}.{ext}", ("test/{stem}_GT.{ext}",)),
        ),
        decides="content",
        defect="defect",
        notes=(_NOT_STATED,),
    ),
    Layout(
        "wfdd",
        "WFDD: woven fabrics",
        "https://github.com/cqylunlun/GLASS",
        "unknown",
        "unknown",
        _MVTEC,
        categories=("grey_cloth", "grid_cloth", "pink_flower", "yellow_cloth"),
        normal=("good",),
        notes=(_NOT_STATED,),
    ),
    Layout(
        "sd-saliency-900",
        "SD-saliency-900: strip steel",
        "https://github.com/SongGuorong/MCITF",
        "unknown",
        "unknown",
        (Images("Source Images/{defect:In|Pa|Sc}_{stem}.{ext}", ("Ground truth/{defect}_{stem}.{ext}",)),),
        defect_names={"In": "inclusion", "Pa": "patches", "Sc": "scratches"},
        splits={"360": Split("360 images", count=360), "7:3": _SEVEN_TO_THREE},
        notes=("which 360 images the publications test on is not known here",),
    ),
    Layout(
        "nrsd-mn",
        "NRSD-MN: rails out of service",
        "unknown",
        "unknown",
        "unknown",
        (Images("images/{path}.{ext}", ("masks/{path}.{ext}",)),),
        decides="file",
        defect="defect",
        splits={"7:3": _SEVEN_TO_THREE},
        notes=("the set's own layout is not known here: images and masks of equal stems are taken from two folders",),
        unverified=True,
    ),
    Layout(
        "crackforest",
        "CrackForest: cracks in asphalt",
        "https://github.com/cuilimeng/CrackForest-dataset",
        "unknown",
        "unknown",
        (Images("image/{stem}.{ext}", ("groundTruth/{stem}.{ext:mat}",)),),
        decides="file",
        no_mask="unknown",
        defect="crack",
    ),
    Layout(
        "gfds",
        "GFDS: the few-shot benchmark of Liu et al.",
        "unknown",
        "unknown",
        "unknown",
        (Images("{category}/images/{defect}/{stem}.{ext}", ("{category}/ground_truth/{defect}/{stem}.{ext}",)),),
        defect="{category}_{defect}",
        paired_in_order=True,
    ),
    Layout(
        "folder",
        "A folder of your own: images/ and masks/, equal stems",
        "your own",
        "your own",
        "unknown",
        (Images("images/{path}.{ext}", ("masks/{path}.{ext}",)),),
        decides="content",
        no_mask="normal",
        defect="defect",
        top="images/",
    ),
)

LAYOUTS: Mapping[str, Layout] = {layout.name: layout for layout in _ALL}
