"""A synthetic experiment such as ``iapas prompts compare`` writes: its experiment.json, timings.json and pictures."""

import json

import cv2
import numpy as np

WORDS = {
    "no words": ["defect", "abnormal"],
    "metal": ["scratch", "crack", "dent", "rust", "pit", "burr", "stain", "inclusion"],
    "fabric": ["torn thread", "stain", "hole", "loose yarn"],
    "saa": ["defect on {object}", "damaged {object}", "broken {object}"],
    "paper": ["scratch on the surface", "small dark pit", "broken edge"],
    "right words": ["blow hole", "crack", "break", "fray", "uneven"],
}
KINDS = ["lexicon", "lexicon", "lexicon", "lexicon", "template", "mapping"]
GAINS = [0.0, 0.045, -0.035, 0.004, 0.03, 0.082]
CATEGORIES = {"Blowhole": 0.34, "Break": 0.47, "Crack": 0.52, "Fray": 0.61, "Uneven": 0.18}
UNMASKED = "Uneven"  # a category whose pictures have no masks


def figures(ap, random):
    if ap is None:
        return dict.fromkeys(("pixel_ap", "pixel_f1_max", "pixel_f1_threshold", "image_auroc"))
    f1 = min(1, ap * 0.9 + 0.08)
    return {
        "pixel_ap": ap,
        "pixel_f1_max": f1,
        "pixel_f1_threshold": 0.4 + 0.2 * random.random(),
        "image_auroc": min(1, ap + 0.3),
    }


def difference(ap, base, random):
    width = 0.012 + 0.02 * random.random()
    one = {"value": ap - base, "low": ap - base - width, "high": ap - base + 1.1 * width}
    return {"pixel_ap": one, "pixel_f1_max": {key: 0.9 * value for key, value in one.items()}}


def rows(masks, datasets, random):
    found = []
    for dataset in datasets:
        known = [category for category in CATEGORIES if masks and category != UNMASKED]
        levels = {c: [CATEGORIES[c] + gain * random.uniform(0.3, 1.7) for gain in GAINS] for c in CATEGORIES}
        for at, name in enumerate(WORDS):
            for category in CATEGORIES:
                ap = levels[category][at] if category in known else None
                label = category if len(datasets) == 1 else f"{dataset}: {category}"
                row = {"variant": name, "dataset": dataset, "category": label, "defect_type": None, "images": 40}
                row |= {"defective": 30 if ap else None, **figures(ap, random), "difference": None}
                if ap is not None and at:
                    row["difference"] = difference(ap, levels[category][0], random)
                found.append(row)
                if ap is not None and category in ("Crack", "Fray"):
                    for kind, shift in (("fine", -0.1), ("wide", 0.1)):
                        found.append(row | {"defect_type": kind, "images": 20, **figures(ap + shift, random)})
            ap, base = (float(np.mean([levels[c][i] for c in known])) if known else None for i in (at, 0))
            row = {"variant": name, "dataset": dataset, "category": None, "defect_type": None, "images": 200}
            row |= {"defective": 120 if ap else None, **figures(ap, random), "difference": None}
            found.append(row | ({"difference": difference(ap, base, random)} if ap is not None and at else {}))
    return found


def curves(found):
    drawn = []
    for row in found:
        if row["pixel_ap"] is not None and row["defect_type"] is None:
            recall = np.linspace(0.005, 1, 120)
            precision = np.clip(1 - recall ** (2.5 * row["pixel_ap"]), 0, 1) * 0.97 + 0.02
            points = {"precision": precision.round(4).tolist(), "recall": recall.round(4).tolist()}
            drawn.append({"variant": row["variant"], "category": row["category"], **points})
    return drawn


def phrases(masks, random):
    found = []
    for name, words in WORDS.items():
        for category in CATEGORIES:
            known = masks and category != UNMASKED
            shares = random.dirichlet(np.ones(len(words)), 2) if known else [[None] * len(words)] * 2
            for at, word in enumerate(words):
                change = random.normal(-0.01, 0.02) if known else None
                without = {"pixel_ap": 0.4 + change, "difference": change} if known and len(words) > 1 else None
                found.append({
                    "variant": name,
                    "category": category,
                    "phrase": word,
                    "boxes": int(random.integers(1, 300)),
                    "true_share": shares[0][at],
                    "false_share": shares[1][at],
                    "without": without,
                    "drop": bool(known and change > 0.01),
                })  # fmt: skip
    return found


def agreement(random):
    shared = random.uniform(0.3, 0.9, (len(WORDS), len(WORDS)))
    shared = ((shared + shared.T) / 2).round(5)
    np.fill_diagonal(shared, 1)
    return {"variants": list(WORDS), "iou": shared.tolist()}


