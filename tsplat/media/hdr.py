"""High dynamic range and wide gamut to what a screen without either shows: SDR, BT.709.

References
----------
ITU-R BT.2100-2, table 4 (PQ) and table 5 (HLG); ITU-R BT.2408-7 (203 cd/m2 as the white of
graphics, and of SDR); ITU-R BT.2390-11, 5.4.1 (the tone curve); ITU-R BT.1886 (SDR's display).
"""

from __future__ import annotations

import numpy as np

BT709, BT2020 = 1, 9
"""Primaries, ITU-T H.273; 1 is also the transfer and the matrix of BT.709."""
PQ, HLG = 16, 18
"""Transfers, ITU-T H.273."""
_CHROMATICITIES = {
    BT709: ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06)),
    BT2020: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
    12: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
}
"""(x, y) of red, green and blue; all with D65 as their white."""
_D65 = (0.3127, 0.3290)
_WHITE, _PEAK = 203.0, 1000.0
"""cd/m2: SDR's white, and the most that pictures are expected to reach; more is clipped."""
_DISPLAY_GAMMA = 2.4
_STEPS = 4096


class ToSdr:
    """Converts RGB of 16 bits to SDR.

    Parameters
    ----------
    primaries, transfer : int
        ITU-T H.273. A transfer that is neither PQ nor HLG is taken as SDR's.
    """

    def __init__(self, primaries: int, transfer: int):
        source = primaries if primaries in _CHROMATICITIES else BT2020
        self._hlg = transfer == HLG
        self._luminance = _to_xyz(source)[1].astype(np.float32)
        self._to_bt709 = (np.linalg.inv(_to_xyz(BT709)) @ _to_xyz(source)).T.astype(np.float32)
        code = np.arange(65536) / 65535
        linear = {PQ: pq_light, HLG: hlg_light}.get(transfer, lambda v: v**_DISPLAY_GAMMA)
        self._light = linear(code).astype(np.float32)
        self._gain = None if transfer not in (PQ, HLG) else _gains()
        # Over the square root, which is nearly as steep near black as the code is.
        self._code = np.rint(
            255 * np.linspace(0, 1, 4 * _STEPS + 1) ** (2 / _DISPLAY_GAMMA)
        ).astype(np.uint8)

    @classmethod
    def needed(cls, primaries: int, transfer: int) -> ToSdr | None:
        """The conversion of a video that declares these, if it needs one."""
        if transfer in (PQ, HLG) or primaries == BT2020:
            return cls(primaries, transfer)
        return None

    def __call__(self, picture: np.ndarray) -> np.ndarray:
        """Convert a picture.

        Parameters
        ----------
        picture : (H, W, 3) uint16, full range

        Returns
        -------
        (H, W, 3) uint8
        """
        light = self._light[picture]
        if self._hlg:
            # The reference OOTF, at 1000 cd/m2.
            light *= _PEAK / _WHITE * ((light @ self._luminance) ** np.float32(0.2))[..., None]
        if self._gain is not None:
            brightest = light.max(-1) * np.float32(_STEPS * _WHITE / _PEAK)
            light *= self._gain[np.minimum(brightest, _STEPS).astype(np.int32)][..., None]
        light = np.sqrt(np.clip(light @ self._to_bt709, 0, 1))
        return self._code[np.rint(light * np.float32(4 * _STEPS)).astype(np.int32)]


def pq_light(code: np.ndarray) -> np.ndarray:
    """Light of PQ, in SDR's whites, from codes 0..1; table 4.

    >>> round(float(pq_light(np.array(0.5807))), 2)
    1.0
    """
    root = code ** (32 / 2523)
    part = np.maximum(root - 0.8359375, 0) / (18.8515625 - 18.6875 * root)
    return part ** (16384 / 2610) * 10000 / _WHITE


def pq_code(light: np.ndarray) -> np.ndarray:
    """Inverse of :func:`pq_light`."""
    root = (np.asarray(light) * _WHITE / 10000) ** (2610 / 16384)
    return ((0.8359375 + 18.8515625 * root) / (1 + 18.6875 * root)) ** (2523 / 32)


def hlg_light(code: np.ndarray) -> np.ndarray:
    """Light of HLG's scene, 0..1, from codes 0..1.

    >>> hlg_light(np.array([0.5, 1])).round(4).tolist()
    [0.0833, 1.0]
    """
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    return np.where(code <= 0.5, code**2 / 3, (np.exp((code - c) / a) + b) / 12)


def tone_mapped(light: np.ndarray) -> np.ndarray:
    """Light of HDR to light of SDR, both in SDR's whites: itself up to a knee, then bent to 1.

    The EETF of ITU-R BT.2390 from 0..1000 to 0..203 cd/m2, black at 0.

    >>> tone_mapped(np.array([0.2, 1, 1000 / 203])).round(3).tolist()
    [0.2, 0.783, 1.0]
    """
    most = pq_code(np.array(_PEAK / _WHITE))
    code = np.minimum(pq_code(light) / most, 1)
    top = pq_code(np.array(1.0)) / most
    knee = 1.5 * top - 0.5
    t = (code - knee) / (1 - knee)
    bent = (
        (2 * t**3 - 3 * t**2 + 1) * knee
        + (t**3 - 2 * t**2 + t) * (1 - knee)
        + (3 * t**2 - 2 * t**3) * top
    )
    return pq_light(np.where(code < knee, code, bent) * most)


def _gains() -> np.ndarray:
    """(_STEPS + 1,) float32: what the tone curve multiplies light by, from none to the peak."""
    light = np.linspace(0, _PEAK / _WHITE, _STEPS + 1)[1:]
    gains = tone_mapped(light) / light
    return np.concatenate([gains[:1], gains]).astype(np.float32)


def _to_xyz(primaries: int) -> np.ndarray:
    """(3, 3): linear RGB, as a column, to CIE XYZ; white has Y = 1."""

    def xyz(x: float, y: float) -> list[float]:
        return [x / y, 1.0, (1 - x - y) / y]

    columns = np.array([xyz(*point) for point in _CHROMATICITIES[primaries]]).T
    return columns * np.linalg.solve(columns, xyz(*_D65))
