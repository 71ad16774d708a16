"""Penalties on what layers give: in the loss, its gradient, and nowhere else.

Oracle: the loss written out in float64 NumPy, and central differences of it.
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from oracles import (
    assert_close,
    central_differences,
    float64,
    raises_text,
    unchecked_types,
    x64,
)

import jaxnet_mini as jn
from jaxnet_mini.core.networks import activity, protocol
from jaxnet_mini.core.training.state import Batch
from jaxnet_mini.core.training.trainer import Trainer
from jaxnet_mini.errors import ArgumentError, LayerError
from jaxnet_mini.layers import ActivityRegularization, Base, Dense, Embedding
from jaxnet_mini.optimizers import SGD
from jaxnet_mini.regularizers import L1L2

pytestmark = pytest.mark.usefixtures("quick_compilation")

KEY = jax.random.key(0)
RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(6, 3)), RNG.normal(size=(6, 2))
MASK = np.array([1.0, 1.0, 0.0, 1.0, 1.0, 0.0])
WEIGHT = RNG.uniform(0.5, 2.0, 6)


def net_of():
    return jn.serial(
        Dense(4, "tanh", activity_regularizer=L1L2(0.3, 0.2)),
        ActivityRegularization(l2=0.1),
        Dense(2, "softplus", activity_regularizer="l2", kernel_regularizer="l2"),
    )


def written_out(params):
    """The loss of the rows that are none of padding, each penalty by itself."""
    rows = MASK > 0
    hidden = np.tanh(X @ params["dense"]["kernel"] + params["dense"]["bias"])[rows]
    last = params["dense_1"]
    y = np.log1p(np.exp(hidden @ last["kernel"] + last["bias"]))
    losses = np.mean((y - Y[rows]) ** 2, axis=1) * WEIGHT[rows]
    of_outputs = 0.3 * np.abs(hidden).sum() + (0.2 + 0.1) * (hidden**2).sum()
    of_outputs += 0.01 * (y**2).sum()
    of_weights = 0.01 * (last["kernel"] ** 2).sum()
    return (losses.sum() + of_outputs) / rows.sum() + of_weights


def test_loss_and_gradient_are_those_of_the_formula():
    trainer = Trainer(net_of(), "mse", SGD(1.0))
    with x64():
        params = jax.tree.map(
            lambda leaf: RNG.normal(0.1, 0.4, leaf.shape),
            jax.eval_shape(lambda: trainer.net.init(KEY, (3,))[1]),
        )
        padded = np.where(MASK[:, None] > 0, X, 1e6)  # what padding holds is no matter
        arrays = padded, Y, WEIGHT, MASK
        batch = Batch(*map(jnp.asarray, arrays))
        state = trainer.init(KEY, (3,))._replace(params=jax.tree.map(jnp.array, params))
        after, logs = jax.jit(trainer.step)(state, batch)
        assert_close(logs["loss"], written_out(params), 1e-12)
        leaves, structure = jax.tree.flatten(params)
        ends = np.cumsum([leaf.size for leaf in leaves])

        def losses(points):
            parts = [np.split(point, ends[:-1]) for point in points]
            return np.array(
                [
                    written_out(
                        structure.unflatten(
                            p.reshape(leaf.shape)
                            for p, leaf in zip(part, leaves, strict=True)
                        )
                    )
                    for part in parts
                ]
            )

        point = np.concatenate([np.ravel(leaf) for leaf in leaves])
        found = jax.tree.map(np.subtract, params, float64(after.params))
        gradient = np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(found)])
        expected = np.ravel(central_differences(losses, point))
        assert np.linalg.norm(gradient - expected) <= 1e-6 * np.linalg.norm(expected)


def test_what_fit_and_evaluate_log_counts_every_row_once():
    """Also where the last batch is padded, and in which batches they come."""
    x, y = RNG.normal(size=(10, 3)), RNG.normal(size=(10, 3))
    x, y = x.astype(np.float32), y.astype(np.float32)
    model = jn.Sequential([jn.Input((3,)), ActivityRegularization(0.5, 0.25)])
    model.compile(SGD(0.0), "mse")
    expected = np.mean((x - y) ** 2)
    expected += (0.5 * np.abs(x).sum() + 0.25 * (x**2).sum()) / 10
    history = model.fit(x, y, batch_size=4, verbose=0, validation_data=(x, y)).history
    for name in ("loss", "val_loss"):
        assert_close(history[name], [expected], 1e-5)
    assert_close(model.evaluate(x, y, verbose=0), expected, 1e-5)
    assert not protocol.acts_by_row(model.net)
    np.testing.assert_array_equal(model.predict(x), x)


def test_every_call_of_a_graph_is_penalized():
    """A layer that is called twice, each time; and one that takes integers."""
    net = jn.graph(
        {
            "table": (Embedding(5, 3, activity_regularizer="l1"), "x"),
            "one": (Dense(3, activity_regularizer=jnp.sum), "table"),
            "two": ("one", "one"),
        },
        inputs="x",
        outputs="two",
    )
    _, params = net.init(KEY, (2,))
    x = jnp.array([[0, 4], [2, 2]])
    mask = jnp.array([True, False])
    y, _, total, _ = jax.jit(activity.run, static_argnums=0)(
        net, params, {}, x, mask=mask
    )
    table = params["table"]["embeddings"][x]
    one = table @ params["one"]["kernel"]
    np.testing.assert_allclose(y, one @ params["one"]["kernel"], rtol=1e-5)
    expected = 0.01 * jnp.sum(jnp.abs(table[0])) + jnp.sum(one[0]) + jnp.sum(y[0])
    assert_close(total, expected, 1e-5)
    alone = activity.run(net.layers[1], params["one"], {}, table)[2]
    assert_close(alone, jnp.sum(one), 1e-5)


def test_where_there_is_none_the_program_has_no_word_of_it(monkeypatch):
    trainer = Trainer(jn.serial(Dense(3, "relu"), Dense(2, "softmax")), "mse")
    state = trainer.init(KEY, (3,))

    def program():
        return str(jax.make_jaxpr(trainer.step)(state, (jnp.ones((4, 3)), Y[:4])))

    asked = program()

    def plain(net, params, state, x, **how):
        return (*protocol.run(net, params, state, x, **how), 0.0, 0.0)

    monkeypatch.setattr(activity, "run", plain)
    assert asked == program()


@dataclasses.dataclass(frozen=True, repr=False)
class Own(Base):
    """A layer of a user's own, with the attribute and no more."""

    activity_regularizer: object = None


