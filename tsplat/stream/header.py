r"""The header of a ``.tsplat`` stream.

docs/FORMAT.md specifies the whole format.

Header, 56 bytes
----------------
===== ==== ==================================================================================
 byte size field
===== ==== ==================================================================================
    0    8 magic: 89 54 53 50 4C 0D 0A 1A
    8    1 version: 4
    9    1 primaries, ITU-T H.273 (2: unspecified)
   10    1 transfer characteristics, H.273
   11    1 matrix coefficients of the source, H.273 (pixels are decoded as RGB)
   12    2 width, pixels, 1..8192
   14    2 height, pixels, 1..8192; width times height at most 2**24
   16    4 frame rate, numerator, 1..2**31-1
   20    4 frame rate, denominator, 1..2**31-1
   24    2 pixel aspect ratio, numerator, 1..65535
   26    2 pixel aspect ratio, denominator, 1..65535
   28    2 step of x and y, 1/256 pixel, 1..65535
   30    2 step of the Cholesky vector, 1/256 pixel, 1..65535
   32    2 step of luma, 1/65536 of full scale, 1..65535
   34    2 step of chroma, 1/65536 of full scale, 1..65535
   36    4 required features: a reader refuses a stream with a bit that it does not know
   40    4 ignorable features: a reader skips what belongs to a bit that it does not know
   44    1 side of a cell of the region's mask, pixels, 2..255, at most 2**16 cells; 0: no region
   45    1 what is shown outside the region: 0 the splats there, 1 a colour, 2 the splats there,
           blurred, 3 the background packets' pictures; 0 if there is no region
   46    3 that colour, RGB
   49    1 codec of the background packets: 1 AV1, 2 H.264; 0: there are none
   50    1 span of P-packets, frames, 1..255
   51    1 zero; ignored
   52    4 CRC-32C of bytes 0..51
===== ==== ==================================================================================

Required feature 0, bits-back: P-packets' changes are sets (:mod:`tsplat.stream.delta_set`). Version
4 knows no other. Packets of feature bit b, below 16, have kind 16 + b; feature 0 has none.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from fractions import Fraction

import google_crc32c

from tsplat.errors import BitstreamError, ConfigError, Fault
from tsplat.region import MAX_CELLS, MIN_CELL, grid
from tsplat.splats import MAX_PIXELS, MAX_SIDE, Steps

MAGIC = b"\x89TSPL\r\n\x1a"
VERSION = 4
HEADER_BYTES = 56
_BITS_BACK = 1
"""Bit of the required feature."""
KNOWN_REQUIRED = _BITS_BACK
OUTSIDE = ("splats", "colour", "blur", "video")
"""What may be shown outside the region, by its number in the header."""
MAX_SPAN = 255
MAX_RATE_TERM = (1 << 31) - 1
_HEADER = struct.Struct("<8s4B2H2I2H4H2I7Bx")


@dataclass(frozen=True)
class Header:
    """What a decoder must know before the first packet.

    Parameters
    ----------
    width, height : int
        Size of the picture, pixels.
    rate : Fraction
        Frames a second.
    steps : Steps
        Quantiser steps.
    aspect : Fraction
        Width of a pixel over its height.
    colour : (int, int, int)
        Primaries, transfer and matrix of the source, H.273.
    cell : int
        Side of a cell of the region's mask, pixels; 0 where there is no region.
    outside : str
        What is shown outside the region, one of :data:`OUTSIDE`.
    backdrop : (int, int, int)
        The colour shown there, RGB, where it is a colour.
    codec : int
        Of background packets; 0 where there are none.
    span : int
        Frames from one P-packet to the next, 1..255.
    bits_back : bool
        Whether P-packets' changes are sets (:mod:`tsplat.stream.delta_set`).

    Raises
    ------
    ConfigError
        A field is out of range.
    """

    width: int
    height: int
    rate: Fraction
    steps: Steps
    aspect: Fraction = Fraction(1)
    colour: tuple[int, int, int] = (2, 2, 2)
    cell: int = 0
    outside: str = "splats"
    backdrop: tuple[int, int, int] = (0, 0, 0)
    codec: int = 0
    span: int = 1
    bits_back: bool = False

    def __post_init__(self) -> None:
        if not (1 <= self.width <= MAX_SIDE and 1 <= self.height <= MAX_SIDE):
            raise ConfigError(
                f"size: got {self.width}x{self.height}, each side must be 1..{MAX_SIDE}"
            )
        if self.width * self.height > MAX_PIXELS:
            raise ConfigError(f"size: got {self.width}x{self.height}, at most {MAX_PIXELS} pixels")
        for name, value, most in (("rate", self.rate, 2**31 - 1), ("aspect", self.aspect, 65535)):
            if not (0 < value.numerator <= most and value.denominator <= most):
                raise ConfigError(f"{name}: got {value}, terms must be 1..{most}")
        if not 1 <= self.span <= MAX_SPAN:
            raise ConfigError(f"span: got {self.span}, expected 1..{MAX_SPAN}")
        if self.cell:
            rows, columns = grid(self.width, self.height, self.cell)
            if not MIN_CELL <= self.cell <= 255 or rows * columns > MAX_CELLS:
                raise ConfigError(
                    f"cell: got {self.cell}, expected {MIN_CELL}..255 and at most {MAX_CELLS} cells"
                )
        elif self.outside != "splats" or self.codec:
            raise ConfigError("a background needs a region")
        known = self.outside in OUTSIDE and self.codec in (0, 1, 2)
        if not known or (self.outside == "video") != (self.codec > 0):
            raise ConfigError(f"background: got {self.outside!r} with codec {self.codec}")

    def pack(self) -> bytes:
        """The header's 56 bytes."""
        body = _HEADER.pack(
            MAGIC,
            VERSION,
            *self.colour,
            self.width,
            self.height,
            self.rate.numerator,
            self.rate.denominator,
            self.aspect.numerator,
            self.aspect.denominator,
            self.steps.mean,
            self.steps.cholesky,
            self.steps.luma,
            self.steps.chroma,
            _BITS_BACK * self.bits_back,
            0,
            self.cell,
            OUTSIDE.index(self.outside),
            *self.backdrop,
            self.codec,
            self.span,
        )
        return body + checksum(body)

    @classmethod
    def unpack(cls, data) -> Header:
        """Read a header; the inverse of :meth:`pack`.

        Raises
        ------
        BitstreamError
            Not a ``.tsplat`` stream, of a version or with a feature that is not known here, or
            a field is damaged or out of range.
        """
        data = bytes(data[:HEADER_BYTES])
        if data[: len(MAGIC)] != MAGIC[: len(data)] or len(data) < len(MAGIC) + 1:
            raise BitstreamError(Fault.NOT_TSPLAT, "not a .tsplat file", offset=0)
        if data[8] != VERSION:
            raise BitstreamError(
                Fault.VERSION,
                f"version {data[8]} of the format; this reader knows version {VERSION}: "
                f"use a tsplat that reads version {data[8]}",
                offset=8,
            )
        if len(data) < HEADER_BYTES:
            raise BitstreamError(
                Fault.CUT_OFF, f"header cut off: {len(data)} of {HEADER_BYTES} bytes", offset=0
            )
        if checksum(data[:-4]) != data[-4:]:
            raise BitstreamError(
                Fault.CHECKSUM, "header is damaged: wrong checksum", offset=HEADER_BYTES - 4
            )
        fields = _HEADER.unpack(data[:-4])
        _, _, *colour, width, height, rate_n, rate_d, aspect_n, aspect_d = fields[:11]
        *steps, required, _ = fields[11:17]
        cell, outside, *backdrop, codec, span = fields[17:]
        unknown = required & ~KNOWN_REQUIRED
        if unknown:
            raise BitstreamError(
                Fault.FEATURE,
                f"the stream needs feature {unknown.bit_length() - 1}, which this version of "
                "tsplat does not have: use a newer one",
                offset=36,
            )
        if not all(1 <= term <= MAX_RATE_TERM for term in (rate_n, rate_d)):
            raise BitstreamError(
                Fault.HEADER,
                f"frame rate: got {rate_n}/{rate_d}, expected terms of 1..{MAX_RATE_TERM}",
                offset=16,
            )
        if not (aspect_n and aspect_d):
            raise BitstreamError(
                Fault.HEADER, f"pixel aspect: got {aspect_n}/{aspect_d}", offset=24
            )
        if outside >= len(OUTSIDE):
            raise BitstreamError(Fault.HEADER, f"background {outside} is not known", offset=45)
        try:
            return cls(
                width,
                height,
                Fraction(rate_n, rate_d),
                Steps(*steps),
                Fraction(aspect_n, aspect_d),
                (colour[0], colour[1], colour[2]),
                cell,
                OUTSIDE[outside],
                (backdrop[0], backdrop[1], backdrop[2]),
                codec,
                span,
                bool(required & _BITS_BACK),
            )
        except ConfigError as error:
            raise BitstreamError(Fault.HEADER, f"header: {error}", offset=12) from None


def checksum(data: bytes) -> bytes:
    """CRC-32C, as the format has it."""
    return struct.pack("<I", google_crc32c.value(data))
