"""``tsplat encode``."""

from __future__ import annotations

from typing import Any

import click

from tsplat import choices

from .console import note, notes, on_signals, progress, show
from .options import Grouped, backend_options, group, renamed, report_options

_LOOP = 'for f in *.mp4; do tsplat encode "$f" "${f%.*}.tsplat"; done'

quality, picture, person = group("Quality"), group("Pictures"), group("Person")
stream, machine, output = group("Stream"), group("Machine"), group("Output")


class Bitrate(click.ParamType):
    """Kbit/s: 20, 20k or 0.02M."""

    name = "rate"

    def convert(self, value: Any, param: Any, ctx: Any) -> float:
        units = {"k": 1, "m": 1000}
        try:
            return float(value.rstrip("kKmM")) * units.get(value[-1:].lower(), 1)
        except (ValueError, AttributeError):
            self.fail(f"{value!r} is not a bit rate such as 20k", param, ctx)


def _list_settings(ctx: click.Context, _: click.Parameter, words: tuple[str, ...]) -> tuple:
    if "help" in words:
        rows = [
            (
                f"{s.name}={'|'.join(s.kind) if isinstance(s.kind, tuple) else s.kind.__name__}",
                f"{s.meaning}{' (--preset paper)' if s.paper else ''}  [{s.default}]",
            )
            for s in choices.SETTINGS.values()
        ]
        formatter = ctx.make_formatter()
        with formatter.section("Keys of --set"):
            formatter.write_dl(rows)
        click.echo(formatter.getvalue().rstrip())
        ctx.exit()
    return words


@click.command("encode", cls=Grouped)
@click.argument("source", metavar="IN")
@click.argument("target", metavar="OUT.tsplat")
@click.argument("more", nargs=-1, metavar="")
@quality(
    "--preset",
    type=click.Choice([*choices.PRESETS, choices.PAPER]),
    default="fast",
    show_default=True,
    help="By how long encoding may take; paper codes as the paper does.",
)
@quality(
    "--crf", type=float, metavar="Q", help="Constant quality, 0..63; 6 more halve the bytes.  [24]"
)
@quality("--bitrate", type=Bitrate(), metavar="K", help="Keep to K kbit/s, such as 20k.")
@quality("--psnr", type=float, metavar="DB", help="Hold this PSNR.")
@quality(
    "--tune",
    type=click.Choice(choices.TUNES),
    default="psnr",
    show_default=True,
    help="What errors weigh: alike everywhere, or more in flat parts, as people see them.",
)
@picture("--height", type=int, metavar="PIXELS", help="Scale the pictures first.")
@picture("--frames", type=int, metavar="N", help="Encode no more than this many.")
@person(
    "--roi",
    metavar="auto|person|off|MASKS",
    default="auto",
    show_default=True,
    help="Region of interest; MASKS is a folder or video of masks.",
)
@person(
    "--matting-model",
    "matting",
    metavar="NAME|FILE.onnx",
    default="auto",
    show_default=True,
    help="What finds the person: see tsplat models list.",
)
@person(
    "--background",
    metavar="none|COLOR|blur|splats|video[:K]",
    default="splats",
    show_default=True,
    help="What lies outside the region; video:40k keeps to 40 kbit/s. All but splats imply "
    "--roi person.",
)
@stream("--low-delay", is_flag=True, help="No interpolated frames.")
@stream("--gop", type=int, metavar="N", help="An I-frame every N frames.  [250]")
@stream(
    "--live",
    is_flag=True,
    help="Keep up with the clock: drop frames, adapt the effort, write packets as they are made.",
)
@stream(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    callback=_list_settings,
    help="Rarer settings; --set help lists them.",
)
@backend_options(machine)
@machine("--jobs", type=int, default=1, metavar="N", help="Processes; needs --roi off.  [1]")
@output("--overwrite", is_flag=True, help="Replace OUT if it exists.")
@report_options(output)
@renamed("--gaussians", "--set gaussians=N")
@renamed("--motion", "--set motion=VALUE")
@renamed("--background-kbps", "--background video:K")
@renamed("--select", "--preset paper")
@renamed("--threshold", "--preset paper --set threshold=T")
@renamed("--entropy", "--preset paper --set entropy=VALUE")
@renamed("--init", "--preset paper --set init=VALUE")
@renamed("--optimizer", "--preset paper --set optimizer=VALUE")
@renamed("--quant", "--preset paper --set quant=VALUE")
def command(source: str, target: str, more: tuple[str, ...], as_json: bool, quiet: bool, **given):
    """Encode a clip into a .tsplat file.

    IN is any file that FFmpeg's libraries open, a folder of images, a pipe or - for standard
    input, or camera:0 (camera:/dev/video0), which is live until Ctrl-C. OUT may be a folder that
    exists, a pipe, a device, or - for standard output.
    """
    if more:
        raise click.UsageError(f"one clip at a time: {_LOOP}")
    if target == "-" and as_json:
        raise click.UsageError("--json and packets cannot both go to standard output")

    from tsplat.files.live import Ending
    from tsplat.files.person import Person
    from tsplat.files.session import Run, encode

    config, ways = _configured(given)
    target = _named(source, target)
    ending = Ending()
    if given["live"] or source.startswith("camera:"):
        on_signals(ending.ask)
    with progress("encode", quiet) as update:
        result = encode(
            source,
            target,
            config,
            height=given["height"],
            frames=given["frames"],
            person=Person(given["roi"], given["matting"]),
            ways=ways,
            run=Run(
                arch=given["arch"],
                threads=given["threads"],
                jobs=given["jobs"],
                live=given["live"],
                overwrite=given["overwrite"],
                ending=ending,
                progress=update,
                announce=None if quiet else note,
            ),
        )
    result["preset"] = given["preset"]
    notes(result, quiet)
    show(result, as_json, _lines, quiet=quiet, err=target == "-")


