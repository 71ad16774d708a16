"""Layers that stand in a model already bring their weights, or are refused."""

import copy
import gc
import pickle

import jax
import numpy as np
import pytest
from oracles import raises_text, unchecked_types
from places_cases import Slotted, X, trained

import jaxnet_mini as jn
from jaxnet_mini.errors import LayerError, ShapeError
from jaxnet_mini.layers import (
    Activation,
    Dense,
    Dropout,
    Flatten,
    Input,
    ReLU,
    Softmax,
)
from jaxnet_mini.models import load

pytestmark = pytest.mark.usefixtures("quick_compilation")


class Listing:
    """A layer that keeps others in a list in a dictionary."""

    def __init__(self, *layers):
        self.parts = {"all": list(layers)}

    def init(self, key, input_shape):
        return jn.serial(*self.parts["all"]).init(key, input_shape)

    def apply(self, params, x, *, key=None, training=False):
        return jn.serial(*self.parts["all"]).apply(params, x)


SHARED = {
    "all and softmax": lambda m: [*m.layers, Softmax()],
    "all but the last": lambda m: [Input((2,)), *m.layers[:-1]],
    "within a serial": lambda m: [Input((2,)), jn.serial(m.layers[0], ReLU())],
    "the whole net": lambda m: [Input((2,)), m.net, Softmax()],
    "the model": lambda m: [m, Softmax()],
}


def test_a_layer_of_another_model_is_added_once():
    model = jn.Sequential([Input((2,)), Dense(2)])
    new = jn.Sequential([Input((2,)), jn.serial(model.layers[0])])
    with raises_text(LayerError, "'serial' of the model 'sequential'", "in it twice"):
        new.add(model.layers[0])
    new.add(Dense(3))
    assert len(new.layers) == 2


@pytest.mark.one_in(2)
@pytest.mark.parametrize("take", SHARED.values(), ids=SHARED)
def test_layers_of_a_trained_model_bring_their_weights(take):
    model = trained()
    copies = copy.deepcopy(model), pickle.loads(pickle.dumps(model))
    for former in (model, *copies, jn.models.clone_model(model)):
        new = jn.Sequential(take(former))
        number = len(new.get_weights())
        before = former.get_weights()
        for mine, weight in zip(new.get_weights(), before, strict=False):
            np.testing.assert_array_equal(mine, weight)
        new.compile("sgd", "mse")
        new.fit(X, np.ones((6, *new.output_shape[1:])), verbose=0)
        learned = new.get_weights()
        assert any((a != b).any() for a, b in zip(before, learned, strict=False))
        for mine, weight in zip(former.get_weights(), learned, strict=False):
            np.testing.assert_array_equal(mine, weight)
        former.fit(X, np.ones((6, 3)), verbose=0)
        for mine, weight in zip(new.get_weights(), former.get_weights(), strict=False):
            np.testing.assert_array_equal(mine, weight)
        assert number <= len(before)
        former.set_weights([0 * weight for weight in before])
        assert not any(weight.any() for weight in new.get_weights())


def test_weights_are_shared_before_there_are_any():
    dense = Dense(3, input_dim=2)
    one, other = jn.Sequential([dense]), jn.Sequential([dense], seed=7)
    np.testing.assert_array_equal(other.get_weights()[0], one.get_weights()[0])
    for model in (one, other):
        model.compile("adam", "mse")
    other.fit(X, np.ones((6, 3)), verbose=0)
    np.testing.assert_array_equal(other.get_weights()[0], one.get_weights()[0])
    one.fit(X, np.ones((6, 3)), verbose=0)
    np.testing.assert_array_equal(other.get_weights()[0], one.get_weights()[0])


