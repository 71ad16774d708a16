"""What of a model goes into files: what it is, its weights, the state of training."""

import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from jaxnet_mini.base import notices, plain_json
from jaxnet_mini.base.arguments import check_path
from jaxnet_mini.base.plain_json import Json
from jaxnet_mini.core.networks import weights
from jaxnet_mini.errors import ArgumentError, FileError, JaxnetError, shortened
from jaxnet_mini.files import config as configs
from jaxnet_mini.files import keras_config, keras_files, safetensors, train_state
from jaxnet_mini.files.config import CustomObjects
from jaxnet_mini.files.safetensors import FilePath
from jaxnet_mini.models.compiling import CompiledStack

Stored = TypeVar("Stored", bound="StoredStack")

MOST_LAYERS = 1000
"""In a file. Each takes half a millisecond to build, whatever it then turns out to be;
`jaxnet_mini.repeat` counts as one."""

LEFT_OUT = "the compile settings, which compile=False leaves out"


class StoredStack(CompiledStack):
    """A `CompiledStack` that can be written into a file and read again."""

    # Architecture

    def get_config(self) -> dict[str, Any]:
        """Return the architecture as plain JSON, for `from_config`.

        Raises:
            ArgumentError: a layer holds what has no name to find it by.
        """
        return self._config({})

    def _config(self, own: dict[str, Any]) -> dict[str, Any]:
        layers = [
            configs.to_config(part.layer, f"the layer {part.name!r}", own)
            for part in self.outline
        ]
        shape = list(self._known_shape()) if self.built else None
        named = {"name": self.name, "seed": self.seed}
        return named | {"input_shape": shape, "layers": layers}

    @classmethod
    def from_config(
        cls: type[Stored],
        config: Mapping[str, Any],
        custom_objects: CustomObjects | None = None,
    ) -> Stored:
        """Return a model of the architecture that `get_config` gave, with new weights.

        Args:
            config: what `get_config` returned.
            custom_objects: the user's own classes and functions in it, by name.

        Raises:
            UnknownNameError, ArgumentError, ShapeError: it describes no model.
        """
        entries = {"name": str, "seed": int, "input_shape": list | None, "layers": list}
        plain_json.check_keys(config, entries, "the architecture")
        layers = configs.from_config(config["layers"], custom_objects, "layers")
        with _computing("the layers cannot be built"):
            model = cls(layers, config["name"], config["seed"])
            if config["input_shape"] is not None:
                model.build((None, *config["input_shape"]))
        return model

    def to_json(self, **arguments: Any) -> str:
        """Return the architecture as a text, for `models.model_from_json`.

        Args:
            arguments: passed on to ``json.dumps``, such as ``indent=2``.
        """
        return json.dumps(self.get_config(), **arguments)

    # Weights

    def save_weights(self, path: FilePath, overwrite: bool = True) -> None:
        """Write all weights, by path, into a safetensors file.

        Args:
            path: a name that ends in ``.weights.safetensors``.
            overwrite: whether a file of this name may be replaced.

        Raises:
            StateError: the input shape, and so the weights, are not known yet.
            FileError: the file cannot be written; what was there is there still.
        """
        self._known_shape()
        target = safetensors.writable(path, safetensors.WEIGHTS_SUFFIX, overwrite)
        safetensors.write(target, weights.by_path(self.params), {"format": "weights"})

    def load_weights(self, path: FilePath) -> None:
        """Replace all weights by those in a file; the optimizer's state stays.

        Args:
            path: a ``.safetensors`` file, of weights alone or of a whole model, or one
                of Keras 3: ``.weights.h5`` or ``.keras``.

        Raises:
            StateError: the input shape, and so the weights, are not known yet.
            FileError: there is no such file, or it is damaged.
            ShapeError: it holds the weights of other layers; the message says which
                and how, and nothing has changed.
            DataError: a number is too large for the model's dtype. Floats of any width
                (float16, bfloat16, float32, float64) are cast to it.
        """
        self._known_shape()
        if keras_files.is_keras(path):
            found = keras_files.read_weights(path, self._outline)
        else:
            found = safetensors.read_weights(path)
            source = repr(os.fspath(path))
            weights.check(weights.shapes(self._outline), found, source, cast=True)
        with plain_json.locating(repr(os.fspath(path))):
            self._replace(found)

    # All of it

    def save(self, path: FilePath, overwrite: bool = True) -> None:
        """Write the whole model into one safetensors file, for `models.load_model`.

        It holds the architecture, the compile settings, all weights, the optimizer's
        state, the number of steps and the key, so that training goes on as it would
        have. It holds no code: a user's own layers, losses and other functions stand
        in it by name.

        Args:
            path: a name that ends in ``.safetensors``.
            overwrite: whether a file of this name may be replaced.

        Raises:
            StateError: the input shape, and so the weights, are not known yet.
            ArgumentError: a layer, the loss or the optimizer has no name to find it
                by, such as a lambda or an optax transformation.
            FileError: the file cannot be written; what was there is there still.
        """
        self._known_shape()
        target = safetensors.writable(path, safetensors.SUFFIX, overwrite)
        own: dict[str, Any] = {}
        model = self._config(own)
        _check_number(model)
        compiled = None if self._trainer is None else self._compile_config(own)
        arrays, state = train_state.taken(self._untrained())
        header = {
            "format": "model",
            "model": model,
            "compile": compiled,
            "state": state,
        }
        safetensors.write(target, arrays, header)

    @classmethod
    def _load(
        cls: type[Stored],
        path: FilePath,
        custom_objects: CustomObjects | None,
        compile: bool,
    ) -> Stored:
        """Return the model in a file; see `models.load_model`."""
        source, own = check_path("path", path), custom_objects or {}
        if keras_files.is_keras(path):
            config = keras_files.read_config(path)
            with plain_json.locating(source):
                architecture = keras_config.architecture(config, own)
                _check_number(architecture)
                model = cls.from_config(architecture, own)
                left_out = keras_config.of_training(config)
                if compile:
                    with plain_json.locating(LEFT_OUT):
                        compiled = keras_config.settings(config, own)
                        if compiled and left_out:
                            raise ArgumentError(f"{left_out[0]}: not supported.")
                        model._compile_as(compiled, own)
                model._known_shape()
            if left_out:
                notices.warn(
                    f"{source}: {shortened(left_out)}. That changes no prediction, and "
                    "is left out: training here goes on without it.",
                )
            model.load_weights(path)
            return model
        contents = safetensors.read(path)
        header = contents.header
        if header is None or header.get("format") != "model":
            holds = "weights only" if header else "no model that model.save wrote"
            raise FileError(
                f"{source!r} holds {holds}: build the model, then call "
                "model.load_weights."
            )
        with plain_json.locating(source):
            entries = {"format": str, "model": dict, "state": dict}
            plain_json.check_keys(
                header, entries | {"compile": dict | None}, "the header"
            )
            _check_number(header["model"])
            model = cls.from_config(header["model"], own)
            if compile:
                with plain_json.locating(LEFT_OUT):
                    model._compile_as(header["compile"], own)
            model._known_shape()
            with _computing("the state cannot be put together"):
                model._state = train_state.restored(
                    header["state"],
                    contents.arrays,
                    model._outline,
                    model._trainer,
                    "the file",
                )
        return model

    def _compile_as(self, settings: Any, custom_objects: CustomObjects) -> None:
        if settings is not None:
            with _computing("the model cannot be compiled"):
                self.compile_from_config(settings, custom_objects)


def _check_number(architecture: Json) -> None:
    """Check that there are not too many layers for a file, those within others too.

    Raises:
        ArgumentError: there are.
    """
    number = json.dumps(architecture).count('"layers.')
    if number > MOST_LAYERS:
        raise ArgumentError(
            f"there are {number} layers, and a file holds at most {MOST_LAYERS}: "
            "repeat one with jaxnet_mini.repeat, or keep the weights alone."
        )


@contextlib.contextmanager
def _computing(what: str) -> Iterator[None]:
    """Name what fails where every argument is right alone, and all together are not.

    Raises:
        ArgumentError: JAX or optax takes them not, nor a class of the user's.
    """
    try:
        yield
    except (JaxnetError, RecursionError):
        raise
    except Exception as error:
        raise ArgumentError(f"{what}: {error}") from error