def _configured(given: dict[str, Any]) -> tuple[Any, Any]:
    """The configuration that the options ask for, and other ways, if any."""
    from tsplat.config import preset
    from tsplat.errors import ConfigError
    from tsplat.files.backgrounds import to_encode

    name = given["preset"]
    settings = {
        k: given[k] for k in ("crf", "bitrate", "psnr", "tune", "gop") if given[k] is not None
    }
    if len(settings.keys() & {"crf", "bitrate", "psnr"}) > 1:
        raise ConfigError("crf, bitrate and psnr exclude one another")
    settings |= to_encode(given["background"])
    settings |= {"max_span": 1} if given["low_delay"] else {}
    settings |= choices.parse_settings(given["settings"], name)
    if name != choices.PAPER:
        return preset(name, **settings), None
    from tsplat.paper.codec import codec

    return codec(**settings)


def _named(source: str, target: str) -> str:
    """In a folder, a file with the clip's name."""
    from pathlib import Path

    if target != "-" and Path(target).is_dir():
        stem = "clip" if source == "-" or source.startswith("camera:") else Path(source).stem
        return str(Path(target) / f"{stem}.tsplat")
    return target


def _lines(r: dict) -> list[str]:
    lines = [
        f"{r['output']}: {r['frames']} frames of {r['width']}x{r['height']} "
        f"({r['i_frames']} I, {r['p_frames']} P, {r['b_frames']} between)",
        f"  {r['bytes']} bytes, {r['kbit_s']:.1f} kbit/s, {r['bpp']:.4f} bpp, "
        f"{_quality(r)}, {r['encode_frames_per_s']:.1f} frames/s",
    ]
    if "dropped_frames" in r:
        lines.append(
            f"  live: {r['dropped_frames']} frames dropped, "
            f"latency {r['latency_median_ms']:.0f} ms (worst {r['latency_worst_ms']:.0f} ms)"
        )
    if r["region_share"] is not None:
        lines.append(f"  region of interest: {r['region_share']:.1%} of the picture")
    if r["background_bytes"]:
        lines.append(f"  background: {r['background_bytes']} of these bytes")
    return lines


def _quality(r: dict) -> str:
    """PSNR of what is to be seen: where the room is not, of the region alone."""
    inside = r["psnr_region_db"]
    if inside is not None and r["background"] in ("none", "blur"):
        return f"PSNR {inside:.2f} dB in the region"
    return f"PSNR {r['psnr_db']:.2f} dB" + (
        "" if inside is None else f" ({inside:.2f} in the region)"
    )
