"""What Keras has and is not here: one sentence each says what to write instead."""

import copy
import dataclasses
import importlib
import inspect
import pickle
import re

import jax
import numpy as np
import optax
import pytest

import jaxnet_mini as jn
from jaxnet_mini import losses
from jaxnet_mini.base.absent import modules
from jaxnet_mini.base.absent import names as keras_names
from jaxnet_mini.errors import AbsentImportError, CallError

pytestmark = pytest.mark.usefixtures("quick_compilation")

ROOMS = [*keras_names.NAMES]


def ours(room):
    return getattr(jn, room) if room else jn


def test_no_sentence_is_about_a_name_that_is_here():
    for room, names in keras_names.NAMES.items():
        assert not [name for name in names if hasattr(ours(room), name)], room
        for name in modules.offered(ours(room)):
            assert keras_names.advice(room, name) is None, f"{room}.{name}"


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        (
            "from jaxnet_mini.layers import Dense, Conv2D",
            "there are no convolutions",
        ),
        (
            "from jaxnet_mini.optimizers import MultiOptimizer",
            "give compile optax.partition({...}, labels)",
        ),
        ("from jaxnet_mini.backend import square", "use jax and jax.numpy"),
        ("from jaxnet_mini.layers import Desne", "no Desne: did you mean Dense?"),
        ("from jaxnet_mini import Adam", "it is jaxnet_mini.optimizers.Adam."),
        ("from jaxnet_mini.utils import zzz", "dir(jaxnet_mini.utils) lists what"),
    ],
)
def test_an_import_shows_the_sentence(statement, words):
    with pytest.raises(ImportError) as caught:
        exec(statement)
    assert type(caught.value) is AbsentImportError
    assert words in str(caught.value)


def test_modules_go_on_as_modules():
    """Tools that ask what a module has are told so, and not by an ImportError."""
    for room in ROOMS:
        module = ours(room)
        for name in ("__wrapped__", "__path_hooks__", "_repr_html_", "Conv2D", "zzz"):
            assert not hasattr(module, name)
            assert getattr(module, name, None) is None
        with pytest.raises(AttributeError, match="has no attribute '__wrapped__'"):
            module.__wrapped__  # noqa: B018
        assert inspect.unwrap(module) is module
        exec(f"from {module.__name__} import *")
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("jaxnet_mini.layers.Conv2D")
    assert pickle.loads(pickle.dumps(jn.Dense)) is jn.Dense
    exec("from jaxnet_mini.base.absent import modules as found")


@pytest.mark.parametrize("kind", ["Binary", "Categorical"])
def test_the_focal_losses_that_are_advised_are_those_of_keras(kind):
    """By their formulae, of probabilities, in float64."""
    with pytest.raises(AttributeError, match="return") as told:
        getattr(jn.losses, f"{kind}FocalCrossentropy")
    written = re.search(r"lambda y, p: .*\(-1\)", str(told.value))[0]
    rng = np.random.default_rng(0)
    logits = rng.normal(0.0, 3.0, (5, 4))
    y = np.eye(4)[rng.integers(0, 4, 5)]
    found = eval(written)(y, logits.astype(np.float32))
    p = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    expected = -(0.25 * (1 - p) ** 2 * y * np.log(p)).sum(-1)
    if kind == "Binary":
        p = 1 / (1 + np.exp(-logits))
        p = np.where(y == 1, p, 1 - p)
        expected = -((1 - p) ** 2 * np.log(p)).mean(-1)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_what_the_sentences_advise_works():
    x = np.random.default_rng(0).normal(size=(12, 4)).astype(np.float32)
    y = (x[:, :1] > 0).astype(np.float32)

    def focal(y, p):
        return optax.losses.sigmoid_focal_loss(p, y).mean(-1)

    def everything(params):
        return jax.tree.map(lambda _: "all", params)

    model = jn.Sequential([jn.Dense(1, input_shape=(4,))])
    for optimizer in (
        optax.partition({"all": optax.sgd(0.1)}, everything),
        jn.optimizers.Adam(optax.exponential_decay(0.01, 1000, 0.9)),
    ):
        model.compile(optimizer, focal)
        step = model.trainer.transformation
        with jax.numpy_dtype_promotion("standard"):  # optax's own code needs it
            jax.eval_shape(lambda p, o=step: o.update(p, o.init(p), p), model.params)
    assert np.isfinite(model.fit(x, y, verbose=0).history["loss"]).all()
    key = jax.random.key(0)
    for initializer in (
        jax.nn.initializers.normal(0.1),
        jax.nn.initializers.truncated_normal(0.1),
        jax.nn.initializers.variance_scaling(1.0, "fan_in", "normal"),
        lambda key, shape: jax.random.uniform(key, shape, float, -1.0, 1.0),
        lambda key, shape: jax.numpy.eye(*shape),
        "he_normal",
        "orthogonal",
        "zeros",
    ):
        layer = jn.Dense(3, kernel_initializer=initializer)
        made = jax.eval_shape(lambda key, it=layer: it.init(key, (4,))[1], key)
        assert made["kernel"].shape == (4, 3)
    classes = np.array([0, 2, 1])
    table = jn.Dense(3, use_bias=False)  # in an Embedding's place
    _, params = table.init(key, (3,))
    np.testing.assert_allclose(
        table.apply(params, jax.numpy.asarray(jn.utils.to_categorical(classes))),
        np.asarray(params["kernel"])[classes],
        rtol=1e-6,
    )


