"""``tsplat bench rd``."""

from __future__ import annotations

import math
from pathlib import Path

import click

from .console import note, show


@click.command("rd")
@click.argument("clips", nargs=-1, metavar="[CLIP]...", type=click.Path(path_type=Path))
@click.option(
    "--dataset",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="FOLDER",
    help="A copy of VCD, or of Class E (FourPeople, Johnny, KristenAndSara), named as published.",
)
@click.option("--low-delay", is_flag=True, help="Every frame coded, and peers with low delay.")
@click.option("--intra", is_flag=True, help="The first frame alone, as an I-frame.")
@click.option(
    "--peers",
    metavar="NAME,...",
    help="Of x264, x265, x265-slow, svtav1-p8, svtav1-p4, x264-ld, x265-ld, svtav1-p8-ld, "
    "svtav1-p4-ld, and gaussianimage, what splats for every frame alone would take.  "
    "[default: what suits the coding]",
)
@click.option("--height", type=click.IntRange(16, 8192), default=360, show_default=True)
@click.option("--frames", type=click.IntRange(2), default=60, show_default=True)
@click.option(
    "--preset", type=click.Choice(["realtime", "fast", "slow"]), default="slow", show_default=True
)
@click.option("--crf", "crfs", metavar="Q,...", help="Qualities of tsplat to try.")
@click.option(
    "--roi",
    type=click.Choice(["off", "person"]),
    default="off",
    show_default=True,
    help="person: everybody is measured inside the person's region.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Write a page with curves and crops there, index.html, and rd.json.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
@click.option("--quiet", is_flag=True, help="No progress on stderr.")
def command(
    clips, dataset, low_delay, intra, peers, crfs, out: Path | None, as_json, quiet, **settings
) -> None:
    """Rate and distortion: real bytes and decoded pixels, with one keyframe.

    CLIP is any file that FFmpeg's libraries open, or a .yuv whose name says its size and rate, as
    NAME_1280x720_60.yuv does.
    """
    from tsplat.bench.datasets import clips_in
    from tsplat.bench.rd import CODINGS, CRFS, NAMES, compare, summary

    if low_delay and intra:
        raise click.UsageError("--low-delay and --intra: one frame waits for no other")
    coding = "low-delay" if low_delay else "intra" if intra else "default"
    names = [name for name in dict.fromkeys(peers.split(",")) if name] if peers else CODINGS[coding]
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        raise click.UsageError(f"peers: {unknown[0]} is none of {', '.join(NAMES)}")
    qualities = _numbers(crfs) if crfs else CRFS
    used, clips = None, list(clips)
    if dataset:
        used, of_dataset = clips_in(dataset)
        clips += of_dataset
        if not quiet:
            note(used)
    if not clips:
        raise click.UsageError("give a clip, or --dataset")
    if out:
        from tsplat.bench.page import require_matplotlib

        require_matplotlib()
    found = []
    for clip in clips:

        def tell(line: str, name: str = clip.name) -> None:
            if not quiet:
                note(f"{name}: {line}")

        found.append(
            compare(clip, coding=coding, names=names, crfs=qualities, tell=tell, **settings)
        )
    result = summary(found, coding=coding, dataset=used, **settings)
    if out:
        from tsplat.bench.page import write_page

        write_page(out, found, result)
    show(result, as_json, _lines)


def _numbers(crfs: str) -> list[float]:
    try:
        numbers = [float(q) for q in crfs.split(",")]
    except ValueError:
        raise click.UsageError(f"crf: {crfs!r} is no list of numbers") from None
    if not all(math.isfinite(q) and 0 <= q <= 63 for q in numbers):
        raise click.UsageError(f"crf: got {crfs}, expected 0..63")
    return numbers


def _lines(r: dict) -> list[str]:
    lines = [r["dataset"], ""] if r["dataset"] else []
    for clip in r["clips"]:
        lines += [*_points(clip), *_changes(clip), *_shimmer(clip["shimmer"])]
        lines += [*_alone(clip["gaussianimage"], clip["frames"]), ""]
    if len(r["clips"]) < 2:
        return lines[:-1]
    lines += [f"mean over {len(r['clips'])} clips; {_HEAD}", _row("", _measures().values())]
    for name, sizes in r["mean_bd_rate"].items():
        for size, ranges in sizes.items():
            cells = (
                "-" if m["change"] is None else f"{m['change']:+.1%} ({m['clips']} clips)"
                for m in (ranges[over] for over in _measures())
            )
            lines.append(_row(f"{name}, {size.replace('_', ' ')}", cells))
    return lines


def _points(clip: dict) -> list[str]:
    from tsplat.bench.sources import about

    lines = [
        f"{clip['clip']}: {clip['frames']} frames of {clip['width']}x{clip['height']}",
        f"  {about(clip['sha256'])}",
        "  codec          size        crf    bytes  kbit/s   PSNR      Y    YUV  worst  MS-SSIM"
        "  shimmer",
    ]
    for p in clip["points"]:
        shimmer = "      -" if p["shimmer"] is None else f"{p['shimmer']:7.2f}"
        setting = f"{p['splats']} splats" if p["crf"] is None else f"{p['crf']:g}"
        lines.append(
            f"  {p['codec']:13}  1/{p['shrink']} {setting:>11} {p['bytes']:8d} {p['kbit_s']:7.1f} "
            f"{p['psnr_db']:6.2f} {p['psnr_y_db']:6.2f} {p['psnr_yuv_db']:6.2f} "
            f"{p['worst_db']:6.2f}   {p['ms_ssim']:.4f}  {shimmer}"
        )
    return lines


def _changes(clip: dict) -> list[str]:
    lines = [f"  {_HEAD}", _row("", _measures().values())]
    for name, sizes in clip["bd_rate"].items():
        for size, ranges in sizes.items():
            cells = (_change(ranges[over]) for over in _measures())
            lines.append(_row(f"  {name}, {size.replace('_', ' ')}", cells))
    return lines


_HEAD = "bytes of tsplat at equal quality, as far as both reach (in JSON, by more measures)"


def _measures() -> dict[str, str]:
    """Those that are shown, and what they are."""
    from tsplat.bench.comparison import MEASURES, SHOWN

    return {over: MEASURES[over].about for over in SHOWN}


def _change(found: dict | None) -> str:
    if found is None:
        return "too little shared"
    over = (
        f"{found['from']:.3f}..{found['to']:.3f}"
        if "from" in found
        else f"{found['from_db']:.1f}..{found['to_db']:.1f} dB"
    )
    return f"{found['change']:+.1%} ({over})"


def _shimmer(shimmer: dict) -> list[str]:
    head = (f"{db} dB" for db in shimmer["psnr_db"])
    lines = [
        _row("  shimmer at equal PSNR", head, 9),
        _row("  tsplat", _given(shimmer["tsplat"]), 9),
    ]
    for name, sizes in shimmer.items():
        if isinstance(sizes, dict):
            for size, values in sizes.items():
                lines.append(_row(f"  {name}, {size.replace('_', ' ')}", _given(values), 9))
    return lines


def _alone(rows: list[dict] | None, frames: int) -> list[str]:
    if rows is None:
        return []
    from tsplat.bench.gaussianimage import BITS

    lines = [
        f"    GaussianImage at equal PSNR, {frames} frames alone, {BITS} bits a splat (account)"
    ]
    for row in rows:
        says = "not reached"
        if row["bytes"] is not None:
            says = f"{row['bytes']} bytes; tsplat {row['tsplat_bytes']}, {row['change']:+.1%}"
        lines.append(f"    at {row['psnr_db']:.2f} dB: {says}")
    return lines


def _given(values: list[float | None]) -> list[str]:
    return ["-" if v is None else f"{v:.2f}" for v in values]


def _row(label: str, cells, width: int = 24) -> str:
    return f"  {label:26}" + "".join(f"{cell:>{width}}" for cell in cells)
