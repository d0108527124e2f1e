"""Integers of variable length: LEB128, seven bits a byte, least significant first.

Signed integers are folded first: 0, -1, 1, -2, ... become 0, 1, 2, 3, ...
"""

from __future__ import annotations

from tsplat.errors import BitstreamError, Fault

LONGEST = 5
"""Bytes of the largest integer."""
MOST = (1 << 7 * LONGEST) - 1


def pack(value: int) -> bytes:
    """Bytes of an integer 0..2**35-1.

    >>> pack(300).hex()
    'ac02'
    """
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def unpack(data: bytes, at: int) -> tuple[int, int]:
    """Integer at a position, and the position after it.

    Raises
    ------
    BitstreamError
        The data ends inside the integer, or it takes more bytes than it needs, or than five.

    >>> unpack(bytes.fromhex("ac02"), 0)
    (300, 2)
    """
    value = 0
    for k in range(LONGEST):
        if at + k >= len(data):
            raise BitstreamError(Fault.PAYLOAD, "packet ends inside an integer")
        byte = data[at + k]
        value |= (byte & 127) << (7 * k)
        if byte < 128:
            if k and not byte:
                raise BitstreamError(Fault.PAYLOAD, "integer of more bytes than it needs")
            return value, at + k + 1
    raise BitstreamError(Fault.PAYLOAD, f"integer of more than {LONGEST} bytes")


def fold(value: int) -> int:
    """Signed to unsigned.

    >>> [fold(v) for v in (0, -1, 1, -2)]
    [0, 1, 2, 3]
    """
    return 2 * value if value >= 0 else -2 * value - 1


def unfold(value: int) -> int:
    """Unsigned to signed; the inverse of :func:`fold`."""
    return value // 2 if value % 2 == 0 else -(value // 2) - 1
