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
from tsplat.stream.container import INTER, INTRA, TICKS
from tsplat.stream.payload import State

_SPAN = 3
"""Frames of the span at which a bit has its price: what a coded frame says shows in all frames of
its span and of the next, and may cost the more, the more there are."""
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
class Trial:
    """A P-packet that may be sent.

    Attributes
    ----------
    frames : list of Frame
        That it shows.
    packet : bytes
    state : State
        What a decoder then has.
    errors : (N,) float64
        Weighted squared errors of the frames as shown.
    price : float
        Of a bit, as such an error.
    """

    frames: list[Frame]
    packet: bytes
    state: State
    errors: np.ndarray
    price: float


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
    error : float
        Weighted squared error of the last coded frame.
    """

    def __init__(
        self, scene: Scene, ways: Ways, inter: Inter, control: Control, statistics: Statistics
    ):
        self._scene, self._ways, self._inter = scene, ways, inter
        self._control, self._statistics = control, statistics
        self.state: State | None = None
        self.error = 0.0

    def intra(self, frame: Frame, config: EncoderConfig) -> bytes:
        """I-packet of a frame."""
        control = self._control
        self._scene.canvas.set_target(frame.pixels)
        while True:
            quality = control.intra(self._scene.focus.pixels)
            splats = self._ways.intra(self._scene, frame.pixels, quality, config)
            self.error = self._error(splats.dequantise(), frame.pixels)
            if not control.again(_psnr(self.error, self._scene.focus.total)):
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

    def inter(self, frames: list[Frame], config: EncoderConfig) -> Trial | None:
        """P-packet of the last frame, over those before it, for :meth:`take`; None if the scene
        has changed, or there is nothing to build on."""
        frame, control, before = frames[-1], self._control, self.state
        if before is None:
            return None
        self._scene.canvas.set_target(frame.pixels)
        price = control.inter(self._scene.focus.pixels)
        room = round(_ROOM * self._statistics.splats)
        shared = price * _SPAN / len(frames)
        change = self._inter.change(self._scene, before, frame.pixels, config, shared, room)
        coded = self._coded(before, change) if change else None
        if coded is None:
            return None
        data, state = coded
        ticks = [f.ticks for f in frames]
        packet = container.pack_inter(frame.number, data, ticks)
        return Trial(frames, packet, state, self._errors(before, state, frames), price)

    def take(self, trial: Trial) -> bytes:
        """Its packet, to be sent; frames build on it from now on."""
        frames, packet = trial.frames, trial.packet
        self.state, self.error = trial.state, float(trial.errors[-1])
        self._scene.canvas.set_target(frames[-1].pixels)
        self._inter.coded(self._scene, frames[-1].pixels, self.state.splats)
        self._scene.focus.coded()
        self._statistics.p_frames += 1
        self._statistics.between += len(frames) - 1
        self._statistics.changed_splats += int(trial.state.changed.sum())
        psnr = _psnr(float(trial.errors.mean()), self._scene.focus.total)
        ticks = sum(f.ticks for f in frames)
        self._control.inter_coded(len(packet), max(1, ticks) / TICKS, psnr)
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

    def _errors(self, before: State, now: State, frames: list[Frame]) -> np.ndarray:
        """Weighted squared errors of all frames that a P-packet shows, (N,), those between
        included."""
        first, last = before.splats.dequantise(), now.splats.dequantise()
        ticks = tuple(f.ticks for f in frames)
        places = container.Packet(INTER, frames[-1].number, ticks, b"").places
        shown = (between(first, last, now.origin, at) for at in places)
        return np.array([self._error(s, f.pixels) for s, f in zip(shown, frames)])

    def _error(self, splats: Splats, picture: np.ndarray) -> float:
        """Weighted squared error of splats."""
        canvas = self._scene.canvas
        canvas.set_target(picture)
        canvas.begin()
        canvas.load(splats.params, splats.weights)
        return canvas.squared_error()


def _psnr(error: float, pixels: float) -> float:
    """Of a weighted squared error, dB."""
    return -10 * math.log10(max(error / max(1e-9, 3 * pixels), 1e-10))
