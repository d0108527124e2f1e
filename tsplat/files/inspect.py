"""What is in a ``.tsplat`` file, without rendering it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from tsplat.decoding.decoder import Decoder
from tsplat.errors import BitstreamError
from tsplat.files.reader import Reader
from tsplat.stream import payload
from tsplat.stream.container import BACKGROUND, INTRA, Packet
from tsplat.stream.header import VERSION, Header
from tsplat.stream.payload import State
from tsplat.stream.scan import Damage
from tsplat.stream.tally import KINDS, Tally


def inspect(source: str | Path, each: bool = False) -> dict:
    """Read a file's header and packets.

    Parameters
    ----------
    source : str or Path
    each : bool
        Add ``frame_list``, an entry for every coded frame; ``span`` counts the interpolated
        ones before it, and itself. Its ``bytes_by_kind`` add up to its ``bytes``.

    Returns
    -------
    dict
        What ``tsplat info --json`` prints. Bytes by kind are the information in what was coded,
        -log2 of the coder's chances; what the packet has beyond that is ``header``: the container
        around the payload, counts, and the end of the range coder.

    Raises
    ------
    MediaError, BitstreamError
        The file cannot be read, or is not a ``.tsplat`` file of a version known here.
    """
    reader = Reader(source)
    found = _look(reader)
    result = {"file": str(source)} | _stream(reader.header) | _totals(reader, found)
    return result | ({"frame_list": found.frames} if each else {})


@dataclass
class _Found:
    """What packets hold.

    Attributes
    ----------
    frames : list of dict
        An entry for every coded frame that decodes.
    background : int
        Bytes of its packets.
    damage : list of Damage
        Packets that do not decode.
    """

    frames: list[dict[str, Any]] = field(default_factory=list)
    background: int = 0
    damage: list[Damage] = field(default_factory=list)

    def of(self, kind: str) -> list[dict[str, Any]]:
        """I- or P-frames."""
        return [frame for frame in self.frames if frame["type"] == kind]


def _look(reader: Reader) -> _Found:
    """Go through all packets, past damage to the next I-frame."""
    found = _Found()
    decoder, waiting = Decoder(reader.header), False
    before: State | None = None
    for times, packet in reader.timed_packets():
        if packet.kind == BACKGROUND:
            found.background += packet.size
        elif not waiting or packet.kind == INTRA:
            try:
                decoder.advance(packet)
            except BitstreamError as error:
                found.damage.append(Damage(error))
                waiting = True
                continue
            waiting = False
            spent = _bytes_by_kind(packet, before, reader.header)
            found.frames.append(_frame(packet, times[-1], decoder) | {"bytes_by_kind": spent})
            before = decoder.state
    return found


def _frame(packet: Packet, time: Fraction, decoder: Decoder) -> dict[str, Any]:
    region = decoder.region
    return {
        "frame": packet.frame,
        "type": "I" if packet.kind == INTRA else "P",
        "time_s": round(float(time), 6),
        "offset": packet.offset,
        "bytes": packet.size,
        "span": packet.span,
        "splats": len(decoder.splats),
        "changed_splats": int(decoder.state.changed.sum()),
        "region_share": round(region.share, 4) if region else None,
    }


def _stream(header: Header) -> dict[str, Any]:
    """What the header says."""
    return {
        "version": VERSION,
        "width": header.width,
        "height": header.height,
        "rate": str(header.rate),
        "aspect": str(header.aspect),
        "blend": header.blend,
        "region": {"cell_px": header.cell, "outside": header.outside} if header.cell else None,
        "steps": {
            "mean_px": header.steps.mean / 256,
            "cholesky_px": header.steps.cholesky / 256,
            "luma": header.steps.luma / 65536,
            "chroma": header.steps.chroma / 65536,
        },
    }


def _totals(reader: Reader, found: _Found) -> dict[str, Any]:
    """Of all packets."""
    header, length = reader.header, float(reader.end())
    spans = [f["span"] for f in found.frames]
    shown = sum(spans)
    sums = {kind: _sums(found.of(kind)) for kind in "IP"}
    return {
        "duration_s": round(length, 6),
        "frames": shown,
        "i_frames": len(found.of("I")),
        "p_frames": len(found.of("P")),
        "longest_span": max(spans, default=1),
        "b_frames": shown - len(found.frames),
        "splats": max((f["splats"] for f in found.frames), default=0),
        "bytes": reader.bytes,
        "i_bytes": sum(f["bytes"] for f in found.of("I")),
        "p_bytes": sum(f["bytes"] for f in found.of("P")),
        "background_bytes": found.background,
        "i_bytes_by_kind": sums["I"],
        "p_bytes_by_kind": sums["P"],
        "region_bytes": round(sum(spent["mask"] for spent in sums.values()), 1),
        "bpp": reader.bytes * 8 / (header.width * header.height * max(1, shown)),
        "kbit_s": reader.bytes * 8 / max(length, 1e-9) / 1000,
        "truncated": reader.truncated,
        "damage": [str(d.error) for d in (*reader.damage, *found.damage)],
    }


def _bytes_by_kind(packet: Packet, before: State | None, header: Header) -> dict[str, float]:
    """What a packet that decodes spends on each kind; all together they are its size."""
    tally = Tally(packet.payload)
    if packet.kind == INTRA or before is None:
        payload.decode_intra(tally, header)
    else:
        payload.decode_inter(tally, before, header)
    spent = {kind: round(bits / 8, 3) for kind, bits in tally.spent.items()}
    spent["header"] = round(packet.size - sum(spent.values()) + spent["header"], 3)
    return spent


def _sums(frames: Iterable[dict[str, Any]]) -> dict[str, float]:
    """Bytes of several frames by kind."""
    all_ = [frame["bytes_by_kind"] for frame in frames]
    return {kind: round(sum(spent[kind] for spent in all_), 3) for kind in KINDS}
