"""Absences against Keras's own."""

import inspect
import re

import pytest
from conftest import keras_on_jax
from oracles import unchecked_types

import jaxnet_mini as jn
from jaxnet_mini import metrics
from jaxnet_mini.base.absent import calls
from jaxnet_mini.base.absent import names as keras_names
from jaxnet_mini.base.absent.arguments import ARGUMENTS
from jaxnet_mini.core.values import Value
from jaxnet_mini.errors import AbsentNameError, CallError

ROOMS = [*keras_names.NAMES]


UNADVISED = ("did you mean", "lists what there is")


def ours(room):
    return getattr(jn, room) if room else jn


def test_every_name_of_keras_is_here_or_is_answered():
    with keras_on_jax() as keras:
        names = {
            room: [
                n for n in dir(getattr(keras, room) if room else keras) if n[0] != "_"
            ]
            for room in ROOMS
        }
    absent = {
        (room, name)
        for room, there in names.items()
        for name in there
        if not hasattr(ours(room), name)
    }
    assert len(absent) > 250
    for room, name in absent:
        module = ours(room)
        with pytest.raises(AbsentNameError) as caught:
            getattr(module, name)
        said = str(caught.value)
        assert said.startswith(f"{module.__name__} has no {name}: "), said
        assert not any(words in said for words in UNADVISED), said
        assert said.endswith("."), said
        assert len(said) < 250, said
        assert name not in dir(module)


SENTENCE = re.compile(r"(\w+) has no argument (\w+) \(got .*\): .{8,}\.$")


NEEDED = {
    "layers.Dense": (3,),
    "layers.Activation": ("relu",),
    "layers.AlphaDropout": (0.5,),
    "layers.CategoryEncoding": (3,),
    "layers.Embedding": (3, 2),
    "layers.Lambda": (jn.activations.relu,),
    "layers.Permute": ((2, 1),),
    "layers.RepeatVector": (2,),
    "layers.Dropout": (0.5,),
    "layers.GaussianDropout": (0.5,),
    "layers.GaussianNoise": (0.5,),
    "layers.Input": ((3,),),
    "layers.InputLayer": ((3,),),
    "layers.Rescaling": (0.5,),
    "layers.Reshape": ((3,),),
    "losses.Loss": (),
    "metrics.FBetaScore": (),
    "metrics.MeanMetricWrapper": (metrics.accuracy,),
    "metrics.PrecisionAtRecall": (0.5,),
    "metrics.RecallAtPrecision": (0.5,),
    "metrics.SensitivityAtSpecificity": (0.5,),
    "metrics.SpecificityAtSensitivity": (0.5,),
    "callbacks.BackupAndRestore": ("folder",),
    "callbacks.CSVLogger": ("file",),
    "callbacks.CallbackList": ((), None, {}),
    "callbacks.LearningRateScheduler": (print,),
    "callbacks.ModelCheckpoint": ("file.safetensors",),
    "utils.pad_sequences": ([[1]],),
    "utils.to_categorical": ([0, 1],),
}
"""What must be given to each; of those left out nothing, or it is a function."""


GIVEN_OTHERWISE = {"kwargs", "args", "self"}


NOTHING_KNOWN = object()


AS_JAX = {"initializers.Initializer", "metrics.Metric", "callbacks.Callback"}
"""Bases that take nothing. Initializers in small letters are JAX's functions."""


def arguments_of(keras):
    """All that Keras takes where we have the same, with its default."""
    for room in keras_names.NAMES:
        module = getattr(keras, room) if room else None
        for name in dir(module) if module else ():
            theirs, own = getattr(module, name), getattr(ours(room), name, None)
            jaxs = room == "initializers" and name != "get" and name.islower()
            if name[0] == "_" or jaxs or f"{room}.{name}" in AS_JAX:
                continue
            if callable(theirs) and own is not None and not inspect.isabstract(own):
                yield f"{room}.{name}", theirs, own
    for name in calls.METHODS:
        yield f"model.{name}", getattr(keras.Sequential, name), None


def test_every_argument_of_keras_is_here_or_is_answered():
    model = jn.Sequential([jn.Dense(1, input_shape=(4,))])
    tried = 0
    with keras_on_jax() as keras, unchecked_types():
        of_layers = dict(inspect.signature(keras.layers.Layer).parameters)
        for where, theirs, own in arguments_of(keras):
            room, name = where.split(".")
            call, given = own or getattr(model, name), NEEDED.get(where, ())
            wanted = dict(inspect.signature(theirs).parameters)
            wanted |= of_layers if room == "layers" else {}
            taken = inspect.signature(call).parameters
            if any(p.kind is p.VAR_KEYWORD for p in taken.values()):
                continue
            for argument in wanted.keys() - taken.keys() - GIVEN_OTHERWISE:
                tried += 1
                with pytest.raises(CallError) as caught:
                    call(*given, **{argument: NOTHING_KNOWN})
                said = SENTENCE.match(str(caught.value))
                assert said, f"{where}: {caught.value}"
                assert said.groups() == (call.__name__, argument)
                default = wanted[argument].default
                if isinstance(own, type) and default is not inspect.Parameter.empty:
                    with_default = call(*given, **{argument: default})
                    if isinstance(with_default, Value):
                        assert with_default == call(*given), where
                        assert hash(with_default) == hash(call(*given))
    assert tried > 150
    assert issubclass(CallError, TypeError)
    for name in calls.METHODS:
        taken = inspect.signature(getattr(model, name)).parameters
        assert not taken.keys() & ARGUMENTS.get(name, {}).keys(), name
