"""Models made of files, of JSON and of other models."""

import copy
from typing import Any

from jaxnet_mini.base import notices, plain_json, seeds
from jaxnet_mini.base.arguments import check_path
from jaxnet_mini.core.networks.composed import Composed
from jaxnet_mini.core.networks.serial import Serial
from jaxnet_mini.core.values import Value
from jaxnet_mini.errors import ArgumentError, FileError, shortened
from jaxnet_mini.files import keras_config, keras_files, safetensors, train_state
from jaxnet_mini.files.config import CustomObjects
from jaxnet_mini.files.registered import with_registered
from jaxnet_mini.files.safetensors import FilePath
from jaxnet_mini.models import architecture, keras_form, places, subclass
from jaxnet_mini.models import held as holding
from jaxnet_mini.models.blueprint import Blueprint
from jaxnet_mini.models.model import Model
from jaxnet_mini.models.sequential import Sequential

LEFT_OUT = "the compile settings, which compile=False leaves out"


def load_model(
    path: FilePath, custom_objects: CustomObjects | None = None, compile: bool = True
) -> Model:
    """Return the model that ``model.save`` wrote, or that Keras 3 did.

    Training goes on exactly as it would have. Nothing that a file names is imported
    or evaluated.

    Args:
        path: a ``.safetensors`` file, or a ``.keras`` or legacy ``.h5`` file of dense
            layers: a Sequential, a Functional or a model of a class that you give. Of
            Keras's optimizers the state is read for those that `Model.save` names,
            but from no ``.h5`` file of Keras.
        custom_objects: your own classes and functions that the file names, such as
            ``{"my_loss": my_loss}``. Classes must be dataclasses, or in Keras's form.
        compile: whether to compile as the model in the file was.

    Raises:
        FileError: there is no such file, it is damaged or holds no model.
        UnknownNameError: it names something that is neither known nor given.
        ArgumentError, ShapeError: it describes no model, or one that its arrays do
            not fit.
        DataError: a number in a ``.keras`` file is too large for the model's dtype.

    >>> import tempfile
    >>> from jaxnet_mini.layers import Dense
    >>> model = Sequential([Dense(3, input_dim=2)])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     model.save(f"{folder}/model.safetensors")
    ...     load_model(f"{folder}/model.safetensors").count_params()
    9
    """
    source, own = check_path("path", path), with_registered(custom_objects)
    if keras_files.is_keras(path):
        return _of_keras(path, source, own, compile)
    return _of_safetensors(path, source, own, compile)


def _of_config(config: Any, own: CustomObjects | None) -> Model:
    """Return a model of an architecture: a `Sequential` of layers in a row."""
    called = isinstance(config, dict) and "graph" in config
    kind = Model if called and config.get("inputs") != [] else Sequential
    return kind.from_config(config, own)


def _of_keras(path: FilePath, source: str, own: CustomObjects, compile: bool) -> Model:
    config = keras_files.read_config(path)
    with plain_json.locating(source):
        layers = keras_config.architecture(config, own)
        architecture.check_number(layers)
        model = _of_config(layers, own)
        left_out = keras_config.of_training(config)
        if compile:
            with plain_json.locating(LEFT_OUT):
                compiled = keras_config.settings(config, own)
                if compiled and left_out:
                    raise ArgumentError(f"{left_out[0]}: not supported.")
                _compile_as(model, compiled, own)
        holding.of(model).blueprint.check_shape_known()
    if left_out:
        notices.warn(
            f"{source}: {shortened(left_out)}. That changes no prediction, and is left "
            "out: training here goes on without it.",
        )
    keras_form.load(holding.of(model), path, begin=True)
    return model


def _of_safetensors(
    path: FilePath, source: str, own: CustomObjects, compile: bool
) -> Model:
    contents = safetensors.read(path)
    header = contents.header
    if header is None or header.get("format") != "model":
        holds = "weights only" if header else "no model that model.save wrote"
        raise FileError(
            f"{source!r} holds {holds}: build the model, then call model.load_weights."
        )
    with plain_json.locating(source):
        entries = {"format": str, "model": dict, "state": dict}
        plain_json.check_keys(header, entries | {"compile": dict | None}, "the header")
        architecture.check_number(header["model"])
        model = _of_config(header["model"], own)
        if compile:
            with plain_json.locating(LEFT_OUT):
                _compile_as(model, header["compile"], own)
        held = holding.of(model)
        held.blueprint.check_shape_known()
        with architecture.computing("the state cannot be put together"):
            held.state = train_state.restored(
                header["state"],
                contents.arrays,
                held.blueprint.shapes,
                held.trainer,
                "the file",
            )
    return model


def _compile_as(model: Model, settings: Any, own: CustomObjects) -> None:
    if settings is not None:
        with architecture.computing("the model cannot be compiled"):
            model.compile_from_config(settings, own)


def model_from_json(text: str, custom_objects: CustomObjects | None = None) -> Model:
    """Return a model of the architecture that ``model.to_json()`` wrote.

    Its weights are new, drawn with the seed of the model that wrote it.

    >>> from jaxnet_mini.layers import Dense
    >>> model_from_json(Sequential([Dense(3, input_dim=2)]).to_json()).layers
    [Dense(3, input_shape=(2,))]
    """
    return _of_config(plain_json.parse(text), custom_objects)


def of_copied(
    net: Composed, shape: Any, name: str, seed: int | None, like: Any
) -> Model:
    """Return a model of layers that stand in others, with weights of its own.

    Args:
        net: the layers; of those in a row the model is a `Sequential`.
        shape: of the inputs; None where it is not known.
        name: shown by `summary`.
        seed: of its weights; None for the default.
        like: the model that it is a copy of; None where it is one of several.
    """
    family = None if like is None else holding.of(like).blueprint
    seed = seeds.or_default(seed)
    blueprint = Blueprint(name, seed).of_copied(net, shape, family)
    if like is not None and subclass.is_called(type(like)):
        model: Model = type(like).of_blueprint(blueprint)
        # Its attributes, of which the layers have other weights in it.
        vars(model).update(vars(like) | {"_held": model._held})
        return model
    in_a_row = type(net) is Serial if like is None else isinstance(like, Sequential)
    kind = Sequential if in_a_row else Model
    return kind.of_blueprint(blueprint)


def clone_model(model: Model) -> Model:
    """Return a model of the same layers with new weights, drawn with the same seed.

    One of layers is compiled as the first is.

    >>> from jaxnet_mini.layers import Dense
    >>> clone_model(Sequential([Dense(3, input_dim=2)])).layers
    [Dense(3, input_shape=(2,))]
    """
    if not subclass.is_of_layers(model):
        own: dict[str, Any] = {}
        return _of_config(architecture.config_of(holding.of(model).blueprint, own), own)
    held = holding.of(model)
    blueprint = held.blueprint
    # The others are copied with the blueprint.
    layers = {
        id(layer): copy.deepcopy(layer)
        for _, layer in places.within(blueprint.net)
        if not isinstance(layer, Value)
    }
    net = places.exchanged(blueprint.net, layers)
    shape = blueprint.input_shape
    clone = of_copied(net, shape, model.name, model.seed, like=model)
    if held.make is not None:
        holding.of(clone).compile(held.make)
    return clone
