"""The network: a small U-Net that compares each place with the rest of its picture."""

from __future__ import annotations

import torch
from torch import nn

from iapas.embedded.compact.picture import CHANNELS, PATCH


class Block(nn.Module):
    """Two convolutions around a skip."""

    def __init__(self, width: int, dilation: int = 1) -> None:
        super().__init__()
        self.first = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=dilation, dilation=dilation, bias=False), nn.BatchNorm2d(width), nn.ReLU()
        )
        self.second = nn.Sequential(nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """(N, width, h, w) to the same."""
        return torch.relu(features + self.second(self.first(features)))


class Rarity(nn.Module):
    """Compares each cell with all cells of its picture.

    Passed on: what differs from the mean of the cells most like it, and the log of how many there are like it.
    """

    def __init__(self, width: int, keys: int = 32) -> None:
        super().__init__()
        self.key = nn.Conv2d(width, keys, 1)
        self.sharpness = nn.Parameter(torch.tensor(2.0))
        self.join = nn.Sequential(nn.Conv2d(2 * width + 1, width, 1, bias=False), nn.BatchNorm2d(width))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """(N, width, h, w) to the same."""
        count, width, height, columns = features.shape
        keys = self.key(features).flatten(2)
        keys = keys / torch.sqrt((keys * keys).sum(1, keepdim=True) + 1e-4)
        likeness = torch.exp(self.sharpness) * (torch.matmul(keys.transpose(1, 2), keys) - 1)
        weight = torch.exp(likeness)
        total = weight.sum(2, keepdim=True)
        expected = torch.matmul(weight / total, features.flatten(2).transpose(1, 2))
        expected = expected.transpose(1, 2).reshape(count, width, height, columns)
        density = torch.log(total / (height * columns)).transpose(1, 2).reshape(count, 1, height, columns)
        return torch.relu(features + self.join(torch.cat([features, features - expected, density], 1)))


def _down(narrow: int, wide: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(narrow, wide, 2, stride=2, bias=False), nn.BatchNorm2d(wide), nn.ReLU())


class CompactNet(nn.Module):
    """(N, 80, h, w) float32 of ``cells``, to logits: a defect at each of a cell's 16 pixels, and its attributes."""

    def __init__(self, terms: int, widths: tuple[int, int, int] = (48, 80, 120), rarity: bool = True) -> None:
        super().__init__()
        fine, middle, coarse = widths
        self.stem = nn.Sequential(
            nn.Conv2d(CHANNELS * PATCH * PATCH, fine, 3, padding=1, bias=False), nn.BatchNorm2d(fine), nn.ReLU()
        )
        self.fine = nn.Sequential(Block(fine), Block(fine))
        self.to_middle = _down(fine, middle)
        self.middle = nn.Sequential(Block(middle), Block(middle))
        self.rare_middle = Rarity(middle) if rarity else nn.Identity()
        self.to_coarse = _down(middle, coarse)
        self.coarse = nn.Sequential(Block(coarse), Block(coarse, 2))
        self.rare_coarse = Rarity(coarse) if rarity else nn.Identity()
        self.deep = nn.Sequential(Block(coarse), Block(coarse, 2))
        self.up_middle = nn.Conv2d(coarse, middle, 1)
        self.middle_again = nn.Sequential(Block(middle), Block(middle))
        self.up_fine = nn.Conv2d(middle, fine, 1)
        self.fine_again = nn.Sequential(Block(fine), Block(fine))
        self.any = nn.Conv2d(fine, PATCH * PATCH, 3, padding=1)
        self.attributes = nn.Sequential(nn.Conv2d(fine, fine, 3, padding=1), nn.ReLU(), nn.Conv2d(fine, terms, 1))
        nn.init.constant_(self.any.bias, -4.0)  # type: ignore[arg-type]  # defects are rare

    def forward(self, cells: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """(N, 16, h, w), (N, terms, h, w), and what both were read from, (N, fine, h, w)."""
        features = self.features(cells)
        return self.any(features), self.attributes(features), features

    def features(self, cells: torch.Tensor) -> torch.Tensor:
        """What both heads read."""
        fine = self.fine(self.stem(cells))
        middle = self.rare_middle(self.middle(self.to_middle(fine)))
        coarse = self.deep(self.rare_coarse(self.coarse(self.to_coarse(middle))))
        middle = self.middle_again(middle + _twice(self.up_middle(coarse)))
        return self.fine_again(fine + _twice(self.up_fine(middle)))


def _twice(features: torch.Tensor) -> torch.Tensor:
    return nn.functional.interpolate(features, scale_factor=2.0, mode="bilinear", align_corners=False)
