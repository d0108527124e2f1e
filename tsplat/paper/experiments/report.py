"""The report: a page with tables and pictures, its numbers as JSON."""

from __future__ import annotations

import json
import shlex
from html import escape
from pathlib import Path

from tsplat import __version__
from tsplat.bench.html import document, table
from tsplat.paper.experiments.result import Cell, Clip, Result, Table

JSON, PAGE = "report.json", "index.html"
_ABOUT = (
    "The experiments of <i>Neural Video Compression using 2D Gaussian Splatting</i>, run anew: "
    "the paper's figure beside the one measured here. The paper's figures are of its own data "
    "set, 1080p conference calls reduced to 360 lines, and of an Nvidia RTX 3090 Ti with an AMD "
    "Threadripper 3960X; those here are of the clips and the hardware named. A cell that was not "
    "measured holds a dash."
)


def write_report(folder: Path, found: dict, clips: list[tuple[Clip, list[Result]]]) -> dict:
    """Write ``index.html``, ``report.json`` and pictures into a new folder.

    Parameters
    ----------
    folder : Path
        Is made.
    found : dict
        ``quick``, ``hardware`` and ``summary``, see :func:`tsplat.paper.experiments.run.reproduce`.
    clips : list of (Clip, list of Result)

    Returns
    -------
    dict
        What the JSON file holds.

    Raises
    ------
    OSError
        The folder cannot be written.
    """
    folder.mkdir(exist_ok=True)
    whole = {"tsplat": __version__, **found, "clips": []}
    sections = [f"<p>{_ABOUT}</p>", _machine(found["hardware"]), _summary(found["summary"])]
    for number, (clip, results) in enumerate(clips):
        height, width = clip.frames[0].shape[:2]
        about = f"{len(clip.frames)} frames of {width}x{height}, {float(clip.rate):.5g} frames/s"
        quick = ["--quick"] if found["quick"] else []
        command = shlex.join(["tsplat", "reproduce", *filter(None, [clip.source]), *quick])
        sections.append(f"<h2>{escape(clip.name)}</h2><p>{about}. Again: ")
        sections.append(f"<code>{escape(command)}</code></p>")
        sections += [_section(folder, f"{number:02d}", result) for result in results]
        whole["clips"].append(
            {
                "clip": clip.name,
                "frames": len(clip.frames),
                "width": width,
                "height": height,
                "rate": str(clip.rate),
                "command": command,
                "experiments": {result.name: _numbers(result) for result in results},
            }
        )
    (folder / JSON).write_text(json.dumps(whole, indent=1) + "\n")
    page = document("tsplat reproduce", "The paper, reproduced", "\n".join(sections))
    (folder / PAGE).write_text(page, encoding="utf-8")
    return whole


def _section(folder: Path, prefix: str, result: Result) -> str:
    parts = [f"<h3>{escape(result.title)}</h3>"]
    if result.not_run:
        parts.append(f"<p>Not run: {escape(result.not_run)}.</p>")
    parts += [_shown(t) for t in result.tables]
    for figure in result.figures:
        name = f"{prefix}-{figure.name}.png"
        (folder / name).write_bytes(figure.png)
        caption = escape(figure.caption)
        parts.append(
            f'<figure><img src="{name}" alt="{caption}"><figcaption>{caption}</figcaption></figure>'
        )
    return "\n".join(parts)


def _shown(t: Table) -> str:
    rows = [[escape(_text(cell)) for cell in row] for row in t.rows]
    note = f'<p class="note">{escape(t.note)}</p>' if t.note else ""
    return f"<h4>{escape(t.title)}</h4>{table([escape(c) for c in t.columns], rows)}{note}"


def _text(cell: Cell) -> str:
    """Of a cell: three or more significant digits.

    >>> [_text(cell) for cell in (None, "x264", 12500, 131.26, 0.012345)]
    ['-', 'x264', '12,500', '131.3', '0.0123']
    """
    if cell is None:
        return "-"
    if isinstance(cell, float):
        return f"{cell:,.1f}" if abs(cell) >= 100 else f"{cell:.3g}"
    return f"{cell:,}" if isinstance(cell, int) else cell


def _numbers(result: Result) -> dict:
    return {
        "title": result.title,
        "not_run": result.not_run or None,
        "values": result.values,
        "tables": [
            {"title": t.title, "columns": t.columns, "rows": t.rows, "note": t.note}
            for t in result.tables
        ],
        "figures": [{"name": f.name, "caption": f.caption} for f in result.figures],
    }


def _machine(hardware: dict) -> str:
    busy = ""
    if hardware["busy"]:
        busy = (
            f" <strong>It was busy: {hardware['load']:.1f} processes wanted to run at the start. "
            "Times are not to be trusted, those of processors less wrong.</strong>"
        )
    return (
        f"<p>Measured on {escape(hardware['cpu'])}, {hardware['cores']} cores, "
        f"{escape(hardware['system'])}; kernels on {hardware['kernels']}, "
        f"{hardware['threads']} threads. tsplat {__version__}, "
        f"Python {hardware['python']}.{busy}</p>"
    )


def _summary(found: dict) -> str:
    bound = ", or more" if found["lower_bound"] else ""

    def row(says: str, paper: str, name: str, value: str) -> list[str]:
        clips = found["clips"][name]
        here = "not measured" if found[name] is None else f"{value}{bound * name.endswith('ratio')}"
        return [says, paper, here, str(clips)]

    def number(name: str, pattern: str) -> str:
        return "" if found[name] is None else format(found[name], pattern)

    ratio, seconds, saved = "iterations_ratio", "time_ratio", "bits_saved"
    rows = [
        row("GaussianImage's iterations to 30 dB over tsplat's", "11.6", ratio,
            number(ratio, ".1f")),
        row("the same, all fits counted that found tsplat's horizon", "-", "oracle_ratio",
            number("oracle_ratio", ".1f")),
        row("the same without growing: superpixels and Adam", "-", "both_ratio",
            number("both_ratio", ".1f")),
        row("of it, superpixels alone, with Adan on both sides", "-", "start_ratio",
            number("start_ratio", ".1f")),
        row("of it, Adam alone, from random splats on both sides", "-", "optimizer_ratio",
            number("optimizer_ratio", ".1f")),
        row("its time to 30 dB over tsplat's", "8.7", seconds, number(seconds, ".1f")),
        row("bits saved at equal PSNR", "78%", saved, number(saved, ".1%")),
    ]  # fmt: skip
    note = "Means over the clips: geometric for ratios, arithmetic for bits."
    head = ["", "paper", "here", "clips"]
    return f'<h2>In short</h2>{table(head, rows)}<p class="note">{note}</p>'
