"""Tiny ONNX networks for tests: what they give is known by heart."""

from __future__ import annotations

from pathlib import Path

import onnx
from onnx import TensorProto, helper

IMAGE = (1, 3, 8, 8)
MATTE = (1, 1, 8, 8)


def node(kind: str, inputs: str, outputs: str, **attributes) -> onnx.NodeProto:
    """One node; names of inputs and outputs apart by blanks."""
    return helper.make_node(kind, inputs.split(), outputs.split(), **attributes)


def write_network(
    path: Path,
    nodes: list[onnx.NodeProto],
    inputs: dict[str, tuple] | None = None,
    outputs: dict[str, tuple] | None = None,
    constants: dict[str, tuple[tuple[int, ...], list[float]]] | None = None,
    kind: int = TensorProto.FLOAT,
) -> Path:
    """Save a network; by default it takes ``image`` and gives ``alpha``, both 8x8."""

    def ports(shapes: dict[str, tuple]) -> list[onnx.ValueInfoProto]:
        return [helper.make_tensor_value_info(n, kind, shape) for n, shape in shapes.items()]

    graph = helper.make_graph(
        nodes,
        "tiny",
        ports(inputs or {"image": IMAGE}),
        ports(outputs or {"alpha": MATTE}),
        [
            helper.make_tensor(name, TensorProto.FLOAT, dims, values)
            for name, (dims, values) in (constants or {}).items()
        ],
    )
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)
    return path


RED = [node("Split", "image", "red green blue", axis=1), node("Identity", "red", "alpha")]
"""The matte is the red plane as the network gets it."""
