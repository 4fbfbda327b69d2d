"""Cuts the network out of an ONNX artefact that somebody has read; needs no onnx itself.

The graph paints full-size masks by itself. The kernels around its network give the same mask
without ever holding logits of full size.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kernels.artefact import LOGITS, SMALL
from kernels.errors import UserError

EXPORT_HINT = "export the checkpoint again with this softres"
# What ONNX calls: float32.
FLOAT = 1


def cut(model: Any, path: Path, small: tuple[int, int] | None = None) -> None:
    """Leave in a ModelProto only what makes `logits` out of `small`, at that size or at any."""
    graph = model.graph
    kept = _needed(graph, path)
    for index in reversed(range(len(graph.node))):
        if index not in kept:
            del graph.node[index]
    read = {name for node in graph.node for name in _reads(node)}
    for index in reversed(range(len(graph.initializer))):
        if graph.initializer[index].name not in read:
            del graph.initializer[index]
    # Shapes noted for the whole graph would bind the cut one; the runtime infers its own.
    for listed in (graph.input, graph.output, graph.value_info):
        del listed[:]
    tensor = graph.input.add(name=SMALL).type.tensor_type
    tensor.elem_type = FLOAT
    for side in ("N", *(small or ("h", "w")), 3):
        tensor.shape.dim.add(**{"dim_param" if isinstance(side, str) else "dim_value": side})
    graph.output.add(name=LOGITS)


def _needed(graph: Any, path: Path) -> set[int]:
    """The nodes on the way from `small` to `logits`."""
    maker = {name: index for index, node in enumerate(graph.node) for name in node.output}
    absent = [name for name in (SMALL, LOGITS) if name not in maker]
    if absent:
        raise UserError(
            f"'{path}' has no tensor named {' or '.join(absent)} to cut the network at",
            hint=EXPORT_HINT,
        )
    # Weights may be listed among the inputs as well.
    inputs = {value.name for value in graph.input} - {weight.name for weight in graph.initializer}
    needed: set[int] = set()
    wanted = [LOGITS]
    while wanted:
        name = wanted.pop()
        if name in inputs:
            raise UserError(
                f"'{path}': the network reads '{name}' past '{SMALL}'", hint=EXPORT_HINT
            )
        if name != SMALL and name in maker and maker[name] not in needed:
            needed.add(maker[name])
            wanted.extend(_reads(graph.node[maker[name]]))
    return needed


def _reads(node: Any) -> Iterator[str]:
    """Every name the node may read, the bodies of its branches and loops included."""
    yield from node.input
    for attribute in node.attribute:
        for body in (attribute.g, *attribute.graphs):
            for inner in body.node:
                yield from _reads(inner)
            yield from (value.name for value in body.output)
