"""What can be chosen by name, and the rarer settings: data, which needs no other module."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

from tsplat.errors import ConfigError

PRESETS = ("realtime", "fast", "slow")
PAPER = "paper"
"""The preset that codes as the paper does."""
BACKGROUNDS = ("splats", "none", "blur", "video")
BLENDS = ("sum", "normalised")
"""What a pixel is made of its splats, by its number in a header."""
TUNES = ("psnr", "ssim")
MOTIONS = ("flow", "grid", "none")
SELECTIONS = ("literal", "growth")
ENTROPIES = ("vanilla", "bits-back")
INITS = ("superpixel", "lsc", "regressor", "random")
OPTIMIZERS = ("adam", "adan")
QUANTISATIONS = ("ptq", "qat")


@dataclass(frozen=True)
class Setting:
    """One of ``--set``'s keys.

    Attributes
    ----------
    name : str
    kind : type or tuple of str
        Of its value: a number's type, or the words that there are.
    default, meaning : str
        For people, with the unit.
    paper : bool
        It goes with the paper's preset alone.
    """

    name: str
    kind: type | tuple[str, ...]
    default: str
    meaning: str
    paper: bool = False

    def parse(self, text: str) -> object:
        """The value that a text gives.

        Raises
        ------
        ConfigError
        """
        if isinstance(self.kind, tuple):
            return one_of(self.name, text, self.kind)
        try:
            return self.kind(text)
        except ValueError:
            what = "a whole number" if self.kind is int else "a number"
            raise ConfigError(f"{self.name}: got {text!r}, expected {what}") from None


SETTINGS = {
    s.name: s
    for s in (
        Setting("gaussians", int, "by quality and size", "splats that an I-frame is fitted with"),
        Setting("motion", MOTIONS, "flow", "what the vectors that move splats start from"),
        Setting("window", float, "1", "seconds over which --bitrate is kept"),
        Setting("max_span", int, "16, live 1", "most frames from one P-frame to the next"),
        Setting("blend", BLENDS, "normalised", "what a pixel is made of its splats"),
        Setting(
            "selection", SELECTIONS, "literal", "residuals over the threshold, or its growth", True
        ),
        Setting("threshold", float, "11.5", "grey levels of change that count", True),
        Setting("entropy", ENTROPIES, "vanilla", "how a P-frame's changes are coded", True),
        Setting("init", INITS, "superpixel", "first splats of an I-frame", True),
        Setting("optimizer", OPTIMIZERS, "adam", "of I-frames; adan fits as GaussianImage", True),
        Setting("quant", QUANTISATIONS, "ptq", "rounding after the fit, or training with it", True),
    )
}
"""By name."""


def parse_settings(words: Iterable[str], preset: str) -> dict[str, object]:
    """Values of ``KEY=VALUE`` words, by key.

    Raises
    ------
    ConfigError
        A key is not known, or not with this preset; a value is not one of the key's.

    >>> parse_settings(["motion=none", "window=2"], "fast")
    {'motion': 'none', 'window': 2.0}
    """
    found: dict[str, object] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            raise ConfigError(f"set: got {word!r}, expected KEY=VALUE; --set help lists the keys")
        known = SETTINGS.get(name)
        if known is None:
            raise ConfigError(f"set: {unknown(name, SETTINGS)}")
        if known.paper and preset != PAPER:
            raise ConfigError(f"set: {name} goes with --preset paper alone")
        found[name] = known.parse(value)
    return found


def one_of(name: str, value: str, known: tuple[str, ...]) -> str:
    """The value, if it is one of those known.

    Raises
    ------
    ConfigError
    """
    if value not in known:
        raise ConfigError(f"{name}: got {value!r}, expected one of {', '.join(known)}")
    return value


def unknown(name: str, known: Iterable[str]) -> str:
    """What to say of a name that nobody knows: the nearest ones.

    >>> unknown("gausians", ["gaussians", "gop"])
    'no setting gausians; did you mean gaussians?'
    """
    near = difflib.get_close_matches(name, list(known), 2, 0.5)
    hint = f"; did you mean {' or '.join(near)}?" if near else f"; there are {', '.join(known)}"
    return f"no setting {name}{hint}"
