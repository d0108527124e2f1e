"""Networks in ONNX Runtime: the only importer of ``onnxruntime``."""

from __future__ import annotations

import contextlib
import io
import os
from pathlib import Path

# ONNX Runtime counts its uses and keeps an id of the device in the user's cache folder, unless it
# is told not to before it is loaded.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import onnxruntime

from tsplat.errors import ModelError

_PREFERRED = ("CUDAExecutionProvider", "CPUExecutionProvider")
_FATAL = 4
"""Severity from which ONNX Runtime writes to stderr; what fails is told by exceptions."""


def available() -> list[str]:
    """Names of the execution providers that the installed ONNX Runtime offers."""
    return [_short(provider) for provider in onnxruntime.get_available_providers()]


def open_session(
    name: str, path: Path, threads: int
) -> tuple[onnxruntime.InferenceSession, str, str | None]:
    """Open an ONNX file.

    Parameters
    ----------
    name : str
        What messages call it.
    path : Path
    threads : int
        CPU threads of one run.

    Returns
    -------
    InferenceSession, str and (str or None)
        The session; what it runs on, ``CPU`` or ``CUDA``; and why not on what was preferred, one
        line.

    Raises
    ------
    ModelError
        The file is missing or is not ONNX.
    """
    onnxruntime.set_default_logger_severity(_FATAL)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = _FATAL
    offered = onnxruntime.get_available_providers()
    warning, failure = None, None
    for provider in (name for name in _PREFERRED if name in offered):
        try:
            # Some releases announce a fallback on stdout, which may be a pipe of pictures.
            with contextlib.redirect_stdout(io.StringIO()):
                session = onnxruntime.InferenceSession(
                    str(path), options, providers=[provider], enable_fallback=0
                )
        except Exception as error:
            failure, reason = error, one_line(error)
        else:
            if provider in session.get_providers():
                return session, _short(provider), warning
            reason = "ONNX Runtime could not load it"
        warning = f"{name}: {_short(provider)} is not usable, running on the CPU ({reason})"
    raise ModelError(
        f"{path}: ONNX Runtime {onnxruntime.__version__} cannot open it as an ONNX model "
        f"({one_line(failure) if failure else 'no provider'})"
    ) from failure


def one_line(error: BaseException) -> str:
    """What an exception of ONNX Runtime says, on one line."""
    lines = str(error).split("\n")
    return " ".join(lines[0].split())[:300] or type(error).__name__


def _short(provider: str) -> str:
    return provider.removesuffix("ExecutionProvider")
