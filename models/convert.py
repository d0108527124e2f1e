"""Make the two ONNX files of this folder from the mediapipe wheel.

    python -m tsplat_models.convert mediapipe-0.10.21-*.whl OUTDIR

Needs the packages ``tflite``, ``onnx`` and ``numpy``: ``pip install 'tsplat[convert]'``. It knows
the operators that these two networks use and refuses every other. TensorFlow Lite keeps
activations as NHWC, ONNX as NCHW; weights are transposed here, once.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import zipfile
from pathlib import Path

import numpy as np
import onnx
import tflite
from onnx import TensorProto, helper, numpy_helper

_FOLDER = "mediapipe/modules/selfie_segmentation"
SOURCES = {
    "selfie_general_256.onnx": (
        f"{_FOLDER}/selfie_segmentation.tflite",
        "9ee168ec7c8f2a16c56fe8e1cfbc514974cbbb7e434051b455635f1bd1462f5c",
    ),
    "selfie_landscape_144x256.onnx": (
        f"{_FOLDER}/selfie_segmentation_landscape.tflite",
        "a77d03f4659b9f6b6c1f5106947bf40e99d7655094b6527f214ea7d451106edd",
    ),
}
"""ONNX file: member of the wheel, and its sha256."""

_OPSET, _IR_VERSION = 17, 8
_NAMES = {code: name for name, code in vars(tflite.BuiltinOperator).items() if name.isupper()}
_PLAIN = {
    "RELU": "Relu",
    "HARD_SWISH": "HardSwish",
    "LOGISTIC": "Sigmoid",
    "ADD": "Add",
    "MUL": "Mul",
}
_OPTIONS = {
    "CONV_2D": tflite.Conv2DOptions,
    "DEPTHWISE_CONV_2D": tflite.DepthwiseConv2DOptions,
    "ADD": tflite.AddOptions,
    "MUL": tflite.MulOptions,
    "AVERAGE_POOL_2D": tflite.Pool2DOptions,
    "RESIZE_BILINEAR": tflite.ResizeBilinearOptions,
}
_OHWI_TO_OIHW = (0, 3, 1, 2)
_OHWI_TO_IOHW = (3, 0, 1, 2)


class ConversionError(ValueError):
    """The wheel, or a network in it, is not what this converter was written for."""


def main() -> None:
    """Entry point: WHEEL OUTDIR."""
    parser = argparse.ArgumentParser(prog="python -m tsplat_models.convert")
    parser.add_argument("wheel", metavar="WHEEL", type=Path)
    parser.add_argument("folder", metavar="OUTDIR", type=Path)
    arguments = parser.parse_args()
    try:
        for path in convert_wheel(arguments.wheel, arguments.folder):
            print(path)
    except (ConversionError, OSError) as error:
        sys.exit(f"convert: {error}")


def convert_wheel(wheel: Path, folder: Path) -> list[Path]:
    """Write the ONNX files into a folder.

    Parameters
    ----------
    wheel : Path
        ``mediapipe-0.10.21-*.whl``, of any platform.
    folder : Path
        Where to; made if it does not exist.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    ConversionError
        The file is no wheel, lacks a network, or the network is another one.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            networks = {name: _member(archive, *source) for name, source in SOURCES.items()}
    except zipfile.BadZipFile as error:
        raise ConversionError(f"{wheel}: not a wheel") from error
    folder.mkdir(parents=True, exist_ok=True)
    for name, network in networks.items():
        (folder / name).write_bytes(convert(network).SerializeToString(deterministic=True))
    return [folder / name for name in networks]


def _member(archive: zipfile.ZipFile, member: str, sha256: str) -> bytes:
    try:
        network = archive.read(member)
    except KeyError as error:
        raise ConversionError(
            f"{archive.filename}: has no {member}; mediapipe 0.10.21 has"
        ) from error
    if hashlib.sha256(network).hexdigest() != sha256:
        raise ConversionError(f"{archive.filename}: {member} is not that of mediapipe 0.10.21")
    return network


