"""``tsplat eval``."""

from __future__ import annotations

import click

from .console import backend_options, note, progress, report_options, show


@click.command("eval")
@click.argument("reference")
@click.argument("source", metavar="FILE")
@backend_options
@report_options
def command(reference: str, source: str, as_json: bool, quiet: bool, **settings) -> None:
    """Compare a .tsplat file with its original, frame by frame."""
    from tsplat.files.evaluation import evaluate

    with progress("eval", quiet) as update:
        result = evaluate(
            reference, source, progress=update, announce=None if quiet else note, **settings
        )
    for damage in result["damage"]:
        note(f"{source}: {damage}")
    show(result, as_json, _lines)


def _lines(r: dict) -> list[str]:
    return [
        f"{r['file']}: {r['frames']} frames, PSNR {r['psnr_db']:.2f} dB "
        f"(worst {r['psnr_worst_db']:.2f} dB, frame {r['worst_frame']})",
        f"  {r['bytes']} bytes, {r['kbit_s']:.1f} kbit/s, {r['bpp']:.4f} bpp",
    ]
