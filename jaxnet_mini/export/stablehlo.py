"""Networks in StableHLO, as `jax.export` keeps functions, with their weights inside.

A file begins with what ``jax.export.deserialize`` reads, which takes no notice of what
follows. Its last line is JSON: who wrote it, and what goes in and comes out.

Source: https://docs.jax.dev/en/latest/export/export.html
"""

import dataclasses
import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxnet_mini.base import plain_json
from jaxnet_mini.base.arguments import check_count, named_parts
from jaxnet_mini.base.seeds import check_seed
from jaxnet_mini.base.version import __version__
from jaxnet_mini.core.networks import protocol
from jaxnet_mini.core.types import Layer, Params, State
from jaxnet_mini.data import arrays
from jaxnet_mini.devices import transfers
from jaxnet_mini.errors import (
    ArgumentError,
    DataError,
    FileError,
    LayerError,
    ShapeError,
    import_extra,
    short,
)
from jaxnet_mini.export.described import Described, class_names, describe
from jaxnet_mini.files import safetensors

PLATFORMS = ("cpu", "cuda", "tpu")

PASSES = "func.func(stablehlo-legalize-composite-to-call),strip-debuginfo"
"""Compound operations are written out, which older versions of JAX read, too; and the
names of source files, with all their folders, are taken out."""


def to_stablehlo(
    net: Layer,
    params: Params,
    input_shape: Any,
    state: State = {},  # noqa: B006  (never changed)
    *,
    batch_size: int | None = None,
    classes: Sequence[str] = (),
) -> bytes:
    """Return a network as bytes that JAX runs without this library.

    ``jax.export.deserialize(bytearray(data)).call(x)`` gives the outputs for a batch on
    a CPU, a GPU of NVIDIA's or a TPU; of several inputs ``x`` is a dictionary by name.
    `load_stablehlo` checks besides what it is given, which JAX does not: it takes
    float64 for float32. A network that draws random numbers in every prediction takes a
    seed, ``numpy.uint32``, as a second argument.

    Args:
        net: any layer, with functions of your own too.
        params: its parameters.
        input_shape: of one example, without the batch axis; of several inputs a tuple
            in order or a dictionary by name.
        state: what it remembers.
        batch_size: the only number of rows that it takes; None for any.
        classes: what outputs stand for, in order; kept beside.

    Raises:
        ArgumentError: ``batch_size`` is no positive integer, or ``classes`` a text.
        LayerError: JAX cannot write what a layer computes.
        MissingExtraError: flatbuffers is not installed.

    >>> import jaxnet_mini as jn
    >>> net = jn.serial(jn.Dense(8, "relu"), jn.Dense(3, "softmax"))
    >>> _, params = net.init(jax.random.key(0), (4,))
    >>> loaded = Loaded(to_stablehlo(net, params, (4,)))
    >>> loaded.metadata["inputs"]
    {'input_layer': {'shape': [None, 4], 'dtype': 'float32'}}
    >>> loaded(np.ones((5, 4), np.float32)).shape
    (5, 3)
    """
    described = describe(net, params, input_shape, state)
    return encoded(described, batch_size=batch_size, classes=classes)


def encoded(
    model: Described, *, batch_size: int | None = None, classes: Sequence[str] = ()
) -> bytes:
    """Return a file's contents; see `to_stablehlo`."""
    import_extra("flatbuffers", "stablehlo")
    rows = None if batch_size is None else check_count("batch_size", batch_size)
    names = class_names(classes)
    metadata: dict[str, Any] = {
        "jaxnet_mini": __version__,
        "jax": jax.__version__,
        "inputs": {
            name: {"shape": [rows, *own.shape], "dtype": str(own.dtype)}
            for name, own in model.inputs.items()
        },
        "draws": protocol.always_training(model.net),
    }
    exported = _exported(model, metadata, rows)
    metadata["outputs"] = {
        name: {"shape": [rows, *own.shape[1:]], "dtype": str(own.dtype)}
        for name, own in zip(model.outputs, exported.out_avals, strict=True)
    }
    if names:
        metadata["classes"] = names
    data = bytes(exported.serialize())
    metadata["sha256"] = hashlib.sha256(data).hexdigest()
    return data + f"\n{json.dumps(metadata)}\n".encode()


