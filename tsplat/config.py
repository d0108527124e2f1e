"""Settings of each encoding stage. Presets are data; the decoder has no settings."""

from __future__ import annotations

import math
from dataclasses import astuple, dataclass, field, fields, replace

from tsplat.choices import BACKGROUNDS, BLENDS, MOTIONS, PRESETS, TUNES, one_of, unknown
from tsplat.errors import ConfigError
from tsplat.splats import MAX_SPLATS, Steps

CRF = 24.0
"""Constant quality of an encoder that is told nothing."""
ANCHOR = 30.0
"""The constant quality that the figures in :class:`Tuning` belong to."""


def _count(name: str, value: int, low: int, high: int) -> None:
    if not (isinstance(value, int) and low <= value <= high):
        raise ConfigError(f"{name}: got {value}, expected {low}..{high}")


def _within(name: str, value: float, low: float, high: float) -> None:
    if not (isinstance(value, (int, float)) and math.isfinite(value) and low <= value <= high):
        raise ConfigError(f"{name}: got {value}, expected {low}..{high}")


@dataclass(frozen=True)
class FitConfig:
    """How splats are fitted to one picture.

    Parameters
    ----------
    iterations : int
        Iterations of the optimiser, 0..100000.
    rate : float
        Step of means and Cholesky vectors at the start, in standard deviations of the splat.
    colour_rate : float
        Step of colours at the start, full scale 1.
    final : float
        Share of the rates that half a cosine ends at, at the last iteration, 0..1.
    grow : int
        How often during the fit splats are added where the error is; it then starts from half.
    rough : int
        How many of the parts between are fitted to a picture of half the size.
    presolve, solve : int
        Steps of the conjugate gradients that solve for the colours, before the fit and after
        the geometry was rounded; 0 leaves them.
    """

    iterations: int
    rate: float = 0.08
    colour_rate: float = 0.045
    final: float = 0.05
    grow: int = 0
    rough: int = 0
    presolve: int = 0
    solve: int = 8

    def __post_init__(self) -> None:
        _count("iterations", self.iterations, 0, 100_000)
        _within("rate", self.rate, 0, 1)
        _within("colour_rate", self.colour_rate, 0, 1)
        _within("final", self.final, 0, 1)
        _count("grow", self.grow, 0, 100)
        _count("rough", self.rough, 0, 100)
        _count("presolve", self.presolve, 0, 100)
        _count("solve", self.solve, 0, 100)

    def part(self, share: float, final: float) -> FitConfig:
        """A share of the iterations, ending at another share of the rates."""
        iterations = max(1, round(self.iterations * share)) if self.iterations else 0
        return replace(self, iterations=iterations, final=final, grow=0)


@dataclass(frozen=True)
class RateConfig:
    """How much a frame's integers are worked on.

    Parameters
    ----------
    intra_passes, passes : int
        Visits of each splat by the descent, in I- and P-frames, 1..100.
    proposal : FitConfig
        The fit of a P-frame whose result the descent may take or leave.
    motion : int
        Iterations in which a P-frame's motion is fitted, 0..1000.
    sizes : int
        Numbers of splats that are tried for an I-frame, 1..10.
    worth : float
        A P-frame looks at the splats of which a step could lower the squared error by so many
        times the price of a bit; 0 looks at all.
    added : int
        Splats that a P-frame may add where the error is, 0..1000.
    added_blur : float
        Blur of the error for them, in mean distances of splats.
    """

    intra_passes: int
    passes: int
    proposal: FitConfig
    motion: int
    sizes: int = 1
    worth: float = 5.0
    added: int = 4
    added_blur: float = 0.2

    def __post_init__(self) -> None:
        _count("intra_passes", self.intra_passes, 1, 100)
        _count("passes", self.passes, 1, 100)
        _count("motion", self.motion, 0, 1000)
        _count("sizes", self.sizes, 1, 10)
        _within("worth", self.worth, 0, 1e6)
        _count("added", self.added, 0, 1000)
        _within("added_blur", self.added_blur, 0.01, 10)


