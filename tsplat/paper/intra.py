"""I-frames as the paper, and what it compares with, have them: no growth, every splat kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from tsplat.config import EncoderConfig, Quality
from tsplat.encoding.fit.loop import fit
from tsplat.encoding.init.superpixel import superpixel
from tsplat.encoding.intra import in_order, rounded, together
from tsplat.encoding.ways import Scene
from tsplat.paper.adan import AdanConfig, fit_adan
from tsplat.paper.lsc import lsc
from tsplat.paper.qat import train
from tsplat.paper.regressor import regressor
from tsplat.paper.scatter import scatter
from tsplat.splats import QuantizedSplats, Splats

STARTS: dict[str, Callable[..., Splats]] = {
    "superpixel": superpixel,
    "lsc": partial(superpixel, cut=lsc),
    "regressor": regressor,
}
"""What gives the first splats, given a picture, their number, and where; random ones aside."""


@dataclass(frozen=True)
class PaperIntra:
    """How an I-frame gets its integers: see :class:`tsplat.encoding.ways.Intra`.

    Attributes
    ----------
    init : {"superpixel", "lsc", "regressor", "random"}
        First splats: one for each superpixel, cut by SLIC or by linear spectral clustering, the
        paper's; as a network sees them; or random ones.
    optimizer : {"adam", "adan"}
        Adam in whitened coordinates; or Adan as GaussianImage has it.
    quant : {"ptq", "qat"}
        Whether splats are rounded after the fit, or the fit goes on with rounded ones before that
        (:mod:`tsplat.paper.qat`).
    adan : AdanConfig
    seed : int
        Of random splats.
    """

    init: str = "superpixel"
    optimizer: str = "adam"
    quant: str = "ptq"
    adan: AdanConfig = field(default_factory=AdanConfig)
    seed: int = 0

    def __call__(
        self, scene: Scene, picture: np.ndarray, quality: Quality, config: EncoderConfig
    ) -> QuantizedSplats:
        canvas, steps = scene.canvas, scene.header.steps
        with scene.timed("init"):
            first = self._first(scene, picture, quality.gaussians)
        with scene.timed("intra"):
            canvas.begin()
            if self.optimizer == "adan":
                fitted = fit_adan(canvas, first, self.adan)
            else:
                fitted = fit(canvas, first, replace(config.intra, grow=0))
            if self.quant == "qat":
                fitted = train(canvas, fitted, steps)
            return in_order(rounded(canvas, fitted, steps, config.intra.solve), scene.header)

    def _first(self, scene: Scene, picture: np.ndarray, count: int) -> Splats:
        parts = scene.focus.parts(count)
        if self.init == "random":
            return scatter(picture, count if parts else 0, self.seed, scene.focus.weight)
        start = STARTS[self.init]
        return together(start(picture, number, where) for where, number in parts)
