"""``tsplat decode``."""

from __future__ import annotations

from typing import Any

import click

from .console import notes, progress, show
from .options import Grouped, backend_options, group, renamed, report_options

picture, machine, output = group("Pictures"), group("Machine"), group("Output")


class _Size(click.ParamType):
    name = "WxH"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[int, int] | float:
        try:
            if value.lower().endswith("x"):
                return float(value[:-1])
            width, height = (int(part) for part in value.lower().split("x"))
            return width, height
        except (ValueError, AttributeError):
            self.fail(f"{value!r} is not a size such as 1920x1080 or 2x", param, ctx)


class _Rate(click.ParamType):
    name = "rate"

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        from fractions import Fraction

        try:
            return Fraction(value)
        except (ValueError, ZeroDivisionError):
            self.fail(f"{value!r} is not a frame rate such as 60 or 30000/1001", param, ctx)


@click.command("decode", cls=Grouped)
@click.argument("source", metavar="FILE")
@click.argument("target", metavar="OUT")
@picture("--start", type=click.IntRange(0), default=0, metavar="N", help="First frame.")
@picture("--frames", type=click.IntRange(1), metavar="N", help="How many frames.")
@picture("--size", type=_Size(), metavar="WxH|Sx", help="Render at this size, or S times its own.")
@picture("--rate", type=_Rate(), metavar="F", help="Render F frames/s, such as 60 or 30000/1001.")
@picture(
    "--background",
    metavar="none|COLOR|blur|keep|IMAGE",
    default="keep",
    show_default=True,
    help="What to show outside the region of interest.",
)
@picture("--alpha", is_flag=True, help="Write the region alone, with straight alpha.")
@backend_options(machine)
@output("--overwrite", is_flag=True, help="Replace OUT if it exists.")
@report_options(output)
@renamed("--scale", "--size Sx, such as --size 2x")
def command(source: str, target: str, as_json: bool, quiet: bool, **given: Any) -> None:
    """Decode a .tsplat file.

    FILE may be a pipe, or - for standard input. OUT is .mp4 or .mkv (H.264, visually lossless),
    .webm (VP9), .mov (ProRes), .y4m (4:4:4), .rgb (raw rgb24 frames), a folder (PNG), or - (y4m on
    standard output). With --alpha it is a folder, .webm or .mov.
    """
    if target == "-" and as_json:
        raise click.UsageError("--json and y4m cannot both go to standard output")

    from tsplat.files.decoding import decode
    from tsplat.files.run import Run

    with progress("decode", quiet) as update:
        run = Run(given.pop("arch"), given.pop("threads"), given.pop("overwrite"), progress=update)
        result = decode(source, target, run=run, **given)
    notes(result, quiet)
    show(result, as_json, _lines, quiet=quiet, err=target == "-")


def _lines(r: dict) -> list[str]:
    return [
        f"{r['output']}: {r['frames']} frames of {r['width']}x{r['height']}, "
        f"{r['decode_frames_per_s']:.1f} frames/s"
    ]
