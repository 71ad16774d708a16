"""Values as JSON and back: every public class, and all that a file may get wrong."""

import copy
import dataclasses
import functools
import inspect
import json
import math
import sys
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import raises_text

import jaxnet_mini as jn
from jaxnet_mini import (
    activations,
    constraints,
    initializers,
    layers,
    losses,
    metrics,
    optimizers,
    regularizers,
)
from jaxnet_mini.base import plain_json as plain
from jaxnet_mini.core import operations
from jaxnet_mini.core.layers import merging as merges
from jaxnet_mini.core.networks import graph as graphs
from jaxnet_mini.errors import ArgumentError, UnknownNameError
from jaxnet_mini.files import config as configs

pytestmark = pytest.mark.usefixtures("quick_compilation")


def through_json(value, custom_objects=None):
    """The value after a trip through text."""
    text = json.dumps(configs.to_config(value), allow_nan=False)
    return configs.from_config(json.loads(text), custom_objects)


# Every public class


def public_classes():
    """What a user finds in the modules, read without the tables under test."""
    bases = {
        "constraints": constraints.Constraint,
        "initializers": initializers.Initializer,
        "layers": layers.Base,
        "losses": losses.Loss,
        "metrics": metrics.Metric,
        "optimizers": optimizers.Optimizer,
        "regularizers": regularizers.Regularizer,
        "schedules": optimizers.schedules.LearningRateSchedule,
    }
    rooms = vars(jn) | {"schedules": optimizers.schedules}
    for module, base in bases.items():
        for name, value in inspect.getmembers(rooms[module], inspect.isclass):
            alias = name != value.__name__
            if issubclass(value, base) and not inspect.isabstract(value) and not alias:
                yield f"{module}.{name}", value


PUBLIC = dict(public_classes())

few = settings(max_examples=20)
positive = st.integers(1, 1000)
share = st.floats(0.0, 0.99)
number = st.floats(1e-6, 1e6)
shape = st.none() | st.lists(positive, max_size=3).map(tuple)
activation = st.sampled_from([None, *activations.ACTIVATIONS]) | st.sampled_from(
    list(activations.ACTIVATIONS.values())
)
initializer = (
    st.sampled_from(list(initializers.INITIALIZERS))
    | st.sampled_from(list(initializers.INITIALIZERS.values()))
    | number.map(initializers.Constant)
)
regularizer = st.sampled_from(
    [None, "l2", regularizers.L1(0.5), regularizers.L1L2(0.1, 0.2)]
)
constraint = st.sampled_from(
    [None, "unit_norm", constraints.MaxNorm(0.5, axis=1), constraints.NonNeg()]
)
function = st.sampled_from(
    [metrics.accuracy, metrics.binary_accuracy, losses.mean_squared_error]
)
name = st.none() | st.from_regex(r"[a-z]\w{0,8}", fullmatch=True)

ARGUMENTS = {
    "activation": activation,
    "activity_regularizer": regularizer,
    "alpha_constraint": constraint,
    "axes": positive | st.tuples(positive, positive),
    "axis": positive,
    "alpha_initializer": initializer,
    "alpha_regularizer": regularizer,
    "bias_constraint": constraint,
    "bias_initializer": initializer,
    "dims": st.sampled_from([(1,), (2, 1), (3, 1, 2)]),
    "distribution": st.sampled_from(["normal", "untruncated_normal", "uniform"]),
    "boundaries": st.just((1, 5.0)),
    "curve": st.sampled_from(["ROC", "PR"]),
    "epsilon": number,
    "fn": function,
    "function": function,
    "input_shape": shape,
    "bias_regularizer": regularizer,
    "kernel_constraint": constraint,
    "kernel_initializer": initializer,
    "kernel_regularizer": regularizer,
    "summation_method": st.sampled_from(["interpolation", "majoring", "minoring"]),
    "thresholds": st.none() | st.lists(share, min_size=1, max_size=3).map(tuple),
    "num_thresholds": st.integers(2, 50),
    "precision": share,
    "embeddings_constraint": constraint,
    "embeddings_initializer": initializer,
    "embeddings_regularizer": regularizer,
    "output_mode": st.sampled_from(["multi_hot", "one_hot", "count"]),
    "mode": st.sampled_from(["fan_in", "fan_out", "fan_avg"]),
    "seed": st.none() | positive,
    "values": st.lists(number, min_size=3, max_size=3).map(tuple),
    "value": number | st.lists(share, min_size=1).map(tuple),
    "max_value": st.none() | number,
    "rate": share,
    "recall": share,
    "sensitivity": share,
    "shape": st.lists(positive, min_size=1, max_size=3).map(tuple),
    "specificity": share,
    "shared_axes": st.none() | positive | st.lists(positive, max_size=3).map(tuple),
    "target_shape": st.lists(positive, max_size=3).map(lambda axes: (*axes, -1)),
    "units": positive,
}
BY_TYPE = {bool: st.booleans(), int: positive, float: number, str: name.filter(bool)}
BY_TYPE[float | int] = number


