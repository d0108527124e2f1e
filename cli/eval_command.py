"""``tsplat eval``."""

from __future__ import annotations

import click

from .console import notes, progress, show
from .options import Grouped, backend_options, group, report_options

machine, output = group("Machine"), group("Output")


@click.command("eval", cls=Grouped)
@click.argument("reference")
@click.argument("source", metavar="FILE")
@click.option(
    "--masks",
    metavar="MASKS",
    help="Grey masks, a folder or video, that say what is inside; the file's region by default.",
)
@backend_options(machine)
@report_options(output)
def command(
    reference: str,
    source: str,
    masks: str | None,
    arch: str,
    threads: int | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Compare a .tsplat file with its original, frame by frame."""
    from tsplat.files.evaluate import evaluate
    from tsplat.files.run import Run

    with progress("eval", quiet) as update:
        run = Run(arch, threads, progress=update)
        result = evaluate(reference, source, masks=masks, run=run)
    notes(result, quiet)
    show(result, as_json, _lines, quiet=quiet)


def _lines(r: dict) -> list[str]:
    lines = [
        f"{r['file']}: {r['frames']} frames, {r['bytes']} bytes, {r['kbit_s']:.1f} kbit/s, "
        f"{r['bpp']:.4f} bpp",
        f"  whole frame:    PSNR {r['psnr_db']:.2f} dB, MS-SSIM {r['ms_ssim']:.4f} "
        f"(worst frame {r['worst_frame']}: {r['psnr_worst_db']:.2f} dB)",
    ]
    for name, place in (("inside region: ", "region"), ("outside region:", "outside")):
        if r[f"psnr_{place}_db"] is not None:
            lines.append(
                f"  {name} PSNR {r[f'psnr_{place}_db']:.2f} dB, MS-SSIM {r[f'ms_ssim_{place}']:.4f}"
            )
    return lines
