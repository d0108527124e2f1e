"""Wires the decoding stages: container -> payload -> splats -> picture. No maths here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from tsplat.between import between
from tsplat.decoding.outside import Backdrop, Outside
from tsplat.errors import BitstreamError, ConfigError, Fault
from tsplat.kernels import runtime
from tsplat.kernels.screen import Screen
from tsplat.region import Region
from tsplat.splats import MAX_PIXELS, MAX_SIDE, QuantizedSplats
from tsplat.stream import payload, scan
from tsplat.stream.container import BACKGROUND, INDEX, INTER, INTRA, Packet, missing_reference
from tsplat.stream.header import Header
from tsplat.stream.limits import FORMAT, Limits
from tsplat.stream.payload import State
from tsplat.stream.scan import Damage


class Decoder:
    """Packets in, pictures out, one by one: what live use needs.

    Parameters
    ----------
    header : bytes or Header
        The stream's first 56 bytes.
    size : (int, int), optional
        Width and height to render at, pixels; the stream's own by default. Splats have no
        pixels: a larger picture is rendered, not enlarged.
    background : str, tuple or array
        What to show outside the region: "keep" as the stream says, "blur" its own out of focus,
        a colour, (3,) 0..255, or an image, (h, w, 3) uint8, that is scaled to cover the picture.
    limits : Limits
        The most that the stream may claim; what the format allows by default.

    Raises
    ------
    BitstreamError
        The header is not one of a stream that this version reads, or beyond a limit.
    ConfigError
        The size is out of range; there is no background to blur.
    """

    def __init__(
        self,
        header: bytes | Header,
        size: tuple[int, int] | None = None,
        background: Backdrop = "keep",
        limits: Limits = FORMAT,
    ):
        self.header = header if isinstance(header, Header) else Header.unpack(header)
        self.header.check(limits)
        self._limits = limits
        self.size = size or (self.header.width, self.header.height)
        width, height = self.size
        if not (min(self.size) >= 1 and max(self.size) <= MAX_SIDE) or width * height > MAX_PIXELS:
            raise ConfigError(
                f"size: got {width}x{height}, sides must be 1..{MAX_SIDE} and at most "
                f"{MAX_PIXELS} pixels"
            )
        self._screen: Screen | None = None
        self._state: State | None = None
        self._before: State | None = None
        self._frame: int | None = None
        self._waiting = True
        self._turn = 0.0
        self._opacities: list[tuple[Region, np.ndarray]] = []
        self._outside = Outside(self.header, self.size, background, limits)

    def decode(self, packet: bytes | Packet) -> np.ndarray:
        """The picture of a packet.

        Parameters
        ----------
        packet : bytes or Packet
            I- or P-packet; a P-packet's frame must follow the last one decoded. Bytes may hold
            several packets, with those of the background, as those of
            :meth:`tsplat.Encoder.encode` do.

        Returns
        -------
        (H, W, 3) uint8
            RGB, of the last of them.

        Raises
        ------
        BitstreamError
            A packet is damaged, or the frame that it builds on was not decoded; its part of
            the state stays as it was (:attr:`waiting`). Bytes' other packets were taken in, after
            damage from the next I-packet on. Or there is no I- or P-packet.
        """
        frames = sum(1 for _ in self._taken(packet))
        if not frames:
            raise BitstreamError(Fault.MISSING, "neither an I- nor a P-packet", offset=0)
        return self.picture()

    def pictures(self, packet: bytes | Packet) -> Iterator[np.ndarray]:
        """As :meth:`decode`, all pictures that a packet completes, in their order.

        Those between coded frames are among them. There are none, and no error, where no frame
        is complete yet. They are rendered as they are asked for, before the next packet.
        """
        if isinstance(packet, Packet) or packet:
            for taken in self._taken(packet):
                for place in taken.places:
                    yield self.picture(place)

    def advance(self, packet: bytes | Packet) -> None:
        """Take in a packet without rendering it; raises as :meth:`decode`, but needs no frame."""
        for _ in self._taken(packet):
            pass

    def _taken(self, packet: bytes | Packet) -> Iterator[Packet]:
        """I- and P-packets, each when it has been taken in; the first error comes after all."""
        items: Iterable[Packet | Damage] = [packet] if isinstance(packet, Packet) else []
        failed: BitstreamError | None = None
        if not isinstance(packet, Packet):
            if not packet:
                raise BitstreamError(Fault.CUT_OFF, "packet cut off", offset=0)
            items = scan.packets(packet, 0, self._frame, self._limits)
        for item in items:
            try:
                if isinstance(item, Damage):
                    raise item.error
                if item.kind == INDEX and not isinstance(packet, Packet):
                    break
                self._advance(item)
            except BitstreamError as error:
                failed = failed or error
                self._waiting |= isinstance(item, Damage) or item.kind != BACKGROUND
                continue
            if item.kind != BACKGROUND:
                self._waiting = False
                yield item
        if failed:
            raise failed

    def _advance(self, packet: Packet) -> None:
        try:
            if packet.kind == BACKGROUND:
                self._outside.advance(packet)
                return
            if packet.kind == INTRA:
                self._outside.join(packet.frame)
                state = payload.decode_intra(packet.payload, self.header, self._limits)
            elif packet.kind != INTER:
                raise BitstreamError(Fault.PACKET, "neither an I- nor a P-packet")
            elif not packet.follows(self._frame):
                raise missing_reference()
            else:
                state = payload.decode_inter(packet.payload, self.state, self.header, self._limits)
        except BitstreamError as error:
            error.offset, error.frame = packet.offset, packet.frame
            raise
        self._before = None if packet.kind == INTRA else self._state
        self._state, self._frame = state, packet.frame
        # The last background may begin at one of this packet's frames.
        nth = self._outside.since - (packet.frame - packet.span + 1)
        self._turn = packet.places[nth] if 0 <= nth < packet.span else 0.0

    def picture(self, at: float = 1.0) -> np.ndarray:
        """Render before the background, (H, W, 3) uint8.

        Parameters
        ----------
        at : float
            When, from the coded frame before the last one (0) to the last one (1). After an
            I-packet there is but that.

        Raises
        ------
        BitstreamError
            No frame was decoded yet.
        ConfigError
            There is no such time.
        """
        picture = self._rendered(at)
        region = self.region
        if region is None or self._outside.is_in_splats:
            return picture
        alpha = self.alpha(at)
        if alpha.min() == 255:
            return picture
        return self._outside.behind(picture, alpha, at >= self._turn)

    def cutout(self, at: float = 1.0) -> np.ndarray:
        """Render the region on its own, (H, W, 4) uint8 RGBA, alpha straight."""
        alpha = self.alpha(at)
        return np.dstack([self._rendered(at) * (alpha > 0)[..., None], alpha])

    def alpha(self, at: float = 1.0) -> np.ndarray:
        """Opacity of the region, (H, W) uint8; 255 everywhere in a stream without regions."""
        region = self.region
        _check_time(at)
        if region is None:
            return np.full(self.size[::-1], 255, np.uint8)
        past = self._before.region if self._before is not None and at < 1 else None
        if past is None or past == region:
            return self._opacity(region)
        first, last = self._opacity(past), self._opacity(region)
        return (first * np.float32(1 - at) + last * np.float32(at) + 0.5).astype(np.uint8)

    def _opacity(self, region: Region) -> np.ndarray:
        """Opacities of one of the last two regions are kept: pictures between need both."""
        for known, opacity in self._opacities:
            if known == region:
                return opacity
        header = self.header
        cell = header.cell * np.divide(self.size, (header.width, header.height))
        opacity = (region.alpha(*self.size, (cell[0], cell[1])) * 255 + 0.5).astype(np.uint8)
        self._opacities = [*self._opacities[-1:], (region, opacity)]
        return opacity

    @property
    def state(self) -> State:
        """The present state: splats, which ones the last packet changed, and the region."""
        if self._state is None:
            raise BitstreamError(Fault.MISSING, "no frame was decoded yet")
        return self._state

    @property
    def splats(self) -> QuantizedSplats:
        """The present splats."""
        return self.state.splats

    @property
    def region(self) -> Region | None:
        """The present region; None in a stream without regions."""
        return self.state.region

    @property
    def frame(self) -> int | None:
        """Number of the last coded frame that was taken in."""
        return self._frame

    @property
    def waiting(self) -> bool:
        """The last frame's packet could not be used, or there was none yet: what is shown is the
        last good frame, until an I-packet comes, or what was missing."""
        return self._waiting

    def _rendered(self, at: float) -> np.ndarray:
        _check_time(at)
        splats = self.splats.dequantise()
        if self._before is not None:
            splats = between(self._before.splats.dequantise(), splats, self.state.origin, at)
        header = self.header
        if self.size != (header.width, header.height):
            splats = splats.scaled(self.size[0] / header.width, self.size[1] / header.height)
        backend = runtime.current()
        if self._screen is None or self._screen.backend is not backend:
            self._screen = Screen(*self.size, backend, self.header.blend == "normalised")
        return self._screen.picture(splats.params, splats.weights)


def _check_time(at: float) -> None:
    if not 0 <= at <= 1:
        raise ConfigError(f"at: got {at}, expected 0..1")
