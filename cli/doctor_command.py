"""``tsplat doctor``."""

from __future__ import annotations

import importlib.metadata
import platform

import click

from .console import show

_PACKAGES = (
    "taichi",
    "numpy",
    "av",
    "constriction",
    "scikit-image",
    "opencv-python-headless",
    "onnxruntime",
    "onnxruntime-gpu",
)


@click.command("doctor")
@click.option("--selftest", is_flag=True, help="Compare GPUs with the CPU and time them instead.")
@click.option("--warm", is_flag=True, help="Compile all kernels into the cache folder instead.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def command(selftest: bool, warm: bool, as_json: bool) -> None:
    """Show what this machine offers: backends, matting, versions, cache folder."""
    if selftest and warm:
        raise click.UsageError("--selftest and --warm exclude each other")
    if selftest or warm:
        (_selftest if selftest else _warm)(as_json)
        return
    from tsplat import __version__
    from tsplat.kernels import runtime
    from tsplat.kernels.cache import locked

    auto = runtime.start("auto")
    show(
        {
            "tsplat": __version__,
            "python": platform.python_version(),
            "system": f"{platform.system()} {platform.machine()}",
            "backends": runtime.available(),
            "auto": auto.arch,
            "threads": auto.threads,
            "cache": str(runtime.cache_folder()),
            "cache_locked": locked(runtime.cache_folder()),
            "warnings": list(auto.warnings),
            "matting": _matting(),
            "packages": {name: _version(name) for name in _PACKAGES},
        },
        as_json,
        _lines,
    )


def _selftest(as_json: bool) -> None:
    from tsplat.errors import BackendError
    from tsplat.kernels.selftest import selftest

    found = selftest()
    show(found, as_json, _selftest_lines)
    if not found["passed"]:
        failed = [b["arch"] for b in found["backends"] if b["problem"]]
        raise BackendError(f"the self-test failed on {', '.join(failed)}")


def _warm(as_json: bool) -> None:
    from tsplat.config import EncoderConfig
    from tsplat.files import warming
    from tsplat.kernels import runtime

    backend = runtime.start("auto")
    found = {
        "arch": backend.arch,
        "seconds": round(warming.warm(EncoderConfig()), 3),
        "cache": str(runtime.cache_folder()),
    }
    show(found, as_json, lambda r: [f"kernels ready in {r['seconds']:.1f} s: {r['cache']}"])


def _selftest_lines(r: dict) -> list[str]:
    lines = [f"{r['scene']}; largest differences from the CPU on a smaller scene"]
    lines.append("backend  render      iteration   picture  gradient  fit      result")
    for b in r["backends"]:
        cells = [
            "-" if b[key] is None else f"{b[key]:.2f} ms" for key in ("render_ms", "iteration_ms")
        ]
        compared = b["differences"] or {}
        differences = [
            f"{compared[key]:.1g}" if key in compared else "-"
            for key in ("picture", "gradient", "fit")
        ]
        columns = zip((b["arch"], *cells, *differences), (7, 10, 10, 7, 8, 7))
        result = b["problem"] or ("equal" if compared else "reference")
        lines.append("  ".join([*(f"{text:{width}}" for text, width in columns), result]))
    if len(r["backends"]) == 1:
        lines.append("there is no GPU backend here")
    return lines


def _matting() -> dict:
    """What the shipped matting model runs on, and what ONNX Runtime offers."""
    from tsplat.errors import ModelError

    try:
        from tsplat.roi import Matting
        from tsplat.roi.inference import available

        matting = Matting()
    except (ImportError, ModelError) as error:
        return {"provider": None, "offered": [], "warning": str(error)}
    return {
        "provider": matting.provider,
        "offered": available(),
        "warning": matting.warning,
    }


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _lines(r: dict) -> list[str]:
    lines = [f"tsplat {r['tsplat']}, Python {r['python']}, {r['system']}"]
    lines.append(f"backends: {', '.join(r['backends'])}; --arch auto takes {r['auto']}")
    lines.append(f"CPU threads: {r['threads']}")
    lines.append(f"cache of compiled kernels: {r['cache']}")
    lines += [f"  {warning}" for warning in r["warnings"]]
    if r["cache_locked"]:
        lines.append("  locked: another process writes to it; if none does, remove ticache.lock")
    matting = r["matting"]
    lines.append(
        f"matting: {matting['provider'] or 'not possible'}; "
        f"ONNX Runtime offers {', '.join(matting['offered']) or 'nothing'}"
    )
    if matting["warning"]:
        lines.append(f"  {matting['warning']}")
    lines += [f"{name} {v or 'not installed'}" for name, v in r["packages"].items()]
    return lines
