"""What a sweep is given by mistake: one clear error, and nothing is compiled."""

import functools
import itertools

import jax.numpy as jnp
import numpy as np
import optax
import pytest
import test_sweep
from oracles import raises_text, unchecked_types
from test_sweep import CALL, X, Y

import jaxnet_mini as jn
from jaxnet_mini.callbacks import (
    BackupAndRestore,
    CSVLogger,
    EarlyStopping,
    ModelCheckpoint,
)
from jaxnet_mini.devices import programs
from jaxnet_mini.errors import (
    ArgumentError,
    DataError,
    ShapeError,
    StateError,
    UnknownNameError,
)

pytestmark = pytest.mark.usefixtures("quick_compilation")

SCHEDULED = jn.optimizers.Adam(optax.exponential_decay(0.1, 10, 0.9))
LAYERS = [jn.Dense(3, "softmax")]


def model(**settings):
    """A model with Adam, whose numbers are asked for."""
    return test_sweep.model(**{"optimizer": jn.optimizers.Adam()} | settings)


@pytest.fixture(autouse=True)
def nothing_is_compiled(monkeypatch):
    """Whatever is wrong with an input is found before any program runs."""

    def never(*arguments, **options):
        raise AssertionError("a program was asked for")

    for name in ("loop", "evaluate"):
        monkeypatch.setattr(programs, name, never)
    monkeypatch.setattr(programs, "untrained", never)


def refused(error, text, model, space, x=X, y=Y, **call):
    with unchecked_types(), raises_text(error, text):
        jn.sweep(model, space, x, y, **CALL | call)


def named(**values):
    return values


@pytest.mark.parametrize(
    ("space", "came"),
    [({}, "{}"), ([0.1], "[0.1]"), (None, "None"), (X, "an array of shape (120, 6)")],
)
def test_the_space_maps_names_to_values(space, came):
    text = (
        'space maps names to the values to try, such as {"learning_rate": [1e-3, '
        f'1e-2], "seed": range(4)}}, not {came}.'
    )
    refused(ArgumentError, text, model(), space)


@pytest.mark.parametrize(
    ("values", "came"),
    [
        (0.1, "0.1: put a single one in brackets."),
        ("0.1", "'0.1': put a single one in brackets."),
        (b"0.1", "b'0.1': put a single one in brackets."),
        ({1: 2}, "{1: 2}: put a single one in brackets."),
        ({0.1}, "{0.1}: a set has no order, so make a list of it."),
        (
            np.float32(0.1),
            "an array of shape (): give it one axis, such as by .ravel().",
        ),
        (
            jnp.float32(0.1),
            "an array of shape (): give it one axis, such as by .ravel().",
        ),
        (
            np.ones((2, 3)),
            "an array of shape (2, 3): give it one axis, such as by .ravel().",
        ),
    ],
)
def test_values_are_a_list(values, came):
    text = (
        "space['learning_rate'] must be a list of values to try, or an array of one "
        f"axis, not {came}"
    )
    refused(ArgumentError, text, model(), {"learning_rate": values})


@pytest.mark.parametrize("values", [[], (), range(0), np.zeros(0), iter([])])
def test_no_values_are_refused(values):
    text = "space['seed'] is empty: give it a value or leave it out."
    refused(ArgumentError, text, model(), {"learning_rate": [0.1], "seed": values})


@pytest.mark.parametrize("name", ["learning_rate", "beta_1", "rate", "l2"])
@pytest.mark.parametrize("value", ["0.1", None, True, [0.1, 0.2], 1j])
def test_values_are_numbers(name, value):
    text = (
        f"space['{name}']: each value must be a number, and one is {value!r}: write "
        f'for example {{"{name}": [0.1, 0.2]}}.'
    )
    refused(ArgumentError, text, model(), {name: [0.5, value]})


