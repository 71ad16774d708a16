"""Models and weights written into files, and weights read again."""

import os
from typing import Any

from jaxnet_mini.base import plain_json
from jaxnet_mini.core.networks import weights
from jaxnet_mini.files import keras_files, keras_writer, safetensors, train_state
from jaxnet_mini.files.safetensors import FilePath
from jaxnet_mini.models import architecture, keras_form
from jaxnet_mini.models import compile as compiling
from jaxnet_mini.models.held import Held

SUFFIXES = (safetensors.SUFFIX, keras_writer.SUFFIX)
WEIGHTS_SUFFIXES = (safetensors.WEIGHTS_SUFFIX, keras_writer.WEIGHTS_SUFFIX)


def save_weights(held: Held, path: FilePath, overwrite: bool) -> None:
    """Write all weights into a file; see `Model.save_weights`."""
    held.blueprint.check_shape_known()
    target = safetensors.writable(path, WEIGHTS_SUFFIXES, overwrite)
    if target.name.endswith(keras_writer.WEIGHTS_SUFFIX):
        contents = keras_form.weights_file(held)
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
    model = architecture.config_of(held.blueprint, own)
    architecture.check_number(model)
    if target.name.endswith(keras_writer.SUFFIX):
        safetensors.replace(target, keras_form.model_file(held, model))
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
