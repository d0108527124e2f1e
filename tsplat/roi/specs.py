"""How a matting network wants its picture and what it gives back, as JSON says it.

The manifest of the models and the sidecar beside a user's own file speak these two tables::

    {"input":  {"size": [144, 256], "scale": "255", "mean": [0, 0, 0], "std": [1, 1, 1]},
     "output": {"name": "alpha", "activation": "none"}}

Every field may be left out. A picture is RGB, scaled, less ``mean``, over ``std``; it keeps its
aspect, and what it does not fill of the network's input repeats its edge.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from tsplat.errors import ModelError

SCALES = ("255", "max")
ACTIVATIONS = ("none", "sigmoid", "softmax", "argmax")
_MAX_SIDE = 8192
_T = TypeVar("_T")
_Triple = tuple[float, float, float]


class _Wrong(ValueError):
    """What was expected instead."""


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise _Wrong("a name")
    return value


def _one_of(*names: str) -> Callable[[Any], str]:
    def check(value: Any) -> str:
        if value not in names:
            raise _Wrong(" or ".join(f'"{name}"' for name in names))
        return value

    return check


def _whole(low: int, high: int) -> Callable[[Any], int]:
    def check(value: Any) -> int:
        if type(value) is not int or not low <= value <= high:
            raise _Wrong(f"{low}..{high}")
        return value

    return check


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise _Wrong("true or false")
    return value


def _number(value: Any) -> float:
    if type(value) not in (int, float) or not math.isfinite(value):
        raise _Wrong("a number")
    return float(value)


def _sides(value: Any) -> tuple[int, int]:
    if not isinstance(value, list) or len(value) != 2:
        raise _Wrong("[height, width]")
    side = _whole(1, _MAX_SIDE)
    return side(value[0]), side(value[1])


def _channels(value: Any) -> _Triple:
    if not isinstance(value, list) or len(value) != 3:
        raise _Wrong("three numbers")
    r, g, b = map(_number, value)
    return r, g, b


def _deviations(value: Any) -> _Triple:
    if 0.0 in _channels(value):
        raise _Wrong("three numbers other than 0")
    return _channels(value)


def _mapping(of: Callable[[Any], _T]) -> Callable[[Any], dict[str, _T]]:
    def check(value: Any) -> dict[str, _T]:
        if not isinstance(value, dict):
            raise _Wrong("an object")
        return {name: of(item) for name, item in value.items()}

    return check


@dataclass(frozen=True)
class InputSpec:
    """What a network takes.

    Attributes
    ----------
    name : str, optional
        Input that takes the picture; the only one left by default.
    size : (height, width), optional
        Pixels, of a network with a fixed input; what the file declares by default.
    short_side : int
        Pixels, of a network that takes any size: the picture's shorter side is scaled to this.
    multiple : int
        Both sides are padded to a multiple of this, pixels.
    scale : str
        ``255``: pixels are divided by 255; ``max``: by the picture's largest value.
    mean, std : 3 floats
        Subtracted and divided by after that: R, G, B.
    recurrent : mapping of str to str
        Inputs that take zeros first and then what the named output gave for the last picture.
    constants : mapping of str to float
        Inputs that always take the same number.
    """

    name: str | None = None
    size: tuple[int, int] | None = None
    short_side: int = 256
    multiple: int = 32
    scale: str = "255"
    mean: _Triple = (0.0, 0.0, 0.0)
    std: _Triple = (1.0, 1.0, 1.0)
    recurrent: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class OutputSpec:
    """What a network gives.

    Attributes
    ----------
    name : str, optional
        Output that gives the matte.
    index : int
        Its number among the outputs, if it is not named.
    activation : str, optional
        ``none`` or ``sigmoid`` of one channel; ``softmax`` or ``argmax`` of two, the person
        second. By default ``none``, or ``argmax`` where the file declares two channels.
    minmax : bool
        Stretch the matte of every picture to 0..1.
    """

    name: str | None = None
    index: int = 0
    activation: str | None = None
    minmax: bool = False


_CHECKS: dict[type, dict[str, Callable[[Any], Any]]] = {
    InputSpec: {
        "name": _text,
        "size": _sides,
        "short_side": _whole(1, _MAX_SIDE),
        "multiple": _whole(1, 1024),
        "scale": _one_of(*SCALES),
        "mean": _channels,
        "std": _deviations,
        "recurrent": _mapping(_text),
        "constants": _mapping(_number),
    },
    OutputSpec: {
        "name": _text,
        "index": _whole(0, 255),
        "activation": _one_of(*ACTIVATIONS),
        "minmax": _flag,
    },
}


def parse(kind: type[_T], table: Any, where: str) -> _T:
    """Make a spec of a JSON table.

    Parameters
    ----------
    kind : type
        :class:`InputSpec` or :class:`OutputSpec`.
    table : object
        What the JSON says.
    where : str
        File and field, for messages.

    Raises
    ------
    ModelError
        A field is not known, or not of its kind.

    Examples
    --------
    >>> parse(OutputSpec, {"activation": "sigmoid"}, "face.json: output").activation
    'sigmoid'
    """
    if not isinstance(table, dict):
        raise ModelError(f"{where}: expected an object")
    checks = _CHECKS[kind]
    values = {}
    for name, value in table.items():
        if name not in checks:
            raise ModelError(f"{where}.{name}: no such field; known are {', '.join(checks)}")
        try:
            values[name] = checks[name](value)
        except _Wrong as expected:
            raise ModelError(f"{where}.{name}: got {value!r}, expected {expected}") from None
    return kind(**values)