@dataclass(frozen=True)
class Tuning:
    """What a constant quality of :data:`ANCHOR` means at 640x360; :class:`Quality` scales it.

    ``python -m tsplat.bench.tune`` shows what changing each of them costs or gains.

    Parameters
    ----------
    lagrange : float
        Price of a bit in P-frames: squared error, full scale 1, summed over pixels and channels,
        0..1000.
    intra_lagrange : float
        Price of a bit in I-frames over that in the P-frames that build on them, 0..1000.
    gaussians : int
        Splats that an I-frame is fitted with, 1..65535.
    steps : Steps
        Quantiser steps.

    Raises
    ------
    ConfigError
        A value is out of range.
    """

    lagrange: float = 0.126
    intra_lagrange: float = 0.6
    gaussians: int = 375
    steps: Steps = field(default_factory=lambda: Steps(271, 307, 1652, 1835))

    def __post_init__(self) -> None:
        _within("lagrange", self.lagrange, 0, 1000)
        _within("intra_lagrange", self.intra_lagrange, 0, 1000)
        _count("gaussians", self.gaussians, 1, MAX_SPLATS)


_PROPOSAL = FitConfig(20, rate=0.06, colour_rate=0.02, final=0.2)
_INTRA = FitConfig(800, grow=3, rough=3, presolve=5)
_RATES = RateConfig(5, 4, _PROPOSAL, 6)


@dataclass(frozen=True)
class EncoderConfig:
    """Everything that an :class:`~tsplat.encoding.encoder.Encoder` can be told.

    Parameters
    ----------
    crf : float
        Constant quality, 0..63, less is better; about 6 more halve the bytes. It sets the price
        of a bit, the quantiser's steps and the number of splats together.
    bitrate : float or None
        Kbit/s to keep to, over a window, in place of a constant quality.
    window : float
        Seconds over which the bit rate is kept.
    psnr : float or None
        PSNR to hold, dB, in place of a constant quality.
    gaussians : int or None
        Splats that an I-frame is fitted with, 1..65535; by ``crf`` and the picture's size by
        default. Those that do not pay are left out.
    max_span : int or None
        Most frames from one P-frame to the next, 1..255; those between are interpolated, and an
        encoder gives packets late. Less where what moves cannot be interpolated. By default 1 for
        an :class:`~tsplat.encoding.encoder.Encoder` and what is live, 16 for files.
    tune : {"psnr", "ssim"}
        What errors weigh: all pixels alike, or those in flat parts more, as people see them.
    blend : {"normalised", "sum"}
        What a pixel is made of its splats: the mean of their colours, or, as the paper and
        GaussianImage have it, their sum.
    gop : int
        Frames from one I-frame to the next, 1..65535; scene cuts make I-frames besides.
    motion : {"flow", "grid", "none"}
        Vectors that move all splats of a P-frame: from optical flow of the source, then fitted to
        what renders best; fitted from rest, without optical flow; none.
    intra : FitConfig
        Fit of I-frames.
    rates : RateConfig
    steps : Steps or None
        Quantiser steps; by ``crf`` by default.
    tuning : Tuning
        What ``crf`` stands for.
    background : {"splats", "none", "blur", "video"}
        What lies outside the region of interest: splats, fewer and less often changed; nothing;
        splats to be shown out of focus; a video stream.
    backdrop : (int, int, int)
        Colour that players show where the background is none, RGB.
    background_kbps : float or None
        Rate of the background's video stream, kbit/s; by default, whatever a constant modest
        quality costs.
    """

    crf: float = CRF
    bitrate: float | None = None
    window: float = 1.0
    psnr: float | None = None
    gaussians: int | None = None
    max_span: int | None = None
    tune: str = "psnr"
    blend: str = "normalised"
    gop: int = 250
    motion: str = "flow"
    intra: FitConfig = field(default_factory=lambda: _INTRA)
    rates: RateConfig = field(default_factory=lambda: _RATES)
    steps: Steps | None = None
    tuning: Tuning = Tuning()
    background: str = "splats"
    backdrop: tuple[int, int, int] = (0, 0, 0)
    background_kbps: float | None = None

    def __post_init__(self) -> None:
        _within("crf", self.crf, 0, 63)
        if self.bitrate is not None:
            _within("bitrate", self.bitrate, 0.1, 1e6)
        if self.psnr is not None:
            _within("psnr", self.psnr, 1, 60)
        if self.bitrate is not None and self.psnr is not None:
            raise ConfigError("bitrate and psnr exclude each other")
        _within("window", self.window, 0.1, 3600)
        if self.gaussians is not None:
            _count("gaussians", self.gaussians, 1, MAX_SPLATS)
        if self.max_span is not None:
            _count("max_span", self.max_span, 1, 255)
        one_of("tune", self.tune, TUNES)
        one_of("blend", self.blend, BLENDS)
        _count("gop", self.gop, 1, 65535)
        one_of("motion", self.motion, MOTIONS)
        one_of("background", self.background, BACKGROUNDS)
        if len(self.backdrop) != 3:
            raise ConfigError(f"backdrop: got {self.backdrop}, expected red, green and blue")
        for level in self.backdrop:
            _count("backdrop", level, 0, 255)
        if self.background_kbps is not None:
            _within("background-kbps", self.background_kbps, 1, 100_000)
            if self.background != "video":
                raise ConfigError("background-kbps: only for a background of video")


