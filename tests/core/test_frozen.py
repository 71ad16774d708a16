"""Layers that training leaves as they are."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from oracles import (
    assert_close,
    assert_trees_close,
    assert_trees_identical,
    raises_text,
)
from remembering import Standardized

import jaxnet_mini as jn
from jaxnet_mini.core.networks import protocol
from jaxnet_mini.core.networks.ensemble import Ensemble
from jaxnet_mini.core.networks.serial import serial
from jaxnet_mini.core.training import frozen
from jaxnet_mini.core.training.trainer import Trainer
from jaxnet_mini.errors import ArgumentError, FileError, StateError
from jaxnet_mini.layers import Base, BatchNormalization, Dense
from jaxnet_mini.optimizers import SGD, Adam

pytestmark = pytest.mark.usefixtures("quick_compilation")

KEY = jax.random.key(3)
RNG = np.random.default_rng(0)
X = RNG.normal(size=(20, 4)).astype(np.float32)
Y = RNG.normal(size=(20, 2)).astype(np.float32)
FIT = {"epochs": 3, "batch_size": 8, "verbose": 0, "shuffle": False}


def net_of(trainable, **options):
    first = Dense(5, "tanh", trainable=trainable, kernel_regularizer="l2", **options)
    return serial(first, Dense(2))


def classifier(optimizer="adam", trainable=False):
    first = Dense(5, "tanh", input_dim=4, trainable=trainable, kernel_regularizer="l2")
    model = jn.Sequential([first, Dense(2)])
    model.compile(optimizer, "mse")
    return model


OPTIMIZERS = {
    "adam": Adam(0.01),
    "decaying": optax.adamw(0.01, weight_decay=0.1),
    "momentum": SGD(0.1, momentum=0.9, nesterov=True),
    "line search": optax.lbfgs(),
}


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.one_in(4)
def test_the_rest_learns_what_it_learns_behind_a_function(optimizer):
    """The same last layer, trained on what the frozen one makes of the inputs."""
    model = classifier(OPTIMIZERS[optimizer])
    before = model.params
    inputs = serial(Dense(5, "tanh")).apply({"dense": before["dense"]}, X)
    model.fit(X, Y, **FIT)
    assert_trees_identical(model.params["dense"], before["dense"])
    last = jn.Sequential([Dense(2, input_dim=5, name="dense_1")])
    last.compile(OPTIMIZERS[optimizer], "mse")
    last.params = {"dense_1": before["dense_1"]}
    last.fit(np.asarray(inputs), Y, **FIT)
    assert_trees_close(model.params["dense_1"], last.params["dense_1"], 1e-5)
    assert_close(model.history.history["loss"], last.history.history["loss"], 1e-5)
    own, other = (jax.tree.leaves(m.state.optimizer_state) for m in (model, last))
    assert [leaf.shape for leaf in own] == [leaf.shape for leaf in other]


def test_what_is_trained_is_a_tree_of_true_and_false():
    inner = serial(Dense(3, trainable=False), Dense(3), name="inner")
    net = serial(inner, jn.repeat(inner, 2), Ensemble((inner, Dense(3)), (2, 1)))
    _, params = net.init(KEY, (3,))
    part = {
        "dense": {"bias": False, "kernel": False},
        "dense_1": {"bias": True, "kernel": True},
    }
    assert protocol.trainable_mask(net, params) == {
        "inner": part,
        "repeat": part,
        "ensemble": {"net": part, "net_1": part["dense_1"]},
    }
    whole = dataclasses.replace(net, trainable=False)
    assert not any(jax.tree.leaves(protocol.trainable_mask(whole, params)))
    trained, rest = frozen.split(params, protocol.trainable_mask(net, params))
    assert len(jax.tree.leaves(trained)) == len(jax.tree.leaves(rest)) + 2
    assert_trees_identical(frozen.merged(trained, rest), params)
    state = Trainer(net, "mse", optax.adam(0.1)).init(KEY, (3,)).optimizer_state
    assert len(jax.tree.leaves(state[0].mu)) == len(jax.tree.leaves(trained))


def test_a_layer_that_says_nothing_is_trained():
    class Bare:
        """As much of a layer as the protocol asks for."""

        def init(self, key, input_shape):
            return input_shape, {"gain": jnp.ones(())}

        def apply(self, params, x, *, key=None, training=False):
            return params["gain"] * x

    net = serial(Bare(), Dense(2, trainable=False))
    _, params = net.init(KEY, (4,))
    mask = protocol.trainable_mask(net, params)
    assert mask == {"bare": {"gain": True}, "dense": {"bias": False, "kernel": False}}
    assert protocol.penalty(Bare(), params["bare"]) == 0.0
    assert not protocol.has_state(Bare())
    assert not protocol.acts_by_row(Bare())


def test_where_all_is_trained_the_program_has_no_word_of_it():
    """Nothing is taken apart: the same jaxpr as that of a layer without the field."""

    class Plain(Base):
        trainable = True

    trainer = Trainer(serial(Plain(), Dense(2)), "mse", "adam")
    params = trainer.init(KEY, (4,)).params
    assert trainer.trained(params) is params
    assert trainer.split(params) == (params, None)


def test_regularizers_of_what_is_frozen_count_nothing():
    _, params = net_of(True).init(KEY, (4,))
    free = protocol.penalty(net_of(True), params)
    assert float(free) > 0.0
    assert protocol.penalty(net_of(False), params) == 0.0
    losses = []
    for trainable in (True, False):
        model = classifier(trainable=trainable)
        model.params = params
        losses.append(model.evaluate(X, Y, verbose=0))
    assert losses[0] - losses[1] == pytest.approx(float(free), rel=1e-4)


def test_a_net_of_which_nothing_is_trained_is_evaluated_and_fitted():
    model = jn.Sequential([Dense(2, input_dim=4, trainable=False)])
    model.compile("adam", "mse")
    before, loss = model.params, model.evaluate(X, Y, verbose=0)
    history = model.fit(X, Y, **FIT)
    assert_trees_identical(model.params, before)
    assert history.history["loss"] == pytest.approx([loss] * 3, rel=1e-5)


def test_what_is_remembered_is_remembered_all_the_same():
    """What is learned of rows comes by no gradient; a layer itself may think better."""
    first = Standardized(input_dim=4, trainable=False)
    model = jn.Sequential([first, Dense(2)])
    model.compile("sgd", "mse")
    before = model.layer_state, model.params["standardized"]
    model.fit(X, Y, **FIT)
    assert_trees_identical(model.params["standardized"], before[1])
    moved = zip(*map(jax.tree.leaves, (before[0], model.layer_state)), strict=True)
    assert all(np.all(one != other) for one, other in moved)


@pytest.mark.parametrize("around", [jn.repeat, lambda net, n: Ensemble((net,), (n,))])
def test_what_a_frozen_network_repeats_goes_by_what_it_remembers(around):
    free = around(serial(Dense(4, "tanh"), BatchNormalization(momentum=0.5)), 2)
    net = dataclasses.replace(free, trainable=False)
    before = protocol.init(net, KEY, (4,))
    learned, after = net.update(*before, X, key=KEY, training=True)
    assert_trees_identical(after, before.state)
    assert_trees_close(learned, net.update(*before, X)[0], 1e-6)
    moved = jax.tree.leaves(free.update(*before, X, key=KEY, training=True)[1])
    pairs = zip(moved, jax.tree.leaves(before.state), strict=True)
    assert all(np.all(one != other) for one, other in pairs)


def test_summaries_and_drawings_say_it():
    lines = []
    classifier().summary(print_fn=lines.append)
    assert " Total params: 37 " in lines[0]
    assert " Trainable params: 12 " in lines[0]
    assert " Non-trainable params: 25 " in lines[0]
    assert repr(Dense(3, trainable=False)) == "Dense(3, trainable=False)"


def test_frozen_models_are_kept_saved_and_swept(tmp_path):
    whole = classifier()
    whole.fit(X, Y, **FIT)
    classifier().fit(X, Y, checkpoint=tmp_path / "run", **FIT | {"epochs": 1})
    resumed = classifier()
    resumed.fit(X, Y, checkpoint=tmp_path / "run", **FIT)
    assert_trees_identical(resumed.state, whole.state)
    with raises_text(FileError, "dense.config.trainable"):
        classifier(trainable=True).fit(X, Y, checkpoint=tmp_path / "run", **FIT)
    whole.save(tmp_path / "model.safetensors")
    loaded = jn.models.load_model(tmp_path / "model.safetensors")
    for model in (whole, loaded):
        model.fit(X, Y, **FIT)
    assert_trees_identical(loaded.state, whole.state)
    swept = jn.sweep(classifier, {"trainable": [False, True]}, X, Y, **FIT)
    for member, trainable in zip(swept, (False, True), strict=True):
        alone = classifier(trainable=trainable)
        alone.fit(X, Y, **FIT)
        assert_trees_close(member.model.params, alone.params, 1e-5)


def test_wrong_words_are_refused():
    with raises_text(ArgumentError, "trainable"):
        Dense(3, trainable="no")
    layer = Dense(3)
    with pytest.raises((dataclasses.FrozenInstanceError, StateError, AttributeError)):
        layer.trainable = False
