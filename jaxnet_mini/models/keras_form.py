"""Models in the form of Keras's files: what is written, and what is read of training.

Of the optimizers in `jaxnet_mini.files.keras_optimizers` the state goes along; others
begin afresh where the file is read, and so does what Keras has not, the key of random
numbers.
"""

import os
from typing import Any

import jax
import numpy as np
from jax import Array
from numpy.typing import NDArray

from jaxnet_mini.base import notices, plain_json
from jaxnet_mini.base.plain_json import Json
from jaxnet_mini.core import optimizers
from jaxnet_mini.core.networks import outline as outlines
from jaxnet_mini.core.networks import weights
from jaxnet_mini.core.networks.graph import names_are_given
from jaxnet_mini.core.networks.paths import by_path
from jaxnet_mini.devices import transfers
from jaxnet_mini.errors import ArgumentError
from jaxnet_mini.files import (
    keras_files,
    keras_groups,
    keras_legacy,
    keras_optimizers,
    keras_words,
    keras_writer,
)
from jaxnet_mini.files.config import public_name
from jaxnet_mini.files.safetensors import FilePath
from jaxnet_mini.models import compile as compiling
from jaxnet_mini.models.held import Held
from jaxnet_mini.models.weights import placed


def arrays_of(held: Held) -> keras_writer.Arrays:
    """Return what stands in files of weights."""
    variables, optimizer = held.untrained().variables, _optimizer_variables(held)
    return keras_writer.arrays_of(held.blueprint.shapes, variables, optimizer)


def model_file(held: Held, config: dict[str, Json]) -> bytes:
    """Return the contents of a ``.keras`` file.

    Args:
        held: what the model holds.
        config: its architecture.

    Raises:
        ArgumentError: something has no equal in Keras.
    """
    written = described(held, config, trained=True)
    return keras_writer.model_file(written, keras_writer.hdf5(arrays_of(held)))


def legacy_file(held: Held, config: dict[str, Json]) -> bytes:
    """Return the contents of a legacy ``.h5`` file; see `model_file`."""
    check_legacy(held)
    written, optimizer = (
        described(held, config, trained=True),
        _optimizer_variables(held),
    )
    variables = held.untrained().variables
    return keras_legacy.model_file(written, held.blueprint.shapes, variables, optimizer)


def check_legacy(held: Held) -> None:
    """Check that a legacy file holds such a model.

    Raises:
        ArgumentError: it is of a user's own class with ``call``, or a layer has the
            name of what else is there.
    """
    if keras_legacy.TOP in held.blueprint.net.names:
        raise ArgumentError(
            f"a layer has the name {keras_legacy.TOP!r}, by which a '.h5' file has "
            "what belongs to no layer: give the layer another, or the file a name that "
            "ends in '.keras' or '.safetensors'."
        )
    if keras_groups.is_model(held.blueprint.net.layers[0]):
        raise ArgumentError(
            "a model of a class of your own is written into no '.h5' file, which has "
            "layers in a row or a graph of them: give the file a name that ends in "
            "'.keras' or '.safetensors'."
        )


def described(
    held: Held, config: dict[str, Json], trained: bool = False
) -> dict[str, Json]:
    """Return what Keras's ``config.json`` says of a model, see `model_file`.

    Args:
        held: what the model holds.
        config: its architecture.
        trained: whether to say the learning rate as it is now.
    """
    blueprint, outline = held.blueprint, held.blueprint.shapes
    for path, weight in weights.shapes(outline).items():
        if weight.dtype not in (np.float32, np.int32):  # floats, and counts
            raise ArgumentError(
                f"the weight {path!r} is of {weight.dtype}, and of Keras's files only "
                "those of float32 are written: give the file a name that ends in "
                "'.safetensors', or keep the weights alone with model.save_weights."
            )
    written = keras_words.architecture(
        config, blueprint.net, outline, blueprint.known_shape
    )
    if held.is_compiled:
        written["compile_config"] = _settings(held, trained)
    return written


