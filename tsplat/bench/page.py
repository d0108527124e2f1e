"""A page of a comparison: curves, tables, and crops side by side at equal bytes."""

from __future__ import annotations

import json
import math
from html import escape
from pathlib import Path

import cv2
import numpy as np

from tsplat.bench.codecs import PEERS
from tsplat.bench.comparison import MEASURES, SHOWN, Comparison, Point
from tsplat.bench.gaussianimage import BITS
from tsplat.bench.html import document, table
from tsplat.bench.sources import about
from tsplat.errors import TsplatError

_CROP_DB = (28.0, 31.0)
"""PSNR of tsplat near which crops are shown."""
_COLOURS = {
    "tsplat": "#e4572e",
    "x264": "#4c8fd6",
    "x265": "#3aa374",
    "x265-slow": "#1f7a55",
    "svtav1-p8": "#a77bd8",
    "svtav1-p4": "#7446ad",
    "x264-ld": "#4c8fd6",
    "x265-ld": "#3aa374",
    "svtav1-p8-ld": "#a77bd8",
    "svtav1-p4-ld": "#7446ad",
    "gaussianimage": "#b08a3c",
}
_DASHES = {1: "-", 2: "--", 3: ":"}
_READING = (
    "Bytes are of the whole .tsplat file, and of the bare elementary stream for the others. "
    "Change of bytes is Bjontegaard's delta rate, over what both reach: negative is fewer bytes "
    "for tsplat. PSNR is of the mean squared error over all frames, of RGB unless it says of Y; "
    "all of it is of decoded pictures as they are shown. VMAF is not measured: FFmpeg's libraries "
    "in PyAV have no libvmaf. Best size: coded at full or half size (AV1: or a third) and scaled "
    "back up, whichever takes the fewest bytes at that quality. Shimmer is the mean squared change "
    "from frame to frame, in grey levels squared, where the source is still. GaussianImage's bytes "
    "are an account and no file: tsplat's own fit of every frame alone, unquantised, at the bits "
    "of quantised splats."
)


def require_matplotlib() -> None:
    """Refuse at once, before anything is encoded, if plots cannot be drawn.

    Raises
    ------
    TsplatError
        matplotlib is not installed.
    """
    try:
        import matplotlib  # noqa: F401
    except ModuleNotFoundError as error:
        raise TsplatError(
            "plots need matplotlib, which is not installed: pip install 'tsplat[bench]'"
        ) from error


def write_page(folder: Path, comparisons: list[Comparison], summary: dict) -> None:
    """Write ``rd.json``, pictures and, last, ``index.html`` into a folder.

    Parameters
    ----------
    folder : Path
        Made if it is not there.
    comparisons : list of Comparison
    summary : dict
        Of :func:`tsplat.bench.rd.summary`.

    Raises
    ------
    TsplatError
        matplotlib is not installed.
    OSError
        The folder cannot be written.
    """
    require_matplotlib()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "rd.json").write_text(json.dumps(summary, indent=1) + "\n")
    sections = [_means(summary)] if len(comparisons) > 1 else []
    for number, (comparison, clip) in enumerate(zip(comparisons, summary["clips"])):
        sections.append(_section(folder, f"{number:02d}", comparison, clip, summary))
    inside = ", and everybody is measured inside it" if summary["roi"] == "person" else ""
    ways = [f"{n}: {PEERS[n].about}" for n in comparisons[0].names if n in PEERS]
    coding = (
        f"{summary['dataset'] or 'Clips'}: {len(comparisons)}. Coding: {summary['coding']}, preset "
        f"{summary['preset']}, one keyframe, region of interest: {summary['roi']}{inside}. "
        f"{'; '.join(ways)}."
    )
    body = "\n".join([f"<p>{escape(coding)}</p>", f"<p>{_READING}</p>", *sections])
    page = document("tsplat bench rd", "tsplat beside other codecs", body)
    (folder / "index.html").write_text(page, encoding="utf-8")


def _section(folder: Path, prefix: str, comparison: Comparison, clip: dict, summary: dict) -> str:
    names = [f"{prefix}-{mode}.png" for mode in ("light", "dark")]
    for name, style in zip(names, ("default", "dark_background")):
        _plot(folder / name, comparison, style)
    title = escape(clip["clip"])
    parts = [
        f"<h2>{title}</h2>",
        f"<p>{clip['frames']} frames of {clip['width']}x{clip['height']}, "
        f"{float(comparison.rate):.5g} frames/s.<br>{escape(about(clip['sha256']))}</p>",
        f'<picture><source srcset="{names[1]}" media="(prefers-color-scheme: dark)">'
        f'<img src="{names[0]}" alt="Rate against PSNR and MS-SSIM, {title}"></picture>',
        _bd_table(clip["bd_rate"]),
        _shimmer_table(clip["shimmer"]),
    ]
    if clip["gaussianimage"]:
        parts.append(_alone_table(clip["gaussianimage"]))
    ours = comparison.of("tsplat")
    shown = {id(p): p for p in (min(ours, key=lambda p: abs(p.rated[1] - db)) for db in _CROP_DB)}
    for number, point in enumerate(shown.values()):
        parts.append(_crops(folder, f"{prefix}-{number}", comparison, point))
    rows = [
        [
            p["codec"],
            f"1/{p['shrink']}",
            f"{p['splats']} splats" if p["crf"] is None else f"{p['crf']:g}",
            f"{p['bytes']:,}",
            f"{p['kbit_s']:.1f}",
            f"{p['psnr_db']:.2f}",
            f"{p['psnr_y_db']:.2f}",
            f"{p['psnr_yuv_db']:.2f}",
            f"{p['worst_db']:.2f} ({-p['worst_below_db']:.2f})",
            f"{p['ms_ssim']:.4f}",
            _number(p["shimmer"]),
        ]
        for p in clip["points"]
    ]
    head = ["codec", "size", "CRF", "bytes", "kbit/s", "PSNR, dB", "Y", "(6 Y + Cb + Cr) / 8",
            "worst frame", "MS-SSIM", "shimmer"]  # fmt: skip
    parts.append(f"<details><summary>All points</summary>{table(head, rows)}</details>")
    return "\n".join(parts)


