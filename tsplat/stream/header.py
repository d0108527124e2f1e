"""The header of a ``.tsplat`` stream, as docs/FORMAT.md specifies it in section 1.1."""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate
from typing import Any, NamedTuple

from tsplat.choices import BLENDS
from tsplat.errors import BitstreamError, ConfigError, Fault
from tsplat.region import MAX_CELL, MIN_CELL, grid
from tsplat.splats import MAX_SIDE, Steps
from tsplat.stream.limits import FORMAT, Limits

MAGIC = b"\x89TSPL\r\n\x1a"
VERSION = 5
OUTSIDE = ("splats", "colour", "blur", "video")
"""What may be shown outside the region, by its number in the header."""
MAX_RATE_TERM = (1 << 31) - 1
_BITS_BACK = 1
"""Bit of the required feature."""


class Field(NamedTuple):
    """A field of the header, in the words of docs/FORMAT.md.

    Attributes
    ----------
    name : str
    code : str
        As :mod:`struct` has it.
    range : (int, int), optional
        Least and greatest value; whatever its bytes hold by default.
    """

    name: str
    code: str
    range: tuple[int, int] | None = None


FIELDS = (
    Field("magic", "8s"),
    Field("version", "B", (VERSION, VERSION)),
    Field("primaries", "B"),
    Field("transfer", "B"),
    Field("matrix", "B"),
    Field("width", "H", (1, MAX_SIDE)),
    Field("height", "H", (1, MAX_SIDE)),
    Field("rate numerator", "I", (1, MAX_RATE_TERM)),
    Field("rate denominator", "I", (1, MAX_RATE_TERM)),
    Field("aspect numerator", "H", (1, 65535)),
    Field("aspect denominator", "H", (1, 65535)),
    Field("step of mean", "H", (1, 65535)),
    Field("step of cholesky", "H", (1, 65535)),
    Field("step of luma", "H", (1, 65535)),
    Field("step of chroma", "H", (1, 65535)),
    Field("required features", "I", (0, _BITS_BACK)),
    Field("ignorable features", "I"),
    Field("cell", "B"),
    Field("outside", "B", (0, len(OUTSIDE) - 1)),
    Field("backdrop", "3s"),
    Field("codec", "B", (0, 2)),
    Field("blend", "B", (0, len(BLENDS) - 1)),
    Field("zero", "B"),
    Field("checksum", "4s"),
)
"""The header, from its first byte to its last."""
_LAYOUT = struct.Struct("<" + "".join(field.code for field in FIELDS))
_SIZES = [struct.calcsize(field.code) for field in FIELDS]
OFFSETS = {field.name: at for field, at in zip(FIELDS, accumulate(_SIZES, initial=0))}
"""Where each field begins."""
HEADER_BYTES = _LAYOUT.size


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
    blend : str
        What a pixel is made of its splats, one of :data:`BLENDS`.
    bits_back : bool
        Whether P-packets' changes are sets (:mod:`tsplat.stream.delta_set`).

    Raises
    ------
    ConfigError
        A field is out of range, or contradicts another one.
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
    blend: str = "normalised"
    bits_back: bool = False

    def __post_init__(self) -> None:
        if self.blend not in BLENDS:
            raise ConfigError(f"blend: got {self.blend!r}, expected one of {', '.join(BLENDS)}")
        if self.outside not in OUTSIDE:
            raise ConfigError(f"background: got {self.outside!r} with codec {self.codec}")
        try:
            _check(self._fields(), FORMAT)
        except BitstreamError as error:
            raise ConfigError(error.message) from None
        if not self.cell and (self.outside != "splats" or self.codec):
            raise ConfigError("a background needs a region")
        if (self.outside == "video") != (self.codec > 0):
            raise ConfigError(f"background: got {self.outside!r} with codec {self.codec}")

    def pack(self) -> bytes:
        """The header's 56 bytes."""
        fields = self._fields()
        body = _LAYOUT.pack(*(fields[field.name] for field in FIELDS))[: -_SIZES[-1]]
        return body + checksum(body)

    @classmethod
    def unpack(cls, data, limits: Limits = FORMAT) -> Header:
        """Read a header; the inverse of :meth:`pack`.

        Raises
        ------
        BitstreamError
            Not a ``.tsplat`` stream, of a version or with a feature that is not known here, or
            a field is damaged, out of range or beyond a limit.
        """
        data = bytes(data[:HEADER_BYTES])
        if data[: len(MAGIC)] != MAGIC[: len(data)] or len(data) < len(MAGIC) + 1:
            raise BitstreamError(Fault.NOT_TSPLAT, "not a .tsplat file", offset=0)
        version = data[OFFSETS["version"]]
        if version != VERSION:
            raise _fault(
                Fault.VERSION,
                "version",
                f"version {version} of the format; this reader knows version {VERSION}: "
                f"use a tsplat that reads version {version}",
            )
        if len(data) < HEADER_BYTES:
            raise BitstreamError(
                Fault.CUT_OFF, f"header cut off: {len(data)} of {HEADER_BYTES} bytes", offset=0
            )
        fields = dict(zip(OFFSETS, _LAYOUT.unpack(data)))
        if checksum(data[: OFFSETS["checksum"]]) != fields["checksum"]:
            raise _fault(Fault.CHECKSUM, "checksum", "header is damaged: wrong checksum")
        unknown = fields["required features"] & ~_BITS_BACK
        if unknown:
            raise _fault(
                Fault.FEATURE,
                "required features",
                f"the stream needs feature {unknown.bit_length() - 1}, which this version of "
                "tsplat does not have: use a newer one",
            )
        _check(fields, limits)
        try:
            return cls(
                fields["width"],
                fields["height"],
                Fraction(fields["rate numerator"], fields["rate denominator"]),
                Steps(*(fields[f"step of {name}"] for name in _STEPS)),
                Fraction(fields["aspect numerator"], fields["aspect denominator"]),
                (fields["primaries"], fields["transfer"], fields["matrix"]),
                fields["cell"],
                OUTSIDE[fields["outside"]],
                tuple(fields["backdrop"]),
                fields["codec"],
                BLENDS[fields["blend"]],
                bool(fields["required features"]),
            )
        except ConfigError as error:
            raise _fault(Fault.HEADER, "outside", f"header: {error}") from None

    def check(self, limits: Limits) -> None:
        """Refuse a header that claims more.

        Raises
        ------
        BitstreamError
            It does.
        """
        _check(self._fields(), limits)

    def _fields(self) -> dict[str, Any]:
        """Each field's value by its name."""
        return {
            "magic": MAGIC,
            "version": VERSION,
            "primaries": self.colour[0],
            "transfer": self.colour[1],
            "matrix": self.colour[2],
            "width": self.width,
            "height": self.height,
            "rate numerator": self.rate.numerator,
            "rate denominator": self.rate.denominator,
            "aspect numerator": self.aspect.numerator,
            "aspect denominator": self.aspect.denominator,
            **{f"step of {name}": getattr(self.steps, name) for name in _STEPS},
            "required features": _BITS_BACK * self.bits_back,
            "ignorable features": 0,
            "cell": self.cell,
            "outside": OUTSIDE.index(self.outside),
            "backdrop": bytes(self.backdrop),
            "codec": self.codec,
            "blend": BLENDS.index(self.blend),
            "zero": 0,
            "checksum": b"",
        }


