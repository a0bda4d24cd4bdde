"""Teach the compact model of the embedded default, and write its ONNX file.

    python scripts/train_compact.py --bank DIR --out DIR

Everything is generated; no photograph is used. Left alone, the options are those of the shipped model. What was made
lies in --out: recipe.json, log.jsonl, checkpoint.pt, compact.onnx and its sha256. The same command goes on where it
stopped. Wants the extra ``train``.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
import os
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")


def main() -> None:
    """Make the bank, teach, export."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bank", type=Path, required=True, help="folder of generated pictures; made where missing")
    parser.add_argument("--pictures", type=int, default=9000)
    parser.add_argument("--side", type=int, default=256, help="of the bank's pictures, pixels")
    parser.add_argument("--data-seed", type=int, default=3_000_000)
    parser.add_argument("--processes", type=int, default=1, help="that generate pictures")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=1200)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="any field of Recipe, as JSON")
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")

    from iapas.training.compact.bank import make_bank

    bank = make_bank(given.bank, given.pictures, given.side, given.data_seed, given.processes)
    if given.out is None:
        return
    from iapas.training.compact.export import greatest_difference, to_onnx
    from iapas.training.compact.teaching import Recipe, teach

    fields = {name: json.loads(value) for name, value in (one.split("=", 1) for one in given.set)}
    network = teach(bank, Recipe(steps=given.steps, seed=given.seed, **fields), given.out)
    onnx = to_onnx(network)
    (given.out / "compact.onnx").write_bytes(onnx)
    told = {
        "sha256": hashlib.sha256(onnx).hexdigest(),
        "bytes": len(onnx),
        "difference": greatest_difference(network, onnx),
    }
    (given.out / "compact.json").write_text(json.dumps(told, indent=1) + "\n")
    print(told)


if __name__ == "__main__":
    main()
