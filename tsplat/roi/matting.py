"""The matte of the person in a frame."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from tsplat.errors import ConfigError, ModelError
from tsplat.roi.models import locate
from tsplat.roi.network import Network

_AUTO = ("selfie-general", "selfie-landscape")


class Matting:
    """Finds the person: frames in, mattes out, one by one.

    Parameters
    ----------
    model : str or Path
        A name of the manifest, the path of an ``.onnx`` file, or ``auto``: of the two shipped
        models the one whose input a frame fills better, the landscape one above 4:3.
    threads : int
        CPU threads that a run uses, 1 or more.
    size : (height, width), optional
        Pixels, of the network's input, for a model that takes any size.

    Attributes
    ----------
    model : str
        Name of the model in use; ``auto`` may change it with the size of the frames.
    provider : str
        What it runs on: ``CPU`` or ``CUDA``.
    warning : str or None
        Why it does not run on a GPU although ONNX Runtime offers one; one line.

    Raises
    ------
    ModelError
        The model is not known, missing, or not what it should be.
    ConfigError
        ``threads`` or ``size`` is not possible.
    """

    def __init__(
        self,
        model: str | Path = "auto",
        *,
        threads: int = 1,
        size: tuple[int, int] | None = None,
    ):
        if threads < 1:
            raise ConfigError(f"threads: got {threads}, expected 1 or more")
        self._threads, self._size = threads, size
        self._choice = _AUTO if model == "auto" else (model,)
        self._networks: dict[str | Path, Network] = {}
        self._frame_shape: tuple[int, int] = (0, 0)
        self._network = self._load(self._choice[-1])

    @property
    def model(self) -> str:
        return self._network.name

    @property
    def provider(self) -> str:
        return self._network.provider

    @property
    def warning(self) -> str | None:
        return self._network.warning

    def reset(self) -> None:
        """Forget the frames seen so far; the next one begins a clip."""
        self._network.reset()

    def __call__(self, frame: np.ndarray) -> np.ndarray:
        """The matte of one frame.

        Parameters
        ----------
        frame : (H, W, 3) uint8
            RGB. A recurrent model takes it for the successor of the last one.

        Returns
        -------
        (H, W) float32
            0 background .. 1 person.

        Raises
        ------
        ConfigError
            The frame is not of that kind.
        ModelError
            The model failed, or gave what no matte is.
        """
        if frame.ndim != 3 or frame.shape[2] != 3 or frame.dtype != np.uint8 or not frame.size:
            raise ConfigError(f"frame: got {frame.shape} {frame.dtype}, expected (H, W, 3) uint8")
        if frame.shape[:2] != self._frame_shape:
            self._suit(*frame.shape[:2])
        self._prepare(np.ascontiguousarray(frame))
        matte = self._network.run(self._input)
        if matte.shape != self._input.shape[2:]:
            matte = _resized(matte, *self._input.shape[2:])
        top, left, height, width = self._inner
        matte = self._finish(matte[top : top + height, left : left + width])
        return _resized(matte, *self._frame_shape)

    def _load(self, model: str | Path) -> Network:
        if model not in self._networks:
            network = Network(locate(model), self._threads)
            if self._size is not None:
                network.check_size(self._size)
            self._networks[model] = network
        return self._networks[model]

    def _suit(self, height: int, width: int) -> None:
        """Choose the network and lay out its input for frames of this size."""
        networks = [self._load(model) for model in self._choice]
        sizes = [self._size or network.input_size(height, width) for network in networks]
        filled = [_filled(size, height, width) for size in sizes]
        best = filled.index(max(filled))
        self._network, (h, w) = networks[best], sizes[best]
        self._network.reset()
        scale = min(h / height, w / width)
        inner = [min(n, max(1, round(m * scale))) for n, m in ((h, height), (w, width))]
        self._inner = (h - inner[0]) // 2, (w - inner[1]) // 2, inner[0], inner[1]
        self._input = np.empty((1, 3, h, w), np.float32)
        self._frame_shape = height, width

    def _prepare(self, frame: np.ndarray) -> None:
        """Fill the network's input: the frame in the middle, its edge repeated around it.

        Edge against mid grey, measured as IoU with MODNet's matte on four clips: 0.977 and
        0.921, 0.982 and 0.973, 0.987 and 0.985, and equal where nothing is padded.
        """
        top, left, height, width = self._inner
        h, w = self._input.shape[2:]
        small = _resized(frame, height, width)
        spec = self._network.spec
        unit = 255.0 if spec.scale == "255" else max(1.0, float(small.max()))
        if (height, width) != (h, w):
            around = top, h - height - top, left, w - width - left
            small = cv2.copyMakeBorder(small, *around, cv2.BORDER_REPLICATE)
        for channel, (mean, std) in enumerate(zip(spec.mean, spec.std)):
            plane = self._input[0, channel]
            np.multiply(small[..., channel], np.float32(1 / (unit * std)), out=plane)
            if mean:
                plane -= np.float32(mean / std)

    def _finish(self, matte: np.ndarray) -> np.ndarray:
        low, high = float(matte.min()), float(matte.max())
        if not np.isfinite(low + high):
            raise ModelError(f"{self._network.path}: gave a matte that is not of finite numbers")
        if self._network.minmax and high > low:
            return (matte - np.float32(low)) / np.float32(high - low)
        return matte if low >= 0 and high <= 1 else matte.clip(0, 1)


def _filled(size: tuple[int, int], height: int, width: int) -> Fraction:
    """Share of a network's input that a frame fills when it keeps its aspect."""
    across, down = width * size[0], height * size[1]
    return Fraction(min(across, down), max(across, down))


def _resized(image: np.ndarray, height: int, width: int) -> np.ndarray:
    smaller = height < image.shape[0] or width < image.shape[1]
    kind = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    return cv2.resize(image, (width, height), interpolation=kind)
