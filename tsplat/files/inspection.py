"""What is in a ``.tsplat`` file, without rendering it."""

from __future__ import annotations

from pathlib import Path

from tsplat.code.container import INTRA, VERSION, Damage
from tsplat.decoder import Decoder, Reader
from tsplat.errors import BitstreamError


def inspect(source: str | Path, each: bool = False) -> dict:
    """Read a file's header and packets.

    Parameters
    ----------
    source : str or Path
    each : bool
        Add ``frame_list``, an entry for every frame.

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
    frames, waiting = [], False
    damage: list[Damage] = []
    for time, packet in reader.timed_packets():
        if waiting and packet.kind != INTRA:
            continue
        try:
            decoder.advance(packet)
            waiting = False
        except BitstreamError as error:
            damage.append(Damage(error))
            waiting = True
            continue
        frames.append(
            {
                "frame": packet.frame,
                "type": "I" if packet.kind == INTRA else "P",
                "time_s": round(float(time), 6),
                "offset": packet.offset,
                "bytes": packet.size,
                "splats": len(decoder.splats),
                "changed_splats": int(decoder.changed.sum()),
            }
        )
    length = float(reader.end())
    sizes: dict[str, list[int]] = {"I": [], "P": []}
    for entry in frames:
        sizes[str(entry["type"])].append(int(entry["bytes"]))
    result = {
        "file": str(source),
        "version": VERSION,
        "width": header.width,
        "height": header.height,
        "rate": str(header.rate),
        "aspect": str(header.aspect),
        "duration_s": round(length, 6),
        "frames": len(frames),
        "i_frames": len(sizes["I"]),
        "p_frames": len(sizes["P"]),
        "splats": max((f["splats"] for f in frames), default=0),
        "bytes": reader.bytes,
        "i_bytes": sum(sizes["I"]),
        "p_bytes": sum(sizes["P"]),
        "bpp": reader.bytes * 8 / (header.width * header.height * max(1, len(frames))),
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
