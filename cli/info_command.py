"""``tsplat info``."""

from __future__ import annotations

import click

from .console import note, show


@click.command("info")
@click.argument("source", metavar="FILE")
@click.option("--frames", "each", is_flag=True, help="A line for every packet of a frame.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def command(source: str, each: bool, as_json: bool) -> None:
    """Show what is in a .tsplat file."""
    from tsplat.files.inspect import inspect

    result = inspect(source, each)
    for damage in result["damage"]:
        note(f"{source}: {damage}")
    show(result, as_json, _lines)


def _lines(r: dict) -> list[str]:
    lines = [
        f"{r['file']}: format {r['version']}, {r['width']}x{r['height']}, {r['rate']} frames/s, "
        f"pixel aspect {r['aspect']}",
        f"  {r['frames']} frames ({r['i_frames']} I, {r['p_frames']} P, {r['b_frames']} between), "
        f"{r['duration_s']:.3f} s, {r['splats']} splats",
        f"  {r['bytes']} bytes: {r['i_bytes']} in I-packets, {r['p_bytes']} in P-packets, "
        f"{r['background_bytes']} in background packets; "
        f"{r['kbit_s']:.1f} kbit/s, {r['bpp']:.4f} bpp",
        "  steps: mean {mean_px:.4f} px, Cholesky {cholesky_px:.4f} px, luma {luma:.5f}, "
        "chroma {chroma:.5f}".format(**r["steps"]),
    ]
    lines += [
        f"  {kind}: {_kinds(r[f'{kind.lower()}_bytes_by_kind'])}"
        for kind in "IP"
        if r[f"{kind.lower()}_frames"]
    ]
    if r["region"]:
        lines.append(
            f"  region of interest in cells of {r['region']['cell_px']} px, "
            f"{r['region_bytes']:.0f} bytes; outside it: {r['region']['outside']}"
        )
    if r["truncated"]:
        lines.append("  cut off: no index at the end")
    for f in r.get("frame_list", []):
        lines.append(
            f"  {f['frame']:6d} {f['type']} {f['time_s']:9.3f} s, span {f['span']:3d}, "
            f"{f['bytes']:7d} bytes at {f['offset']:9d}, "
            f"{f['changed_splats']} of {f['splats']} splats changed"
            + (f", region {f['region_share']:.1%}" if r["region"] else "")
        )
        lines.append(f"           {_kinds(f['bytes_by_kind'])}")
    return lines


def _kinds(spent: dict[str, float]) -> str:
    return ", ".join(f"{kind} {size:.1f}" for kind, size in spent.items() if size)
