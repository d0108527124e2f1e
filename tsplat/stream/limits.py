"""How much a stream may claim: what bounds the memory and the time that decoding it takes."""

from __future__ import annotations

from dataclasses import dataclass, fields

from tsplat.errors import ConfigError
from tsplat.region import MAX_CELLS
from tsplat.splats import MAX_OVERLAP, MAX_PIXELS, MAX_SPLATS

MAX_SPAN = 255
MAX_PAYLOAD = 1 << 24


@dataclass(frozen=True)
class Limits:
    """The most that a decoder takes. By default what the format allows; an application may take
    less. What claims more is refused before memory is taken for it.

    Parameters
    ----------
    pixels : int
        Of the stream's picture, 1..2**24.
    cells : int
        Of a region, 1..2**16.
    splats : int
        Of a frame, 1..65535.
    overlap : int
        Pixels that a frame's splats cover together, over those of the picture, 1..512: the time
        that it takes grows with them.
    span : int
        Frames of a P-packet, 1..255, all of which are rendered.
    packet_bytes : int
        Of a packet's payload, 1..2**24.
    background_side : int
        Of a background packet's picture, pixels, 1..1024.

    Raises
    ------
    ConfigError
        A limit is out of its range.
    """

    pixels: int = MAX_PIXELS
    cells: int = MAX_CELLS
    splats: int = MAX_SPLATS
    overlap: int = MAX_OVERLAP
    span: int = MAX_SPAN
    packet_bytes: int = MAX_PAYLOAD
    background_side: int = 1024

    def __post_init__(self) -> None:
        for field in fields(self):
            most = getattr(self, field.name)
            if not 1 <= most <= field.default:
                raise ConfigError(f"{field.name}: got {most}, expected 1..{field.default}")


FORMAT = Limits()
"""What the format allows."""