def _settings(held: Held, trained: bool) -> dict[str, Json]:
    """Return how the model is trained."""
    if not isinstance(held.compiled().optimizer, optimizers.Optimizer):
        raise ArgumentError(
            "the optimizer cannot be written as Keras does: it is a transformation of "
            "optax. Keep the weights alone with model.save_weights."
        )
    if held.compiled().train_step is not None:
        raise ArgumentError(
            "train_step cannot be written as Keras does, where it is a method: give "
            "the file a name that ends in '.safetensors', or keep the weights alone "
            "with model.save_weights."
        )
    settings: Any = compiling.config_of(held, {})
    rate = _learning_rate(held) if trained else None
    if rate is not None:
        settings["optimizer"]["config"]["learning_rate"] = float(rate)
    outputs, keyed = held.compiled().outputs, names_are_given(held.blueprint.net)
    written: dict[str, Json] = keras_words.settings(settings, outputs, keyed)
    return written


def _learning_rate(held: Held) -> Any:
    """Return the learning rate; None where a schedule sets it."""
    rate = held.compiled().optimizer.learning_rate
    state = held.untrained().optimizer_state
    if callable(rate) or state is None:
        return None if callable(rate) else rate
    return transfers.to_host(optimizers.get_learning_rate(state))


def _optimizer_variables(held: Held) -> list[NDArray[Any]] | None:
    """Return the variables of Keras's optimizer; None where it has none of this kind.

    Before the first step they are what Keras has then. Of an optimizer whose state
    Keras has otherwise they are the number of steps, by which `load` knows that the
    rest is missing, and the learning rate.
    """
    if not held.is_compiled or public_name(type(held.compiled().optimizer)) is None:
        return None
    state = held.untrained().optimizer_state
    places = None if state is None else _places(held, state)
    if places is not None:
        return keras_optimizers.written(places, state)
    rate = _learning_rate(held)
    steps = np.int32(0 if state is None else transfers.to_host(_steps(state)))
    return [steps, *(() if rate is None else (np.float32(rate),))]


def _places(held: Held, state: Any) -> list[keras_optimizers.Counterpart] | None:
    """Return where in a state of the optimizer Keras's variables stand."""
    groups = keras_groups.of_model(held.blueprint.shapes)
    paths = [path for group in groups for path in group.paths]
    return keras_optimizers.places(held.compiled().optimizer, state, paths)


def load(held: Held, path: FilePath, begin: bool) -> None:
    """Replace all weights by those in a file of Keras, and the optimizer's state.

    Args:
        held: what the model holds.
        path: a ``.weights.h5`` or ``.keras`` file.
        begin: whether an optimizer that has not begun takes the state in the file; one
            that has does so anyway.

    Raises:
        FileError, ShapeError, DataError: the file is damaged, or of another model.
    """
    found = keras_files.read_weights(path, held.blueprint.shapes)
    with plain_json.locating(repr(os.fspath(path))):
        begun = held.state is not None and held.state.optimizer_state is not None
        optimizer = _read_optimizer(held, path) if begin or begun else None
        held.replace(found)
    if begin and held.is_compiled and optimizer is None and keras_files.has_steps(path):
        notices.warn(
            f"{os.fspath(path)!r}: the state of the optimizer is not read from this "
            "file, and the optimizer begins afresh where training goes on; predictions "
            "are the same. It is read of '.keras' files, of the optimizers that "
            "Model.save names."
        )
    if optimizer is not None:
        state = held.untrained()
        held.put(state._replace(optimizer_state=optimizer, step=_steps(optimizer)))


def _read_optimizer(held: Held, path: FilePath) -> Any:
    """Return the state of the model's optimizer that is in a file; None for none."""
    if not held.is_compiled or public_name(type(held.compiled().optimizer)) is None:
        return None
    trainer, variables = held.compiled(), outlines.variables(held.blueprint.shapes)
    like = jax.eval_shape(trainer.optimizer.init, trainer.trained(variables.params))
    places = _places(held, like)
    if places is None:
        return None
    expected = by_path(like)
    arrays = keras_files.read_optimizer(path, [expected[p.path] for p in places])
    if arrays is None:
        return None
    every = trainer.optimizer.gradient_accumulation_steps
    found = {
        name: placed(f"optimizer/{name}", expected[name], array)
        for name, array in keras_optimizers.read(places, like, arrays, every).items()
    }
    with transfers.meant():
        # The numbers that Keras keeps in the configuration; there is nothing to train.
        numbers = by_path(trainer.optimizer.init({}))
    leaves = [(numbers | found)[name] for name in expected]
    return jax.tree.unflatten(jax.tree.structure(like), leaves)


def _steps(optimizer: Any) -> Array:
    """Return the number of steps that an optimizer has made."""
    steps: Array = by_path(optimizer)[keras_optimizers.STEPS]
    return steps