def test_what_is_shared_is_kept_swept_and_copied_alone(tmp_path):
    """A copy, a member and what comes from a file have weights of their own."""
    base = trained()
    model = jn.Sequential([base, Dense(2)])
    model.compile("sgd", "mse")
    model.fit(X, X, epochs=3, verbose=0, checkpoint=tmp_path / "run")
    for mine, weight in zip(base.get_weights(), model.get_weights(), strict=False):
        np.testing.assert_array_equal(mine, weight)
    model.save(tmp_path / "model.safetensors")
    before = base.get_weights()
    again = jn.models.load_model(tmp_path / "model.safetensors")
    twin, clone = copy.deepcopy(model), jn.models.clone_model(model)
    member = jn.sweep(model, {"seed": [0]}, X, X, verbose=0)[0].model
    for other in (again, twin, clone, member):
        other.set_weights([0 * weight for weight in other.get_weights()])
    for mine, weight in zip(base.get_weights(), before, strict=True):
        np.testing.assert_array_equal(mine, weight)
    model.load_weights(tmp_path / "model.safetensors")
    for mine, weight in zip(base.get_weights(), before, strict=True):
        np.testing.assert_array_equal(mine, weight)


def test_a_layer_that_is_shared_trains_where_it_is_trained():
    """Frozen there, it stays; what the other model learns arrives all the same."""
    base = trained()
    model = jn.Sequential([base, Dense(2)])
    model.compile("sgd", "mse")
    before = model.get_weights()
    base.fit(X, np.zeros((6, 3)), verbose=0)
    assert (model.get_weights()[0] != before[0]).any()
    np.testing.assert_array_equal(model.get_weights()[4], before[4])
    np.testing.assert_allclose(
        model.predict(X),
        base.predict(X) @ before[4] + before[5],
        rtol=1e-5,
        atol=1e-6,
    )


REFUSED = {
    "repeated": lambda m: [jn.repeat(m.layers[1], 2)],
    "within a layer of one's own": lambda m: [Listing(ReLU(), m.layers[0])],
}


@pytest.mark.parametrize("take", REFUSED.values(), ids=REFUSED)
def test_layers_of_a_trained_model_are_not_silently_untrained(take):
    model = trained()
    before = model.get_weights()
    with raises_text(LayerError, "of the model 'base'", "clone_model(model)"):
        jn.Sequential(take(model))
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_where_it_is_not_clear_which_weights_are_meant_is_refused():
    layers = [handle.pure for handle in trained().layers]
    gc.collect()
    with raises_text(LayerError, "the layer 'dense' of the model 'base'"):
        jn.Sequential(layers)
    model = jn.Sequential([Slotted(2)])
    model.build((None, 2))
    member = load.of_copied(model.net, (2,), "member", 1, like=model)
    for layers in (model.layers, member.layers):
        with raises_text(LayerError, "of a copy of it with other weights"):
            jn.Sequential(layers)
    del member, layers
    gc.collect()
    again = jn.Sequential([Input((2,)), *model.layers])
    assert again.get_weights()[0].any()


def test_layers_of_a_clone_bring_its_weights_and_no_others():
    x = Input((2,))
    model = jn.Model(x, Dense(3)(jn.graph({"own": (Slotted(2), "x")})(Dense(2)(x))))
    before = model.get_weights()
    clone = jn.models.clone_model(model)
    clone.set_weights([weight + 1 for weight in before])
    clone.layers[0].trainable = clone.layers[1].trainable = False
    cut = jn.Sequential(clone.layers[:-1])
    assert [layer.trainable for layer in cut.layers] == [False, True]
    assert [layer.trainable for layer in model.layers] == [True] * 4
    for mine, weight in zip(cut.get_weights(), before, strict=False):
        np.testing.assert_array_equal(mine, weight + 1)
    cut.set_weights([0 * weight for weight in cut.get_weights()])
    assert not any(weight.any() for weight in clone.get_weights()[:3])
    for mine, weight in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(mine, weight)
    twice = Dense(2)
    row = jn.Sequential([x, twice, twice])
    for again in (jn.models.clone_model(row), jn.models.model_from_json(row.to_json())):
        assert type(again) is jn.Sequential
        assert [layer.name for layer in again.layers] == ["dense"]


def test_inputs_of_another_shape_are_refused():
    model = trained()
    with raises_text(ShapeError, "would share its weights", "inputs of the same shape"):
        jn.Sequential([Input((3,)), model.layers[1]])
    assert jn.Sequential([Input((4,)), model.layers[1]]).count_params() == 15


