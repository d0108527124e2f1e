"""``tsplat bench``."""

from __future__ import annotations

from pathlib import Path

import click

from .console import note, show


@click.group("bench")
def command() -> None:
    """Compare with other codecs, on your own clips."""


@command.command("rd")
@click.argument("clips", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--peers", default="x264,x265,svtav1", show_default=True, metavar="NAME,...")
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
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
@click.option("--quiet", is_flag=True, help="No progress on stderr.")
def rd(clips, peers, crfs, as_json: bool, quiet: bool, **settings) -> None:
    """Rate and distortion: real bytes and decoded pixels, with one keyframe."""
    from tsplat.bench.rd import CRFS, compare
    from tsplat.frames.peers import PEERS

    names = [name for name in peers.split(",") if name]
    unknown = [name for name in names if name not in PEERS]
    if unknown:
        raise click.UsageError(f"peers: {unknown[0]} is none of {', '.join(PEERS)}")
    try:
        qualities = [float(q) for q in crfs.split(",")] if crfs else CRFS
    except ValueError:
        raise click.UsageError(f"crf: {crfs!r} is no list of numbers") from None
    results = []
    for clip in clips:

        def tell(line: str, name: str = clip.name) -> None:
            if not quiet:
                note(f"{name}: {line}")

        results.append(compare(clip, names=names, crfs=qualities, tell=tell, **settings))
    show({"clips": results, "mean_bd_rate": _means(results, names)}, as_json, _lines)


def _means(results: list[dict], names: list[str]) -> dict:
    out = {}
    for name in names:
        for size in ("full_size", "best_size"):
            found = [r["bd_rate"][name][size] for r in results]
            changes = [f["change"] for f in found if f]
            out[f"{name}_{size}"] = sum(changes) / len(changes) if changes else None
    return out


def _lines(r: dict) -> list[str]:
    lines = ["bytes of tsplat at equal PSNR (RGB), between 26 and 32 dB or where both reach:"]
    for clip in r["clips"]:
        lines.append(f"{clip['clip']}, {clip['frames']} frames of {clip['width']}x{clip['height']}")
        for name, sizes in clip["bd_rate"].items():
            for size, found in sizes.items():
                says = "no overlap"
                if found:
                    says = (
                        f"{found['change']:+.1%} ({found['from_db']:.1f}-{found['to_db']:.1f} dB)"
                    )
                lines.append(f"  against {name:7} at {size.replace('_', ' ')}: {says}")
    for name, mean in r["mean_bd_rate"].items():
        if mean is not None:
            lines.append(
                f"mean against {name.replace('_', ' at ', 1).replace('_', ' ')}: {mean:+.1%}"
            )
    return lines
