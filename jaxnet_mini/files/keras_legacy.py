"""Files of Keras in the legacy HDF5 format, ``.h5``, of Keras 2 and 3.

The architecture and the compile settings stand as JSON in attributes of the file, and
the weights of each layer in a group of its name, within others. A file of weights alone
holds the same groups at its root.

Source: https://github.com/keras-team/keras, ``keras/src/legacy/saving``.
"""

import os
from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from jaxnet_mini.base import plain_json
from jaxnet_mini.base.plain_json import Json
from jaxnet_mini.core.networks import weights
from jaxnet_mini.core.networks.outline import LayerOutline
from jaxnet_mini.errors import FileError
from jaxnet_mini.files import hdf5
from jaxnet_mini.files.safetensors import FilePath, readable

SUFFIXES = (".h5", ".hdf5")
"""Of which ``.weights.h5`` is another format, that of Keras 3."""

FORGOTTEN = {"is_legacy_optimizer", "jit_compile"}
"""Arguments of Keras 2's optimizers that tell how they are run."""


def is_legacy(path: FilePath) -> bool:
    """Tell by the name whether a file is of this format."""
    name = os.fspath(path)
    return name.endswith(SUFFIXES) and not name.endswith(".weights.h5")


def read_weights(
    path: FilePath, outline: Sequence[LayerOutline]
) -> dict[str, NDArray[Any]]:
    """Return the weights in a file by our paths; layers are found by their names.

    Raises:
        FileError: it is damaged or of another format.
        ShapeError: the weights are those of other layers.
    """
    source = os.fspath(path)
    with hdf5.opened(readable(path).open("rb"), source) as file:
        walk = hdf5.Walk(source)
        whole = walk.has(file, "model_weights")
        root = walk.member(file, "model_weights") if whole else file
        found: dict[str, Any] = {}
        left: dict[str, Any] = {}
        expected = weights.shapes(outline)
        ends: dict[tuple[str, ...], list[str]] = {}
        for weight in expected:
            ends.setdefault(tuple(weight.split("/")[-2:]), []).append(weight)
        for layer in walk.names(root):
            if layer == "optimizer_weights":
                continue
            for name, dataset in _arrays(walk, walk.member(root, layer), layer):
                own = ends.get(name, [])
                if len(own) == 1 and own[0] not in found:
                    found[own[0]] = dataset
                else:
                    left["/".join((layer, *name))] = dataset
        size = readable(path).stat().st_size
        return hdf5.read_weights(found, left, expected, source, size)


def _arrays(
    walk: hdf5.Walk, group: Any, name: str
) -> list[tuple[tuple[str, ...], Any]]:
    """Return the arrays in a group and in those within it.

    Each by the name of its layer, which is that of the group that it stands in, and
    its own. A layer inside others is so found, too.
    """
    found: list[tuple[tuple[str, ...], Any]] = []
    waiting = [(name, group)]
    while waiting:
        layer, group = waiting.pop()
        for name in walk.names(group):
            member = walk.member(group, name)
            if walk.is_group(member):
                waiting.append((name, member))
            else:  # TensorFlow numbers outputs: kernel:0
                own = "_".join(layer.split()), name.removesuffix(":0")
                found.append((own, member))
    return found


def read_config(path: FilePath) -> dict[str, Json]:
    """Return what ``config.json`` of a ``.keras`` file of the same model would hold.

    Raises:
        FileError: it is damaged, or holds weights alone.
        ArgumentError: its JSON is none.
    """
    source = os.fspath(path)
    with hdf5.opened(readable(path).open("rb"), source) as file:
        walk = hdf5.Walk(source)
        texts = [walk.text(file, f"{part}_config") for part in ("model", "training")]
    if texts[0] is None:
        raise FileError(
            f"{source!r} holds weights only: build the model, then call "
            "model.load_weights."
        )
    with plain_json.locating(source):
        for text in texts:
            plain_json.check_size(text or "")
        config = plain_json.parse(texts[0])
        _with_input_shape(config)
        if texts[1] is not None:
            config["compile_config"] = _settings(plain_json.parse(texts[1]))
        return config


def _with_input_shape(config: dict[str, Json]) -> None:
    """Let the shape of the inputs stand where Keras 3 has it."""
    arguments: Json = config.get("config")
    layers = arguments.get("layers") if isinstance(arguments, dict) else None
    for number, layer in enumerate(layers if isinstance(layers, list) else ()):
        own = layer.get("config") if isinstance(layer, dict) else None
        if not isinstance(own, dict) or "batch_input_shape" not in own:
            continue
        shape = own.pop("batch_input_shape")
        if layer.get("class_name") == "InputLayer":
            own["batch_shape"] = shape
        elif number == 0:
            arguments["build_input_shape"] = shape


def _settings(config: dict[str, Json]) -> dict[str, Json]:
    """Return the compile settings in the form of Keras 3."""
    optimizer = config.pop("optimizer_config", None)
    if isinstance(optimizer, dict) and isinstance(optimizer.get("config"), dict):
        name = str(optimizer.get("class_name")).removeprefix("Custom>")
        given = optimizer["config"].items()
        kept = {argument: v for argument, v in given if argument not in FORGOTTEN}
        optimizer = {"class_name": name, "config": kept}
    for several in ("metrics", "weighted_metrics"):
        metrics = config.get(several)
        # Keras 2 has a list of them for each output.
        if isinstance(metrics, list) and len(metrics) == 1:
            metrics = metrics[0] if isinstance(metrics[0], list) else metrics
        if isinstance(metrics, list):
            config[several] = [_metric(metric) for metric in metrics]
    config.pop("sample_weight_mode", None)
    return config | {"optimizer": optimizer}


def _metric(metric: Json) -> Json:
    """Return a metric in the form of Keras 3, in which a function is an object."""
    config = metric.get("config") if isinstance(metric, dict) else None
    if isinstance(config, dict) and isinstance(config.get("fn"), str):
        config["fn"] = {"class_name": "function", "config": config["fn"]}
    return metric
