"""Wires the decoding stages: container -> payload -> splats -> picture. No maths here."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from tsplat.code import container, payload
from tsplat.code.container import INDEX, INTER, INTRA, TICKS, Damage, Header, Packet
from tsplat.errors import BitstreamError, ConfigError, MediaError
from tsplat.kernels import runtime
from tsplat.kernels.screen import Screen
from tsplat.splats import MAX_PIXELS, MAX_SIDE, QuantizedSplats


class Decoder:
    """Packets in, pictures out, one by one: what live use needs.

    Parameters
    ----------
    header : bytes or Header
        The stream's first 48 bytes.
    size : (int, int), optional
        Width and height to render at, pixels; the stream's own by default. Splats have no
        pixels: a larger picture is rendered, not enlarged.

    Raises
    ------
    BitstreamError
        The header is not one of a stream that this version reads.
    ConfigError
        The size is out of range.
    """

    def __init__(self, header: bytes | Header, size: tuple[int, int] | None = None):
        self.header = header if isinstance(header, Header) else Header.unpack(header)
        self.size = size or (self.header.width, self.header.height)
        width, height = self.size
        if not (min(self.size) >= 1 and max(self.size) <= MAX_SIDE) or width * height > MAX_PIXELS:
            raise ConfigError(
                f"size: got {width}x{height}, sides must be 1..{MAX_SIDE} and at most "
                f"{MAX_PIXELS} pixels"
            )
        self._screen: Screen | None = None
        self._splats: QuantizedSplats | None = None
        self._changed = np.zeros(0, bool)
        self._frame = -1

    def decode(self, packet: bytes | Packet) -> np.ndarray:
        """The picture of a packet.

        Parameters
        ----------
        packet : bytes or Packet
            I- or P-packet; a P-packet's frame must follow the last one decoded.

        Returns
        -------
        (H, W, 3) uint8
            RGB.

        Raises
        ------
        BitstreamError
            The packet is damaged, or the frame that it builds on was not decoded. The state
            stays as it was.
        """
        self.advance(packet)
        return self.picture()

    def advance(self, packet: bytes | Packet) -> None:
        """Take in a packet without rendering it; raises as :meth:`decode`."""
        if isinstance(packet, bytes):
            packet = container.unpack_packet(packet)
        header = self.header
        try:
            if packet.kind == INTRA:
                splats = payload.decode_intra(
                    packet.payload, header.steps, header.width, header.height
                )
                changed = np.ones(len(splats), bool)
            elif packet.kind != INTER:
                raise BitstreamError("neither an I- nor a P-packet")
            elif self._splats is None or packet.frame != self._frame + 1:
                raise BitstreamError("the frame before is missing; waiting for an I-frame")
            else:
                splats, changed = payload.decode_inter(
                    packet.payload, self._splats, self._changed, header.width, header.height
                )
        except BitstreamError as error:
            raise BitstreamError(error.message, offset=packet.offset, frame=packet.frame) from None
        self._splats, self._changed, self._frame = splats, changed, packet.frame

    def picture(self) -> np.ndarray:
        """Render the present state, (H, W, 3) uint8."""
        splats = self.splats.dequantise()
        header = self.header
        if self.size != (header.width, header.height):
            splats = splats.scaled(self.size[0] / header.width, self.size[1] / header.height)
        backend = runtime.current()
        if self._screen is None or self._screen.backend is not backend:
            self._screen = Screen(*self.size, backend)
        return self._screen.picture(splats.params)

    @property
    def splats(self) -> QuantizedSplats:
        """The present state."""
        if self._splats is None:
            raise BitstreamError("no frame was decoded yet")
        return self._splats

    @property
    def changed(self) -> np.ndarray:
        """Which splats the last packet changed, (N,) bool."""
        return self._changed


@dataclass(frozen=True)
class Picture:
    """A decoded frame.

    Attributes
    ----------
    frame : int
        Its number.
    time : Fraction
        Seconds from the clip's start.
    rgb : (H, W, 3) uint8
    """

    frame: int
    time: Fraction
    rgb: np.ndarray


class Reader:
    """A ``.tsplat`` file: iterate over its pictures, or ask for one: ``reader[120]``.

    Parameters
    ----------
    path : str or Path
    size : (int, int), optional
        Width and height to render at, pixels.

    Attributes
    ----------
    header : Header
    damage : list of Damage
        What could not be read, in the order in which it was met; complete after iteration.

    Raises
    ------
    MediaError
        The file cannot be opened.
    BitstreamError
        It is not a ``.tsplat`` file that this version reads.
    """

    def __init__(self, path: str | Path, size: tuple[int, int] | None = None):
        self._path = Path(path)
        try:
            with open(self._path, "rb") as file:
                empty = file.seek(0, 2) == 0
                self._data = b"" if empty else mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise MediaError(f"{path}: cannot be read ({reason})") from error
        try:
            self.header = Header.unpack(self._data)
        except BitstreamError as error:
            raise BitstreamError(f"{path}: {error.message}", offset=error.offset) from None
        self.damage: list[Damage] = []
        self._size = size
        self._index = container.read_index(self._data)
        self._random: tuple[Decoder, Iterator[Packet]] | None = None

    @property
    def bytes(self) -> int:
        """Length of the file."""
        return len(self._data)

    @property
    def truncated(self) -> bool:
        """The file was cut off; known after iteration."""
        return any(d.cut_off for d in self.damage) or self._index is None

    def packets(self) -> Iterator[Packet]:
        """I- and P-packets in the order of the file; notes damage."""
        return (packet for _, packet in self.timed_packets())

    def timed_packets(self) -> Iterator[tuple[Fraction, Packet]]:
        """I- and P-packets and when they are shown, seconds from the first; notes damage."""
        self.damage = []
        return self._timed(self.damage)

    def _timed(self, damage: list[Damage]) -> Iterator[tuple[Fraction, Packet]]:
        """As :meth:`timed_packets`; a frame that is missing took its nominal time."""
        ticks, before = 0, None
        for item in container.packets(self._data):
            if isinstance(item, Damage):
                damage.append(item)
            elif item.kind != INDEX:
                if before is not None:
                    ticks += item.ticks + TICKS * max(0, item.frame - before - 1)
                before = item.frame
                yield Fraction(ticks, TICKS) / self.header.rate, item

    def frames(self, start: int = 0, count: int | None = None) -> Iterator[Picture]:
        """Decode pictures ``start`` .. ``start + count - 1``.

        Packets that do not decode are noted in :attr:`damage`, and so are the frames that
        build on them; decoding goes on at the next I-frame.
        """
        decoder = Decoder(self.header, self._size)
        waiting = False
        join = max((f for f, _ in (self._index[2] if self._index else []) if f <= start), default=0)
        for time, packet in self.timed_packets():
            if packet.frame < join:
                continue
            if count is not None and packet.frame >= start + count:
                return
            if waiting and packet.kind != INTRA:
                continue
            try:
                decoder.advance(packet)
            except BitstreamError as error:
                self.damage.append(Damage(error))
                waiting = True
                continue
            waiting = False
            if packet.frame >= start:
                yield Picture(packet.frame, time, decoder.picture())

    def end(self) -> Fraction:
        """When the clip's last frame ends, seconds from the start."""
        shown = max((time for time, _ in self._timed([])), default=Fraction(0))
        last = self._index[1] if self._index else TICKS
        return shown + Fraction(last, TICKS) / self.header.rate

    def __iter__(self) -> Iterator[np.ndarray]:
        return (picture.rgb for picture in self.frames())

    def __len__(self) -> int:
        if self._index:
            return self._index[0]
        return max((packet.frame + 1 for _, packet in self._timed([])), default=0)

    def __getitem__(self, frame: int) -> np.ndarray:
        """Picture of a frame, (H, W, 3) uint8. The next frame after it comes at no extra cost.

        Raises
        ------
        IndexError
            There is no such frame.
        BitstreamError
            It does not decode.
        """
        frame = range(len(self))[frame]
        if self._random is None or not self._random[0]._frame < frame:
            self._random = None
        if self._random is None or frame - self._random[0]._frame > 1:
            start = max(
                (o for f, o in (self._index[2] if self._index else []) if f <= frame),
                default=container.HEADER_BYTES,
            )
            items = container.packets(self._data, start)
            frames = (p for p in items if isinstance(p, Packet) and p.kind != INDEX)
            self._random = Decoder(self.header, self._size), frames
        decoder, packets = self._random
        self._random = None
        for packet in packets:
            if packet.frame > frame:
                break
            try:
                decoder.advance(packet)
            except BitstreamError:
                if packet.frame == frame:
                    raise
                continue
            if packet.frame == frame:
                self._random = decoder, packets
                return decoder.picture()
        raise BitstreamError("frame is missing from the file", frame=frame)