_PRESETS = {
    "realtime": EncoderConfig(
        intra=replace(_INTRA, iterations=200),
        rates=replace(
            _RATES, passes=2, proposal=replace(_PROPOSAL, iterations=8), worth=15, added=2
        ),
    ),
    "fast": EncoderConfig(),
    "slow": EncoderConfig(
        intra=FitConfig(1200, grow=3, presolve=5, solve=12),
        rates=replace(
            _RATES,
            intra_passes=8,
            passes=6,
            proposal=replace(_PROPOSAL, iterations=40),
            motion=16,
            sizes=4,
            worth=4,
            added=8,
        ),
    ),
}


def preset(name: str, **settings) -> EncoderConfig:
    """Settings by how long encoding may take, with anything changed that is given.

    Parameters
    ----------
    name : {"realtime", "fast", "slow"}
    **settings
        Fields of :class:`EncoderConfig`.

    Raises
    ------
    ConfigError
        Unknown preset or setting, or a setting out of range.
    """
    one_of("preset", name, PRESETS)
    known = [f.name for f in fields(EncoderConfig)]
    for setting in settings:
        if setting not in known:
            raise ConfigError(f"preset: {unknown(setting, known)}")
    return replace(_PRESETS[name], **settings)


@dataclass(frozen=True)
class Quality:
    """What a constant quality means for pictures of one size.

    Attributes
    ----------
    lagrange : float
        Price of a bit: weighted squared error, full scale 1, summed over channels.
    gaussians : int
        Splats that an I-frame is fitted with.
    steps : Steps
    """

    lagrange: float
    gaussians: int
    steps: Steps

    @classmethod
    def of(cls, crf: float, pixels: float, tuning: Tuning) -> Quality:
        """At a constant quality, for this many pixels (that count in full).

        >>> Quality.of(30, 640 * 360, Tuning()).gaussians
        375
        """
        size = (pixels / (640 * 360)) ** 0.75
        coarse = 2 ** ((crf - ANCHOR) / 12)
        wanted = round(tuning.gaussians * size * 2 ** ((ANCHOR - crf) / 7))
        count = min(MAX_SPLATS, pixels // 16, wanted)
        step = (coarse * s for s in astuple(tuning.steps))
        return cls(
            tuning.lagrange * size * 2 ** ((crf - ANCHOR) / 3),
            max(1, int(count)),
            Steps(*(max(1, min(65535, round(s))) for s in step)),
        )
