"""Models and weights written into files, and weights read again."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from jaxnet_mini.base import plain_json
from jaxnet_mini.base.arguments import check_float, check_path
from jaxnet_mini.base.plain_json import Json
from jaxnet_mini.callbacks import Callback, ModelCheckpoint
from jaxnet_mini.core.networks import weights
from jaxnet_mini.errors import ArgumentError, import_extra
from jaxnet_mini.files import (
    keras_files,
    keras_legacy,
    keras_shards,
    keras_writer,
    safetensors,
    train_state,
)
from jaxnet_mini.files.safetensors import FilePath
from jaxnet_mini.models import architecture, keras_form
from jaxnet_mini.models import compile as compiling
from jaxnet_mini.models.held import Held

SUFFIXES = (safetensors.SUFFIX, keras_writer.SUFFIX, *keras_legacy.SUFFIXES)
WEIGHTS_SUFFIXES = (safetensors.WEIGHTS_SUFFIX, keras_writer.WEIGHTS_SUFFIX)


def save_weights(
    held: Held, path: FilePath, overwrite: bool, max_shard_size: float | None
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
    target = safetensors.writable(path, suffixes, overwrite)
    if max_shard_size is not None:
        most = check_float("max_shard_size", max_shard_size, least=0.0)
        shards = keras_shards.shards(keras_form.arrays_of(held), most)
        keras_shards.write(Path(path), target, shards)
        return
    if target.name.endswith(keras_writer.WEIGHTS_SUFFIX):
        contents = keras_writer.hdf5(keras_form.arrays_of(held))
    else:
        arrays = weights.of(held.untrained().variables)
        contents = safetensors.encoded(arrays, {"format": "weights"})
    safetensors.replace(target, contents)


def load_weights(held: Held, path: FilePath) -> None:
    """Replace all weights by those in a file; see `Model.load_weights`."""
    held.blueprint.check_shape_known()
    if keras_files.is_keras(path):
        keras_form.load(held, path, begin=False)
        return
    outline, source = held.blueprint.shapes, repr(os.fspath(path))
    found = safetensors.read_weights(path)
    weights.check(weights.shapes(outline), found, source, cast=True)
    with plain_json.locating(source):
        held.replace(found)


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
            keras_form.described(held, model)
        else:
            compiling.config_of(held, own)
