"""Every argument of every public class refuses at once what is not of its kind.

The arguments are found by their annotations, so that a new one is met here too.
"""

import collections.abc
import inspect
import os
import types
import typing

import numpy as np
import pandas as pd
import pytest
from oracles import unchecked_types

import jaxnet_mini as jn
from jaxnet_mini.core.values import MADE_OF
from jaxnet_mini.data import checks
from jaxnet_mini.errors import ArgumentError, JaxnetError, UnknownNameError

PLACES = (
    jn.layers,
    jn.losses,
    jn.metrics,
    jn.callbacks,
    jn.constraints,
    jn.optimizers,
    jn.optimizers.schedules,
    jn.initializers,
    jn.regularizers,
)
NEEDED = {
    "activation": "relu",
    "axes": 1,
    "backup_dir": "runs",
    "boundaries": (2,),
    "callbacks": [],
    "decay_rate": 0.9,
    "decay_steps": 10,
    "dims": (2, 1),
    "filename": "log.csv",
    "filepath": "best.safetensors",
    "first_decay_steps": 10,
    "fn": pow,
    "function": abs,
    "initial_learning_rate": 0.1,
    "input_dim": 3,
    "n": 2,
    "num_tokens": 3,
    "output_dim": 2,
    "precision": 0.5,
    "rate": 0.5,
    "recall": 0.5,
    "scale": 2.0,
    "schedule": lambda epoch: 0.1,
    "sensitivity": 0.5,
    "shape": (3,),
    "specificity": 0.5,
    "stddev": 0.1,
    "target_shape": (3,),
    "units": 3,
    "values": (0.1, 0.2),
}
"""Something good for each argument without a default."""

NEEDED_BESIDE = {"InputLayer": {"shape": (3,)}}
"""Where one of two arguments with a default has to be there."""

# What is of the wrong kind, by the kind that is asked for.
ALWAYS = ([1], {"a": 1}, b"3", 1j, object())
WRONG = {
    int: (*ALWAYS, "3", True, 1.5, np.nan, np.True_),
    float: (*ALWAYS, "3", True, np.nan, np.True_),
    bool: (*ALWAYS, "yes", 2, 0.5, np.nan),
    str: (*ALWAYS, 3, 0.5, True),
    os.PathLike: (*ALWAYS, 3, 0.5, True, ""),
    collections.abc.Callable: ([1], {"a": 1}, b"3", 3, True, object()),
}
LEFT_OUT = {"AdamState", "CallbackList"}
"""What the library makes itself."""


def kinds_of(annotation):
    """The types that an annotation allows, without those of its items."""
    if typing.get_origin(annotation) is typing.Annotated:
        return kinds_of(typing.get_args(annotation)[0])
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return {k for a in typing.get_args(annotation) for k in kinds_of(a)}
    return {typing.get_origin(annotation) or annotation}


def room_of(kind):
    """Where users find it: ``losses``, ``layers``."""
    return kind.__module__.replace(".core.", ".").split(".")[1]


def public_classes():
    for place in PLACES:
        for name in sorted(getattr(place, "__all__", dir(place))):
            found = getattr(place, name)
            if (
                inspect.isclass(found)
                and found.__module__.startswith("jaxnet_mini.")
                and not inspect.isabstract(found)
                and not name.startswith("_")
                and name not in LEFT_OUT
            ):
                yield found


def wrong_for(argument, annotation):
    """What is of none of the kinds that an annotation allows."""
    allowed = kinds_of(annotation)
    kinds = sorted(allowed & WRONG.keys(), key=str)
    found = [
        value
        for value in (WRONG[kinds[0]] if kinds else ())
        if all(any(value is other for other in WRONG[kind]) for kind in kinds)
        and not (isinstance(value, list) and collections.abc.Sequence in allowed)
        and not (argument == "verbose" and value is True)
    ]
    # None stands for the default name of a metric, as in Keras.
    none_is_wrong = kinds and types.NoneType not in allowed and argument != "name"
    return found + [None] * bool(none_is_wrong)


