"""How the compact model is taught: focal cross entropy for "any defect", cross entropy for attributes."""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from iapas.core.metrics import judge, rank_values
from iapas.files.atomic import write_text
from iapas.training.compact.bank import TERMS, Bank
from iapas.training.compact.batches import Batch, batch, draw_batch, whole
from iapas.training.compact.network import CompactNet, Conv

log = logging.getLogger("iapas")

HELD_OUT = 400  # the bank's last pictures: never trained on
USUAL, BOUNDS = 0.01, (0.2, 6.0)  # of a crop: a defect whose pixels count 1; what a pixel may count
KEPT = 1e-3  # of each step in the running mean of weights that is exported


@dataclass(frozen=True)
class Recipe:
    """How the model is taught."""

    steps: int = 1200
    seed: int = 0
    rate: float = 3e-3
    """Of Muon, which moves the convolutions, and of what tells attributes; of AdamW, which moves the rest, a tenth."""
    decay: float = 0.02
    pixels: int = 8 * 192 * 192
    """Pixels of a batch."""
    sides: tuple[tuple[float, int], ...] = ((1.0, 160),)
    """Up to which share of the steps crops have which side."""
    widths: tuple[int, int, int] = (32, 64, 128)
    rarity: bool = True
    focus: float = 1.0
    """Exponent of the focal loss; 0 is cross entropy."""
    even: float = 0.75
    """0: a pixel of a large defect counts as much as one of a small one; 1: a large defect counts as much as a small
    one. Without it the few large, soft ones are all that is learnt."""
    terms: float = 4.0
    """Weight of the attributes."""
    hint: float = 1.0
    """Weight of the coarse answer."""
    save_every: int = 250


def teach(bank: Bank, recipe: Recipe, out: Path, stop: Callable[[], bool] = lambda: False) -> CompactNet:
    """Teach a network from the bank; the same call goes on where it stopped.

    Checkpoints and log.jsonl lie in ``out``. Returned is the running mean of the weights, in eval mode.
    """
    out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(recipe.seed)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    network = CompactNet(len(TERMS), recipe.widths, recipe.rarity).to(device, memory_format=torch.channels_last)
    optimisers = _optimisers(network, recipe)
    mean = torch.optim.swa_utils.AveragedModel(network, multi_avg_fn=_towards, use_buffers=True)
    state = {"network": network, **optimisers, "mean": mean}
    write_text(out / "recipe.json", json.dumps(asdict(recipe), indent=1) + "\n")
    saved = out / "checkpoint.pt"
    begin = 0
    if saved.exists():
        loaded = torch.load(saved, map_location=device, weights_only=True)
        begin = int(loaded["step"])
        for name, part in state.items():
            part.load_state_dict(loaded[name])
    network.train()
    losses: list[list[float]] = []
    started = time.monotonic()
    for step, given in _ahead(bank, recipe, begin):
        for optimiser in optimisers.values():
            for group in optimiser.param_groups:
                group["lr"] = group["initial_lr"] * _schedule(step / recipe.steps)
        parts = _losses(network, given, recipe, device)
        network.zero_grad()
        sum(parts).backward()
        nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        for optimiser in optimisers.values():
            optimiser.step()
        mean.update_parameters(network)
        losses.append([part.item() for part in parts])
        done = step + 1
        stopped = stop()
        if done % recipe.save_every == 0 or done == recipe.steps or stopped:
            network.eval()
            row = {
                "step": done,
                "loss": np.mean(losses, 0).round(5).tolist(),
                "seconds": round(time.monotonic() - started),
            }
            if done % (4 * recipe.save_every) == 0 or done == recipe.steps:
                row["held_out_ap"] = round(held_out_ap(mean.module, bank, device), 4)
            network.train()
            losses = []
            log.info("%s", row)
            with (out / "log.jsonl").open("a") as file:
                file.write(json.dumps(row) + "\n")
            torch.save({"step": done, **{name: part.state_dict() for name, part in state.items()}}, saved)
        if stopped:
            break
    finished: CompactNet = mean.module
    finished.eval()
    return finished


