"""Layers that remember more than their parameters, through all that trains them."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from oracles import (
    assert_close,
    assert_trees_close,
    assert_trees_identical,
    raises_text,
)
from remembering import Plain, Standardized

import jaxnet_mini as jn
from jaxnet_mini.core.networks import protocol
from jaxnet_mini.core.networks.ensemble import Ensemble
from jaxnet_mini.core.networks.serial import Serial, serial
from jaxnet_mini.core.training.trainer import Trainer
from jaxnet_mini.core.types import Variables
from jaxnet_mini.data import Data
from jaxnet_mini.errors import ArgumentError, LayerError, NonFiniteError
from jaxnet_mini.layers import Base, Dense, Dropout

pytestmark = pytest.mark.usefixtures("quick_compilation")

KEY = jax.random.key(3)
RNG = np.random.default_rng(0)
X = RNG.normal(1.0, 3.0, (20, 4)).astype(np.float32)
Y = RNG.normal(size=(20, 2)).astype(np.float32)
BATCH = 8  # of which the third is padded by four rows
NET = serial(Dense(5, "tanh"), Standardized(), Dense(2))


def classifier(rate=0.1, **compiled):
    model = jn.Sequential([Dense(5, "tanh", input_dim=4), Standardized(), Dense(2)])
    model.compile(jn.optimizers.SGD(rate), "mse", **compiled)
    return model


def fit(model, epochs=2, **options):
    options = {"batch_size": BATCH, "shuffle": False, "verbose": 0} | options
    return model.fit(X, Y, epochs=epochs, **options)


def standardized(x, state, momentum=0.9):
    """What a batch becomes in training, and the state after it, in float64."""
    mean, variance = x.mean(0), x.var(0)
    new = {"moving_mean": mean, "moving_variance": variance}
    after = {n: momentum * state[n] + (1 - momentum) * v for n, v in new.items()}
    return (x - mean) / np.sqrt(variance + 1e-3), after


def remembered(x, epochs):
    """What is remembered of batches in order, in float64."""
    state = {
        "moving_mean": np.zeros(x.shape[1]),
        "moving_variance": np.ones(x.shape[1]),
    }
    for _ in range(epochs):
        for first in range(0, len(x), BATCH):
            _, state = standardized(x[first : first + BATCH], state)
    return state


def hidden(params, x=X):
    dense = jax.tree.map(np.float64, params["dense"])
    return np.tanh(x.astype(np.float64) @ dense["kernel"] + dense["bias"])


# What is asked of a layer


def test_a_net_without_state_is_run_by_apply_to_the_letter():
    net = serial(Dense(3, "relu"), Dropout(0.5), jn.repeat(Dense(3), 2))
    _, params = net.init(KEY, (4,))
    for training in (False, True):
        how = {"key": KEY, "training": training}
        run = functools.partial(protocol.run, net, params, {}, **how)
        apply = functools.partial(net.apply, params, **how)
        asked = str(jax.make_jaxpr(lambda x, run=run: run(x)[0])(X))
        assert asked == str(jax.make_jaxpr(lambda x, apply=apply: apply(x))(X))
    assert protocol.init_state(net, (4,)) == {}
    assert not protocol.has_state(net)


def test_apply_alone_is_a_clear_error():
    for net in (
        NET,
        Standardized(),
        jn.repeat(Standardized(), 2),
        Ensemble((NET,), (2,)),
    ):
        _, params = net.init(KEY, (4,))
        with raises_text(LayerError, "y, state = net.update(params, state, x)"):
            net.apply(params, X)


def test_trap_what_overrides_apply_is_not_passed_over():
    _, params = Plain().init(KEY, (4,))
    assert not protocol.has_state(Plain())
    assert_close(protocol.run(Plain(), params, {}, X)[0], 2.0 * X)

    class Doubled(Serial):
        def apply(self, params, x, **how):
            return 2.0 * super().apply(params, x, **how)

    net = serial(Doubled((Dense(2),)))
    _, params = net.init(KEY, (4,))
    assert_close(
        protocol.run(net, params, {}, X)[0],
        2.0 * serial(Dense(2)).apply(params["doubled"], X),
    )
    with raises_text(LayerError, "would be lost", "init_state", "self.layers[0]"):
        serial(Doubled((Standardized(),)))


@dataclasses.dataclass(frozen=True, repr=False)
class Wrapped(Base):
    inner: Base

    def init(self, key, input_shape):
        return self.inner.init(key, input_shape)

    def apply(self, params, x, *, key=None, training=False):
        return self.inner.apply(params, x, key=key, training=training)


class Asking(Wrapped):
    def init_state(self, input_shape):
        return protocol.init_state(self.inner, input_shape)

    def update(self, params, state, x, **how):
        return protocol.run(self.inner, params, state, x, **how)

    @property
    def has_state(self):
        return protocol.has_state(self.inner)


def test_what_a_net_remembers_is_asked_for():
    trainer = Trainer(NET, "mse", "sgd")
    start = trainer.init(KEY, (4,))
    with raises_text(LayerError, "no entry 'standardized'", "net.init_state"):
        NET.update(start.params, {}, jnp.asarray(X))
    batches = Data(jnp.asarray(X)[None], jnp.asarray(Y)[None], None, np.int32(20))
    with raises_text(LayerError, "no entry 'standardized'"):
        trainer.evaluate(start.params, batches, 0, 1)
    without = Trainer(serial(Dense(2)), "mse")
    params = without.init(KEY, (4,)).params
    sums = [without.evaluate(p, batches, 0, 1) for p in (params, Variables(params))]
    assert_trees_identical(sums[0], sums[1])
    rows = Data(jnp.asarray(X), jnp.asarray(Y), None, np.int32(20))
    pieces = jnp.arange(8, dtype=jnp.int32).reshape(1, 2, 4)
    with raises_text(ArgumentError, "2 pieces a step", "(steps, batch)"):
        trainer.loop(start, rows, pieces, 0, 1)


def test_what_a_wrapper_holds_is_not_forgotten():
    with raises_text(LayerError, "Wrapped", "would be lost", "update(self, params,"):
        serial(Wrapped(Standardized()))
    with raises_text(LayerError, "Wrapped", "would be lost"):
        serial(Wrapped(NET))
    net = serial(Asking(Standardized()), Asking(Dense(2)))
    assert protocol.init_state(net, (4,)).keys() == {"asking"}
    with raises_text(LayerError, "which is not to be trained", "trainable_mask"):
        serial(Wrapped(Dense(2, trainable=False)))
    serial(Wrapped(Dense(2, trainable=False), trainable=False))


def test_what_update_must_be():
    class Short(Standardized):
        def update(self, params, state, x, *, key=None, training=False):
            return x, state

    class Never(Base):
        def update(self, params, state, x, **_):
            return x, state

    class Widening(Standardized):
        def update(self, params, state, x, **_):
            return x, jax.tree.map(lambda leaf: leaf.astype(jnp.int32), state)

    class Clashing(Standardized):
        def init_state(self, input_shape):
            return {"gamma": jnp.zeros(input_shape)}

    with raises_text(LayerError, "update must be update(params, state, x, *, key=None"):
        serial(Short())
    with raises_text(LayerError, "has update and no init_state"):
        serial(Never())
    with raises_text(LayerError, "layer 'clashing'", "remembers 'gamma'"):
        jn.Sequential([Clashing(input_dim=4)])
    model = jn.Sequential([Widening(input_dim=4), Dense(2)])
    model.compile("sgd", "mse")
    with raises_text(LayerError, "'widening/moving_mean'", "int32", "float32"):
        fit(model)


def test_rows_act_by_themselves_only_where_nothing_is_learned_of_them():
    class Known(Standardized):
        acts_by_row = True

    net = serial(Known(), Dense(2))
    assert protocol.acts_by_row(net)
    assert not protocol.acts_by_row(net, training=True)
    trainer = Trainer(net, "mse")
    assert (trainer.acts_by_row(False), trainer.acts_by_row(True)) == (True, False)


# Training


@pytest.mark.parametrize("how", ["serial", "nested", "stepwise"])
def test_batches_are_remembered_as_in_float64(how):
    """With a learning rate of 0, so that the layer before stays as it is."""
    model = classifier(rate=0.0)
    own = ["standardized"]
    if how == "nested":
        inner = serial(Dense(5, "tanh"), Standardized(), name="inner")
        model = jn.Sequential([jn.Input((4,)), inner, Dense(2)])
        model.compile(jn.optimizers.SGD(0.0), "mse")
        own = ["inner", "standardized"]
    if how == "stepwise":
        for _ in range(3):
            for first in range(0, len(X), BATCH):
                model.train_on_batch(X[first : first + BATCH], Y[first : first + BATCH])
    else:
        fit(model, 3)
    params = model.params["inner"] if how == "nested" else model.params
    found = functools.reduce(lambda tree, name: tree[name], own, model.layer_state)
    assert_trees_close(found, remembered(hidden(params), 3), 2e-6)


def test_what_draws_beside_it_is_given_its_own_key():
    """The layers of a net are given the same keys, whether it remembers or not."""
    net = serial(Dropout(0.5), Standardized(), Dropout(0.25), Dense(2))
    _, params = net.init(KEY, (4,))
    state = protocol.init_state(net, (4,))
    y, _ = protocol.run(net, params, state, X, key=KEY, training=True)
    keys = [jax.random.fold_in(KEY, place) for place in range(4)]
    h = Dropout(0.5).apply({}, jnp.asarray(X), key=keys[0], training=True)
    h, _ = standardized(np.float64(h), remembered(np.ones((0, 4)), 0))
    h = Dropout(0.25).apply({}, jnp.float32(h), key=keys[2], training=True)
    assert_close(y, Dense(2).apply(params["dense"], h), 1e-5)
    how = {"key": KEY, "training": True}
    found, _ = Asking(Dropout(0.5)).update({}, {}, jnp.asarray(X), **how)
    assert_close(found, Dropout(0.5).apply({}, jnp.asarray(X), **how))


def test_padding_leaves_no_trace():
    trainer = Trainer(NET, "mse", "sgd")
    start = trainer.init(KEY, (4,))
    mask = np.arange(BATCH) < 5
    states = []
    for padding in (0.0, 1e30, np.nan):
        x = np.where(mask[:, None], X[:BATCH], np.float32(padding))
        batch = (jnp.asarray(x), jnp.asarray(Y[:BATCH]), None, jnp.asarray(mask))
        states.append(jax.jit(trainer.step)(start, batch)[0].layer_state)
    assert_trees_identical(states[1], states[0])
    assert_trees_identical(states[2], states[0])
    _, expected = standardized(hidden(start.params)[:5], remembered(np.ones((0, 5)), 0))
    assert_trees_close(states[0]["standardized"], expected, 2e-6)


@pytest.mark.slow
def test_evaluations_and_predictions_change_nothing_and_go_by_what_is_remembered():
    model = classifier()
    fit(model)
    before = model.layer_state
    state = jax.tree.map(np.float64, before["standardized"])
    params = jax.tree.map(np.float64, model.params)
    h = (hidden(params) - state["moving_mean"]) / np.sqrt(
        state["moving_variance"] + 1e-3
    )
    h = params["standardized"]["gamma"] * h + params["standardized"]["beta"]
    expected = h @ params["dense_1"]["kernel"] + params["dense_1"]["bias"]
    for batch_size in (1, 7, 20):
        outputs = model.predict(X, batch_size=batch_size)
        assert_close(outputs, expected, 1e-5)
        loss = model.evaluate(X, Y, batch_size=batch_size, verbose=0)
        assert loss == pytest.approx(np.mean((expected - Y) ** 2), rel=1e-5)
    assert_close(model(X), expected, 1e-5)
    assert_close(NET.update(model.params, model.layer_state, X)[0], expected, 1e-5)
    drawn = model(X, training=True)
    assert np.ptp(np.asarray(drawn) - expected) > 0.01
    assert_trees_identical(model.layer_state, before)


def test_repetitions_remember_each_their_own():
    once = [Standardized(name=f"s{i}") for i in range(3)]
    twin = serial(*once)
    net = jn.repeat(Standardized(), 3)
    params = {name: RNG.normal(size=(3, 4)) for name in ("gamma", "beta")}
    params = jax.tree.map(np.float32, params)
    state = net.init_state((4,))
    apart = {f"s{i}": jax.tree.map(lambda p, i=i: p[i], params) for i in range(3)}
    states = {f"s{i}": jax.tree.map(lambda p, i=i: p[i], state) for i in range(3)}
    mask = jnp.arange(20) < 17
    y, after = net.update(params, state, jnp.asarray(X), training=True, mask=mask)
    expected, others = twin.update(apart, states, X, training=True, mask=mask)
    assert_close(y[:17], expected[:17], 1e-5)
    for i in range(3):
        assert_trees_close(
            jax.tree.map(lambda p, i=i: p[i], after), others[f"s{i}"], 1e-5
        )


# Models


def test_weights_are_in_order_and_come_back(tmp_path):
    model = classifier()
    fit(model)
    names = ["gamma", "beta", "moving_mean", "moving_variance"]
    assert [w.path for w in model.weights][2:6] == [f"standardized/{n}" for n in names]
    assert model.count_params() == sum(w.size for w in model.get_weights()) == 57
    lines = []
    model.summary(print_fn=lines.append)
    assert "Total params: 57 (228.00 B)" in lines[0]
    assert " Trainable params: 47 " in lines[0]
    assert " Non-trainable params: 10 " in lines[0]
    expected = model.predict(X)
    twin = jn.models.clone_model(model)
    assert np.ptp(twin.predict(X) - expected) > 0.01
    twin.set_weights(model.get_weights())
    assert_trees_identical(twin.layer_state, model.layer_state)
    for save, load in (("save_weights", "load_weights"), ("save", None)):
        path = tmp_path / f"{save}.weights.safetensors"
        if load is None:
            path = tmp_path / "model.safetensors"
        getattr(model, save)(path)
        if load is None:
            own = {"Standardized": Standardized}
            twin = jn.models.load_model(path, own)
            assert_trees_identical(twin.state, model.state)
            fit(twin, 1)
        else:
            twin = jn.models.clone_model(model)
            twin.load_weights(path)
            np.testing.assert_array_equal(twin.predict(X), expected)
    fit(model, 1)
    assert_trees_identical(twin.state, model.state)
    longer = jn.models.clone_model(model)
    longer.set_weights(model.get_weights())
    longer.pop()
    longer.add(Dense(3))
    assert_trees_identical(longer.layer_state, model.layer_state)
    longer.layer_state = jax.tree.map(jnp.zeros_like, longer.layer_state)
    assert not np.any(longer.get_weights()[4])


def test_a_kept_run_goes_on_bit_for_bit(tmp_path):
    whole = classifier()
    fit(whole, 4)
    fit(classifier(), 2, checkpoint=tmp_path)
    resumed = classifier()
    fit(resumed, 4, checkpoint=tmp_path)
    assert_trees_identical(resumed.state, whole.state)


def test_the_best_epoch_is_remembered_too():
    stopping = jn.callbacks.EarlyStopping(
        "loss", patience=9, mode="max", restore_best_weights=True
    )
    model, once = classifier(), classifier()
    fit(model, 3, callbacks=[stopping])
    fit(once, 1)
    assert_trees_identical(model.layer_state, once.layer_state)
    assert_trees_identical(model.params, once.params)


@pytest.mark.slow
def test_members_of_a_sweep_remember_each_their_own():
    rates = [0.1, 0.01]
    swept = jn.sweep(
        classifier,
        {"rate": rates},
        X,
        Y,
        epochs=2,
        batch_size=BATCH,
        shuffle=False,
        verbose=0,
    )
    alone = [classifier(rate) for rate in rates]
    for member, model in zip(swept, alone, strict=True):
        fit(model)
        assert_trees_close(member.model.layer_state, model.layer_state, 1e-5)
    several = swept.ensemble(2, monitor="loss")
    assert_close(
        several.predict(X), np.mean([m.predict(X) for m in alone], axis=0), 1e-5
    )
    before = several.layer_state
    several.fit(X, Y, verbose=0)
    moved = jax.tree.map(
        lambda a, b: np.max(np.abs(a - b)), before, several.layer_state
    )
    assert min(jax.tree.leaves(moved)) > 0.0


def test_what_turns_infinite_is_named():
    class Exploding(Standardized):
        def update(self, params, state, x, **_):
            mean = 1e30 * (1.0 + state["moving_mean"] ** 2)
            return x, state | {"moving_mean": mean}

    model = jn.Sequential([Dense(2, input_dim=4), Exploding()])
    model.compile("sgd", "mse")
    with raises_text(NonFiniteError, "'exploding/moving_mean'", "step 2"):
        fit(model)
