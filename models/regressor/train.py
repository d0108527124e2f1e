"""Train the networks of the initialisation on fits, and write them as ONNX.

::

    pip install '.[train]'
    python models/regressor/train.py regressor FITS.npz splat_regressor.onnx [--seconds 180]
    python models/regressor/train.py corrector FITS.npz splat_corrector.onnx [--seconds 120]

The *regressor* gives a splat for every cell of the picture, without an order: its loss is the
Chamfer distance to the fitted splats, as in the paper (section 3.2 B). The *corrector* is given
superpixels' splats, and says in each one's own units how the fit will move and bend it: its loss
is the Huber distance to what the fit did. The last fits, :data:`HELD`, are not learned from.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

HELD = 24
_BATCH = 8
_RATE = 2e-3
_WIDTH, _BLOCKS = 48, 6
_LARGEST = 1.5
"""Correction, in a splat's own units, beyond which the loss cares no more."""


class Block(nn.Module):
    """Two convolutions beside the identity."""

    def __init__(self, dilation: int):
        super().__init__()
        self.first = nn.Conv2d(_WIDTH, _WIDTH, 3, padding=dilation, dilation=dilation)
        self.second = nn.Conv2d(_WIDTH, _WIDTH, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.second(F.relu(self.first(F.relu(x))))


class Trunk(nn.Module):
    """From a picture, (B, 4, 4 h, 4 w), and more channels of its cells to (B, _WIDTH, h, w)."""

    def __init__(self, more: int):
        super().__init__()
        self.halving = nn.Conv2d(4, _WIDTH // 2, 4, stride=2, padding=1)
        self.quartering = nn.Conv2d(_WIDTH // 2, _WIDTH - more, 4, stride=2, padding=1)
        self.blocks = nn.Sequential(*(Block(d) for d in (1, 2, 1, 4, 1, 1)[:_BLOCKS]))

    def forward(self, image: torch.Tensor, more: list[torch.Tensor]) -> torch.Tensor:
        x = self.quartering(F.relu(self.halving(image - 0.5)))
        return self.blocks(torch.cat([x, *more], 1))


class Regressor(nn.Module):
    """A splat of every cell, (B, 8, h, w), described as in :mod:`tsplat.paper.cells`."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = Trunk(0)
        self.head = nn.Conv2d(_WIDTH, 8, 1)
        nn.init.normal_(self.head.weight, std=1e-3)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        out = self.head(F.relu(self.trunk(image, [])))
        place, first, shear = torch.tanh(out[:, :2]), out[:, 2:3] - 0.5, out[:, 3:4]
        second, colour = out[:, 4:5] - 0.5, out[:, 5:] + F.avg_pool2d(image[:, :3], 4)
        return torch.cat([place, first, shear, second, colour], 1)


class Corrector(nn.Module):
    """Corrections of splats, (N, 5): how far a mean moves and what L is multiplied by, in units
    of the splat."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = Trunk(9)
        self.mix = nn.Sequential(nn.Linear(_WIDTH + 8, 64), nn.ReLU(), nn.Linear(64, 5))
        nn.init.normal_(self.mix[2].weight, std=1e-3)

    def forward(
        self, image: torch.Tensor, spread: torch.Tensor, own: torch.Tensor, cell: torch.Tensor
    ) -> torch.Tensor:
        """spread: (B, 9, h, w), own: (N, 8), cell: (N,) int64, all pictures' cells in a row."""
        seen = self.trunk(image, [spread]).permute(0, 2, 3, 1).reshape(-1, _WIDTH)
        return self.mix(torch.cat([F.relu(seen[cell]), own], 1))


def chamfer(found: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """Mean squared distance of each splat to the nearest of the other set; (N, 8), (M, 8)."""
    distance = torch.cdist(found, wanted) ** 2
    return distance.min(0).values.mean() + distance.min(1).values.mean()


class Fits:
    """What :mod:`fits` wrote."""

    def __init__(self, path: str):
        data = np.load(path)
        self.image = torch.from_numpy(data["image"])
        self.ends = np.concatenate([[0], np.cumsum(data["count"])])
        self.splats = {k: torch.from_numpy(data[k]) for k in ("own", "cell", "after", "place")}
        self.shape = data["image"].shape[2] // 4, data["image"].shape[3] // 4

    def __len__(self) -> int:
        return len(self.image)

    def one(self, number: int) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Picture, (1, 4, 4 h, 4 w), and splats of a fit."""
        part = slice(self.ends[number], self.ends[number + 1])
        return self.image[number : number + 1].float() / 255, {
            name: values[part] for name, values in self.splats.items()
        }

    def placed(self, own: torch.Tensor, cell: torch.Tensor) -> torch.Tensor:
        """Splats, (N, 8), with places in cells from the corner of the picture."""
        corner = torch.stack([cell % self.shape[1], cell // self.shape[1]], 1) + 0.5
        return torch.cat([own[:, :2] + corner, own[:, 2:]], 1)


def regression_loss(net: nn.Module, fits: Fits, numbers: np.ndarray) -> torch.Tensor:
    """Mean Chamfer distance of a few fits."""
    images = torch.cat([fits.one(n)[0] for n in numbers])
    out = net(images).flatten(2).transpose(1, 2)
    cell = torch.arange(out.shape[1])
    inside = F.avg_pool2d(images[:, 3:], 4).flatten(1) > 0.5
    losses = []
    for number, found, there in zip(numbers, out, inside):
        splats = fits.one(number)[1]
        wanted = fits.placed(splats["after"], splats["place"])
        losses.append(chamfer(fits.placed(found, cell)[there], wanted))
    return torch.stack(losses).mean()


def correction(before: torch.Tensor, after: torch.Tensor) -> torch.Tensor:
    """What was done to splats, (N, 5): u and D with mean + L u and L (I + D)."""
    a, b, c = before[:, 2].exp(), before[:, 3], before[:, 4].exp()
    move = after[:, :2] - before[:, :2]
    u = torch.stack([move[:, 0] / a, (move[:, 1] - b * move[:, 0] / a) / c], 1)
    first, shear, second = after[:, 2].exp() / a, after[:, 3], after[:, 4].exp() / c
    bend = torch.stack([first - 1, (shear - b * first) / c, second - 1], 1)
    return torch.cat([u, bend], 1)


def correction_loss(net: nn.Module, fits: Fits, numbers: np.ndarray) -> torch.Tensor:
    """Mean Huber distance to what a few fits did."""
    parts = [fits.one(number) for number in numbers]
    images = torch.cat([image for image, _ in parts])
    spreads = torch.cat([spread(s["own"], s["cell"], fits.shape) for _, s in parts])
    before = [fits.placed(s["own"], s["cell"]) for _, s in parts]
    after = [fits.placed(s["after"], s["place"]) for _, s in parts]
    wanted = correction(torch.cat(before), torch.cat(after)).clamp(-_LARGEST, _LARGEST)
    size = fits.shape[0] * fits.shape[1]
    cell = torch.cat([s["cell"] + k * size for k, (_, s) in enumerate(parts)])
    found = net(images, spreads, torch.cat([s["own"] for _, s in parts]), cell)
    return F.huber_loss(found, wanted, delta=0.5)


def spread(own: torch.Tensor, cell: torch.Tensor, shape: tuple[int, int]) -> torch.Tensor:
    """As :meth:`tsplat.paper.cells.Cells.spread`, (1, 9, h, w)."""
    number = torch.zeros(shape[0] * shape[1]).index_add(0, cell, torch.ones(len(cell)))
    sums = torch.zeros(8, len(number)).index_add(1, cell, own.T)
    return torch.cat([sums / number.clamp(min=1), number[None]]).reshape(1, 9, *shape)


def train(
    net: nn.Module,
    loss_of: Callable[[nn.Module, Fits, np.ndarray], torch.Tensor],
    fits: Fits,
    seconds: float,
) -> None:
    """Adam by a one-cycle schedule over the time given."""
    optimiser = torch.optim.Adam(net.parameters(), _RATE)
    rng, began, count = np.random.default_rng(0), time.monotonic(), 0
    held = np.arange(len(fits))[-HELD:]
    order = rng.permutation(len(fits) - HELD)
    while (share := (time.monotonic() - began) / seconds) < 1:
        optimiser.param_groups[0]["lr"] = _RATE * min(1, 20 * share + 0.05) * (1 - share)
        numbers = order[(np.arange(_BATCH) + count * _BATCH) % len(order)]
        loss = loss_of(net, fits, numbers)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        if count % 100 == 0:
            with torch.no_grad():
                away = loss_of(net, fits, held)
            print(f"step {count}: loss {loss.item():.4f}, of held-out fits {away.item():.4f}")
        count += 1
    with torch.no_grad():
        print(f"step {count}: of held-out fits {loss_of(net, fits, held).item():.4f}", flush=True)


def write(net: nn.Module, path: str) -> None:
    """The network as ONNX, for pictures of any size."""
    image, cells = torch.zeros(1, 4, 32, 40), {2: "rows", 3: "columns"}
    if isinstance(net, Regressor):
        given: tuple[torch.Tensor, ...] = (image,)
        names = ["image"]
        sizes = {"image": {2: "height", 3: "width"}, "splats": cells}
    else:
        given = (image, torch.zeros(1, 9, 8, 10), torch.zeros(7, 8), torch.zeros(7).long())
        names = ["image", "spread", "own", "cell"]
        sizes = {"image": {2: "height", 3: "width"}, "spread": cells}
        sizes |= {name: {0: "splats"} for name in ("own", "cell", "correction")}
    output = "splats" if isinstance(net, Regressor) else "correction"
    torch.onnx.export(
        net.eval(),
        given,
        path,
        input_names=names,
        output_names=[output],
        dynamic_axes=sizes,
        opset_version=17,
        dynamo=False,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("network", choices=["regressor", "corrector"])
    parser.add_argument("fits")
    parser.add_argument("out")
    parser.add_argument("--seconds", type=float, default=180)
    options = parser.parse_args()
    torch.manual_seed(0)
    net: nn.Module = Regressor() if options.network == "regressor" else Corrector()
    loss = regression_loss if options.network == "regressor" else correction_loss
    train(net, loss, Fits(options.fits), options.seconds)
    write(net, options.out)


if __name__ == "__main__":
    main()
