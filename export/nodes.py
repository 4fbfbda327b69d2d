"""Writes ONNX nodes as arithmetic: `Value`s add, multiply and divide, and every node is kept."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from onnx import NodeProto, TensorProto, helper, numpy_helper


@dataclass(kw_only=True)
class Nodes:
    """Nodes in the order they were asked for, and the constants they use."""

    prefix: str
    nodes: list[NodeProto] = field(default_factory=list)
    constants: dict[str, TensorProto] = field(default_factory=dict)

    def value(self, name: str) -> Value:
        """A tensor that already has a name."""
        return Value(self, name)

    def call(self, operator: str, *inputs: Any, name: str = "", **attributes: Any) -> Value:
        """One node with one output; ints among the inputs become int64 constants."""
        output = name or f"{self.prefix}/{operator}_{len(self.nodes)}"
        names = [self._name(given) for given in inputs]
        self.nodes.append(helper.make_node(operator, names, [output], name=output, **attributes))
        return Value(self, output)

    def _name(self, given: Any) -> str:
        if isinstance(given, Value):
            return given.name
        if given is None:
            return ""
        tensor = np.asarray(given, np.int64)
        name = f"{self.prefix}/{'x'.join(map(str, tensor.reshape(-1)))}_{tensor.ndim}d"
        self.constants.setdefault(name, numpy_helper.from_array(tensor, name))
        return name


@dataclass(frozen=True)
class Value:
    """A tensor of the graph; `//` is division of whole numbers that are not negative."""

    graph: Nodes
    name: str

    def __add__(self, other: Any) -> Value:
        return self.graph.call("Add", self, other)

    def __sub__(self, other: Any) -> Value:
        return self.graph.call("Sub", self, other)

    def __mul__(self, other: Any) -> Value:
        return self.graph.call("Mul", self, other)

    def __floordiv__(self, other: Any) -> Value:
        return self.graph.call("Div", self, other)
