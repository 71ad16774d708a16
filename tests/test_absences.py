"""What Keras has and is not here: one sentence each says what to write instead."""

import importlib
import inspect
import pickle

import jax
import numpy as np
import optax
import pytest
from conftest import keras_on_jax

import jaxnet_mini as jn
from jaxnet_mini import absences, keras_names
from jaxnet_mini.errors import AbsentImportError, AbsentNameError

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


def test_no_sentence_is_about_a_name_that_is_here():
    for room, names in keras_names.NAMES.items():
        assert not [name for name in names if hasattr(ours(room), name)], room
        for name in absences._offered(ours(room)):
            assert keras_names.advice(room, name) is None, f"{room}.{name}"


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        (
            "from jaxnet_mini.layers import Dense, Conv2D",
            "there are no convolutions",
        ),
        ("from jaxnet_mini.optimizers import Adamax", "give compile optax.adamax("),
        ("from jaxnet_mini import Model", "no Model: a model is one chain of layers"),
        ("from jaxnet_mini import backend as K", "use jax and jax.numpy"),
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
    exec("from jaxnet_mini import absences as found")


def test_what_the_sentences_advise_works():
    x = np.random.default_rng(0).normal(size=(12, 4)).astype(np.float32)
    y = (x[:, :1] > 0).astype(np.float32)

    def focal(y, p):
        return optax.losses.sigmoid_focal_loss(p, y).mean(-1)

    def everything(params):
        return jax.tree.map(lambda _: "all", params)

    model = jn.Sequential([jn.Dense(1, input_shape=(4,))])
    for optimizer in (
        optax.adadelta(0.1),
        optax.adafactor(0.1),
        optax.adamax(0.1),
        optax.lamb(0.1),
        optax.contrib.muon(0.1),
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
