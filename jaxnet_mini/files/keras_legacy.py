"""Files of Keras in the legacy HDF5 format, ``.h5``, of Keras 2 and 3.

The architecture and the compile settings stand as JSON in attributes of the file, and
the weights of each layer in a group of its name, within others. A file of weights alone
holds the same groups at its root.

Source: https://github.com/keras-team/keras, ``keras/src/legacy/saving``.
"""

import io
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jaxnet_mini.base import plain_json
from jaxnet_mini.base.plain_json import Json
from jaxnet_mini.core.networks import protocol, weights
from jaxnet_mini.core.networks.outline import LayerOutline
from jaxnet_mini.core.networks.paths import by_path
from jaxnet_mini.core.types import Variables
from jaxnet_mini.devices import transfers
from jaxnet_mini.errors import FileError, import_extra
from jaxnet_mini.files import hdf5, keras_writer
from jaxnet_mini.files.safetensors import FilePath, readable

SUFFIXES = (".h5", ".hdf5")
"""Of which ``.weights.h5`` is another format, that of Keras 3."""

TOP = "top_level_model_weights"
"""The group beside those of layers of what belongs to none."""

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
            if layer == "optimizer_weights" and not whole:
                continue
            for name, path_in, dataset in _arrays(
                walk, walk.member(root, layer), layer
            ):
                own = [path_in] if path_in in expected else ends.get(name, [])
                if len(own) == 1 and own[0] not in found:
                    found[own[0]] = dataset
                else:
                    left["/".join((layer, *name))] = dataset
        size = readable(path).stat().st_size
        return hdf5.read_weights(found, left, expected, source, size)


def _arrays(
    walk: hdf5.Walk, group: Any, name: str
) -> list[tuple[tuple[str, ...], str, Any]]:
    """Return the arrays in a group and in those within it.

    Each by the name of its layer, which is that of the group that it stands in, and
    its own, and by its path in the group. A layer inside others is so found, too.
    """
    found: list[tuple[tuple[str, ...], str, Any]] = []
    waiting = [(name, "", group)]
    while waiting:
        layer, within, group = waiting.pop()
        for name in walk.names(group):
            member = walk.member(group, name)
            if walk.is_group(member):
                waiting.append((name, f"{within}{name}/", member))
            else:  # TensorFlow numbers outputs: kernel:0
                last = name.removesuffix(":0")
                own = "_".join(layer.split()), last
                found.append((own, within + last, member))
    return found


def optimizer_arrays(walk: hdf5.Walk, file: Any) -> list[Any]:
    """Return the variables of the optimizer in a file, in Keras's order.

    There are none where their names are not texts of one length, as `model_file` writes
    them, for those that Keras writes may fill any memory.

    Raises:
        FileError: they are not where Keras writes them.
    """
    if not walk.has(file, "optimizer_weights"):
        return []
    group, found = walk.member(file, "optimizer_weights"), []
    for name in walk.texts(group, "weight_names"):
        member = group
        for part in name.split("/"):
            member = walk.member(member, part)
        found.append(member)
    return found


def model_file(
    config: dict[str, Json],
    outline: Sequence[LayerOutline],
    variables: Variables,
    optimizer: Sequence[NDArray[Any]] | None,
) -> bytes:
    """Return the contents of a file of a whole model.

    Args:
        config: as Keras 3 has it, see `jaxnet_mini.files.keras_words`.
        outline: of the layers.
        variables: of the layers.
        optimizer: the variables of Keras's optimizer; None for none.
    """
    h5py, buffer = import_extra("h5py", "keras"), io.BytesIO()
    values = weights.of(variables)
    training = dict(config.get("compile_config") or {})
    if training:
        training["optimizer_config"] = _bare(training.pop("optimizer"))
    with h5py.File(buffer, "w") as file:
        file.attrs["keras_version"] = keras_writer.VERSION
        file.attrs["model_config"] = json.dumps(_bare(config))
        if training:
            file.attrs["training_config"] = json.dumps(training)
        root = file.create_group("model_weights")
        root.attrs["keras_version"] = keras_writer.VERSION
        root.attrs["layer_names"] = _texts(part.name for part in outline)
        for part in outline:
            own = {path: values[path] for path in _in_keras_order(part)}
            _write(root.create_group(part.name), own)
        _write(root.create_group(TOP), {})
        if optimizer is not None:
            numbered = {str(i): array for i, array in enumerate(optimizer)}
            _write(file.create_group("optimizer_weights"), numbered)
    return buffer.getvalue()


def _bare(config: Json) -> Json:
    return {name: config[name] for name in ("class_name", "config")}


def _in_keras_order(part: LayerOutline) -> list[str]:
    """Return the paths of a layer's weights, first those that are trained."""
    mask = by_path({part.name: protocol.trainable_mask(part.layer, part.params)})
    return sorted(weights.shapes([part]), key=lambda path: not mask.get(path, False))


def _texts(names: Iterable[str]) -> NDArray[Any]:
    """Return names as texts of one length, of which no reader has to fear the size."""
    return np.array([name.encode() for name in names], np.bytes_)


def _write(group: Any, arrays: Mapping[str, Any]) -> None:
    group.attrs["weight_names"] = _texts(arrays)
    for name, array in arrays.items():
        group.create_dataset(name, data=np.asarray(transfers.to_host(array)))


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