def _plot(path: Path, comparison: Comparison, style: str) -> None:
    """Rate against PSNR, above, and against MS-SSIM."""
    import matplotlib.style
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    with matplotlib.style.context(style):
        figure = Figure(figsize=(6.4, 8), layout="constrained")
        FigureCanvasAgg(figure)
        panels = figure.subplots(2, 1, sharex=True)
        for panel, label in zip(panels, ("PSNR, dB", "MS-SSIM")):
            for codec in ("tsplat", *comparison.names):
                for shrink, dashes in _DASHES.items():
                    points = comparison.of(codec, [shrink])
                    values = [
                        p.quality.psnr_db if label == "PSNR, dB" else p.quality.ms_ssim
                        for p in points
                    ]
                    if points:
                        panel.plot(
                            [p.bytes / 1000 for p in points],
                            values,
                            dashes,
                            marker="o" if codec == "tsplat" else ".",
                            color=_COLOURS[codec],
                            linewidth=2.2 if codec == "tsplat" else 1.2,
                            label=codec if shrink == 1 else f"{codec}, 1/{shrink} size",
                        )
            panel.set_xscale("log")
            panel.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            panel.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
            panel.xaxis.set_minor_formatter(NullFormatter())
            panel.tick_params(labelbottom=True)
            panel.set_ylabel(label)
            panel.grid(alpha=0.25)
        panels[1].set_xlabel("kilobytes")
        panels[0].legend(fontsize="small")
        figure.savefig(path, dpi=140, transparent=True)


def _crops(folder: Path, prefix: str, comparison: Comparison, ours: Point) -> str:
    """The source, tsplat, and each peer, at its best size, with the nearest bytes."""
    y, x = comparison.busiest
    side = comparison.source.shape[0] // 2

    def figure(name: str, picture: np.ndarray, caption: str) -> str:
        crop = cv2.cvtColor(picture[y : y + side, x : x + side], cv2.COLOR_RGB2BGR)
        written, data = cv2.imencode(".png", crop)
        assert written
        (folder / f"{prefix}-{name}.png").write_bytes(data.tobytes())
        return (
            f'<figure><img src="{prefix}-{name}.png" alt="{caption}">'
            f"<figcaption>{caption}</figcaption></figure>"
        )

    figures = [figure("source", comparison.source, "source")]
    nearest = [ours]
    for name in comparison.names:
        best = comparison.best(name)
        if best:
            nearest.append(min(best, key=lambda p: abs(math.log(p.bytes / ours.bytes))))
    for p in nearest:
        size = "" if p.shrink == 1 else f", 1/{p.shrink} size"
        caption = f"{p.codec}{size}: {p.bytes:,} bytes, {p.quality.psnr_db:.2f} dB"
        figures.append(figure(p.codec, p.quality.shown, caption))
    return (
        f"<h3>Near {ours.bytes:,} bytes</h3>"
        f'<p>The middle frame, where the clip changes most.</p><div class="crops">'
        f"{''.join(figures)}</div>"
    )


def _bd_table(rates: dict) -> str:
    rows = [
        [f"{name}, {size.replace('_', ' ')}", *(_change(found[over]) for over in SHOWN)]
        for name, sizes in rates.items()
        for size, found in sizes.items()
    ]
    return table(_bd_head(), rows)


def _means(summary: dict) -> str:
    clips = len(summary["clips"])
    rows = []
    for name, sizes in summary["mean_bd_rate"].items():
        for size, found in sizes.items():
            row = [f"{name}, {size.replace('_', ' ')}"]
            for over in SHOWN:
                mean = found[over]
                row.append(_coloured(mean["change"], f", {mean['clips']} of {clips} clips"))
            rows.append(row)
    return f"<h2>Mean over the clips</h2>{table(_bd_head(), rows)}"


def _bd_head() -> list[str]:
    return ["bytes against", *(MEASURES[over].about for over in SHOWN)]


def _change(found: dict | None) -> str:
    if found is None:
        return "too little shared"
    if "from" in found:
        return _coloured(found["change"], f" ({found['from']:.3f} to {found['to']:.3f})")
    return _coloured(found["change"], f" ({found['from_db']:.1f} to {found['to_db']:.1f})")


def _coloured(change: float | None, after: str) -> str:
    if change is None:
        return f"-{after}"
    return f'<span class="{"less" if change < 0 else "more"}">{change:+.1%}</span>{after}'


def _shimmer_table(shimmer: dict) -> str:
    rows = [["tsplat", *map(_number, shimmer["tsplat"])]]
    for name, sizes in shimmer.items():
        if isinstance(sizes, dict):
            rows += [
                [f"{name}, {size.replace('_', ' ')}", *map(_number, values)]
                for size, values in sizes.items()
            ]
    return table(["shimmer at", *(f"{db} dB" for db in shimmer["psnr_db"])], rows)


def _alone_table(rows: list[dict]) -> str:
    cells = [
        [
            f"{row['psnr_db']:.2f}",
            f"{row['tsplat_bytes']:,}",
            "-" if row["bytes"] is None else f"{row['bytes']:,}",
            _coloured(row["change"], ""),
        ]
        for row in rows
    ]
    head = ["PSNR, dB", "tsplat, bytes", f"GaussianImage, {BITS} bits a splat and frame", "change"]
    return table(head, cells)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
