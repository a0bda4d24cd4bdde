"""The network: a small U-Net that compares each place with the rest of its picture."""

from __future__ import annotations

import torch
from torch import nn

from iapas.embedded.compact.picture import CHANNELS, PATCH

STEADY = 0.2  # of what a cell says its gains are: they multiply large values, and would shake the rest


class Conv(nn.Module):  # type: ignore[misc]
    """A convolution whose weight is a matrix, (out, in * k * k): Muon orthogonalises matrices."""

    def __init__(self, given: int, made: int, size: int, stride: int = 1, dilation: int = 1) -> None:
        super().__init__()
        plain = nn.Conv2d(
            given, made, size, stride, padding=dilation * ((size - stride + 1) // 2), dilation=dilation, bias=False
        )
        self.weight = nn.Parameter(plain.weight.detach().flatten(1).clone())
        self.plain = {"stride": plain.stride, "padding": plain.padding, "dilation": plain.dilation}
        self.kernel = plain.weight.shape

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """(N, given, h, w) to (N, made, h / stride, w / stride)."""
        return nn.functional.conv2d(features, self.weight.view(self.kernel), None, **self.plain)


def _normal(conv: Conv) -> nn.Sequential:
    return nn.Sequential(conv, nn.BatchNorm2d(conv.kernel[0]))


class Block(nn.Module):  # type: ignore[misc]
    """Two convolutions around a skip."""

    def __init__(self, width: int, dilation: int = 1) -> None:
        super().__init__()
        self.first = _normal(Conv(width, width, 3, dilation=dilation))
        self.second = _normal(Conv(width, width, 3))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """(N, width, h, w) to the same."""
        return torch.relu(features + self.second(torch.relu(self.first(features))))


class Rarity(nn.Module):  # type: ignore[misc]
    """Compares each cell with all cells of its picture.

    Passed on: what differs from the mean of the cells most like it, and the log of how many there are like it.
    """

    def __init__(self, width: int, keys: int = 32) -> None:
        super().__init__()
        self.key = nn.Conv2d(width, keys, 1)
        self.sharpness = nn.Parameter(torch.tensor(2.0))
        self.join = _normal(Conv(2 * width + 1, width, 1))

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
    return nn.Sequential(*_normal(Conv(narrow, wide, 2, stride=2)), nn.ReLU())


class CompactNet(nn.Module):  # type: ignore[misc]
    """From ``cells``, (N, CHANNELS * 16, h, w) float32, to logits: a defect at each of 16 pixels, and attributes."""

    def __init__(self, terms: int, widths: tuple[int, int, int] = (32, 64, 128), rarity: bool = True) -> None:
        super().__init__()
        fine, middle, coarse = widths
        self.stem = nn.Sequential(*_normal(Conv(CHANNELS * PATCH * PATCH, fine, 3)), nn.ReLU())
        self.fine = nn.Sequential(Block(fine), Block(fine))
        self.to_middle = _down(fine, middle)
        self.middle = nn.Sequential(Block(middle), Block(middle))
        self.rare_middle = Rarity(middle) if rarity else nn.Identity()
        self.to_coarse = _down(middle, coarse)
        self.coarse = nn.Sequential(Block(coarse), Block(coarse, 2))
        self.rare_coarse = Rarity(coarse) if rarity else nn.Identity()
        self.deep = nn.Sequential(Block(coarse), Block(coarse, 2))
        self.hint = nn.Conv2d(coarse, 1, 1)
        self.up_middle = Conv(coarse, middle, 1)
        self.middle_again = nn.Sequential(Block(middle), Block(middle))
        self.up_fine = Conv(middle, fine, 1)
        self.fine_again = nn.Sequential(Block(fine), Block(fine))
        self.any = nn.Conv2d(fine, PATCH * PATCH, 3, padding=1)
        self.attributes = nn.Sequential(nn.Conv2d(fine, fine, 3, padding=1), nn.ReLU(), nn.Conv2d(fine, terms, 1))
        self.gains = nn.Conv2d(fine, 2 * CHANNELS, 3, padding=1, bias=False)
        self.usual = nn.Parameter(torch.zeros(1, 2 * CHANNELS, 1, 1))
        for start in (self.any.weight, self.any.bias, self.gains.weight):
            nn.init.zeros_(start)  # at first it agrees with classical vision, whose verdict comes last
        with torch.no_grad():
            self.usual[0, CHANNELS - 1], self.usual[0, -1] = 1, -1

    def forward(self, cells: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Log odds (N, 16, h, w) and (N, terms, h, w).

        And, for training alone, the log odds of a defect anywhere in 16 cells, (N, 1, h / 4, w / 4).
        """
        fine, _, coarse = self.see(cells)
        return *self.say(cells, fine), self.hint(coarse)

    def see(self, cells: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Features (N, widths[k], h / 2 ** k, w / 2 ** k)."""
        fine = self.fine(self.stem(cells))
        middle = self.rare_middle(self.middle(self.to_middle(fine)))
        coarse = self.deep(self.rare_coarse(self.coarse(self.to_coarse(middle))))
        middle = self.middle_again(middle + _twice(self.up_middle(coarse)))
        return self.fine_again(fine + _twice(self.up_fine(middle))), middle, coarse

    def say(self, cells: torch.Tensor, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The log odds, by the finest of its features."""
        gains = self.usual + STEADY * self.gains(features)
        wrong = self.any(features)
        for k in range(CHANNELS):  # sharp: a pixel's own values count, above 0 and below, as its cell sees fit
            own = cells[:, k * PATCH * PATCH : (k + 1) * PATCH * PATCH]
            wrong = wrong + gains[:, k : k + 1] * torch.relu(own)
            wrong = wrong + gains[:, CHANNELS + k : CHANNELS + k + 1] * torch.relu(-own)
        return wrong, self.attributes(features)


def _twice(features: torch.Tensor) -> torch.Tensor:
    return nn.functional.interpolate(features, scale_factor=2.0, mode="bilinear", align_corners=False)
