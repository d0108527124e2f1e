"""The paper's codec: a configuration and ways for :class:`tsplat.Encoder`."""

from __future__ import annotations

from dataclasses import dataclass

from tsplat.choices import ENTROPIES, INITS, OPTIMIZERS, QUANTISATIONS, SELECTIONS, one_of
from tsplat.config import EncoderConfig, preset
from tsplat.encoding.coder import Ways
from tsplat.errors import ConfigError
from tsplat.paper.changed import THRESHOLD, Changed
from tsplat.paper.intra import PaperIntra


def codec(
    *,
    init: str = "superpixel",
    optimizer: str = "adam",
    quant: str = "ptq",
    entropy: str = "vanilla",
    selection: str = "literal",
    threshold: float = THRESHOLD,
    **settings,
) -> tuple[EncoderConfig, Ways]:
    """What makes an encoder the paper's.

    Parameters
    ----------
    init, optimizer, quant : str
        Of I-frames: see :class:`~tsplat.paper.intra.PaperIntra`.
    entropy : {"vanilla", "bits-back"}
        How a P-frame's changes are coded: as symbols, or as a set whose order costs nothing.
    selection, threshold : str, float
        What a P-frame changes: see :class:`~tsplat.paper.changed.Changed`.
    **settings
        Fields of :class:`~tsplat.config.EncoderConfig`.

    Raises
    ------
    ConfigError
    """
    for value, name, known in (
        (init, "init", INITS),
        (optimizer, "optimizer", OPTIMIZERS),
        (quant, "quant", QUANTISATIONS),
        (entropy, "entropy", ENTROPIES),
        (selection, "selection", SELECTIONS),
    ):
        one_of(name, value, known)
    if not 0 <= threshold <= 255:
        raise ConfigError(f"threshold: got {threshold}, expected 0..255")
    if settings.setdefault("blend", "sum") != "sum":
        raise ConfigError(f"blend: got {settings['blend']!r}, the paper's splats are summed")
    intra = PaperIntra(init, optimizer, quant)
    ways = Ways(
        intra,
        _Inter(threshold, selection),
        bits_back=entropy == "bits-back",
        steady=False,
        learn=intra.learn if quant == "qat" else None,
    )
    return preset("fast", **settings), ways


@dataclass(frozen=True)
class _Inter:
    """Makes the P-frames of each stream."""

    threshold: float
    selection: str

    def __call__(self, config: EncoderConfig) -> Changed:
        return Changed(self.threshold, self.selection)