def arguments_of(kind):
    """A strategy for the arguments of a class; those not known stay at defaults."""
    chosen = {}
    for field in dataclasses.fields(kind):
        if field.name == "name" and field.default is not dataclasses.MISSING:
            optional = field.default is None
            chosen[field.name] = name if optional else name.filter(bool)
        elif field.name in ARGUMENTS:
            chosen[field.name] = ARGUMENTS[field.name]
        elif isinstance(field.default, float):
            chosen[field.name] = share
        elif (expected := plain.hints(kind)[field.name]) in BY_TYPE:
            chosen[field.name] = BY_TYPE[expected]
        else:
            assert field.default is not dataclasses.MISSING, field
    return st.fixed_dictionaries(chosen)


def built(kind, arguments):
    """A value; where a class refuses what was drawn, that of its defaults."""
    try:
        return kind(**arguments)
    except ArgumentError:
        required = {
            field.name: arguments[field.name]
            for field in dataclasses.fields(kind)
            if field.default is dataclasses.MISSING
        }
        return kind(**required)


@pytest.mark.parametrize("kind", PUBLIC.values(), ids=PUBLIC)
@few
@given(st.data())
@pytest.mark.one_in(2)
def test_every_public_class_comes_back(kind, data):
    value = built(kind, data.draw(arguments_of(kind)))
    again = through_json(value)
    assert type(again) is type(value)
    assert again == value
    assert hash(again) == hash(value)


@few
@given(st.lists(st.tuples(positive, activation), max_size=3))
def test_networks_come_back(parts):
    """Also within each other."""
    dense = [jn.Dense(*part) for part in parts]
    net = jn.serial(*dense, jn.serial(jn.Flatten(), name="inner"))
    assert through_json(net) == net


def test_the_table_has_the_public_classes():
    elsewhere = {f"layers.{kind.__name__}" for kind in configs.COMPOSED}
    elsewhere |= {"layers.Input"}  # in files it has this name alone
    assert set(PUBLIC) | elsewhere == set(configs.CLASSES)


def subclasses(kind):
    for inner in kind.__subclasses__():
        yield inner
        yield from subclasses(inner)


def test_no_class_of_this_library_is_left_out():
    """Whatever can stand in a model can be saved, however deep it stands."""
    bases = [layers.Base, losses.Loss, metrics.Metric]
    bases += [optimizers.Optimizer, regularizers.Regularizer]
    bases += [optimizers.schedules.LearningRateSchedule]
    ours = {
        kind
        for base in bases
        for kind in (base, *subclasses(base))
        if kind.__module__.startswith("jaxnet_mini.")
        # Estimators are kept in scikit-learn's ways.
        and not kind.__module__.startswith("jaxnet_mini.sklearn.")
        and not inspect.isabstract(kind)
        and not kind.__name__.startswith("_")
        # And not one of an example in a docstring.
        and getattr(sys.modules[kind.__module__], kind.__name__, None) is kind
    }
    assert ours - set(configs.CLASSES.values()) == set()


