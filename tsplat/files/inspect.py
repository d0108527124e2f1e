"""What is in a ``.tsplat`` file, without rendering it."""

from __future__ import annotations

from collections.abc import Iterable
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
    header = reader.header
    decoder = Decoder(header)
    frames: list[dict[str, Any]] = []
    waiting, background = False, 0
    before: State | None = None
    damage: list[Damage] = []
    for times, packet in reader.timed_packets():
        if packet.kind == BACKGROUND:
            background += packet.size
            continue
        if waiting and packet.kind != INTRA:
            continue
        try:
            decoder.advance(packet)
            waiting = False
        except BitstreamError as error:
            damage.append(Damage(error))
            waiting = True
            continue
        by_kind = _bytes_by_kind(packet, before, header)
        before, region = decoder.state, decoder.region
        frames.append(
            {
                "frame": packet.frame,
                "type": "I" if packet.kind == INTRA else "P",
                "time_s": round(float(times[-1]), 6),
                "offset": packet.offset,
                "bytes": packet.size,
                "span": packet.span,
                "splats": len(decoder.splats),
                "changed_splats": int(decoder.state.changed.sum()),
                "region_share": round(region.share, 4) if region else None,
                "bytes_by_kind": by_kind,
            }
        )
    length = float(reader.end())
    shown = sum(f["span"] for f in frames)
    sizes = {kind: [f["bytes"] for f in frames if f["type"] == kind] for kind in "IP"}
    sums = {kind: _sums(f for f in frames if f["type"] == kind) for kind in "IP"}
    result = {
        "file": str(source),
        "version": VERSION,
        "width": header.width,
        "height": header.height,
        "rate": str(header.rate),
        "aspect": str(header.aspect),
        "duration_s": round(length, 6),
        "frames": shown,
        "i_frames": len(sizes["I"]),
        "p_frames": len(sizes["P"]),
        "b_frames": sum(f["span"] - 1 for f in frames),
        "span": header.span,
        "splats": max((f["splats"] for f in frames), default=0),
        "bytes": reader.bytes,
        "i_bytes": sum(sizes["I"]),
        "p_bytes": sum(sizes["P"]),
        "background_bytes": background,
        "i_bytes_by_kind": sums["I"],
        "p_bytes_by_kind": sums["P"],
        "region_bytes": round(sum(spent["mask"] for spent in sums.values()), 1),
        "region": {"cell_px": header.cell, "outside": header.outside} if header.cell else None,
        "bpp": reader.bytes * 8 / (header.width * header.height * max(1, shown)),
        "kbit_s": reader.bytes * 8 / max(length, 1e-9) / 1000,
        "steps": {
            "mean_px": header.steps.mean / 256,
            "cholesky_px": header.steps.cholesky / 256,
            "luma": header.steps.luma / 65536,
            "chroma": header.steps.chroma / 65536,
        },
        "truncated": reader.truncated,
        "damage": [str(d.error) for d in (*reader.damage, *damage)],
    }
    if each:
        result["frame_list"] = frames
    return result


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
