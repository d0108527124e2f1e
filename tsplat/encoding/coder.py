"""A frame's packet: integers from a way of getting them, coded, and counted."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tsplat.between import between
from tsplat.config import EncoderConfig
from tsplat.encoding.control import Control
from tsplat.encoding.inter import by_rate
from tsplat.encoding.intra import grown
from tsplat.encoding.quantise import within_overlap
from tsplat.encoding.statistics import Statistics
from tsplat.encoding.ways import Change, Inter, Intra, Scene
from tsplat.errors import BitstreamError
from tsplat.region import Region
from tsplat.splats import MAX_SPLATS, QuantizedSplats, Splats
from tsplat.stream import container, payload
from tsplat.stream.container import INTRA, TICKS
from tsplat.stream.payload import State

_ROOM = 1.3
"""Splats that P-frames may bring an I-frame's to."""


@dataclass(frozen=True)
class Frame:
    """A frame that is to be coded, or to be interpolated."""

    pixels: np.ndarray
    ticks: int
    region: Region | None
    number: int


@dataclass(frozen=True)
class Ways:
    """How frames get their integers.

    Attributes
    ----------
    intra : Intra
    inter : callable
        Given a configuration, the :class:`~tsplat.encoding.ways.Inter` of one stream.
    bits_back : bool
        P-packets hold a set of changes, coded by bits-back, in place of adaptive contexts.
    steady : bool
        I-frames come where they can be foreseen, and the work can be let down to keep up with a
        clock: what encoding in several processes, and live, need.
    learn : callable or None
        Given a clip's first picture, (H, W, 3) uint8, and a configuration, the one to encode the
        clip with: what its header says may be learned.
    """

    intra: Intra = grown
    inter: Callable[[EncoderConfig], Inter] = by_rate
    bits_back: bool = False
    steady: bool = True
    learn: Callable[[np.ndarray, EncoderConfig], EncoderConfig] | None = None


class Coder:
    """Frames to I- and P-packets, each building on the one before.

    Parameters
    ----------
    scene : Scene
    ways : Ways
    inter : Inter
        The stream's, of these ways.
    control : Control
    statistics : Statistics
        Counts what is done.

    Attributes
    ----------
    state : State or None
        What a decoder of the packets so far has.
    """

    def __init__(
        self, scene: Scene, ways: Ways, inter: Inter, control: Control, statistics: Statistics
    ):
        self._scene, self._ways, self._inter = scene, ways, inter
        self._control, self._statistics = control, statistics
        self.state: State | None = None

    def intra(self, frame: Frame, config: EncoderConfig) -> bytes:
        """I-packet of a frame."""
        control = self._control
        self._scene.canvas.set_target(frame.pixels)
        while True:
            quality = control.intra(self._scene.focus.pixels)
            splats = self._ways.intra(self._scene, frame.pixels, quality, config)
            if not control.again(self._psnr(splats.dequantise())):
                break
        self._inter.begin(self._scene, frame.pixels, splats)
        with self._statistics.timed("code"):
            data, self.state = payload.encode_intra(
                splats, self._scene.focus.region, self._scene.header
            )
        self._scene.focus.covered()
        self._statistics.i_frames += 1
        self._statistics.gaussians, self._statistics.splats = quality.gaussians, len(splats)
        packet = container.pack_packet(INTRA, frame.number, data, frame.ticks)
        control.intra_coded(len(packet), frame.ticks / TICKS or 1)
        return packet

    def inter(self, frames: list[Frame], config: EncoderConfig) -> bytes | None:
        """P-packet of the last frame, over those before it; None if the scene has changed, or
        there is nothing to build on."""
        frame, control, before = frames[-1], self._control, self.state
        if before is None:
            return None
        self._scene.canvas.set_target(frame.pixels)
        price = control.inter(self._scene.focus.pixels)
        room = round(_ROOM * self._statistics.splats)
        change = self._inter.change(self._scene, before, frame.pixels, config, price, room)
        coded = self._coded(before, change) if change else None
        if coded is None:
            return None
        data, self.state = coded
        self._statistics.p_frames += 1
        self._statistics.between += len(frames) - 1
        self._statistics.changed_splats += int(self.state.changed.sum())
        ticks = [f.ticks for f in frames]
        packet = container.pack_inter(frame.number, data, ticks, self._scene.header.span)
        held = self._span_psnr(before, self.state, frames) if config.psnr else None
        control.inter_coded(len(packet), max(1, sum(ticks)) / TICKS, held)
        return packet

    def _coded(self, before: State, change: Change) -> tuple[bytes, State] | None:
        """A P-packet's payload, and what a decoder then has; None where no packet can say it."""
        header = self._scene.header
        state = QuantizedSplats(change.values, header.steps)
        crowded = within_overlap(state, header.width, header.height) is not state
        if crowded or len(state) > MAX_SPLATS:
            return None
        region = self._scene.focus.region
        try:
            with self._statistics.timed("code"):
                return payload.encode_inter(
                    before, change.stay, change.values, region, header, change.vectors
                )
        except BitstreamError:
            if not header.bits_back:
                raise
            # Differences too far apart for a set's models.
            return None

    def _span_psnr(self, before: State, now: State, frames: list[Frame]) -> float:
        """Weighted PSNR of all frames that a P-packet shows, interpolated ones included, dB."""
        first, last = before.splats.dequantise(), now.splats.dequantise()
        errors = []
        for number, frame in enumerate(frames, 1):
            self._scene.canvas.set_target(frame.pixels)
            shown = between(first, last, now.origin, number / len(frames))
            errors.append(10 ** (-self._psnr(shown) / 10))
        return -10 * math.log10(sum(errors) / len(errors))

    def _psnr(self, splats: Splats) -> float:
        """Weighted PSNR of splats against the canvas's target, dB."""
        self._scene.canvas.begin()
        self._scene.canvas.load(splats.params)
        error = self._scene.canvas.squared_error() / max(1e-9, 3 * self._scene.focus.total)
        return -10 * math.log10(max(error, 1e-10))
