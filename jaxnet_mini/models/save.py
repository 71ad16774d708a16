"""Models and weights written into files, and weights read again."""

import os
from typing import Any

from jaxnet_mini.base import plain_json
from jaxnet_mini.core.networks import weights
from jaxnet_mini.files import keras_files, safetensors, train_state
from jaxnet_mini.files.safetensors import FilePath
from jaxnet_mini.models import architecture
from jaxnet_mini.models import compile as compiling
from jaxnet_mini.models.held import Held


def save_weights(held: Held, path: FilePath, overwrite: bool) -> None:
    """Write all weights, by path, into a safetensors file; see `Model.save_weights`."""
    held.blueprint.check_shape_known()
    target = safetensors.writable(path, safetensors.WEIGHTS_SUFFIX, overwrite)
    arrays = weights.of(held.untrained().variables)
    safetensors.write(target, arrays, {"format": "weights"})


def load_weights(held: Held, path: FilePath) -> None:
    """Replace all weights by those in a file; see `Model.load_weights`."""
    held.blueprint.check_shape_known()
    outline = held.blueprint.shapes
    if keras_files.is_keras(path):
        found = keras_files.read_weights(path, outline)
    else:
        found = safetensors.read_weights(path)
        source = repr(os.fspath(path))
        weights.check(weights.shapes(outline), found, source, cast=True)
    with plain_json.locating(repr(os.fspath(path))):
        held.replace(found)


def save(held: Held, path: FilePath, overwrite: bool) -> None:
    """Write the whole model into one safetensors file; see `Model.save`."""
    held.blueprint.check_shape_known()
    target = safetensors.writable(path, safetensors.SUFFIX, overwrite)
    own: dict[str, Any] = {}
    model = architecture.config_of(held.blueprint, own)
    architecture.check_number(model)
    compiled = compiling.config_of(held, own)
    arrays, state = train_state.taken(held.untrained())
    header = {
        "format": "model",
        "model": model,
        "compile": compiled,
        "state": state,
    }
    safetensors.write(target, arrays, header)
