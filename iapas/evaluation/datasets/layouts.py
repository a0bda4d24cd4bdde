"""How the public data sets lie on disk: one entry each. A new set is an entry here and a fixture in its test."""

from __future__ import annotations

from collections.abc import Mapping

from iapas.evaluation.datasets.layout import IapAs, Images, Layout, Split


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


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
        categories=_words(
            "bottle cable capsule carpet grid hazelnut leather metal_nut pill screw tile toothbrush "
            "transistor wood zipper"
        ),
        normal=("good",),
        iap_as=IapAs(stage1="normal"),
    ),
    Layout(
        "mpdd",
        "MPDD: painted metal parts",
        "https://github.com/stepanje/MPDD",
        "its page states none; CC BY-NC-SA 4.0 according to anomalib",
        "unknown",
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
        iap_as=IapAs(stage1="normal", per_folder=True, note="each folder kosNN is a category"),
    ),
    Layout(
        "mtd",
        "MTD: magnetic tiles",
        "https://github.com/abin24/Magnetic-tile-defect-datasets.",
        "its page states none",
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
        categories=_words(
            "Blotchy_099 Fibrous_183 Marbled_078 Matted_069 Mesh_114 Perforated_037 Stratified_154 "
            "Woven_001 Woven_068 Woven_104 Woven_125 Woven_127"
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
        categories=_words("candle capsules cashew chewinggum fryum macaroni1 macaroni2 pcb1 pcb2 pcb3 pcb4 pipe_fryum"),
        normal=("Normal",),
        defect_names={"Anomaly": "anomaly"},
        rule="any",
        split_file="split_csv/1cls.csv",
        iap_as=IapAs(stage1="normal", note=_NOT_STATED),
    ),
    Layout(
        "ksdd2",
        "KolektorSDD2: surfaces",
        "https://www.vicos.si/resources/kolektorsdd2/",
        "unknown: that of KolektorSDD is CC BY-NC-SA 4.0",
        "unknown",
        (
            Images("train/{stem}.{ext}", ("train/{stem}_GT.{ext}",), train=True),
            Images("test/{stem}.{ext}", ("test/{stem}_GT.{ext}",)),
        ),
        decides="content",
        defect="defect",
        iap_as=IapAs(note=_NOT_STATED),
    ),
    Layout(
        "wfdd",
        "WFDD: woven fabrics",
        "https://github.com/cqylunlun/GLASS",
        "MIT",
        "yes",
        _MVTEC,
        categories=("grey_cloth", "grid_cloth", "pink_flower", "yellow_cloth"),
        normal=("good",),
        iap_as=IapAs(note=_NOT_STATED),
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
    ),
    Layout(
        "nrsd-mn",
        "NRSD-MN: rails out of service",
        "https://github.com/zdfcvsn/MCnet",
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
        "non-commercial research only",
        "no",
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
        (Images("images/{path}.{ext}", ("masks/{path}.{ext}", "masks/{path}_mask.{ext}")),),
        decides="content",
        no_mask="normal",
        defect="defect",
        top="images/",
    ),
)

LAYOUTS: Mapping[str, Layout] = {layout.name: layout for layout in _ALL}