_STEPS = ("mean", "cholesky", "luma", "chroma")


def _check(fields: Mapping[str, Any], limits: Limits) -> None:
    """Refuse fields out of their ranges, and what goes beyond a limit."""
    for name, _, allowed in FIELDS:
        if name == "cell" and fields[name]:
            allowed = MIN_CELL, MAX_CELL
        if allowed and not allowed[0] <= fields[name] <= allowed[1]:
            message = f"header: {name}: got {fields[name]}, expected {allowed[0]}..{allowed[1]}"
            raise _fault(Fault.HEADER, name, message)
    width, height, cell = (fields[name] for name in ("width", "height", "cell"))
    if width * height > limits.pixels:
        message = f"header: size: got {width}x{height}, at most {limits.pixels} pixels"
        raise _fault(Fault.LIMIT, "width", message, "pixels")
    if cell and math.prod(grid(width, height, cell)) > limits.cells:
        message = f"header: cell: got {cell} for {width}x{height}, at most {limits.cells} cells"
        raise _fault(Fault.LIMIT, "cell", message, "cells")


def _fault(kind: Fault, field: str, message: str, limit: str = "") -> BitstreamError:
    return BitstreamError(kind, message, field=limit or field, offset=OFFSETS[field])


def checksum(data: bytes) -> bytes:
    """CRC-32 of bytes, as the format has it.

    >>> checksum(b"123456789").hex()
    '2639f4cb'
    """
    return struct.pack("<I", zlib.crc32(data))