@pytest.mark.parametrize("value", ["1", 1.5, None, True, -1, 2**32, [1, 2]])
def test_seeds_are_integers(value):
    text = f"space['seed']: seed must be an integer in [0, 2**32), not {value!r}."
    refused(ArgumentError, text, model(), {"seed": [0, value]})


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("learning_rate", -1.0, "must be a finite number of at least 0 or a schedule"),
        ("learning_rate", np.nan, "must be a finite number of at least 0 or a sch"),
        ("beta_1", -0.5, "Adam: beta_1 must be a finite number of at least 0"),
        ("rate", 1.0, "rate is the share of inputs to drop, in [0, 1)"),
        ("dropout/rate", -0.1, "rate is the share of inputs to drop, in [0, 1)"),
        ("dense/kernel_regularizer/l2", np.inf, "L2: l2 must be a finite number of at"),
    ],
)
def test_numbers_lie_where_their_owner_takes_them(name, value, text):
    with raises_text(ArgumentError, f"space[{name!r}]: ", text, f", not {value!r}."):
        jn.sweep(model(), {name: [0.5, value]}, X, Y, **CALL)


@pytest.mark.parametrize(
    ("name", "guess"),
    [
        ("learning_rat", "did you mean 'learning_rate'? "),
        ("dropout_1/rate", "did you mean 'dropout/rate'? "),
        ("momentum", "did you mean 'ema_momentum'? "),
        ("units", ""),
        ("batch_size", ""),
        (1, ""),
    ],
)
def test_an_unknown_name_is_answered_with_those_that_there_are(name, guess):
    text = (
        f"unknown hyper-parameter {name!r}: {guess}Known: "
        "beta_1, beta_2, clipnorm, clipvalue, dense/kernel_regularizer/l2, "
        "dropout/rate, ema_momentum, ema_overwrite_frequency, epsilon, "
        "global_clipnorm, gradient_accumulation_steps, kernel_regularizer/l2, l2, "
        "learning_rate, rate, seed, weight_decay."
    )
    refused(UnknownNameError, text, model(), {"seed": [0], name: [1, 2]})


def test_a_number_is_named_once():
    text = (
        "space names a number of a layer twice, in 'rate', 'dropout/rate': leave one "
        "of the names out."
    )
    refused(ArgumentError, text, model(), {"rate": [0.1], "dropout/rate": [0.2]})


def test_a_schedule_is_not_replaced_in_silence():
    text = (
        "space['learning_rate']: the optimizer's learning rate follows a schedule, and "
        "0.1 would take its place: compile the model with a number, or try schedules."
    )
    refused(ArgumentError, text, model(optimizer=SCHEDULED), {"learning_rate": [0.1]})


@pytest.mark.parametrize("name", ["learning_rate", "weight_decay", "momentum"])
def test_numbers_within_a_transformation_of_optax_cannot_be_tried(name):
    text = (
        f"the model is compiled with a transformation of optax, and {name!r} is built "
        "into it: compile it with one of jaxnet_mini.optimizers, or give sweep a "
        f"function that takes {name!r} and builds the model."
    )
    template = model(optimizer=optax.adam(0.1))
    refused(ArgumentError, text, template, {name: [0.1]})


@pytest.mark.parametrize("given", [5, None, "adam", LAYERS, jn.Sequential, X])
def test_the_model_is_a_model_or_a_function(given):
    came = "an array of shape (120, 6)" if given is X else repr(given)
    text = (
        f"model must be a compiled model, or a function that returns one, not {came}."
    )
    refused(ArgumentError, text, given, {"seed": [0]})


@pytest.mark.parametrize("given", [jn.Sequential(LAYERS), lambda: jn.Sequential()])
def test_the_model_is_compiled(given):
    text = "the model is not compiled: call model.compile(optimizer, loss, metrics)"
    refused(StateError, text, given, {"seed": [0]})


