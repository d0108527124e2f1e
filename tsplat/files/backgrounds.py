"""What users call a background: a word, a colour, or a picture."""

from __future__ import annotations

import re
from pathlib import Path

from tsplat.choices import BACKGROUNDS
from tsplat.decoding.outside import Backdrop
from tsplat.errors import ConfigError
from tsplat.media.images import read_image

_NAMED = {
    "black": "000000",
    "white": "ffffff",
    "grey": "808080",
    "gray": "808080",
    "red": "ff0000",
    "green": "00b140",
    "blue": "0047bb",
}
"""Green and blue are those of studio screens."""


def colour(text: str) -> tuple[int, int, int] | None:
    """RGB of a name, of ``#rrggbb`` or of ``#rgb``; None if it is no colour.

    >>> colour("#0f8"), colour("white"), colour("beach.jpg")
    ((0, 255, 136), (255, 255, 255), None)
    """
    digits = _NAMED.get(text.lower(), text.removeprefix("#"))
    if re.fullmatch("[0-9a-fA-F]{3}", digits):
        digits = "".join(2 * d for d in digits)
    if not re.fullmatch("[0-9a-fA-F]{6}", digits):
        return None
    return int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:], 16)


def to_encode(text: str) -> dict:
    """Fields of :class:`~tsplat.config.EncoderConfig` for ``--background``.

    Raises
    ------
    ConfigError
        It is neither a kind of background nor a colour.
    """
    kind, colon, kbps = text.partition(":")
    if kind == "video" and colon:
        try:
            return {"background": kind, "background_kbps": float(kbps.removesuffix("k"))}
        except ValueError:
            raise ConfigError(f"background: got {text!r}, expected such as video:40k") from None
    if text in BACKGROUNDS:
        return {"background": text}
    rgb = colour(text)
    if rgb is None:
        raise ConfigError(
            f"background: got {text!r}, expected {', '.join(BACKGROUNDS)}, video:KBPS or a colour "
            "(#rrggbb)"
        )
    return {"background": "none", "backdrop": rgb}


def to_show(text: str) -> Backdrop:
    """What a decoder takes for ``--background``: keep, blur, none, a colour or an image file.

    Raises
    ------
    ConfigError, MediaError
        It is none of these; the image cannot be read.
    """
    if text in ("keep", "blur"):
        return text
    if text == "none":
        return (0, 0, 0)
    rgb = colour(text)
    if rgb is not None and not Path(text).is_file():
        return rgb
    if not Path(text).exists():
        raise ConfigError(
            f"background: got {text!r}, expected none, keep, blur, a colour (#rrggbb) or an image"
        )
    return read_image(text)
