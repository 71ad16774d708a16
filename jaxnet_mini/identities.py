"""What a run is: the layers, the settings and the data that must not change."""

import zlib
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jaxnet_mini import configs
from jaxnet_mini.checks import NAMES, Examples
from jaxnet_mini.composition import LayerOutline
from jaxnet_mini.errors import ArgumentError, FileError, short, shortened
from jaxnet_mini.plain import Json
from jaxnet_mini.train import Trainer

BLOCK_ROWS = 4096

CRC = ".CRC-32"
"""It tells data apart that differ by mistake, in a quarter of the time of a SHA-256:
0.03 s for Fashion-MNIST."""


def of_model(trainer: Trainer, outline: Iterable[LayerOutline]) -> Json:
    """Return what the layers and compile's arguments are, as plain JSON."""
    layers = {part.name: _described(part.layer) for part in outline}
    metrics = {metric.name: _described(metric) for metric in trainer.all_metrics}
    return {
        "layers": layers,
        "optimizer": _described(trainer.optimizer),
        "loss": _described(trainer.loss),
        "metrics": metrics,
    }


def _described(value: Any) -> Json:
    try:
        return configs.to_config(value)
    except ArgumentError:
        # What has no name in a file, such as a lambda, is told apart by its class.
        return f"{type(value).__module__}.{type(value).__qualname__}"


def of_data(
    examples: Examples | None, prefix: str = "", rows: int | None = None
) -> Json:
    """Return shape, dtype and checksum of the arrays of examples.

    Args:
        examples: on the host, or None.
        prefix: what messages put before the names.
        rows: how many there are in all, where ``examples`` are a share of them; their
            values then are not told apart.
    """
    if examples is None:
        return {}
    return {
        f"{prefix}{name}": _digest(array, rows)
        for name, array in zip(NAMES, examples, strict=True)
        if array is not None
    }


def _digest(array: NDArray[Any], rows: int | None) -> Json:
    if rows is not None:
        return {"shape": [rows, *array.shape[1:]], "dtype": str(array.dtype)}
    checksum = 0
    for first in range(0, len(array), BLOCK_ROWS):
        block = np.ascontiguousarray(array[first : first + BLOCK_ROWS])
        checksum = zlib.crc32(block.reshape(-1).view(np.uint8).data, checksum)
    return {
        "shape": list(array.shape),
        "dtype": str(array.dtype),
        CRC[1:]: checksum,
    }


def check(there: Json, here: Json, source: str) -> None:
    """Raise a FileError that names the differences between two identities.

    Args:
        there: that of the run that is kept.
        here: that of the one to go on.
        source: where it is kept.
    """
    differences = list(_differences(there, here, ""))
    if not differences:
        return
    raise FileError(
        f"the run in {source} was another one, and nothing was changed: "
        f"{shortened(differences)}. Go on with what it was, or give checkpoint another "
        "folder."
    )


def _differences(there: Json, here: Json, path: str) -> Iterator[str]:
    if isinstance(there, dict) and isinstance(here, dict):
        for key in [*there, *(key for key in here if key not in there)]:
            name = f"{path}.{key}" if path else key
            if name.endswith(CRC) and not (key in here and key in there):
                continue  # one of the two was a share
            if key not in here:
                yield f"{name} is gone"
            elif key not in there:
                yield f"{name} is new"
            else:
                yield from _differences(there[key], here[key], name)
    elif there != here and path.endswith(CRC):
        yield f"{path.removesuffix(CRC)} holds other values"
    elif there != here:
        yield f"{path} was {short(there)} and is {short(here)}"
