"""Settings of each encoding stage. Presets are data; the decoder has no settings."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

from tsplat.errors import ConfigError
from tsplat.splats import MAX_SPLATS, Steps

PRESETS = ("fast", "slow")
BACKGROUNDS = ("splats", "none", "blur", "video")


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
        Iterations of Adam, 1..100000.
    rate : float
        Step of means and Cholesky vectors at the start, in standard deviations of the splat.
    colour_rate : float
        Step of colours at the start, full scale 1.
    final : float
        Share of the rates that the cosine schedule ends at, 0..1.
    densify : int
        How often during the fit splats that do nothing move to where the error is.
    presolve, solve : int
        Steps of the conjugate gradients that solve for the colours, before the fit and after
        the geometry was rounded; 0 leaves them.
    target_db : float or None
        PSNR at which the fit stops, dB.
    """

    iterations: int
    rate: float = 0.08
    colour_rate: float = 0.045
    final: float = 0.05
    densify: int = 0
    presolve: int = 0
    solve: int = 8
    target_db: float | None = None

    def __post_init__(self) -> None:
        _count("iterations", self.iterations, 1, 100_000)
        _within("rate", self.rate, 0, 1)
        _within("colour_rate", self.colour_rate, 0, 1)
        _within("final", self.final, 0, 1)
        _count("densify", self.densify, 0, 100)
        _count("presolve", self.presolve, 0, 100)
        _count("solve", self.solve, 0, 100)
        if self.target_db is not None:
            _within("psnr", self.target_db, 1, 60)


_INTER = FitConfig(60, rate=0.04, colour_rate=0.02, presolve=3, solve=3)


@dataclass(frozen=True)
class EncoderConfig:
    """Everything that an :class:`~tsplat.encoder.Encoder` can be told.

    Parameters
    ----------
    gaussians : int or None
        Splats of an I-frame, 1..65535; chosen from the picture's size by default.
    gop : int
        Frames from one I-frame to the next, 1..65535; scene cuts make I-frames besides.
    threshold : float
        Growth of the residual above which a pixel counts as changed, grey levels, 0..255.
    init : {"superpixel", "random"}
        First splats of an I-frame.
    seed : int
        Of the random initialisation.
    intra, inter : FitConfig
        Fits of I- and P-frames.
    steps : Steps
        Quantiser steps.
    background : {"splats", "none", "blur", "video"}
        What lies outside the region of interest: splats, fewer and less often changed; nothing;
        splats to be shown out of focus; a video stream.
    backdrop : (int, int, int)
        Colour that players show where the background is none, RGB.
    background_kbps : float or None
        Rate of the background's video stream, kbit/s; by default, whatever a constant modest
        quality costs.
    """

    gaussians: int | None = None
    gop: int = 250
    threshold: float = 11.5
    init: str = "superpixel"
    seed: int = 0
    intra: FitConfig = field(default_factory=lambda: FitConfig(100, densify=4, presolve=5))
    inter: FitConfig = field(default_factory=lambda: _INTER)
    steps: Steps = field(default_factory=lambda: Steps(128, 128, 786, 1050))
    background: str = "splats"
    backdrop: tuple[int, int, int] = (0, 0, 0)
    background_kbps: float | None = None

    def __post_init__(self) -> None:
        if self.gaussians is not None:
            _count("gaussians", self.gaussians, 1, MAX_SPLATS)
        _count("gop", self.gop, 1, 65535)
        _within("threshold", self.threshold, 0, 255)
        _count("seed", self.seed, 0, 2**63 - 1)
        if self.init not in ("superpixel", "random"):
            raise ConfigError(f"init: got {self.init!r}, expected superpixel or random")
        if self.background not in BACKGROUNDS:
            raise ConfigError(
                f"background: got {self.background!r}, expected one of {', '.join(BACKGROUNDS)}"
            )
        for level in self.backdrop:
            _count("backdrop", level, 0, 255)
        if self.background_kbps is not None:
            _within("background-kbps", self.background_kbps, 1, 100_000)
            if self.background != "video":
                raise ConfigError("background-kbps: only for a background of video")


def preset(name: str, *, psnr: float | None = None, **settings) -> EncoderConfig:
    """The paper's two settings, with anything changed that is given.

    Parameters
    ----------
    name : {"fast", "slow"}
    psnr : float, optional
        Fits stop when this is reached, dB.
    **settings
        Fields of :class:`EncoderConfig`.

    Raises
    ------
    ConfigError
        Unknown preset, or a setting out of range.
    """
    if name not in PRESETS:
        raise ConfigError(f"preset: got {name!r}, expected {' or '.join(PRESETS)}")
    if name == "fast":
        config = EncoderConfig()
    else:
        config = EncoderConfig(
            intra=FitConfig(500, densify=4, presolve=5, solve=12),
            inter=replace(_INTER, iterations=120, solve=6),
        )
    if psnr is not None:
        settings["intra"] = replace(settings.get("intra", config.intra), target_db=psnr)
        settings["inter"] = replace(settings.get("inter", config.inter), target_db=psnr)
    return replace(config, **settings)


def default_gaussians(pixels: float) -> int:
    """1000 splats for 640x360 pixels, in proportion to their number to the power 0.75.

    >>> default_gaussians(640 * 360)
    1000
    """
    wanted = 1000 * (pixels / (640 * 360)) ** 0.75
    return max(1, min(MAX_SPLATS, int(pixels // 16), round(wanted)))
