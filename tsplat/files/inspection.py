"""What is in a ``.tsplat`` file, without rendering it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tsplat.code.container import BACKGROUND, INTRA, VERSION, Damage
from tsplat.code.payload import region_bytes
from tsplat.decoder import Decoder, Reader
from tsplat.errors import BitstreamError
from tsplat.region import Region


def inspect(source: str | Path, each: bool = False) -> dict:
    """Read a file's header and packets.

    Parameters
    ----------
    source : str or Path
    each : bool
        Add ``frame_list``, an entry for every coded frame; ``span`` counts the interpolated
        ones before it, and itself.

    Returns
    -------
    dict
        What ``tsplat info --json`` prints.

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
    region: Region | None = None
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
        past = None if packet.kind == INTRA else region
        region = decoder.region
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
                "region_bytes": round(region_bytes(region, past), 2),
            }
        )
    length = float(reader.end())
    shown = sum(f["span"] for f in frames)
    sizes: dict[str, list[int]] = {"I": [], "P": []}
    for entry in frames:
        sizes[entry["type"]].append(entry["bytes"])
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
        "region_bytes": round(sum(f["region_bytes"] for f in frames), 1),
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
