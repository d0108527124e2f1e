"""``tsplat encode``."""

from __future__ import annotations

import click

from .console import backend_options, note, on_signals, progress, report_options, show


class Bitrate(click.ParamType):
    """Kbit/s: 20, 20k or 0.02M."""

    name = "rate"

    def convert(self, value, param, ctx):
        units = {"k": 1, "m": 1000}
        try:
            return float(value.rstrip("kKmM")) * units.get(value[-1:].lower(), 1)
        except ValueError:
            self.fail(f"{value!r} is not a bit rate such as 20k", param, ctx)


@click.command("encode")
@click.argument("source", metavar="IN")
@click.argument("target", metavar="OUT.tsplat")
@click.option(
    "--preset", type=click.Choice(["realtime", "fast", "slow"]), default="fast", show_default=True
)
@click.option(
    "--crf", type=float, metavar="Q", help="Constant quality, 0..63; 6 more halve the bytes.  [24]"
)
@click.option("--bitrate", type=Bitrate(), metavar="K", help="Keep to K kbit/s, such as 20k.")
@click.option("--psnr", type=float, metavar="DB", help="Hold this PSNR.")
@click.option("--gaussians", type=int, metavar="N", help="Splats of an I-frame; by quality.")
@click.option("--low-delay", is_flag=True, help="No interpolated frames.")
@click.option(
    "--select",
    type=click.Choice(["rate", "paper"]),
    help="What P-frames change: what pays, or what the paper's threshold selects.  [rate]",
)
@click.option(
    "--entropy",
    type=click.Choice(["adaptive", "bits-back"]),
    help="How a P-frame's changes are coded: by contexts that learn, or as a set, as the paper "
    "has it; dearer.  [adaptive]",
)
@click.option("--gop", type=int, metavar="N", help="An I-frame every N frames.  [250]")
@click.option("--height", type=int, metavar="PIXELS", help="Scale the pictures first.")
@click.option("--frames", type=int, metavar="N", help="Encode no more than this many.")
@click.option(
    "--threshold",
    type=float,
    metavar="T",
    help="Grey levels of change that count, for --select paper.  [11.5]",
)
@click.option(
    "--roi",
    metavar="auto|person|off|MASKS",
    default="auto",
    show_default=True,
    help="Region of interest; MASKS is a folder or video of grey masks.",
)
@click.option(
    "--matting-model",
    "matting",
    metavar="NAME|FILE.onnx",
    default="auto",
    show_default=True,
    help="What finds the person: see tsplat models list.",
)
@click.option(
    "--background",
    metavar="none|COLOR|blur|splats|video",
    default="splats",
    show_default=True,
    help="What lies outside the region.",
)
@click.option("--background-kbps", type=float, metavar="K", help="Rate of a background of video.")
@click.option(
    "--motion",
    type=click.Choice(["flow", "grid", "none"]),
    help="Vectors that move a P-frame's splats: from optical flow, from rest, or none.  [flow]",
)
@click.option(
    "--init",
    type=click.Choice(["superpixel", "lsc", "regressor", "random"]),
    help="First splats: SLIC superpixels, those of linear spectral clustering, a network's, or "
    "random ones.  [superpixel]",
)
@click.option(
    "--optimizer",
    type=click.Choice(["adam", "adan"]),
    help="Of I-frames; adan, with --init random: as GaussianImage fits, slowly.",
)
@click.option(
    "--quant",
    type=click.Choice(["ptq", "qat"]),
    help="Of I-frames: round after the fit, or train with rounded splats first.  [ptq]",
)
@backend_options
@click.option("--overwrite", is_flag=True, help="Replace OUT if it exists.")
@click.option(
    "--jobs", type=int, default=1, metavar="N", help="Processes; needs --roi off and --crf.  [1]"
)
@click.option(
    "--live",
    is_flag=True,
    help="Keep up with the clock: drop frames, adapt the effort; OUT may be - or a named pipe.",
)
@report_options
def command(source: str, target: str, as_json: bool, quiet: bool, **settings) -> None:
    """Encode a clip into a .tsplat file.

    IN is any file that FFmpeg's libraries open, a folder of images, - for y4m on standard
    input, or camera:0 (camera:/dev/video0), which is live until Ctrl-C.
    """
    live = settings["live"] or source.startswith("camera:")
    if live and target == "-" and as_json:
        raise click.UsageError("--json and packets cannot both go to standard output")

    from tsplat.files.encoding import encode
    from tsplat.files.live import Ending

    ending = Ending()
    if live:
        on_signals(ending.ask)
    with progress("encode", quiet) as update:
        result = encode(
            source,
            target,
            ending=ending,
            progress=update,
            announce=None if quiet else note,
            **settings,
        )
    for warning in result["warnings"]:
        note(warning)
    if not (live and target == "-"):
        show(result, as_json, _lines)


def _lines(r: dict) -> list[str]:
    lines = [
        f"{r['output']}: {r['frames']} frames of {r['width']}x{r['height']} "
        f"({r['i_frames']} I, {r['p_frames']} P, {r['b_frames']} between)",
        f"  {r['bytes']} bytes, {r['kbit_s']:.1f} kbit/s, {r['bpp']:.4f} bpp, "
        f"PSNR {r['psnr_db']:.2f} dB, {r['encode_frames_per_s']:.1f} frames/s",
    ]
    if "dropped_frames" in r:
        lines.append(
            f"  live: {r['dropped_frames']} frames dropped, "
            f"latency {r['latency_median_ms']:.0f} ms (worst {r['latency_worst_ms']:.0f} ms)"
        )
    if r["region_share"] is not None:
        inside = "" if r["psnr_region_db"] is None else f", PSNR {r['psnr_region_db']:.2f} dB in it"
        lines.append(f"  region of interest: {r['region_share']:.1%} of the picture{inside}")
    if r["background_bytes"]:
        lines.append(f"  background: {r['background_bytes']} of these bytes")
    return lines