def test_a_model_of_all_layers_comes_back_from_a_file(tmp_path):
    """Each alone, those made of others too; what is written is what is read."""
    inner = jn.serial(jn.Dense(3, "tanh"), jn.Flatten())
    twin = jn.Dense(3, kernel_regularizer="l2", name="twin")
    given = {
        "Activation": ("relu",),
        "AlphaDropout": (0.5,),
        "Dense": (3,),
        "Dot": (1,),
        "Dropout": (0.5,),
        "Ensemble": ((inner, twin), (2, 1)),
        "GaussianDropout": (0.5,),
        "GaussianNoise": (0.5,),
        "Graph": ((graphs.Node("twin", twin, "x"),), "x", "twin"),
        "Lambda": (activations.relu,),
        "Permute": ((1,),),
        "Repeat": (inner, 2),
        "Rescaling": (0.5,),
        "Reshape": ((3,),),
        "Serial": ((inner, twin),),
    }
    named = sorted(configs.CLASSES.items())
    kinds = [kind for name, kind in named if name.startswith("layers.")]
    kinds = [kind for kind in kinds if kind is not jn.Input]  # before all others
    kinds.remove(graphs.Node)  # is no layer by itself
    kinds.remove(operations.Operation)  # is called by no name of its own
    first = [
        layers.CategoryEncoding(3, "count"),
        layers.Embedding(4, 1),
        jn.Flatten(name="once"),
        layers.RepeatVector(1),
        jn.Flatten(name="twice"),
    ]
    kinds = [kind for kind in kinds if kind not in set(map(type, first))]
    every = [kind(*copy.deepcopy(given.get(kind.__name__, ()))) for kind in kinds]
    every = [
        jn.parallel(jn.Dense(3), jn.Dense(3), merge=layer)
        if type(layer).__module__ == merges.__name__
        else layer
        for layer in every
    ]
    every = [*first, *every]
    model = jn.Sequential([jn.Input((3,)), *every])
    model.save(tmp_path / "model.safetensors")
    again = jn.models.load_model(tmp_path / "model.safetensors")
    assert again.layers == model.layers
    assert len(again.layers) > 16
    x = np.random.default_rng(0).integers(0, 3, (4, 3))
    assert np.isfinite(model.predict(x)).all()
    np.testing.assert_array_equal(again.predict(x), model.predict(x))


@pytest.mark.parametrize("table", ["ACTIVATIONS", "INITIALIZERS"])
def test_every_function_of_a_table_comes_back(table):
    for function in getattr(getattr(jn, table.lower()), table).values():
        assert through_json(function) is function


def test_every_loss_and_metric_by_name_comes_back():
    for loss in losses.LOSSES:
        assert through_json(losses.get(loss)) == losses.get(loss)
    for metric in [*metrics.METRICS, "accuracy", "crossentropy"]:
        assert through_json(metrics.get(metric)) == metrics.get(metric)


def test_values_return_all_that_they_are_made_of():
    """As in Keras, also where nothing is written to a file."""
    rate = jn.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5, staircase=True)
    for value in (
        jn.Dense(3, "relu", kernel_regularizer="l2", input_dim=4, trainable=False),
        jn.layers.BatchNormalization(momentum=0.5, name="own"),
        jn.optimizers.SGD(rate, momentum=0.9, clipnorm=1.0),
        jn.initializers.RandomNormal(stddev=0.5, seed=1),
        jn.regularizers.L1L2(0.1, 0.2),
        jn.constraints.MaxNorm(2.0, axis=1),
    ):
        config = value.get_config()
        assert type(value).from_config(config) == value
        assert type(value)(**config) == value
    assert config == {"max_value": 2.0, "axis": 1}
    chosen = [
        losses.Huber(0.5, name="own"),
        losses.BinaryCrossentropy(label_smoothing=0.25, reduction="sum"),
        metrics.AUC(20, "PR", multi_label=True),
        metrics.PrecisionAtRecall(0.25, class_id=2),
        metrics.R2Score(None, 3, num_outputs=2),
    ]
    for value in [*chosen, *map(losses.get, losses.LOSSES)]:
        assert type(value).from_config(value.get_config()) == value
    for metric in map(metrics.get, metrics.METRICS):
        assert type(metric).from_config(metric.get_config()) == metric


def test_every_argument_is_written():
    """A default that changes later changes nothing in files of today."""
    config = configs.to_config(jn.Dense(3))
    assert config == {
        "class": "layers.Dense",
        "config": config["config"],
    }
    names = {field.name for field in dataclasses.fields(jn.Dense)}
    # But what came later stays out of files that do not use it.
    later = {"trainable", "kernel_constraint", "bias_constraint"}
    later |= {"activity_regularizer", "dtype"}
    assert set(config["config"]) == names - later
    assert config["config"]["kernel_initializer"] == "glorot_uniform"
    frozen = jn.Dense(
        3,
        trainable=False,
        kernel_constraint="non_neg",
        bias_constraint="non_neg",
        activity_regularizer="l2",
        dtype="float32",
    )
    assert set(configs.to_config(frozen)["config"]) == names
    assert through_json(frozen) == frozen


def test_names_in_files_written_before_are_those_of_today():
    """They say nothing of the modules that classes are in."""
    kinds = "Activation Base Dense Dropout Flatten Input LayerNormalization Rescaling"
    for kind in kinds.split():
        assert configs.CLASSES[f"layers.{kind}"] is getattr(layers, kind)
    assert all(known.count(".") == 1 for known in configs.CLASSES)


def test_an_argument_that_is_absent_has_its_default():
    config = {"class": "layers.Dense", "config": {"units": 3}}
    assert configs.from_config(config) == jn.Dense(3)


