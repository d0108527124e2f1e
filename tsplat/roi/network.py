"""One ONNX file in ONNX Runtime: opened, checked against its spec, and run."""

from __future__ import annotations

from typing import Any

import numpy as np

from tsplat.errors import ConfigError, ModelError
from tsplat.roi.inference import one_line, open_session
from tsplat.roi.models import Located

_MAX_ASPECT = 4
"""Of a frame; a longer one is scaled down further and padded, lest its input grow without end."""
_TWO_CHANNELS = ("softmax", "argmax")


class Network:
    """A matting network.

    Parameters
    ----------
    model : Located
        The file and its spec.
    threads : int
        CPU threads of one run.

    Attributes
    ----------
    provider : str
        What it runs on: ``CPU`` or ``CUDA``.
    warning : str or None
        Why it does not run on what was preferred; one line.
    size : (height, width) or None
        Pixels, of a fixed input; None if the input may have any size.
    spec : InputSpec
    minmax : bool
        Its mattes have yet to be stretched to 0..1.

    Raises
    ------
    ModelError
        The file is not ONNX, or its inputs and outputs are not those of the spec.
    """

    def __init__(self, model: Located, threads: int):
        self.name, self.path, self.spec = model.name, model.path, model.input
        self._output, self.minmax = model.output, model.output.minmax
        self._session, self.provider, self.warning = open_session(model.name, model.path, threads)
        self._inputs = {port.name: port for port in self._session.get_inputs()}
        self._outputs = {port.name: port for port in self._session.get_outputs()}
        self._image = self._find_image()
        self.size = self._find_size()
        self._matte = self._find_matte()
        self._activation = self._find_activation()
        self._wanted = [self._matte, *self.spec.recurrent.values()]
        self._constants = {
            name: self._filled(name, value) for name, value in self.spec.constants.items()
        }
        self.reset()

    def reset(self) -> None:
        """Forget the pictures seen so far."""
        self._state = {name: self._filled(name, 0.0) for name in self.spec.recurrent}

    def input_size(self, height: int, width: int) -> tuple[int, int]:
        """(height, width) of the input that suits a picture of this size, pixels."""
        if self.size is not None:
            return self.size
        scale = self.spec.short_side / max(min(height, width), max(height, width) / _MAX_ASPECT)
        multiple = self.spec.multiple
        h, w = (-(-max(1, round(n * scale)) // multiple) * multiple for n in (height, width))
        return h, w

    def check_size(self, size: tuple[int, int]) -> None:
        """Refuse an input size that the network cannot take.

        Raises
        ------
        ConfigError
            The input is fixed at another size, or a side is no multiple of what it must be.
        """
        wanted = f"{size[0]}x{size[1]}"
        if self.size is not None and self.size != size:
            raise ConfigError(
                f"size: got {wanted}, but {self.name} takes {self.size[0]}x{self.size[1]} only"
            )
        if self.size is None and any(n < 1 or n % self.spec.multiple for n in size):
            raise ConfigError(
                f"size: got {wanted}, expected multiples of {self.spec.multiple} for {self.name}"
            )

    def run(self, image: np.ndarray) -> np.ndarray:
        """The matte of one prepared picture.

        Parameters
        ----------
        image : (1, 3, h, w) float32
            RGB, normalised as the spec says.

        Returns
        -------
        (h', w') float32
            Activated, not clipped; usually of the size of the picture.

        Raises
        ------
        ModelError
            The network failed, or gave what no matte is.
        """
        try:
            matte, *state = self._session.run(
                self._wanted, {self._image: image, **self._constants, **self._state}
            )
        except Exception as error:
            raise ModelError(f"{self.path}: failed to run ({one_line(error)})") from error
        self._check_matte(list(matte.shape))
        self._state = dict(zip(self.spec.recurrent, state))
        return self._activate(matte[0])

    def _activate(self, matte: np.ndarray) -> np.ndarray:
        if self._activation == "argmax":
            return (matte[1] > matte[0]).astype(np.float32)
        if self._activation == "none":
            return matte[0]
        odds = matte[1] - matte[0] if self._activation == "softmax" else matte[0]
        return 0.5 + 0.5 * np.tanh(0.5 * odds)

    def _find_image(self) -> str:
        given = {*self.spec.recurrent, *self.spec.constants}
        named = given | ({self.spec.name} if self.spec.name else set())
        if missing := sorted(named - set(self._inputs)):
            raise self._error(f"has no input {missing[0]}; it has {', '.join(self._inputs)}")
        left = [name for name in self._inputs if name not in given]
        if len(left) != 1 or self.spec.name not in (None, *left):
            raise self._error(
                f"has {len(left)} inputs to give the picture to ({', '.join(left) or 'none'}), "
                "expected 1; a sidecar .json can name recurrent inputs and constants"
            )
        port = self._inputs[left[0]]
        self._check(port, "input", rank=4)
        if isinstance(port.shape[1], int) and port.shape[1] != 3:
            raise self._error(f"input {port.name} has {port.shape[1]} channels, expected 3 (RGB)")
        return port.name

    def _find_size(self) -> tuple[int, int] | None:
        height, width = self._inputs[self._image].shape[2:]
        size = self.spec.size
        if size is None:
            fixed = isinstance(height, int) and isinstance(width, int)
            return (height, width) if fixed else None
        if any(isinstance(n, int) and n != s for n, s in zip((height, width), size)):
            raise self._error(
                f"input {self._image} is {height}x{width}, expected {size[0]}x{size[1]}"
            )
        return size

    def _find_matte(self) -> str:
        names, wanted = list(self._outputs), self._output
        if wanted.name is None and wanted.index >= len(names):
            raise self._error(f"has {len(names)} outputs, expected more than {wanted.index}")
        matte = wanted.name or names[wanted.index]
        for name in (matte, *self.spec.recurrent.values()):
            if name not in names:
                raise self._error(f"has no output {name}; it has {', '.join(names)}")
        self._check(self._outputs[matte], "output", rank=4)
        return matte

    def _find_activation(self) -> str:
        shape = self._outputs[self._matte].shape
        activation = self._output.activation or ("argmax" if shape[1] == 2 else "none")
        self._channels = 2 if activation in _TWO_CHANNELS else 1
        self._check_matte(shape)
        return activation

    def _check(self, port: Any, kind: str, rank: int) -> None:
        if port.type != "tensor(float)":
            raise self._error(f"{kind} {port.name} is {port.type}, expected tensor(float)")
        if len(port.shape) != rank:
            raise self._error(
                f"{kind} {port.name} has {len(port.shape)} dimensions, "
                f"expected {rank} (1, channels, height, width)"
            )

    def _check_matte(self, shape: list[int | str | None]) -> None:
        if len(shape) != 4 or (isinstance(shape[0], int) and shape[0] != 1):
            raise self._error(f"output {self._matte} is {shape}, expected one matte")
        if isinstance(shape[1], int) and shape[1] != self._channels:
            raise self._error(
                f"output {self._matte} has {shape[1]} channels, expected {self._channels}"
            )

    def _filled(self, name: str, value: float) -> np.ndarray:
        port = self._inputs[name]
        if port.type != "tensor(float)":
            raise self._error(f"input {name} is {port.type}, expected tensor(float)")
        shape = [n if isinstance(n, int) else 1 for n in port.shape]
        return np.full(shape, value, np.float32)

    def _error(self, what: str) -> ModelError:
        return ModelError(f"{self.path}: {what}")