SEARCH = {
    "start": WORDS["metal"],
    "proposed": ["scratch", "crack", "pit", "inclusion", "blow hole"],
    "chosen_on": {"images": 100, "pixel_ap_start": 0.412, "pixel_ap": 0.468},
    "reported_on": {"images": 100, "pixel_ap_start": 0.405, "pixel_ap": 0.441},
    "steps": [
        {"dropped": "stain", "pixel_ap": 0.431},
        {"dropped": "rust", "pixel_ap": 0.44},
        {"added": "blow hole", "pixel_ap": 0.457},
        {"dropped": "dent", "pixel_ap": 0.463},
        {"dropped": "burr", "pixel_ap": 0.468},
    ],
}


def experiment(masks=True, datasets=("mtd",), pictures=0):
    """What experiment.json holds, and the same for timings.json."""
    random = np.random.default_rng(3)
    found = rows(masks, datasets, random)
    ids = [(f"{category}/part {i}.jpg", category) for category in CATEGORIES for i in range(pictures)]
    return {
        "title": "Words for magnetic tiles",
        "first": "no words",
        "provenance": {"iapas": "0.1.0", "configs": {"embedded": "3f1c"}, "data": {"mtd": {"images": 200}}},
        "variants": [
            {
                "name": name,
                "config": "embedded",
                "kind": kind,
                "switches": {} if kind != "template" else {"prompt.image_aware": True, "prompt.max_phrases": 8},
                "phrases": {c: words[i % 2 :] if kind == "mapping" else words for i, c in enumerate(CATEGORIES)},
                "objects": dict.fromkeys(CATEGORIES, "magnetic tile" if kind == "template" else ""),
                "found": dict.fromkeys(CATEGORIES, f"{kind} of the user"),
            }
            for (name, words), kind in zip(WORDS.items(), KINDS, strict=True)
        ],
        "rows": found,
        "curves": curves(found),
        "phrases": phrases(masks, random),
        "agreement": agreement(random),
        "search": SEARCH if masks else None,
        "images": [
            {
                "id": image_id,
                "category": category,
                "defect_type": category.lower(),
                "picture": f"pictures/{image_id}.jpg",
                "truth": f"truth/{image_id}.png" if masks and category != UNMASKED else None,
                "maps": {name: f"maps/{name}/{image_id}.png" for name in WORDS},
            }
            for image_id, category in ids
        ],
    }


def timings():
    """What timings.json holds."""
    return {
        "unit": "seconds of the processor",
        "note": "without reading and writing",
        "variants": [
            {
                "variant": name,
                "detector_encode": 0.0 if at else 31.2,
                "decoder_encode": 0.0,
                "detect": 5.1 + 0.3 * at,
                "decode": 0.0,
                "total": 5.1 + 0.3 * at + (0 if at else 31.2),
                "ratio": (5.1 + 0.3 * at) / 36.3 if at else 1.0,
            }
            for at, name in enumerate(WORDS)
        ],
    }


def write(folder, data, times=None):
    """Put the files of an experiment into ``folder``, with its pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "experiment.json").write_text(json.dumps(data), encoding="utf-8")
    (folder / "timings.json").write_text(json.dumps(timings() if times is None else times), encoding="utf-8")
    random = np.random.default_rng(5)
    for at, image in enumerate(data["images"]):
        height, width = (200, 280) if at % 3 else (280, 200)
        noise = cv2.GaussianBlur(random.normal(0, 30, (height, width)).astype(np.float32), (0, 0), 3)
        photo = np.clip(150 + noise * 4 + np.linspace(-25, 25, width)[None], 0, 255).astype(np.uint8)
        truth = np.zeros((height, width), np.uint8)
        start, end = (tuple(int(v) for v in random.uniform(40, [width - 40, height - 40])) for _ in range(2))
        cv2.line(truth, start, end, 255, 5)
        photo[truth > 0] = 60
        _put(folder / image["picture"], photo)
        if image["truth"]:
            _put(folder / image["truth"], truth)
        for place, path in enumerate(image["maps"].values()):
            heat = cv2.GaussianBlur(truth.astype(np.float32), (0, 0), 2 + place) * (0.5 + GAINS[place % 6] * 6)
            heat += np.abs(cv2.GaussianBlur(random.normal(0, 900, (height, width)).astype(np.float32), (0, 0), 9))
            _put(folder / path, cv2.applyColorMap(np.clip(heat, 0, 255).astype(np.uint8), cv2.COLORMAP_INFERNO))


def _put(path, picture):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(path.suffix, picture)[1].tobytes())