# Plain values


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False)
        | st.text(),
        lambda inner: st.lists(inner, max_size=3).map(tuple),
    )
)
def test_plain_values_come_back(value):
    again = through_json(value)
    assert again == value
    assert type(again) is type(value)


def test_nan_comes_back():
    assert math.isnan(through_json(math.nan))


@pytest.mark.parametrize(
    ("value", "plain"),
    [(np.float32(0.5), 0.5), (np.int64(3), 3), (np.bool_(True), True)],
)
def test_numbers_of_numpy_become_plain(value, plain):
    config = configs.to_config(value)
    assert config == plain
    assert type(config) is type(plain)


# A user's own


@dataclasses.dataclass(frozen=True)
class Gate:
    """A layer of a user's, with fields."""

    sharpness: float
    sizes: tuple[int, ...] = ()
    inner: jn.Layer | None = None

    def init(self, key, input_shape):
        return input_shape, {}

    def apply(self, params, x, *, key=None, training=False):
        return jax.nn.sigmoid(self.sharpness * x)


@dataclasses.dataclass(frozen=True)
class Dense:
    """A class of a user's with the name of ours."""

    units: int


def my_loss(y_true, y_pred):
    return jnp.abs(y_true - y_pred)


def test_own_classes_come_back():
    value = Gate(2.0, (1, 2), jn.Dense(3, my_loss))
    own = {"Gate": Gate, "my_loss": my_loss}
    assert through_json(value, own) == value


def test_an_own_class_never_stands_for_ours():
    assert through_json(Dense(3), {"Dense": Dense}) == Dense(3)
    assert through_json(jn.Dense(3), {"Dense": Dense}) == jn.Dense(3)


def test_the_message_names_all_that_is_missing_and_its_advice_works():
    value = Gate(2.0, inner=jn.Dense(3, my_loss))
    with raises_text(
        UnknownNameError,
        "not of this library: Gate, my_loss. ",
        'Give custom_objects={"Gate": Gate, "my_loss": my_loss}.',
    ):
        through_json(value)
    with raises_text(UnknownNameError, 'custom_objects={"my_loss": my_loss}'):
        through_json(value, {"Gate": Gate})
    assert through_json(value, {"Gate": Gate, "my_loss": my_loss}) == value


def test_arguments_may_be_called_function_or_class():
    """Names are looked for where names stand, not in arguments."""

    @dataclasses.dataclass(frozen=True)
    class Named:
        function: str

    assert through_json(Named("relu"), {"Named": Named}) == Named("relu")


def test_what_is_given_must_be_of_the_kind():
    with raises_text(ArgumentError, "custom_objects['my_loss'] must be a function"):
        through_json(jn.Dense(3, my_loss), {"my_loss": 3})
    with raises_text(
        ArgumentError, "custom_objects['Gate'] must be a frozen dataclass"
    ):
        through_json(Gate(1.0), {"Gate": my_loss})


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (jn.Dense(3, lambda x: x), "value.activation cannot be saved: <function "),
        (jn.Dense(3, functools.partial(jax.nn.elu, alpha=2.0)), "has no name"),
        (jn.Dense, "is a class, not a value; write Dense(...)"),
        (object(), "is no number, string, tuple, dictionary, frozen"),
        ({"a": object()}, "value['a'] cannot be saved"),
        ([1, 2], "is no number"),
        (1j, "is no number"),
        (optax.adam(0.1), "is no number"),
    ],
)
def test_what_has_no_name_cannot_be_saved(value, why):
    with raises_text(ArgumentError, "cannot be saved", why):
        configs.to_config(value)


def test_the_advice_for_a_lambda_works():
    """A frozen dataclass with __call__, whose fields are saved."""

    @dataclasses.dataclass(frozen=True)
    class Scaled:
        factor: float

        def __call__(self, x):
            return self.factor * x

    value = jn.Dense(3, Scaled(2.0))
    assert through_json(value, {"Scaled": Scaled}) == value


def test_two_functions_of_one_name_cannot_be_told_apart():
    def scaled(factor):
        def scale(x):
            return factor * x

        return scale

    net = jn.serial(jn.Dense(3, scaled(1.0)), jn.Dense(3, scaled(2.0)))
    with raises_text(
        ArgumentError, "value.layers[1].activation", "by the name 'scale'"
    ):
        configs.to_config(net)
    same = scaled(1.0)
    net = jn.serial(jn.Dense(3, same), jn.Dense(3, same))
    assert through_json(net, {"scale": same}) == net


def test_optimizers_with_a_schedule_of_a_name():
    schedule = optax.exponential_decay(0.1, 10, 0.5)
    value = optimizers.SGD(schedule)
    assert through_json(value, {schedule.__name__: schedule}) == value