def convert(network: bytes) -> onnx.ModelProto:
    """Convert one network.

    Parameters
    ----------
    network : bytes
        A TensorFlow Lite file: one picture ``(1, H, W, 3)`` in, one matte ``(1, H, W, 1)`` out.

    Returns
    -------
    onnx.ModelProto
        Input ``image`` (1, 3, H, W) and output ``alpha`` (1, 1, H, W), both float32 in 0..1.

    Raises
    ------
    ConversionError
        It uses an operator, or a variant of one, that is not known here.
    """
    return _Conversion(network).model()


class _Conversion:
    """ONNX nodes and initializers, as the operators of one TensorFlow Lite graph add them."""

    def __init__(self, network: bytes):
        self._file = tflite.Model.GetRootAs(network, 0)
        self._graph = self._file.Subgraphs(0)
        self._nodes: list[onnx.NodeProto] = []
        self._initializers: list[onnx.TensorProto] = []
        self._named = 0
        self._halves: dict[int, np.ndarray] = {}
        self._values = {self._graph.Inputs(0): "image"}

    def model(self) -> onnx.ModelProto:
        for k in range(self._graph.OperatorsLength()):
            self._operator(self._graph.Operators(k))
        matte = self._graph.Outputs(0)
        self._emit("Identity", [self._values[matte]], "alpha")
        graph = helper.make_graph(
            self._nodes,
            "g",
            [self._port("image", self._graph.Inputs(0))],
            [self._port("alpha", matte)],
            self._initializers,
        )
        model = helper.make_model(
            graph,
            producer_name="tfl2onnx",
            opset_imports=[helper.make_opsetid("", _OPSET)],
            ir_version=_IR_VERSION,
        )
        onnx.checker.check_model(model, full_check=True)
        return model

    def _operator(self, operator: tflite.Operator) -> None:
        code = self._file.OperatorCodes(operator.OpcodeIndex())
        kind = _NAMES[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
        if kind == "CUSTOM":
            kind = code.CustomCode().decode()
        inputs, output = operator.InputsAsNumpy(), operator.Outputs(0)
        options = self._options(kind, operator)
        if kind == "DEQUANTIZE":
            self._halves[output] = self._half(inputs[0])
        elif kind in _PLAIN:
            names = [self._values[i] for i in inputs]
            self._values[output] = self._emit(_PLAIN[kind], names)
        elif kind in ("CONV_2D", "DEPTHWISE_CONV_2D"):
            self._values[output] = self._convolution(kind, inputs, output, options)
        elif kind == "Convolution2DTransposeBias":
            self._values[output] = self._transposed(inputs, output)
        elif kind in ("MEAN", "AVERAGE_POOL_2D"):
            self._values[output] = self._pool(kind, inputs, output)
        elif kind == "RESIZE_BILINEAR":
            self._values[output] = self._resize(inputs, output, options)
        else:
            raise ConversionError(f"operator {kind} is not known")

    @staticmethod
    def _options(kind: str, operator: tflite.Operator):
        if kind not in _OPTIONS:
            return None
        options = _OPTIONS[kind]()
        table = operator.BuiltinOptions()
        options.Init(table.Bytes, table.Pos)
        if hasattr(options, "FusedActivationFunction") and options.FusedActivationFunction():
            raise ConversionError(f"{kind} with a fused activation is not known")
        return options

    def _convolution(self, kind: str, inputs, output: int, options) -> str:
        weights = self._halves[inputs[1]]
        group = 1
        if kind == "DEPTHWISE_CONV_2D":
            if options.DepthMultiplier() != 1:
                raise ConversionError("DEPTHWISE_CONV_2D with a multiplier is not known")
            group, weights = weights.shape[3], weights.transpose(3, 1, 2, 0)
        kernel = weights.shape[1:3]
        strides = options.StrideH(), options.StrideW()
        dilations = options.DilationHFactor(), options.DilationWFactor()
        pads = [0, 0, 0, 0]
        if options.Padding() == tflite.Padding.SAME:
            spans = [(k - 1) * d + 1 for k, d in zip(kernel, dilations)]
            pads = _same(self._shape(inputs[0])[1:3], self._shape(output)[1:3], spans, strides)
        return self._emit(
            "Conv",
            [
                self._values[inputs[0]],
                self._weights(weights.transpose(_OHWI_TO_OIHW)),
                self._weights(self._halves[inputs[2]]),
            ],
            kernel_shape=kernel,
            strides=strides,
            pads=pads,
            group=group,
            dilations=dilations,
        )

    def _transposed(self, inputs, output: int) -> str:
        """MediaPipe's own operator: stride 2, SAME, weights OHWI, with a bias."""
        weights = self._halves[inputs[1]]
        before, after = self._shape(inputs[0])[1:3], self._shape(output)[1:3]
        if list(after) != [2 * n for n in before] or weights.shape[1:3] != (2, 2):
            raise ConversionError("Convolution2DTransposeBias is known with 2x2 and stride 2 only")
        return self._emit(
            "ConvTranspose",
            [
                self._values[inputs[0]],
                self._weights(weights.transpose(_OHWI_TO_IOHW)),
                self._weights(self._halves[inputs[2]]),
            ],
            kernel_shape=(2, 2),
            strides=(2, 2),
            pads=(0, 0, 0, 0),
            output_padding=(0, 0),
        )

    def _pool(self, kind: str, inputs, output: int) -> str:
        over_all = list(self._shape(output)[:3]) == [1, 1, 1]
        if kind == "MEAN":
            over_all &= sorted(self._constant(inputs[1], np.int32)) == [1, 2]
        if not over_all:
            raise ConversionError(f"{kind} is known over whole pictures only")
        return self._emit("GlobalAveragePool", [self._values[inputs[0]]])

    def _resize(self, inputs, output: int, options) -> str:
        if options.AlignCorners() or not options.HalfPixelCenters():
            raise ConversionError("RESIZE_BILINEAR is known with half-pixel centres only")
        n, h, w, c = self._shape(output)
        size = self._name("w")
        self._initializers.append(numpy_helper.from_array(np.array([n, c, h, w]), size))
        return self._emit(
            "Resize",
            [self._values[inputs[0]], "", "", size],
            mode="linear",
            coordinate_transformation_mode="half_pixel",
        )

    def _weights(self, array: np.ndarray) -> str:
        """Keep an array as float16 and cast it when the model is loaded."""
        name = self._name("w")
        half = numpy_helper.from_array(np.ascontiguousarray(array), f"{name}_h")
        self._initializers.append(half)
        return self._emit("Cast", [half.name], name, to=TensorProto.FLOAT)

    def _half(self, tensor: int) -> np.ndarray:
        if self._graph.Tensors(tensor).Type() != tflite.TensorType.FLOAT16:
            raise ConversionError("DEQUANTIZE is known of float16 only")
        return self._constant(tensor, np.float16).reshape(self._shape(tensor))

    def _constant(self, tensor: int, dtype: type) -> np.ndarray:
        buffer = self._file.Buffers(self._graph.Tensors(tensor).Buffer())
        return np.frombuffer(buffer.DataAsNumpy().tobytes(), np.dtype(dtype).newbyteorder("<"))

    def _shape(self, tensor: int) -> tuple[int, ...]:
        return tuple(int(n) for n in self._graph.Tensors(tensor).ShapeAsNumpy())

    def _port(self, name: str, tensor: int) -> onnx.ValueInfoProto:
        n, h, w, c = self._shape(tensor)
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, [n, c, h, w])

    def _name(self, kind: str) -> str:
        self._named += 1
        return f"{kind}_{self._named}"

    def _emit(self, kind: str, inputs: list[str], output: str | None = None, **attributes) -> str:
        output = output or self._name(kind.lower())
        name = f"n{len(self._nodes)}_{kind}"
        self._nodes.append(helper.make_node(kind, inputs, [output], name=name, **attributes))
        return output


def _same(before, after, spans, strides) -> list[int]:
    """ONNX pads (top, left, bottom, right) of TensorFlow's SAME."""
    total = [
        max(0, (a - 1) * stride + span - b)
        for b, a, span, stride in zip(before, after, spans, strides)
    ]
    start = [t // 2 for t in total]
    return start + [t - s for t, s in zip(total, start)]


if __name__ == "__main__":
    main()
