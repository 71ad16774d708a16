"""Steps computed in pieces of their batch are the steps of the whole batch."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from oracles import assert_trees_identical

import jaxnet_mini as jn
from jaxnet_mini.core.networks import protocol
from jaxnet_mini.core.training.trainer import Trainer
from jaxnet_mini.data import Data, epoch_order
from jaxnet_mini.devices import programs
from jaxnet_mini.layers import (
    Activation,
    Base,
    Dense,
    Dropout,
    Flatten,
    Identity,
    LayerNormalization,
)
from jaxnet_mini.loops import prepare
from jaxnet_mini.losses import Huber, SparseCategoricalCrossentropy
from jaxnet_mini.metrics import R2Score
from jaxnet_mini.optimizers import SGD, Adam

pytestmark = pytest.mark.usefixtures("quick_compilation")

GENERATOR = np.random.default_rng(3)
ROWS, BATCH, FEATURES = 90, 24, 5
X = GENERATOR.normal(size=(96, FEATURES)).astype(np.float32)
CLASSES = (np.arange(96) % 3).astype(np.int32)
VALUES = GENERATOR.normal(size=(96, 3)).astype(np.float32)
WEIGHT = GENERATOR.uniform(0.0, 2.0, 96).astype(np.float32)
NET = jn.serial(Dense(7, activation="tanh"), LayerNormalization(), Dense(3))
PENALIZED = jn.serial(Dense(7, "relu", kernel_regularizer="l2"), Dense(3))


def epoch(trainer, y, weight, pieces):
    """An epoch of four steps, the last one ragged: six of its rows are padding."""
    examples = Data(X, y, weight, np.int32(ROWS))
    order = epoch_order.order([0], 0, ROWS, BATCH, pieces=pieces)
    state = trainer.init(jax.random.key(0), (FEATURES,))
    progress = programs.loop(trainer.program(), state, examples, order, 0, 4)
    assert int(progress.failed) == -1
    return progress.state, trainer.logs(progress.sums.value())


@pytest.mark.parametrize(
    ("net", "pieces"),
    [
        # The last piece of the last step holds two rows and padding.
        pytest.param(PENALIZED, 3, id="penalized-3"),
        # One row each: the last six pieces of the last step are padding alone.
        pytest.param(NET, 24, id="free-24"),
    ],
)
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize(
    "reduction", ["sum_over_batch_size", "sum", "mean_with_sample_weight"]
)
@pytest.mark.one_in(6)
def test_pieces_add_up_to_the_batch(net, reduction, weighted, pieces):
    loss = SparseCategoricalCrossentropy(from_logits=True, reduction=reduction)
    trainer = Trainer(net, loss, SGD(0.01), ("accuracy",), ("accuracy",))
    # The batch in one piece has weights always: ones are none, and share a program.
    weight = WEIGHT if weighted else np.ones_like(WEIGHT)
    state, logs = epoch(trainer, CLASSES, WEIGHT if weighted else None, pieces)
    whole, expected = epoch(trainer, CLASSES, weight, 1)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6),
        state.params,
        whole.params,
    )
    assert logs.keys() == expected.keys()
    for name, value in logs.items():
        assert value == pytest.approx(expected[name], rel=1e-5), name


@pytest.mark.slow
def test_several_values_per_row_and_adam():
    trainer = Trainer(
        NET, Huber(reduction="sum"), Adam(0.01), ("mae", R2Score().for_outputs(3))
    )
    state, logs = epoch(trainer, VALUES, WEIGHT, 4)
    whole, expected = epoch(trainer, VALUES, WEIGHT, 1)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5),
        state.params,
        whole.params,
    )
    assert logs["mae"] == pytest.approx(expected["mae"], rel=1e-5)
    assert logs["r2_score"] == pytest.approx(expected["r2_score"], rel=1e-4)


def test_each_piece_drops_units_of_its_own():
    """With one draw for all, equal pieces would give equal sums."""
    net = jn.serial(Dropout(0.5), Dense(1, kernel_initializer="ones"))
    trainer = Trainer(net, lambda y_true, y_pred: y_pred[:, 0], SGD(0.0))
    order = np.zeros((1, 2, 8), np.int32)
    examples = Data(np.ones((1, 64), np.float32), np.zeros(1), None, np.int32(16))
    state = trainer.init(jax.random.key(1), (64,))
    seen = []
    for pieces in (order[:, :1], order):
        seen.append(programs.loop(trainer.program(), state, examples, pieces, 0, 1))
    one, two = (float(progress.sums.value()["loss"][0]) for progress in seen)
    assert not np.isclose(2 * one, two)
    again = programs.loop(trainer.program(), state, examples, order, 0, 1)
    assert_trees_identical(again.sums, seen[1].sums)


def test_a_step_that_goes_wrong_is_found_in_pieces_too():
    x = X.copy()
    x[50] = np.inf
    trainer = Trainer(NET, "mse", SGD(0.1))
    examples = Data(x, VALUES, None, np.int32(96))
    order = epoch_order.order([0], 0, 96, 24, shuffle=False, pieces=3)
    state = trainer.init(jax.random.key(0), (FEATURES,))
    progress = programs.loop(trainer.program(), state, examples, order, 0, 4)
    assert int(progress.failed) == 2


# Where a batch may be cut


@dataclasses.dataclass(frozen=True)
class Centred(Base):
    """Looks at the whole batch: its pieces would have other means."""

    def forward(self, params, x):
        return x - jnp.mean(x, axis=0, keepdims=True)


@dataclasses.dataclass(frozen=True)
class Halved(Base):
    """Says of itself what could not be known."""

    acts_by_row = True

    def forward(self, params, x):
        return x / 2


class MyDense(Dense):
    """A subclass may do anything."""


@pytest.mark.parametrize(
    ("layer", "known"),
    [
        (Dense(3, activation="softmax"), True),
        (Dense(3, activation=jn.activations.relu), True),
        (Dense(3, activation=lambda x: x - jnp.mean(x)), False),
        (Activation(jnp.tanh), True),
        (Activation(lambda x: x), False),
        (MyDense(3), False),
        (Centred(), False),
        (Halved(), True),
        (jn.repeat(Dense(3), 4), True),
        (jn.repeat(Centred(), 4), False),
        (jn.serial(Flatten(), Dropout(0.5), jn.serial(Identity())), True),
        (jn.serial(Flatten(), jn.serial(Centred())), False),
    ],
    ids=repr,
)
def test_only_layers_known_to_act_by_row_may_be_cut(layer, known):
    assert protocol.acts_by_row(layer) is known


def test_a_loss_of_ones_own_sees_the_whole_batch():
    """In-batch negatives and the like are values per example, too."""
    assert Trainer(NET, "mse").acts_by_row(training=True)
    assert not Trainer(NET, lambda y_true, y_pred: y_pred[:, 0]).acts_by_row(
        training=True
    )
    assert prepare.batch_pieces(Trainer(NET, "mse"), 8192) == 4
    assert prepare.batch_pieces(Trainer(NET, lambda a, b: b[:, 0]), 8192) == 1
    assert prepare.batch_pieces(Trainer(NET, "mse"), 2048) == 1


@pytest.mark.slow
def test_fit_trains_alike_in_pieces():
    """The loss curve of a batch that is cut, against one step at a time."""
    rows, batch_size = 9000, 4096
    x = GENERATOR.normal(size=(rows, FEATURES)).astype(np.float32)
    y = (np.arange(rows) % 3).astype(np.int32)
    model = jn.Sequential([Dense(7, "relu"), Dense(3, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
    history = model.fit(x, y, batch_size=batch_size, epochs=3, verbose=0, seed=5)

    trainer = model.trainer
    state = trainer.init(jax.random.key(0), (FEATURES,))
    total = {"accuracy": 0.0, "loss": 0.0}
    step = jax.jit(trainer.step)
    for number in range(3):
        order = epoch_order.order((5,), number, rows, batch_size).reshape(-1)[:rows]
        total = dict.fromkeys(total, 0.0)
        for first in range(0, rows, batch_size):
            part = order[first : first + batch_size]
            state, logs = step(state, (x[part], y[part]))
            for name in total:
                total[name] += float(logs[name]) * len(part)
        for name, value in total.items():
            assert history.history[name][number] == pytest.approx(
                value / rows, rel=1e-5
            )