def needed_by(kind):
    """Return arguments by which a class is made."""
    needed = {
        p.name: NEEDED[p.name]
        for p in inspect.signature(kind).parameters.values()
        if p.default is p.empty and p.kind is not p.VAR_KEYWORD
    }
    return needed | NEEDED_BESIDE.get(kind.__name__, {})


def cases():
    for kind in public_classes():
        parameters = inspect.signature(kind).parameters.values()
        needed = needed_by(kind)
        for p in parameters:
            annotation = getattr(p.annotation, "type", p.annotation)  # of an InitVar
            wrong = wrong_for(p.name, annotation)
            if wrong and p.kind is not p.VAR_KEYWORD:
                where = f"{room_of(kind)}.{kind.__name__}-{p.name}"
                yield pytest.param(kind, needed, p.name, wrong, id=where)


CASES = list(cases())


@pytest.mark.parametrize("room", sorted({room_of(kind) for kind in public_classes()}))
def test_what_is_of_another_kind_is_refused_at_once(room, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    own = [case.values for case in CASES if case.id.startswith(f"{room}.")]
    for kind, needed, argument, wrong in own:
        words = [*argument.split("_"), "unknown"]
        for value in wrong:
            given = f"{kind.__name__}({argument}={value!r})"
            with unchecked_types():
                try:
                    kind(**{**needed, argument: value})
                except JaxnetError as error:
                    raised = error
                else:
                    raise AssertionError(f"{given} was taken")
            message = str(raised)
            assert isinstance(raised, ArgumentError | UnknownNameError), given
            assert any(word in message for word in words), f"{given}: {message}"
            # Where the class is named, that is the first word.
            firsts = (kind.__name__, "checkpoint, or backup_dir of")
            assert message.startswith(firsts) or kind.__name__ not in message, given
    assert not list(tmp_path.iterdir())


def test_arguments_of_nearly_all_classes_are_tried():
    assert len(CASES) > 600


@pytest.mark.parametrize(
    ("kind", "needed", "argument"),
    [pytest.param(*c.values[:3], id=c.id) for c in CASES if 2 in c.values[3]],
)
def test_0_and_1_are_as_good_as_flags(kind, needed, argument, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ends = {"filepath": "best.weights.safetensors"} if "filepath" in needed else {}
    for flag in (False, True):
        for value in (flag, int(flag), np.bool_(flag), np.int64(flag)):
            given = ends if argument == "save_weights_only" and flag else {}
            with unchecked_types():
                made = kind(**{**needed, **given, argument: value})
            assert getattr(made, argument) is flag


# Integers of whatever type

INTEGERS = (np.int8, np.int64, float, np.float32, np.array, np.float64)


def integer_arguments():
    """The arguments that ask for an integer and for no other number."""
    for kind in public_classes():
        parameters = inspect.signature(kind).parameters.values()
        needed = needed_by(kind)
        for p in parameters:
            kinds = kinds_of(getattr(p.annotation, "type", p.annotation))
            if int in kinds and float not in kinds:
                plain = 3 if p.name != "axis" else -1
                also = {"multi_label": True} if p.name == "num_labels" else {}
                if p.name == "input_dim" and "shape" in needed:
                    continue  # they exclude each other
                where = f"{room_of(kind)}.{kind.__name__}-{p.name}"
                yield pytest.param(kind, needed | also, p.name, plain, id=where)


def held(value):
    """All that an object holds, in words that tell 3 from 3.0 and np.int64(3).

    But for what one of an own class was made of, which is kept as it was given.
    """
    names = [n for n, v in vars(value).items() if n != MADE_OF and not callable(v)]
    return {name: repr(vars(value)[name]) for name in names}


@pytest.mark.parametrize(
    ("kind", "needed", "argument", "plain"), list(integer_arguments())
)
def test_what_equals_an_integer_is_that_integer(kind, needed, argument, plain):
    with unchecked_types():
        expected = held(kind(**{**needed, argument: plain}))
        for integer in INTEGERS:
            made = kind(**{**needed, argument: integer(plain)})
            assert held(made) == expected, integer


def test_integers_of_whatever_type_train_alike():
    """Every count that `fit`, `evaluate`, `predict` and `sweep` take."""
    x = np.linspace(-1, 1, 48, dtype=np.float32).reshape(12, 4)
    y = np.arange(12) % 3
    counts = {
        "batch_size": 4,
        "epochs": 3,
        "initial_epoch": 1,
        "steps_per_epoch": 2,
        "validation_batch_size": 5,
        "validation_steps": 2,
        "validation_freq": 2,
        "seed": 7,
        "verbose": 0,
    }
    for method in (jn.Sequential.fit, jn.sweep):
        parameters = inspect.signature(method).parameters
        asked = {
            name for name, p in parameters.items() if int in kinds_of(p.annotation)
        }
        assert asked - {"n_trials"} <= {*counts}  # for which a study is needed

    def results(integer):
        layers = [jn.layers.Dense(integer(3), "softmax", input_dim=integer(4))]
        model = jn.Sequential(layers, seed=integer(5))
        model.compile("sgd", "sparse_categorical_crossentropy")
        weights = {integer(label): 1.0 + label for label in range(3)}
        given = {name: integer(value) for name, value in counts.items()}
        history = model.fit(
            x, y, class_weight=weights, validation_data=(x, y), **given
        ).history
        evaluated = model.evaluate(x, y, integer(5), integer(0))
        predicted = model.predict(x, integer(5))
        space = {"learning_rate": [0.1], "seed": [integer(0), integer(1)]}
        del given["seed"], given["initial_epoch"], given["validation_steps"]
        swept = jn.sweep(model, space, x, y, validation_data=(x, y), **given)
        ensemble = swept.ensemble(integer(2), "loss").predict(x)
        settings = [member.settings for member in swept]
        return repr((history, evaluated, settings)), predicted, ensemble

    with unchecked_types():
        plain = results(int)
        for integer in (np.int64, np.float64):
            for ours, expected in zip(results(integer), plain, strict=True):
                np.testing.assert_array_equal(ours, expected)


def test_keys_and_shapes_of_whatever_type():
    with unchecked_types():
        for integer in INTEGERS:
            model = jn.Sequential([jn.Input((integer(2), integer(3)))])
            model.add(jn.layers.Reshape([integer(-1), integer(2)]))
            assert model.output_shape == (None, 3, 2)
            one_hot = jn.utils.to_categorical([0, 2], integer(3))
            assert one_hot.shape == (2, 3)
            rows = jn.utils.normalize([[3.0, 4.0]], integer(1))
            np.testing.assert_allclose(rows, [[0.6, 0.8]])
            jn.utils.set_random_seed(integer(0))
        with pytest.raises(ArgumentError, match="axis must be an integer from -2 to 1"):
            jn.utils.normalize([[3.0, 4.0]], 1.5)


def test_classes_of_class_weight_may_come_from_pandas():
    y = np.arange(12) % 3
    wanted = np.array([1.0, 2.0, 3.0])[y]
    for table in (
        pd.Series([1.0, 2.0, 3.0]),
        pd.Series([3.0, 1.0, 2.0], index=[2, 0, 1]),
        pd.Series([3.0, 1.0, 2.0], index=[2.0, 0.0, 1.0]).to_dict(),
        pd.Series([1, 2, 3], dtype="Int64"),
    ):
        with unchecked_types():
            ours = checks.class_weights(y, table, (3,))
        np.testing.assert_array_equal(ours, wanted)
    with unchecked_types():
        ours = checks.class_weights(y[:3] % 2, {False: 1.0, np.bool_(1): 2.0}, (1,))
    np.testing.assert_array_equal(ours, [1.0, 2.0, 1.0])


def test_there_is_something_to_try():
    assert len([*integer_arguments()]) > 20
    tried = [case.values[2] for case in cases()]
    assert len(tried) > 200
    assert {"units", "patience", "learning_rate", "name", "thresholds"} <= {*tried}
