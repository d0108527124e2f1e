"""tsplat: a video codec for people talking to a camera, built on 2D Gaussian splatting.

>>> import tsplat
>>> tsplat.encode("talk.mp4", "talk.tsplat")            # doctest: +SKIP
>>> tsplat.decode("talk.tsplat", "talk-large.mp4", size=2)  # doctest: +SKIP
>>> frame = tsplat.Reader("talk.tsplat")[-1]            # doctest: +SKIP
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.7.0"

if TYPE_CHECKING:
    from tsplat.config import EncoderConfig as EncoderConfig
    from tsplat.config import preset as preset
    from tsplat.decoding.decoder import Decoder as Decoder
    from tsplat.encoding.clip import Encoded as Encoded
    from tsplat.encoding.clip import encode_clip as encode_clip
    from tsplat.encoding.encoder import Encoder as Encoder
    from tsplat.errors import BackendError as BackendError
    from tsplat.errors import BitstreamError as BitstreamError
    from tsplat.errors import ConfigError as ConfigError
    from tsplat.errors import Fault as Fault
    from tsplat.errors import MediaError as MediaError
    from tsplat.errors import ModelError as ModelError
    from tsplat.errors import TsplatError as TsplatError
    from tsplat.files.decoding import decode as decode
    from tsplat.files.evaluate import evaluate as evaluate
    from tsplat.files.person import Person as Person
    from tsplat.files.reader import Picture as Picture
    from tsplat.files.reader import Reader as Reader
    from tsplat.files.run import Run as Run
    from tsplat.files.session import encode as encode
    from tsplat.region import Region as Region
    from tsplat.splats import QuantizedSplats as QuantizedSplats
    from tsplat.splats import Splats as Splats
    from tsplat.stream.limits import Limits as Limits

_HOMES = {
    "encode": "tsplat.files.session",
    "decode": "tsplat.files.decoding",
    "evaluate": "tsplat.files.evaluate",
    "encode_clip": "tsplat.encoding.clip",
    "Encoded": "tsplat.encoding.clip",
    "Encoder": "tsplat.encoding.encoder",
    "Decoder": "tsplat.decoding.decoder",
    "Limits": "tsplat.stream.limits",
    "Reader": "tsplat.files.reader",
    "Picture": "tsplat.files.reader",
    "EncoderConfig": "tsplat.config",
    "preset": "tsplat.config",
    "Person": "tsplat.files.person",
    "Run": "tsplat.files.run",
    "Splats": "tsplat.splats",
    "QuantizedSplats": "tsplat.splats",
    "Region": "tsplat.region",
    "TsplatError": "tsplat.errors",
    "ConfigError": "tsplat.errors",
    "BitstreamError": "tsplat.errors",
    "Fault": "tsplat.errors",
    "MediaError": "tsplat.errors",
    "ModelError": "tsplat.errors",
    "BackendError": "tsplat.errors",
}
"""Where each public name is defined: it is loaded when it is first asked for (PEP 562)."""
__all__ = ["__version__", *_HOMES]

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if name not in _HOMES:
            raise AttributeError(f"module 'tsplat' has no attribute {name!r}")
        return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