def _exported(model: Described, metadata: Mapping[str, Any], rows: int | None) -> Any:
    from jax import export

    function = _function(model)
    # Whatever is wrong with the layers themselves is said first, in its own words.
    jax.eval_shape(function, *_arguments(metadata, 1))
    try:
        (free,) = export.symbolic_shape("rows")
        exporting = export.export(jax.jit(function), platforms=PLATFORMS)
        exported = exporting(*_arguments(metadata, free))
        module = _portable(exported.mlir_module_serialized)
    except Exception as error:
        # Layers of a user's own may do anything with a number that is not known.
        advice = "give batch_size, the one number of rows that it shall take"
        if rows is not None:
            advice = "call nothing outside of the compiled program"
        raise LayerError(
            f"{model.name!r} cannot be written ({_said(error)}): {advice}."
        ) from error
    return dataclasses.replace(exported, mlir_module_serialized=module)


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {short(str(error))}"


def _function(model: Described) -> Callable[..., Any]:
    """Return what is written: of a batch and, if it draws, a seed, the outputs."""
    variables = jax.tree.map(transfers.to_host, model.variables)

    def predict(x: Any, *seed: Any) -> Any:
        if len(model.inputs) > 1:
            x = tuple(x[name] for name in model.inputs)
        params, state = jax.tree.map(jnp.asarray, variables)
        key = jax.random.key(seed[0]) if seed else None
        y, _ = protocol.run(model.net, params, state, x, key=key)
        return list(y) if isinstance(y, tuple) else y

    return predict


def _arguments(metadata: Mapping[str, Any], free: Any) -> tuple[Any, ...]:
    """Return shapes and dtypes of what a network takes.

    Args:
        metadata: of the file.
        free: the number of rows where any may come.
    """
    batch = {
        name: jax.ShapeDtypeStruct((free if rows is None else rows, *shape), dtype)
        for name, own in metadata["inputs"].items()
        for dtype, (rows, *shape) in [(own["dtype"], own["shape"])]
    }
    x = batch if len(batch) > 1 else next(iter(batch.values()))
    seed = jax.ShapeDtypeStruct((), jnp.uint32)
    return (x, seed) if metadata["draws"] else (x,)


def _portable(module: bytes) -> bytes:
    """Return a program in the words of three months ago, see `PASSES`.

    JAX itself writes those of one month ago, which its release before may not know.
    """
    from jax.extend.mlir import ir, passmanager
    from jax.extend.mlir.dialects import stablehlo

    age = stablehlo.StablehloCompatibilityRequirement.WEEK_12
    version = stablehlo.get_version_from_compatibility_requirement(age)
    stablehlo.register_stablehlo_passes()
    with ir.Context() as context:
        stablehlo.register_dialect(context)
        parsed = stablehlo.deserialize_portable_artifact(context, module)
        passes = passmanager.PassManager.parse(f"builtin.module({PASSES})")
        passes.run(parsed.operation)
        return bytes(stablehlo.serialize_portable_artifact(parsed, version))


def load_stablehlo(path: safetensors.FilePath) -> "Loaded":
    """Return the function in a file that `Model.export` wrote.

    Args:
        path: of the file.

    Raises:
        ArgumentError: ``path`` is no path.
        FileError: there is no such file, it is another or damaged, or this JAX cannot
            read what that of the file has written.
        MissingExtraError: flatbuffers is not installed.
    """
    return Loaded(safetensors.contents_of(path), os.fspath(path))


