"""I-frames as the paper, and what it compares with, have them: no growth, every splat kept."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import partial

import numpy as np

from tsplat.config import EncoderConfig, Quality
from tsplat.encoding.control import Control
from tsplat.encoding.fit.loop import fit
from tsplat.encoding.focus import Focus
from tsplat.encoding.init.superpixel import superpixel
from tsplat.encoding.intra import in_order, rounded, together
from tsplat.encoding.ways import Scene
from tsplat.kernels.canvas import Canvas
from tsplat.paper.adan import AdanConfig, fit_adan
from tsplat.paper.lsc import lsc
from tsplat.paper.qat import learn, train
from tsplat.paper.regressor import regressor
from tsplat.paper.scatter import scatter
from tsplat.splats import QuantizedSplats, Splats
from tsplat.stream.header import Header

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
        fitted = self._fitted(scene, picture, quality, config)
        with scene.timed("intra"):
            if self.quant == "qat":
                fitted = train(canvas, fitted, steps)
            return in_order(rounded(canvas, fitted, steps, config.intra.solve), scene.header)

    def learn(self, picture: np.ndarray, config: EncoderConfig) -> EncoderConfig:
        """The configuration with steps that are trained on a clip's first picture, (H, W, 3)
        uint8, whole, unless it has steps of its own."""
        if config.steps is not None:
            return config
        height, width = picture.shape[:2]
        control = Control(config, width * height, 1.0)
        quality, price = control.intra(width * height), control.inter(width * height)
        canvas, focus = Canvas(width, height), Focus(width, height, config.background)
        canvas.set_target(picture)
        header = Header(width, height, Fraction(1), quality.steps)
        scene = Scene(canvas, focus, header, lambda stage: nullcontext())
        fitted = self._fitted(scene, picture, quality, config)
        return replace(config, steps=learn(canvas, fitted, quality.steps, price))

    def _fitted(
        self, scene: Scene, picture: np.ndarray, quality: Quality, config: EncoderConfig
    ) -> Splats:
        """Before they are rounded."""
        with scene.timed("init"):
            first = self._first(scene, picture, quality.gaussians)
        with scene.timed("intra"):
            scene.canvas.begin()
            if self.optimizer == "adan":
                return fit_adan(scene.canvas, first, self.adan)
            return fit(scene.canvas, first, replace(config.intra, grow=0))

    def _first(self, scene: Scene, picture: np.ndarray, count: int) -> Splats:
        parts = scene.focus.parts(count)
        if self.init == "random":
            return scatter(picture, count if parts else 0, self.seed, scene.focus.weight)
        start = STARTS[self.init]
        return together(start(picture, number, where) for where, number in parts)
