"""A graph of ONNX while it is written: nodes, constants and the names of both."""

import contextlib
import dataclasses
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np
from numpy.typing import DTypeLike, NDArray

from jaxnet_mini.core.types import Shape
from jaxnet_mini.errors import import_extra

ROWS = "N"
"""What the free axis of all batches is called."""


@dataclasses.dataclass(frozen=True)
class Tensor:
    """What a node takes or gives.

    Args:
        name: in the graph.
        shape: of one example.
        dtype: of its numbers.
    """

    name: str
    shape: Shape
    dtype: np.dtype[Any]

    @property
    def rank(self) -> int:
        """The number of axes, with that of the batch."""
        return len(self.shape) + 1

    def like(self) -> jax.ShapeDtypeStruct:
        """Return what stands for a batch of it, of two rows."""
        return jax.ShapeDtypeStruct((2, *self.shape), self.dtype)


class Nodes:
    """Nodes and constants, in the order in which they are added.

    Args:
        reserved: names that are taken, of inputs and outputs.
    """

    def __init__(self, reserved: tuple[str, ...]) -> None:
        self._onnx: Any = import_extra("onnx", "onnx")
        self._taken = {*reserved}
        self._outputs: dict[str, str] = {}
        self._shared: dict[Any, str] = {}
        self._path: list[str] = []
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    @contextlib.contextmanager
    def within(self, name: str) -> Iterator[None]:
        """Let what is added be called by a layer, and by those around it."""
        self._path.append(name)
        yield
        self._path.pop()

    @property
    def path(self) -> str:
        """The name of the layer that is being written, after those around it."""
        return "/".join(self._path)

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Add a node of one output; return the name of that."""
        return self.several(operator, 1, *inputs, **attributes)[0]

    def several(
        self, operator: str, outputs: int, *inputs: str, **attributes: Any
    ) -> list[str]:
        """Add a node; return the names of its outputs."""
        own = f"{self.path}/{operator}" if self._path else operator
        names = [self._unique(own) for _ in range(outputs)]
        make = self._onnx.helper.make_node
        self.nodes.append(make(operator, inputs, names, names[0], **attributes))
        return names

    def constant(self, value: Any, dtype: Any = None) -> str:
        """Return the name of numbers that are the same for all who ask for them."""
        array = np.asarray(value, dtype)
        key = array.dtype.str, array.shape, array.tobytes()
        return self._shared.get(key) or self._store("constant", array, key)

    def weight(self, name: str, value: Any) -> str:
        """Return the name of an array of the layer that is being written."""
        path = f"{self.path}/{name}"
        key = path, np.shape(value)
        return self._shared.get(key) or self._store(path, value, key)

    def _store(self, name: str, value: Any, key: Any) -> str:
        array: NDArray[Any] = np.asarray(value, order="C")
        own = self._shared[key] = self._unique(name)
        self.constants.append(self._onnx.numpy_helper.from_array(array, own))
        return own

    def cast(self, x: Tensor, dtype: DTypeLike) -> Tensor:
        """Return numbers in another dtype, or the same where they are."""
        wanted = np.dtype(dtype)
        if x.dtype == wanted:
            return x
        return Tensor(self.add("Cast", x.name, to=self.kind(wanted)), x.shape, wanted)

    def info(self, x: Tensor) -> Any:
        """Return what says of an input or output which kind it is."""
        shape = [ROWS, *x.shape]
        make = self._onnx.helper.make_tensor_value_info
        return make(x.name, self.kind(x.dtype), shape)

    def output(self, name: str, x: Tensor) -> Tensor:
        """Return an output of the graph of a reserved name."""
        # What is given out twice has the name of the first output by now.
        own = self._outputs.get(x.name, x.name)
        makes = any(own in node.output for node in self.nodes)
        if makes and own == x.name:
            for node in self.nodes:
                for names in (node.input, node.output):
                    names[:] = [name if one == own else one for one in names]
            self._outputs[own] = name
        else:
            make = self._onnx.helper.make_node
            self.nodes.append(make("Identity", [own], [name], name))
        return Tensor(name, x.shape, x.dtype)

    def kind(self, dtype: Any) -> int:
        """Return the number of a dtype in ONNX."""
        kind: int = self._onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        return kind

    def _unique(self, name: str) -> str:
        own, number = name, 0
        while own in self._taken:
            number += 1
            own = f"{name}_{number}"
        self._taken.add(own)
        return own
