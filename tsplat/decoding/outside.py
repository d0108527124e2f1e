"""What a decoder shows outside the region of interest."""

from __future__ import annotations

import numpy as np

from tsplat.decoding.compositing import blur, fitted, over
from tsplat.errors import BitstreamError, ConfigError, Fault
from tsplat.stream.container import Packet
from tsplat.stream.header import Header
from tsplat.stream.limits import FORMAT, Limits

Backdrop = str | tuple[int, int, int] | np.ndarray
"""Words, a colour or an image."""


class Outside:
    """What is shown outside the region.

    Parameters
    ----------
    header : Header
    size : (int, int)
        Width and height of the pictures, pixels.
    background : Backdrop
        As :class:`tsplat.decoding.decoder.Decoder` has it.
    limits : Limits

    Attributes
    ----------
    since : int
        The frame from which the newest background is shown.

    Raises
    ------
    ConfigError
        There is no region, or nothing to blur, or the background is none.
    """

    def __init__(
        self,
        header: Header,
        size: tuple[int, int],
        background: Backdrop,
        limits: Limits = FORMAT,
    ):
        self._size = size
        self._decoder = None
        if header.codec:
            from tsplat.media.background import BACKGROUND_CODECS, BackgroundDecoder

            names = {number: name for name, number in BACKGROUND_CODECS.items()}
            self._decoder = BackgroundDecoder(*size, names[header.codec], limits.background_side)
        self._image = self._former = np.zeros(3, np.uint8)
        self._waiting, self._keyframe, self.since = True, -1, -1
        self._kind = header.outside
        if not header.cell and not (isinstance(background, str) and background == "keep"):
            raise ConfigError("background: this stream has no region of interest to put one behind")
        if isinstance(background, str):
            if background not in ("keep", "blur"):
                raise ConfigError(f"background: got {background!r}, expected keep or blur")
            if background == "blur" and header.outside == "colour":
                raise ConfigError("background: there is none in this stream to blur")
            if background == "blur":
                self._kind = "blur"
            elif header.outside == "colour":
                self._image = np.array(header.backdrop, np.uint8)
        else:
            self._kind = "colour"
            given = _colour_or_image(background)
            self._image = given if given.ndim == 1 else fitted(given, *size)

    @property
    def is_in_splats(self) -> bool:
        """The splats' own picture is what is shown."""
        return self._kind == "splats"

    def advance(self, packet: Packet) -> None:
        """Take in a background packet; raises BitstreamError."""
        if self._decoder is None or self._kind == "colour":
            return
        data = packet.payload
        if not data:
            raise BitstreamError(Fault.BACKGROUND, "background packet is empty")
        keyframe = data[0] == 1
        if self._waiting and not keyframe:
            raise BitstreamError(Fault.MISSING, "the background's keyframe is missing")
        self._waiting = True
        image = self._decoder.decode(data[1:])
        self._former, self.since = self._image, packet.frame
        self._image, self._waiting = blur(image) if self._kind == "blur" else image, False
        if keyframe:
            self._keyframe = packet.frame

    def join(self, frame: int) -> None:
        """An I-packet is here: if its background's keyframe is not, wait for the next one."""
        self._waiting |= self._keyframe != frame

    def behind(self, picture: np.ndarray, alpha: np.ndarray, newest: bool = True) -> np.ndarray:
        """A picture, (H, W, 3) uint8, of opacity (H, W) uint8, before what lies behind it: the
        newest background, or the one before that."""
        if self._kind == "blur" and self._decoder is None:
            return over(picture, alpha, blur(picture, alpha))
        return over(picture, alpha, self._image if newest else self._former)


def _colour_or_image(background: tuple[int, int, int] | np.ndarray) -> np.ndarray:
    given = np.asarray(background)
    levels = np.issubdtype(given.dtype, np.integer) and given.size > 0
    if not levels or given.ndim not in (1, 3) or given.shape[-1] != 3:
        raise ConfigError(
            f"background: got {given.shape} {given.dtype}, expected a colour, (3,), or an image, "
            "(h, w, 3), of integers"
        )
    if given.min() < 0 or given.max() > 255:
        raise ConfigError(f"background: got {given.min()}..{given.max()}, expected 0..255")
    return given.astype(np.uint8)
