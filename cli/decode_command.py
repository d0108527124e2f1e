"""``tsplat decode``."""

from __future__ import annotations

import click

from .console import backend_options, note, progress, report_options, show


class _Size(click.ParamType):
    name = "WxH"

    def convert(self, value, param, ctx):
        try:
            width, height = (int(part) for part in value.lower().split("x"))
            return width, height
        except ValueError:
            self.fail(f"{value!r} is not a size such as 1920x1080", param, ctx)


class _Rate(click.ParamType):
    name = "rate"

    def convert(self, value, param, ctx):
        from fractions import Fraction

        try:
            return Fraction(value)
        except (ValueError, ZeroDivisionError):
            self.fail(f"{value!r} is not a frame rate such as 60 or 30000/1001", param, ctx)


@click.command("decode")
@click.argument("source", metavar="FILE")
@click.argument("target", metavar="OUT")
@click.option("--start", type=click.IntRange(0), default=0, metavar="N", help="First frame.")
@click.option("--frames", type=click.IntRange(1), metavar="N", help="How many frames.")
@click.option("--scale", type=float, metavar="S", help="Render at S times the size.")
@click.option("--size", type=_Size(), metavar="WxH", help="Render at this size.")
@click.option(
    "--rate", type=_Rate(), metavar="F", help="Render F frames/s, such as 60 or 30000/1001."
)
@click.option(
    "--background",
    metavar="none|COLOR|blur|keep|IMAGE",
    default="keep",
    show_default=True,
    help="What to show outside the region of interest.",
)
@click.option("--alpha", is_flag=True, help="Write the region alone, with straight alpha.")
@backend_options
@click.option("--overwrite", is_flag=True, help="Replace OUT if it exists.")
@report_options
def command(source: str, target: str, as_json: bool, quiet: bool, **settings) -> None:
    """Decode a .tsplat file.

    OUT is .mp4 or .mkv (H.264, visually lossless), .webm (VP9), .mov (ProRes), .y4m (4:4:4),
    .rgb (raw rgb24 frames), a folder (PNG), or - (y4m on standard output). With --alpha it is a
    folder, .webm or .mov.
    """
    from tsplat.files.decoding import decode

    if settings["scale"] is not None and settings["size"] is not None:
        raise click.UsageError("--scale and --size exclude each other")
    if target == "-" and as_json:
        raise click.UsageError("--json and y4m cannot both go to standard output")
    with progress("decode", quiet) as update:
        result = decode(
            source, target, progress=update, announce=None if quiet else note, **settings
        )
    for damage in result["damage"]:
        note(f"{source}: {damage}")
    if result["truncated"]:
        note(f"{source}: cut off; {result['frames']} frames were decoded")
    if target != "-":
        show(result, as_json, _lines)


def _lines(r: dict) -> list[str]:
    return [
        f"{r['output']}: {r['frames']} frames of {r['width']}x{r['height']}, "
        f"{r['decode_frames_per_s']:.1f} frames/s"
    ]