@pytest.mark.parametrize(
    "build",
    [
        lambda units: model(),
        lambda *, units, rate=0.1: model(),
        lambda units, /: model(),
        functools.partial(lambda rate, units: model(), rate=0.1),
    ],
)
def test_a_function_is_given_all_that_it_needs(build):
    text = (
        "the function that builds a model needs 'units', which space does not give it "
        "by name: add 'units' to space, or give it a default."
    )
    refused(ArgumentError, text, build, {"seed": [0]})


def test_a_function_returns_a_model():
    text = (
        "the function that builds a model must return a model, and "
        "returned None for {'units': 4}."
    )
    refused(ArgumentError, text, lambda units: None, {"units": [4], "seed": [0]})


def test_what_a_function_raises_arrives_as_it_is():
    refused(
        ZeroDivisionError, "division by zero", lambda units: 1 / units, named(units=[0])
    )
    text = "units must be a positive integer, not 0."
    refused(ArgumentError, text, lambda units: model(units=units), {"units": [0]})


@pytest.mark.parametrize("name", ["loss", "val_loss", "accuracy", "epochs", "note"])
def test_an_argument_and_a_column_of_the_results_have_two_names(name):
    text = (
        f"space names {name!r}, which the results already have a column of: give that "
        f"argument of the function another name, such as '{name}_'."
    )
    build = eval(f"lambda {name}: model()", {"model": model})
    refused(ArgumentError, text, build, {name: [1, 2]})


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        ({"epochs": 0}, ArgumentError, "epochs must be an integer of at least 1"),
        ({"epochs": "3"}, ArgumentError, "epochs must be an integer of at least 1"),
        ({"steps_per_epoch": 0}, ArgumentError, "steps_per_epoch must be an integer"),
        ({"batch_size": 0}, ArgumentError, "batch_size must be an integer of at lea"),
        ({"verbose": 3}, ArgumentError, "verbose must be 0 (silent), 1 (a bar), 2"),
        ({"validation_split": 1.5}, ArgumentError, "validation_split must be in [0, "),
        ({"callbacks": [3]}, ArgumentError, "callbacks holds 3, which is no Callback"),
        (
            {"callbacks": EarlyStopping},
            ArgumentError,
            "callbacks holds the class EarlyStopping: write EarlyStopping(...)",
        ),
        ({"mesh": 3}, ArgumentError, "mesh must be a jax.sharding.Mesh, not 3: "),
        ({"y": None}, DataError, "y is None: give an array with one row per example."),
        ({"y": Y[:3]}, DataError, "y has 3 rows and x has 120: give one row of y"),
        ({"x": X[:, None]}, ShapeError, "y has shape (120,) and the outputs have sh"),
    ],
)
def test_the_rest_is_checked_as_by_fit(call, error, text):
    refused(error, text, model(), {"seed": [0, 1]}, **call)


def test_a_sweep_has_no_single_run_to_keep(tmp_path):
    text = (
        "BackupAndRestore keeps one run, and a sweep is many: leave it out, or fit the "
        "models yourself, each with a checkpoint of its own."
    )
    backup = BackupAndRestore(tmp_path / "run")
    refused(ArgumentError, text, model(), {"seed": [0]}, callbacks=backup)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("kind", [CSVLogger, ModelCheckpoint])
def test_callbacks_that_write_files_are_refused(kind, tmp_path):
    """All members would write the same one."""
    text = (
        f"{kind.__name__} writes a file, and the members of a sweep would write over "
        "each other's: leave it out, and take what you need from the result, such as "
        "result.best().save(path) or result.to_pandas().to_csv(path)."
    )
    callback = kind(tmp_path / "a.safetensors")
    refused(ArgumentError, text, model(), {"seed": [0]}, callbacks=callback)
    assert not any(tmp_path.iterdir())


def test_batches_are_refused_by_their_kind():
    for x in (iter([(X, Y)]), itertools.repeat((X, Y))):
        text = f"a sweep needs arrays, and x gives batches ({type(x).__name__}): "
        refused(ArgumentError, text, model(), {"seed": [0]}, x, None, steps_per_epoch=1)