# What a file may get wrong


@pytest.mark.parametrize(
    ("config", "error", "why"),
    [
        ({"class": "layers.Dens", "config": {}}, UnknownNameError, "'layers.Dense'?"),
        ({"class": "os.system", "config": {}}, UnknownNameError, "unknown class"),
        ({"function": "activations.rely"}, UnknownNameError, "'activations.relu'?"),
        ({"function": "losses.get"}, UnknownNameError, "unknown function"),
        ({"function": "builtins.eval"}, UnknownNameError, "unknown function"),
        (
            {"class": "layers.Dense", "config": {"unit": 3}},
            UnknownNameError,
            "unknown argument of layers.Dense 'unit': did you mean 'units'?",
        ),
        (
            {"class": "layers.Dense", "config": {}},
            ArgumentError,
            "layers.Dense needs the argument 'units'",
        ),
        (
            {"class": "layers.Dense", "config": {"units": "3"}},
            ArgumentError,
            "value.units must be of type int, not '3'",
        ),
        (
            {"class": "layers.Dense", "config": {"units": True}},
            ArgumentError,
            "value.units must be of type int, not True",
        ),
        (
            {"class": "layers.Dense", "config": {"units": 3, "use_bias": 1}},
            ArgumentError,
            "value.use_bias must be of type bool, not 1",
        ),
        (
            {"class": "layers.Dense", "config": {"units": 3, "activation": 4}},
            ArgumentError,
            "value.activation must be of type str | ",
        ),
        (
            {"class": "layers.Dense", "config": {"units": 3, "input_shape": [1.5]}},
            ArgumentError,
            "value.input_shape must be of type tuple[int, ...] | None, not (1.5,)",
        ),
        (
            {"class": "layers.Serial", "config": {"layers": [3]}},
            ArgumentError,
            "value.layers must be of type tuple[",
        ),
        (
            {"class": "layers.Dropout", "config": {"rate": 3.0}},
            ArgumentError,
            "value: rate is the share of inputs to drop",
        ),
        ({"class": "layers.Dense", "config": [3]}, ArgumentError, "a dictionary"),
        ({"class": 3, "config": {}}, ArgumentError, "value must be a number"),
        ({"class": "layers.Flatten"}, ArgumentError, "value must be a number"),
        ({"units": 3}, ArgumentError, "value must be a number"),
        ({"float": "1.5"}, ArgumentError, "value must be a number"),
        ([{"units": "x" * 200}], ArgumentError, "value[0] must be a number"),
        (json.loads("1e999"), ArgumentError, "must be a finite number, not inf"),
    ],
)
def test_wrong_configurations_are_refused(config, error, why):
    with raises_text(error, why):
        configs.from_config(config)


def test_nesting_without_end_is_refused():
    config = functools.reduce(lambda inner, _: [inner], range(10**5), 1)
    with raises_text(ArgumentError, "nested too deeply"):
        configs.from_config(config)


def test_nothing_is_imported():
    before = set(sys.modules)
    for name in ("this.that", "antigravity.x", "antigravity"):
        for config in ({"class": name, "config": {}}, {"function": name}):
            with pytest.raises(UnknownNameError):
                configs.from_config(config)
    assert set(sys.modules) == before


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "its JSON cannot be read"),
        ("[]", "must be an object, not []"),
        ('{"a": 1, "a": 2}', "a key stands twice"),
        ("[" * 10**5, "its JSON cannot be read"),
        (b"\xff\xfe\x00", "its JSON cannot be read"),
    ],
)
def test_texts_that_are_no_objects(text, why):
    with raises_text(ArgumentError, why):
        plain.parse(text)


def test_hints_are_read_for_every_argument():
    """Each annotation is one that the check of types knows."""
    for name, kind in configs.CLASSES.items():
        for field in dataclasses.fields(kind):
            hint = plain.hints(kind)[field.name]
            assert not isinstance(hint, str), name
            assert plain.fits(object(), hint) in (True, False)
            if field.default is not dataclasses.MISSING:
                assert plain.fits(field.default, hint), (name, field.name)


def test_literals_and_functions_are_checked_by_type():
    from typing import Literal

    assert plain.fits("a", Literal["a", 1])
    assert not plain.fits(True, Literal["a", 1])
    assert plain.fits(my_loss, Callable[[int], int])
    assert not plain.fits(3, Callable[[int], int])
    assert plain.fits((1, "a"), tuple[int, str])
    assert not plain.fits((1,), tuple[int, str])
