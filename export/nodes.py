"""Writes ONNX nodes as arithmetic: `Value`s add, multiply and divide.

What depends on constants alone is computed while it is written: a graph for pictures of one size
holds the indices it uses, not the arithmetic that finds them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

Known = NDArray[Any]


@dataclass(kw_only=True)
class Nodes:
    """Nodes in the order they were asked for, and the constants they use."""

    prefix: str
    opset: int
    nodes: list[NodeProto] = field(default_factory=list)
    constants: dict[str, TensorProto] = field(default_factory=dict)
    _count: int = 0

    def value(self, name: str) -> Value:
        """A tensor that already has a name."""
        return Value(self, name)

    def constant(self, given: Any) -> Value:
        """A known tensor; whole numbers are int64."""
        known = given if isinstance(given, np.ndarray) else np.asarray(given, np.int64)
        return Value(self, self._fresh("constant"), known)

    def call(self, operator: str, *inputs: Any, name: str = "", **attributes: Any) -> Value:
        """One operator with one output, computed at once where every input is known."""
        (value,) = self.calls(
            operator, *inputs, names=[name or self._fresh(operator)], **attributes
        )
        return value

    def calls(
        self, operator: str, *inputs: Any, names: list[str], **attributes: Any
    ) -> list[Value]:
        """One operator with the outputs `names`."""
        values = [None if given is None else self._value(given) for given in inputs]
        given = ["" if value is None else value.name for value in values]
        node = helper.make_node(operator, given, names, name=names[0], **attributes)
        present = [value for value in values if value is not None]
        if all(value.known is not None for value in present):
            feed = {value.name: value.known for value in present}
            results = ReferenceEvaluator(node, opsets={"": self.opset}).run(None, feed)
            pairs = zip(names, results, strict=True)
            return [Value(self, output, np.asarray(result)) for output, result in pairs]
        for value in present:
            if value.known is not None and value.name not in self.constants:
                self.constants[value.name] = numpy_helper.from_array(value.known, value.name)
        self.nodes.append(node)
        return [Value(self, output) for output in names]

    def _value(self, given: Any) -> Value:
        return given if isinstance(given, Value) else self.constant(given)

    def _fresh(self, what: str) -> str:
        self._count += 1
        return f"{self.prefix}/{what}_{self._count}"


@dataclass(frozen=True, eq=False)
class Value:
    """A tensor of the graph; `//` is division of whole numbers that are not negative."""

    graph: Nodes
    name: str
    known: Known | None = None

    def __add__(self, other: Any) -> Value:
        return self.graph.call("Add", self, other)

    def __sub__(self, other: Any) -> Value:
        return self.graph.call("Sub", self, other)

    def __mul__(self, other: Any) -> Value:
        return self if other == 1 else self.graph.call("Mul", self, other)

    def __floordiv__(self, other: Any) -> Value:
        return self if other == 1 else self.graph.call("Div", self, other)