class Around:
    """One that holds another."""

    def __init__(self, inner):
        self.inner = inner

    def init(self, key, input_shape):
        return self.inner.init(key, input_shape)

    def apply(self, params, x, *, key=None, training=False):
        return self.inner.apply(params, x, key=key, training=training)


def test_a_penalty_is_not_silently_lost():
    dense = Dense(3, activity_regularizer="l2")
    for layer in (jn.serial(dense), jn.repeat(dense, 2), Around(dense)):
        for net in (jn.serial(layer), jn.serial(Dense(3), layer)):
            with raises_text(LayerError, "whose activity_regularizer would be missing"):
                Trainer(net, "mse")
    for net in (dense, jn.serial(dense), jn.serial(Own("l2"))):
        Trainer(net, "mse")
    x = jnp.full((2, 3), 2.0)
    _, _, total, _ = activity.run(jn.serial(Own("l2")), {"own": {}}, {}, x)
    assert_close(total, 0.01 * 6 * 4.0)


def test_what_is_penalized_keeps_its_activation():
    """The outputs, not the logits from which a loss might be computed."""
    net = jn.serial(Dense(3, "softmax", activity_regularizer="l2"))
    task = Trainer(net, "categorical_crossentropy").task
    assert task.bare == net
    for make, words in (
        (
            lambda: ActivityRegularization(-1.0),
            "l1 must be a finite number of at",
        ),
        (lambda: Dense(3, activity_regularizer=0.1), "a regularizer must be a name"),
    ):
        with unchecked_types(), raises_text(ArgumentError, words):
            make()