class Loaded:
    """A network that was exported: a function of NumPy arrays.

    It is compiled for each number of rows that it is given.

    Args:
        data: what `to_stablehlo` returned.
        path: what messages call it.

    Attributes:
        metadata: the versions that wrote it, shapes and dtypes of its inputs and
            outputs by name, with None for any number of rows, and the classes.

    Raises:
        FileError: see `load_stablehlo`.
    """

    metadata: dict[str, Any]

    def __init__(self, data: bytes, path: str = "these bytes") -> None:
        import_extra("flatbuffers", "stablehlo")
        from jax import export

        head, self.metadata = _opened(data, path)
        try:
            exported = export.deserialize(bytearray(head))
            self._call = jax.jit(exported.call)
            # Only now JAX looks into the program.
            self._call.lower(*_arguments(self.metadata, 1))
        except Exception as error:
            writer = self.metadata["jax"]
            raise FileError(
                f"{path!r} was written by JAX {writer}, and JAX {jax.__version__} "
                f"cannot run it ({_said(error)}): write it anew with this version, or "
                f"run it with jax=={writer}."
            ) from error

    def __call__(self, x: Any, seed: int | None = None) -> Any:
        """Return the outputs for a batch, as `Model.predict` does, in NumPy's arrays.

        Args:
            x: an array; of several inputs a list in order or a dictionary by name.
            seed: of random numbers, where the network draws some in every prediction.

        Raises:
            ArgumentError: inputs are missing or unknown, or a seed is.
            DataError: an array has another dtype than the file says, or no rows.
            ShapeError: another shape.
        """
        expected = self.metadata["inputs"]
        (name, *others) = expected
        parts = {name: ("x", arrays.without_name(x, name))}
        if others:
            parts = named_parts("x", x, [*expected], "inputs")
        batch = {
            name: _checked(own, argument, expected[name])
            for name, (argument, own) in parts.items()
        }
        for own in others:
            first, argument = batch[name], parts[own][0]
            arrays.check_rows(len(first), batch[own], argument, parts[name][0])
        if self.metadata["draws"] != (seed is not None):
            which = "needs a seed" if seed is None else "takes no seed"
            raise ArgumentError(f"seed is {seed}, and the network {which}.")
        drawn = () if seed is None else (np.uint32(check_seed(seed)),)
        with transfers.meant():
            outputs = self._call(batch if others else batch[name], *drawn)
        return jax.tree.map(lambda own: transfers.to_host(own).copy(), outputs)


def _opened(data: bytes, path: str) -> tuple[bytes, dict[str, Any]]:
    """Return the two parts of a file.

    Raises:
        FileError: it has others, or is damaged.
    """
    head, _, line = data.removesuffix(b"\n").rpartition(b"\n")
    try:
        plain_json.check_size(line)
        metadata = plain_json.parse(line)
        known = metadata["sha256"]
    except (ArgumentError, KeyError):
        raise FileError(
            f"{path!r} is no file that model.export has written in StableHLO, or it is "
            "damaged: write it anew; jax.export.deserialize reads what others wrote."
        ) from None
    if hashlib.sha256(head).hexdigest() != known:
        raise FileError(f"{path!r} is damaged: write it anew.")
    return head, metadata


def _checked(value: Any, argument: str, expected: Mapping[str, Any]) -> Any:
    """Return an array of the shape and dtype that a file says."""
    dtype, (rows, *shape) = expected["dtype"], expected["shape"]
    array = value if isinstance(value, np.ndarray | jax.Array) else np.asarray(value)
    if str(array.dtype) != dtype:
        raise DataError(
            f"{argument} has dtype {array.dtype}, and the file takes {dtype}: write "
            f"{arrays.in_code(value, argument)}.astype({dtype!r})."
        )
    known = len(array) if rows is None and array.ndim else rows
    if array.shape != (known, *shape):
        raise ShapeError(
            f"{argument} has shape {tuple(array.shape)}, and the file takes "
            f"{(rows, *shape)}, None standing for any number of rows."
        )
    if not len(array):
        raise DataError(f"{argument} has no rows: give at least one.")
    return array