# Arguments


def test_settings_that_ask_for_nothing_are_accepted(tmp_path):
    model = jn.Sequential([jn.Dense(1, input_shape=(4,))], trainable=True)
    model.add(jn.Dense(1), rebuild=True)
    model.compile("sgd", "mse", auto_scale_loss=True)
    x = np.ones((4, 4), np.float32)
    model.fit(x, x[:, :1], verbose=0, workers=1)
    model.summary(print_fn=lambda line: None, positions=None)
    path = tmp_path / "model.safetensors"
    model.save(path, zipped=None)
    jn.models.load_model(path, safe_mode=True).load_weights(path, skip_mismatch=False)
    # A value of another type asks for something, though it is equal.
    with pytest.raises(CallError, match="no argument workers"):
        model.fit(x, x[:, :1], workers=True)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: jn.Dense(), "Dense needs units: write Dense(units=...). It takes"),
        (
            lambda: jn.Dense(3, unitz=4),
            "no argument unitz: did you mean units?",
        ),
        (lambda: jn.Dense(3, units=4), "Dense got units twice, by position and as"),
        (lambda: jn.Flatten(1, 2), "Flatten takes no arguments by position and got 2"),
        (lambda: jn.Dense(3, zzz=4), "has no argument zzz: it takes units, activation"),
        (lambda: Wide(3, lora_rank=2), "Wide has no argument lora_rank"),
        (lambda: jn.losses.get(), "get needs loss: write get(loss=...)"),
        (
            lambda: jn.Sequential().fit(epoch=3),
            "has no argument epoch: did you mean ",
        ),
    ],
)
def test_calls_that_are_not_understood(call, words):
    with pytest.raises(CallError) as caught:
        call()
    assert words in str(caught.value)


class Wide(jn.Dense):
    """A layer of a user's own, as Keras's are written."""

    def __init__(self, units, **others):
        super().__init__(10 * units, **others)


def test_what_answers_stays_what_it_was():
    layer = Wide(3, trainable=True, name="wide")
    assert layer == Wide(3, name="wide")
    assert layer.units == 30
    assert pickle.loads(pickle.dumps(layer)) == copy.deepcopy(layer) == layer
    for function in (jn.utils.to_categorical, losses.huber, jn.models.load_model):
        assert pickle.loads(pickle.dumps(function)) is function
    assert dataclasses.replace(jn.Dense(3), units=4) == jn.Dense(4)
    signature = inspect.signature(jn.Dense)
    assert [*signature.parameters][:2] == ["units", "activation"]
    fit = inspect.signature(jn.Sequential.fit)
    assert [*fit.parameters][:4] == ["self", "x", "y", "batch_size"]
    assert jn.Sequential.fit.__doc__.startswith("Train, and return the history.")
    assert losses.get(losses.binary_crossentropy) == losses.BinaryCrossentropy()