def held_out_ap(network: CompactNet, bank: Bank, device: str, count: int = 200) -> float:
    """Pixel AP over pictures of the bank that were never trained on."""
    network.eval()
    scores, truths = [], []
    first = len(bank.images) - HELD_OUT
    for at in range(first, first + min(count, HELD_OUT), 8):
        given = batch([whole(bank, k) for k in range(at, at + 8)])
        with torch.no_grad():
            wrong, *_ = network(torch.from_numpy(given.cells).to(device))
        scores.append(torch.sigmoid(wrong.float()).cpu().numpy())
        truths.append(given.any > 0)
    steps, totals = rank_values(np.concatenate(scores).ravel(), np.concatenate(truths).ravel())
    return judge([steps], totals).ap


@torch.no_grad()  # type: ignore[untyped-decorator]
def _towards(mean: Any, now: Any, count: torch.Tensor) -> None:
    """A running mean that starts short, so that first weights do not linger."""
    share = max(KEPT, 10 / (10 + float(count)))
    for old, new in zip(mean, now, strict=True):
        if old.is_floating_point():
            old.lerp_(new, share)
        else:
            old.copy_(new)


def _ahead(bank: Bank, recipe: Recipe, begin: int) -> Iterator[tuple[int, Batch]]:
    """The batches from ``begin`` on, each made while the network learns from the one before."""
    chosen = range(len(bank.images) - HELD_OUT)

    def make(step: int) -> Batch:
        side = next((side for share, side in recipe.sides if step < share * recipe.steps), recipe.sides[-1][1])
        return draw_batch(bank, chosen, max(2, recipe.pixels // side**2), side, (recipe.seed, step))

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(make, begin)
        for step in range(begin, recipe.steps):
            given = waiting.result()
            waiting = pool.submit(make, min(step + 1, recipe.steps - 1))
            yield step, given


def _losses(network: CompactNet, given: Batch, recipe: Recipe, device: str) -> tuple[torch.Tensor, ...]:
    cells = torch.from_numpy(given.cells).to(device, memory_format=torch.channels_last)
    truth, says, weight, share = (torch.from_numpy(part).to(device) for part in given[1:])
    with torch.autocast(device, torch.bfloat16):
        wrong, attributes, hint = network(cells)
    wrong, attributes, hint = wrong.float(), attributes.float(), hint.float()
    entropy = nn.functional.binary_cross_entropy_with_logits(wrong, truth, reduction="none")
    if recipe.focus:
        entropy = entropy * (1 - torch.exp(-entropy)) ** recipe.focus
    counts = (USUAL / torch.clamp(share, min=1e-4)) ** recipe.even
    entropy = entropy * torch.where(share > 0, torch.clamp(counts, *BOUNDS), 1.0)
    known = (says != 0) * weight
    terms = nn.functional.binary_cross_entropy_with_logits(attributes, (says > 0).float(), reduction="none")
    said = (terms * known).sum() / (known.sum() + 1)
    there = nn.functional.max_pool2d(truth.amax(1, keepdim=True), 4)
    somewhere = nn.functional.binary_cross_entropy_with_logits(hint, there)
    return 10 * entropy.mean(), recipe.terms * said, recipe.hint * somewhere


def _optimisers(network: CompactNet, recipe: Recipe) -> dict[str, torch.optim.Optimizer]:
    """Muon (Jordan et al., 2024) for the convolutions, AdamW for heads, offsets and scales.

    At a tenth of the rate what tells attributes had hardly learnt when the teaching ended.
    """
    matrices = [module.weight for module in network.modules() if isinstance(module, Conv)]
    told = list(network.attributes.parameters())
    apart = {id(p) for p in (*matrices, *told)}
    rest = [p for p in network.parameters() if id(p) not in apart]
    muon = torch.optim.Muon(matrices, recipe.rate, weight_decay=recipe.decay, adjust_lr_fn="match_rms_adamw")
    groups = [{"params": rest, "lr": recipe.rate / 10}, {"params": told, "lr": recipe.rate}]
    both = {"muon": muon, "adamw": torch.optim.AdamW(groups, weight_decay=0.0)}
    for optimiser in both.values():
        for group in optimiser.param_groups:
            group["initial_lr"] = group["lr"]
    return both


def _schedule(share: float) -> float:
    """Share of the full rate: up over the first 3 %, then down along a cosine."""
    return min(1.0, share / 0.03 + 0.01) * 0.5 * (1 + math.cos(math.pi * share))
