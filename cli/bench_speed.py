"""``tsplat bench speed``."""

from __future__ import annotations

from pathlib import Path

import click

from .console import note, show
from .options import group, report_options

_PRESETS = ("realtime", "fast", "slow")
_RATIOS = {"encode": "encode", "decode": "decode", "decode_yuv": "to YUV"}


@click.command("speed")
@click.argument("clip", metavar="[CLIP]", required=False, type=click.Path(path_type=Path))
@click.option("--height", type=click.IntRange(16, 8192), default=360, show_default=True)
@click.option("--frames", type=click.IntRange(2), default=60, show_default=True)
@click.option("--presets", metavar="NAME,...", default=",".join(_PRESETS), show_default=True)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Write speed.json there, and a drawing of what a frame costs, cost.svg.",
)
@report_options(group("Options"))
def command(clip, presets: str, out: Path | None, as_json: bool, quiet: bool, **settings) -> None:
    """Speed and memory on this machine's CPU, beside other codecs.

    CLIP is what encode takes, a talking portrait by default. It takes some minutes, in which
    nothing else should run.
    """
    names = list(dict.fromkeys(name for name in presets.split(",") if name))
    unknown = [name for name in names if name not in _PRESETS]
    if unknown or not names:
        raise click.UsageError(f"presets: got {presets!r}, expected some of {','.join(_PRESETS)}")
    if out:
        from tsplat.bench.page import require_matplotlib

        require_matplotlib()
    from tsplat.bench.speed import speed, write

    def tell(line: str) -> None:
        if not quiet:
            note(line)

    result = speed(clip, presets=names, tell=tell, **settings)
    if out:
        write(out, result)
    show(result, as_json, _lines)


def _lines(r: dict) -> list[str]:
    m, c = r["machine"], r["clip"]
    load = "" if m["load"] is None else f", load {m['load']:.1f}"
    busy = ["it was busy at the start: times are not to be trusted, those of processors less wrong"]
    return [
        f"{m['cpu']}, {m['threads']} threads{load}; {m['system']}, Python {m['python']}, "
        f"tsplat {m['tsplat']}, Taichi {m['taichi']}, PyAV {m['av']}",
        *(busy if m["busy"] else []),
        f"{c['name']}: {c['frames']} frames of {c['width']}x{c['height']}",
        "",
        *_encoding(r),
        "",
        *_beside(r),
        "",
        *_whole(r),
        "",
        *_kernels(r["roofline"]),
        "",
        *_cost(r["cost"]),
    ]


def _encoding(r: dict) -> list[str]:
    """tsplat, from memory to memory."""
    stages = list(r["encode"][0]["ms"])
    lines = [
        "from memory to memory, kernels loaded, nothing verified; ms a frame by stage",
        _row("encode", ["frames/s", "cores", "CPU ms", "bytes", *stages]),
    ]
    for row in r["encode"]:
        figures = [f"{row['frames_per_s']:.1f}", *_processors(row), str(row["bytes"])]
        lines.append(_row(row["preset"], [*figures, *_ms(row)]))
    lines += ["(matting works ahead, beside the other stages)"]
    lines += [_row("decode", ["frames/s", "cores", "CPU ms", *r["decode"][0]["ms"]])]
    for row in r["decode"]:
        figures = [f"{row['frames_per_s']:.0f}", *_processors(row)]
        lines.append(_row(row["preset"], [*figures, *_ms(row)]))
    return lines


def _beside(r: dict) -> list[str]:
    """Other codecs, and how tsplat compares."""
    work = ["cores", "CPU ms"]
    head = ["threads", "crf", "bytes", "encode/s", *work, "decode/s", *work, "to YUV/s"]
    lines = [
        "others, from and to RGB, at the worst quality that takes as many bytes",
        _row("codec", head),
    ]
    for row in r["peers"]:
        figures = [str(row[name]) for name in ("threads", "crf", "bytes")]
        figures += [f"{row['encode_frames_per_s']:.1f}", *_processors(row, "encode_")]
        figures += [f"{row['decode_frames_per_s']:.0f}", *_processors(row, "decode_")]
        lines.append(_row(row["codec"], [*figures, f"{row['decode_yuv_frames_per_s']:.0f}"]))
    lines += ["", "frames/s of tsplat over theirs", _row("preset", ["", *_RATIOS.values()])]
    for row in r["ratios"]:
        threads = f"{row['threads']} thread{'s' * (row['threads'] > 1)}"
        figures = [threads, *(f"{row[name]:.3f}" for name in _RATIOS)]
        lines.append(_row(f"{row['preset']} / {row['codec']}", figures))
    return lines


