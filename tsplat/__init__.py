"""tsplat: a video codec for people talking to a camera, built on 2D Gaussian splatting.

>>> import tsplat
>>> tsplat.encode("talk.mp4", "talk.tsplat")            # doctest: +SKIP
>>> tsplat.decode("talk.tsplat", "talk-large.mp4", scale=2)  # doctest: +SKIP
>>> frame = tsplat.Reader("talk.tsplat")[120]           # doctest: +SKIP
"""

from __future__ import annotations

import importlib

__version__ = "0.5.0"

_HOMES = {
    "encode": "tsplat.files.encoding",
    "decode": "tsplat.files.decoding",
    "evaluate": "tsplat.files.evaluate",
    "Encoder": "tsplat.encoding.encoder",
    "Decoder": "tsplat.decoding.decoder",
    "Reader": "tsplat.decoding.decoder",
    "EncoderConfig": "tsplat.config",
    "preset": "tsplat.config",
    "Splats": "tsplat.splats",
    "QuantizedSplats": "tsplat.splats",
    "Region": "tsplat.region",
    "TsplatError": "tsplat.errors",
    "ConfigError": "tsplat.errors",
    "BitstreamError": "tsplat.errors",
    "MediaError": "tsplat.errors",
    "ModelError": "tsplat.errors",
    "BackendError": "tsplat.errors",
}
__all__ = ["__version__", *_HOMES]


def __getattr__(name: str):
    """Load a public name when it is first asked for (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module 'tsplat' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
