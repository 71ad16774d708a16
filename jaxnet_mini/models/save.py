"""Models and weights written into files, and weights read again."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from jaxnet_mini.base import notices, plain_json
from jaxnet_mini.base.arguments import check_float, check_one_of, check_path
from jaxnet_mini.base.plain_json import Json
from jaxnet_mini.callbacks import Callback, ModelCheckpoint
from jaxnet_mini.core.networks import outline as outlines
from jaxnet_mini.core.networks import weights
from jaxnet_mini.devices import transfers
from jaxnet_mini.errors import ArgumentError, ShapeError, import_extra
from jaxnet_mini.files import (
    keras_files,
    keras_legacy,
    keras_shards,
    keras_writer,
    other_defaults,
    other_libraries,
    other_matching,
    safetensors,
    train_state,
)
from jaxnet_mini.files.safetensors import FilePath
from jaxnet_mini.models import architecture, keras_form
from jaxnet_mini.models import compile as compiling
from jaxnet_mini.models.held import Held

SUFFIXES = (safetensors.SUFFIX, keras_writer.SUFFIX, *keras_legacy.SUFFIXES)
WEIGHTS_SUFFIXES = (safetensors.WEIGHTS_SUFFIX, keras_writer.WEIGHTS_SUFFIX)

TARGETS = ("torch",)
"""Other libraries in whose form weights are written."""


def save_weights(
    held: Held,
    path: FilePath,
    overwrite: bool,
    max_shard_size: float | None,
    target: str | None,
) -> None:
    """Write all weights into a file or several; see `Model.save_weights`."""
    held.blueprint.check_shape_known()
    several = os.fspath(check_path("path", path)).endswith(keras_shards.SUFFIX)
    if several != (max_shard_size is not None):
        raise ArgumentError(
            "max_shard_size goes with a name that ends in '.weights.json', for weights "
            f"in several files of at most so many GB, and path is {path!r} with "
            f"max_shard_size={max_shard_size!r}: give both or neither."
        )
    suffixes = (keras_shards.SUFFIX,) if several else WEIGHTS_SUFFIXES
    if target is not None:
        check_one_of("target", target, TARGETS)
        suffixes = (safetensors.WEIGHTS_SUFFIX,)
    file = safetensors.writable(path, suffixes, overwrite)
    if max_shard_size is not None:
        most = check_float("max_shard_size", max_shard_size, least=0.0)
        shards = keras_shards.shards(keras_form.arrays_of(held), most)
        keras_shards.write(Path(path), file, shards)
        return
    if file.name.endswith(keras_writer.WEIGHTS_SUFFIX):
        contents = keras_writer.hdf5(keras_form.arrays_of(held))
    else:
        arrays = weights.of(held.untrained().variables)
        if target is None:
            contents = safetensors.encoded(arrays, {"format": "weights"})
        else:
            values = {path: transfers.to_host(value) for path, value in arrays.items()}
            theirs = other_libraries.as_torch(_modules(held), values)
            contents = safetensors.with_metadata(theirs, {"format": "pt"})
    safetensors.replace(file, contents)


def load_weights(held: Held, path: FilePath, source: str | None) -> None:
    """Replace all weights by those in a file; see `Model.load_weights`."""
    held.blueprint.check_shape_known()
    if source is not None:
        check_one_of("source", source, other_libraries.LIBRARIES)
    if keras_files.is_keras(path) and source in (None, "keras"):
        keras_form.load(held, path, begin=False)
        return
    where, notes = repr(os.fspath(path)), list[str]()
    expected = weights.shapes(held.blueprint.shapes)
    if source is None:
        found = safetensors.read_weights(path)
    else:
        there = other_libraries.read(path, source)
        found, notes = other_matching.matched(_modules(held), there, source, where)
        notes += other_defaults.differing(held.blueprint.net, source)
    try:
        weights.check(expected, found, where, cast=True)
    except ShapeError as error:
        if source is not None or found.keys() & expected.keys():
            raise
        raise ShapeError(
            f"{error} If another library wrote it, say which by source=, one of "
            f"{', '.join(map(repr, other_libraries.LIBRARIES))}."
        ) from None
    if notes:
        notices.warn(
            f"{where} holds weights, and nothing else that {source} computes by: "
            f"{'; '.join(notes)}."
        )
    with plain_json.locating(where):
        held.replace(found)


def _modules(held: Held) -> list[other_libraries.Module]:
    blueprint = held.blueprint
    variables = outlines.variables(blueprint.shapes)
    return other_libraries.modules(blueprint.net, variables)


def save(held: Held, path: FilePath, overwrite: bool) -> None:
    """Write the whole model into one file; see `Model.save`."""
    held.blueprint.check_shape_known()
    target = safetensors.writable(path, SUFFIXES, overwrite)
    own: dict[str, Any] = {}
    model = _architecture(held, own)
    if keras_files.is_keras(target):
        legacy = keras_legacy.is_legacy(target)
        form = keras_form.legacy_file if legacy else keras_form.model_file
        safetensors.replace(target, form(held, model))
        return
    compiled = compiling.config_of(held, own)
    arrays, state = train_state.taken(held.untrained())
    header = {
        "format": "model",
        "model": model,
        "compile": compiled,
        "state": state,
    }
    safetensors.write(target, arrays, header)


def _architecture(held: Held, own: dict[str, Any]) -> dict[str, Json]:
    model = architecture.config_of(held.blueprint, own)
    architecture.check_number(model)
    return model


def check_checkpoints(held: Held, callbacks: Iterable[Callback]) -> None:
    """Let what checkpoints could not write fail before anything is trained.

    Raises:
        ArgumentError, MissingExtraError: as `save` and `save_weights` would.
    """
    for callback in callbacks:
        if not isinstance(callback, ModelCheckpoint):
            continue
        if callback.filepath.endswith(keras_files.SUFFIXES):
            import_extra("h5py", "keras")
        if callback.save_weights_only:
            continue
        own: dict[str, Any] = {}
        model = _architecture(held, own)
        if callback.filepath.endswith(keras_files.SUFFIXES):
            if keras_legacy.is_legacy(callback.filepath):
                keras_form.check_legacy(held)
            keras_form.described(held, model)
        else:
            compiling.config_of(held, own)