def _whole(r: dict) -> list[str]:
    """Processes."""
    lines = [
        "tsplat encode, the whole process",
        _row("preset", ["frames/s", "unverified", "process s", "CPU s", "peak MiB"]),
    ]
    for row in r["command"]:
        rates = [f"{row['frames_per_s']:.1f}", f"{row['unverified_frames_per_s']:.1f}"]
        times = [f"{row['process_s']:.1f}", f"{row['process_cpu_s']:.1f}"]
        lines.append(_row(row["preset"], [*rates, *times, f"{row['peak_mib']:.0f}"]))
    lines.append(_row("first frame, realtime", ["cold s", "warm s"]))
    for work, found in r["first_frame"].items():
        lines.append(_row(work, [f"{found['cold_s']:.2f}", f"{found['warm_s']:.2f}"]))
    lines.append(_row("memory, realtime", ["size", "frames", "peak MiB"]))
    for row in r["peak_memory"]:
        size = f"{row['width']}x{row['height']}"
        lines.append(_row(row["command"], [size, str(row["frames"]), f"{row['peak_mib']:.0f}"]))
    return lines


def _kernels(r: dict) -> list[str]:
    lines = [
        f"kernels, {r['scene']}, {r['threads']} threads, {r['lanes']} lanes; measured peak "
        f"{r['operations_per_s'] / 1e9:.0f} G multiply-adds/s "
        f"({r['clock_ghz']:.2f} GHz, if a core does 2 vectors a cycle), "
        f"{r['bytes_per_s'] / 1e9:.0f} GB/s in first-level caches",
        _row("kernel", ["pairs", "walked", "ops", "bytes", "bound ms", "by", "ms", "share"]),
    ]
    for k in r["kernels"]:
        each = [str(k.get(name, "")) for name in ("operations", "bytes")]
        times = [f"{k['bound_ms']:.3f}", k["bound_by"], f"{k['measured_ms']:.3f}"]
        counts = [f"{k['pairs'] / 1e6:.2f} M", f"{k['walked'] / 1e6:.2f} M"]
        lines.append(_row(k["kernel"], [*counts, *each, *times, f"{k['share']:.0%}"]))
    return lines


def _cost(r: dict) -> list[str]:
    from tsplat.bench.cost import COSTS, growth

    lines = ["the cost of a frame, realtime, whole frame, crf 12, nothing interpolated"]
    for name, over in (("pixels", "pixels"), ("splats", "wanted"), ("changed", "share")):
        lines.append(_row(f"against {name}", ["splats", "changed", "I ms", "P ms", "decode ms"]))
        for row in r[name]:
            what = f"{row['share']:.0%} moves" if name == "changed" else f"{row[over]} {name}"
            times = ["-" if row[cost] is None else f"{row[cost]:.1f}" for cost in COSTS]
            lines.append(_row(what, [str(row["splats"]), f"{row['changed']:.0f}", *times]))
        if name != "changed":
            powers = [growth(r[name], name, cost) for cost in COSTS]
            shown = ["-" if power is None else f"{power:.2f}" for power in powers]
            lines.append(_row(f"grows with {name} to the", ["", "", *shown]))
    return lines


def _processors(row: dict, work: str = "") -> list[str]:
    return [f"{row[f'{work}cores']:.2f}", f"{row[f'{work}cpu_ms']:.2f}"]


def _ms(row: dict) -> list[str]:
    return [f"{ms:.2f}" for ms in row["ms"].values()]


def _row(label: str, cells) -> str:
    return f"  {label:24}" + "".join(f"{cell:>11}" for cell in cells)
