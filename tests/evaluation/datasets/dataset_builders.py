"""Every layout of the table, built from generated pictures of 24 x 20 pixels."""

import cv2
import numpy as np
import pytest

HEIGHT, WIDTH = 20, 24


class Builder:
    """Writes images, no two alike, and masks below a root."""

    def __init__(self, root):
        self.root = root
        self.count = 0

    def image(self, *paths):
        for path in paths:
            self.count += 1
            self.put(path, np.random.default_rng(self.count).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8))

    def mask(self, *paths, value=255, size=(HEIGHT, WIDTH)):
        for path in paths:
            mask = np.zeros(size, np.uint8)
            mask[4:9, 6:12] = value
            self.put(path, mask)

    def put(self, path, array):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(cv2.imencode(file.suffix.lower(), array)[1].tobytes())


def mvtec_like(make, *categories):
    for category in categories:
        make.image(*(f"{category}/train/good/00{n}.png" for n in range(3)))
        make.image(*(f"{category}/test/good/00{n}.png" for n in range(2)))
        for defect in ("scratch", "dent"):
            make.image(*(f"{category}/test/{defect}/00{n}.png" for n in range(2)))
            make.mask(*(f"{category}/ground_truth/{defect}/00{n}_mask.png" for n in range(2)))


def btad(make):
    for category, end in (("01", "bmp"), ("02", "png"), ("03", "bmp")):
        make.image(*(f"{category}/train/ok/000{n}.{end}" for n in range(2)))
        make.image(f"{category}/test/ok/0000.{end}", *(f"{category}/test/ko/000{n}.{end}" for n in range(2)))
        make.mask(*(f"{category}/ground_truth/ko/000{n}.png" for n in range(2)))


def ksdd(make):
    for folder in ("kos01", "kos02"):
        for n in range(3):
            make.image(f"{folder}/Part{n}.jpg")
            make.mask(f"{folder}/Part{n}_label.bmp", value=255 if n == 0 else 0)


def ksdd2(make):
    for part in ("train", "test"):
        for n in range(3):
            make.image(f"{part}/1000{n}.png")
            make.mask(f"{part}/1000{n}_GT.png", value=255 if n == 0 else 0)


def mtd(make):
    for kind in ("Blowhole", "Break", "Crack", "Fray", "Uneven", "Free"):
        for n in range(10):
            make.image(f"MT_{kind}/Imgs/exp1_num_{n}.jpg")
            make.mask(f"MT_{kind}/Imgs/exp1_num_{n}.png", value=0 if kind == "Free" else 255)


def dagm(make):
    for category in ("Class1", "Class10"):
        for part in ("Train", "Test"):
            make.image(*(f"{category}/{part}/000{n}.PNG" for n in range(3)))
            make.mask(f"{category}/{part}/Label/0001_label.PNG")


def visa(make):
    for category in ("candle", "pcb1"):
        make.image(*(f"{category}/Data/Images/Normal/000{n}.JPG" for n in range(4)))
        make.image(*(f"{category}/Data/Images/Anomaly/00{n}.JPG" for n in range(2)))
        make.mask(f"{category}/Data/Masks/Anomaly/000.png", value=1)
        make.mask(f"{category}/Data/Masks/Anomaly/001.png", value=3)


def sd_saliency(make):
    for kind in ("In", "Pa", "Sc"):
        make.image(*(f"Source Images/{kind}_{n}.bmp" for n in range(10)))
        make.mask(*(f"Ground truth/{kind}_{n}.png" for n in range(10)))


def pairs(make):
    make.image("images/a 1.jpg", "images/sub/2.png", "images/3.png", "images/4.png")
    make.mask("masks/a 1.png", "masks/sub/2.png")
    make.mask("masks/3.png", value=0)


def nrsd(make):
    make.image(*(f"images/{n}.jpg" for n in range(10)))
    make.mask(*(f"masks/{n}.png" for n in range(10)))


def crackforest(make):
    savemat = pytest.importorskip("scipy.io").savemat
    make.image(*(f"image/00{n}.jpg" for n in range(4)))
    (make.root / "groundTruth").mkdir()
    segments = np.ones((HEIGHT, WIDTH), np.uint16)
    segments[5, 3:20] = 2
    for n in range(3):
        truth = {"Segmentation": segments, "Boundaries": segments == 2}
        savemat(make.root / f"groundTruth/00{n}.mat", {"groundTruth": truth})


def gfds(make):
    for product, classes in (("tile", ("crack", "rough")), ("wood", ("hole",))):
        for kind in classes:
            make.image(*(f"{product}/images/{kind}/{n}.jpg" for n in range(3)))
            make.mask(*(f"{product}/ground_truth/{kind}/{kind}_gt_{n}.png" for n in range(3)))


BUILDERS = {
    "mvtec-ad": lambda make: mvtec_like(make, "bottle", "metal_nut"),
    "mpdd": lambda make: mvtec_like(make, "tubes", "connector"),
    "btad": btad,
    "ksdd": ksdd,
    "mtd": mtd,
    "dtd-synthetic": lambda make: mvtec_like(make, "Woven_001", "Mesh_114"),
    "dagm": dagm,
    "visa": visa,
    "ksdd2": ksdd2,
    "wfdd": lambda make: mvtec_like(make, "grey_cloth", "pink_flower"),
    "sd-saliency-900": sd_saliency,
    "nrsd-mn": nrsd,
    "crackforest": crackforest,
    "gfds": gfds,
    "folder": pairs,
}