def test_the_core_is_not_concerned():
    dense = Dense(5)
    _, params = jn.serial(dense, dense).init(jax.random.key(0), (5,))
    assert len(params) == 2
    _, params = jn.serial(jn.serial(dense)).init(jax.random.key(0), (5,))
    assert jn.Sequential([Input((5,)), dense]).count_params() == 30


def test_layers_without_parameters_stand_anywhere():
    free = [ReLU(), Activation("tanh"), Dropout(0.1), Flatten()]
    for _ in range(2):
        jn.Sequential([Input((4,)), *free, *free, Dense(2)])
        jn.Sequential([*free, *free, Dense(2)]).build((None, 4))


def test_a_layer_that_comes_twice_has_its_weights_once(tmp_path):
    dense, free = Dense(2, "tanh"), ReLU()
    model = jn.Sequential([dense, free, Dense(2), free], seed=3)
    model.add(dense)
    assert [part.name for part in model.outline][-2:] == ["dense_1", "re_lu_1"]
    model.compile("sgd", "mse")
    model.fit(X, X, verbose=0)
    own, other = (model.get_layer(name).get_weights() for name in ("dense", "dense_1"))
    y = np.tanh(X @ own[0] + own[1])
    y = np.maximum(np.maximum(y, 0) @ other[0] + other[1], 0)
    wanted = np.tanh(y @ own[0] + own[1])
    model.save(tmp_path / "model.safetensors")
    read = jn.models.load_model(tmp_path / "model.safetensors")
    for same in (model, read):
        np.testing.assert_allclose(same.predict(X), wanted, rtol=1e-5, atol=1e-6)
    model.pop()
    np.testing.assert_allclose(model.predict(X), y, rtol=1e-5, atol=1e-6)
    assert type(model.net) is type(jn.serial())
    own = Slotted(2)
    one, other = jn.Sequential([own]), jn.Sequential([own, own])
    other.build((None, 2))
    one.build((None, 2))
    np.testing.assert_array_equal(one.get_weights()[0], other.get_weights()[0])
    assert len(other.get_weights()) == 1


def test_a_popped_layer_has_lost_its_weights():
    model = trained()
    last, before = model.layers[-1], model.predict(X)
    model.pop()
    with raises_text(LayerError, "until pop() took it away", "clone_model(model)"):
        model.add(last)
    assert model.layers == trained().layers[:-1]
    model.add(copy.deepcopy(last))
    assert not np.allclose(model.predict(X), before)


def test_a_model_that_could_not_be_made_keeps_no_layer():
    dense = Dense(4, input_dim=2)
    with unchecked_types(), raises_text(LayerError, "is no layer"):
        jn.Sequential([dense, "relu"])
    assert jn.Sequential([dense]).built


def test_copies_stay_models_that_can_be_changed():
    model = trained()
    for twin in (
        copy.copy(model),
        copy.deepcopy(model),
        pickle.loads(pickle.dumps(model)),
        jn.models.clone_model(model),
        jn.models.model_from_json(model.to_json()),
    ):
        twin.pop()
        twin.add(Dense(1))
        twin.compile("sgd", "mse")
        twin.fit(X, X[:, :1], verbose=0)
        with raises_text(ShapeError, "it shares the weights of"):
            twin.add(twin.layers[-1])
    unbuilt = jn.Sequential([Slotted(3), Slotted(1)])
    twin = jn.models.clone_model(unbuilt)
    twin.build((None, 2))
    unbuilt.build((None, 2))
    assert twin.count_params() == unbuilt.count_params() == 9


def test_the_mark_is_no_part_of_the_value():
    marked, free = Dense(4, input_dim=2), Dense(4, input_dim=2)
    jn.Sequential([marked])
    assert marked == free
    assert hash(marked) == hash(free)
    assert vars(marked).keys() == vars(free).keys()
    assert jn.Sequential([pickle.loads(pickle.dumps(marked))]).built
