"""The step, the loop, evaluation and prediction, as pure functions.

Oracles: the parts of JAX and optax called one by one, and NumPy in float64. Against
others a hundred steps are compared in `test_steps` and `test_keras_steps`.
"""

import copy
import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import oracles
import pytest
from oracles import (
    assert_close,
    assert_trees_close,
    assert_trees_identical,
    crossentropy,
    float64,
    mlp,
    named,
    raises_text,
    unchecked_types,
)
from stepping import (
    BATCH,
    CLASSES,
    DROPPING,
    FEATURES,
    KEY,
    LOSS,
    NET,
    RNG,
    ROWS,
    WEIGHT,
    X,
    Y,
    batches,
    compiled_step,
    resident,
    run_loop,
    stacked,
)

from jaxnet_mini.core.networks.serial import serial
from jaxnet_mini.core.training.predict import predict
from jaxnet_mini.core.training.rehearsal import rehearse
from jaxnet_mini.core.training.state import (
    MOST_TOGETHER,
    Batch,
    TrainState,
    all_finite,
)
from jaxnet_mini.core.training.trainer import Trainer
from jaxnet_mini.core.types import Variables
from jaxnet_mini.data import Data, epoch_order
from jaxnet_mini.devices import programs
from jaxnet_mini.errors import ArgumentError, LayerError, ShapeError
from jaxnet_mini.layers import (
    BatchNormalization,
    Dense,
    Dropout,
    LayerNormalization,
    Rescaling,
)
from jaxnet_mini.losses import FunctionLoss, MeanSquaredError
from jaxnet_mini.optimizers import SGD, Adam, set_learning_rate

pytestmark = pytest.mark.usefixtures("quick_compilation")

# The loop is the step, over and over


@pytest.mark.parametrize("rows", [ROWS, 61, BATCH, 3])
@pytest.mark.one_in(4)
def test_the_loop_is_the_step_over_and_over(rows):
    trainer = Trainer(DROPPING, LOSS, "adam", metrics=("accuracy",))
    state = trainer.init(KEY, (FEATURES,))
    looped, totals = run_loop(trainer, state, rows, weighted=True)
    examples, order = resident(rows, weighted=True)
    step, sums = (
        functools.partial(compiled_step, trainer.program()),
        {"accuracy": 0.0, "loss": 0.0},
    )
    x, y, weight, _ = map(np.asarray, examples)
    for index, row in enumerate(np.asarray(order)[: -(-rows // BATCH)]):
        places = np.maximum(row, 0)
        mask = np.arange(BATCH) + index * BATCH < rows
        state, logs = step(state, Batch(x[places], y[places], weight[places], mask))
        for name, value in logs.items():
            sums[name] += float(value) * float(np.sum(mask))
    assert_trees_close(looped.params, state.params)
    assert int(looped.step) == int(state.step) == -(-rows // BATCH)
    for name, value in trainer.logs(totals).items():
        assert float(value) == pytest.approx(sums[name] / rows, rel=1e-6)


@pytest.mark.parametrize("cuts", [(5,), (1, 2, 3), (3, 3, 7), tuple(range(1, 8))])
def test_slices_of_the_loop_are_the_loop_bit_by_bit(cuts):
    trainer = Trainer(DROPPING, LOSS, "adam", metrics=("accuracy",))
    state = trainer.init(KEY, (FEATURES,))
    whole, totals = run_loop(trainer, state, 61)
    cut, cut_totals = run_loop(trainer, state, 61, cuts=cuts)
    assert_trees_identical(cut, whole)
    assert_trees_identical(cut_totals, totals)


def test_slices_are_one_program():
    traced = []

    def tracing(y_true, y_pred):
        traced.append(1)
        return jnp.mean(y_pred, -1)

    trainer = Trainer(NET, tracing, SGD(0.1))
    state = trainer.init(KEY, (FEATURES,))
    examples, order = resident(24)
    for first, last in ((0, 3), (0, 1), (1, 2), (2, 2)):
        programs.loop(trainer, state, examples, order, first, last)
    assert len(traced) == 1


def test_the_order_says_which_row_goes_where():
    trainer = Trainer(NET, LOSS, SGD(0.1))
    state = trainer.init(KEY, (FEATURES,))
    examples, order = resident(64)
    shuffled = np.random.default_rng(1).permutation(64)
    moved = Data(
        jnp.asarray(X[:64][shuffled]),
        jnp.asarray(Y[:64][shuffled]),
        None,
        jnp.asarray(64),
    )
    places = jnp.asarray(shuffled.astype(np.int32).reshape(8, BATCH))
    one = programs.loop(trainer, state, examples, places, 0, 8)
    other = programs.loop(trainer, state, moved, order, 0, 8)
    assert_trees_identical(one.state, other.state)


def test_the_key_and_the_step_decide_what_dropout_draws():
    trainer = Trainer(DROPPING, LOSS, SGD(0.1))
    state = trainer.init(KEY, (FEATURES,))
    batch = (jnp.asarray(X[:BATCH]), jnp.asarray(Y[:BATCH]))
    step = functools.partial(compiled_step, trainer.program())
    loss = float(step(state, batch)[1]["loss"])
    assert float(step(state, batch)[1]["loss"]) == loss
    later = state._replace(step=jnp.array(1, jnp.int32))
    assert float(step(later, batch)[1]["loss"]) != loss
    other = state._replace(key=jax.random.key(1))
    assert float(step(other, batch)[1]["loss"]) != loss
    np.testing.assert_array_equal(
        jax.random.key_data(step(state, batch)[0].key), jax.random.key_data(KEY)
    )


# The ragged end and the weights


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("rows", [1, 7, 9, 61])
def test_trap_padding_counts_nowhere(rows, weighted):
    """Against NumPy, whose last batch is simply smaller."""
    trainer = Trainer(NET, LOSS, SGD(0.1), metrics=("accuracy",))
    state = trainer.init(KEY, (FEATURES,))
    params, losses = oracles.train(
        state.params, oracles.sgd(0.1), batches(rows, weighted)
    )
    looped, totals = run_loop(trainer, state, rows, weighted)
    assert_trees_close(float64(looped.params), params, 5e-6)
    sizes = [len(batch[0]) for batch in batches(rows)]
    assert float(totals["loss"][1]) == rows == float(totals["accuracy"][1])
    assert float(trainer.logs(totals)["loss"]) == pytest.approx(
        np.average(losses, weights=sizes), rel=1e-5
    )


def test_masked_rows_of_a_step_count_nowhere():
    trainer = Trainer(NET, LOSS, SGD(0.1), metrics=("accuracy",))
    state = trainer.init(KEY, (FEATURES,))
    x, y = np.concatenate([X[:5], 1e3 * X[5:8]]), Y[:8]
    mask = jnp.array([1, 1, 1, 1, 1, 0, 0, 0])
    step = functools.partial(compiled_step, trainer.program())
    masked = step(state, Batch(jnp.asarray(x), jnp.asarray(y), None, mask))
    small = step(state, (jnp.asarray(X[:5]), jnp.asarray(Y[:5])))
    assert_trees_close(masked[0].params, small[0].params)
    assert_trees_close(masked[1], small[1])


def test_weights_multiply_and_rows_divide():
    trainer = Trainer(Dense(1), "mse", SGD(1.0))
    state = trainer.init(KEY, (1,))._replace(
        params={"kernel": jnp.array([[0.0]]), "bias": jnp.array([1.0])}
    )
    x, y = jnp.zeros((4, 1)), jnp.array([[1.0], [2.0], [3.0], [4.0]])
    weight = jnp.array([5.0, 0.0, 1.0, 3.0])
    state, logs = compiled_step(trainer, state, (x, y, weight))
    assert float(logs["loss"]) == (5 * 0 + 0 * 1 + 1 * 4 + 3 * 9) / 4
    gradient = -2 * (5 * 0 + 0 * 1 + 1 * 2 + 3 * 3) / 4
    assert float(state.params["bias"][0]) == 1.0 - gradient


WEIGHTED = Trainer(
    NET, LOSS, "sgd", metrics=("accuracy",), weighted_metrics=("accuracy",)
)


@pytest.mark.parametrize(
    "given",
    [lambda w: w[:, None], lambda w: w.tolist(), jnp.asarray],
    ids=["column", "list", "array"],
)
@pytest.mark.parametrize("trainer", [WEIGHTED, Trainer(NET, LOSS, "sgd")])
def test_trap_weights_in_a_column_weigh_each_its_own_row(trainer, given):
    """Multiplied as they come, a column and a row of losses would be a square."""
    x, y, weight = X[:BATCH], Y[:BATCH], WEIGHT[:BATCH]
    state = trainer.init(KEY, (FEATURES,))
    after, logs = trainer.step(state, (x, y, given(weight)))
    probabilities = float64(NET.apply(state.params, x))[np.arange(BATCH), y]
    assert_close(logs["loss"], np.mean(-np.log(probabilities) * weight))
    assert_trees_identical(after.params, trainer.step(state, (x, y, weight))[0].params)


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize(
    ("batch", "text"),
    [
        ((X[:2].tolist(), Y[:2]), "x of a batch must be an array with a row for each"),
        ((X[:2], Y[:2].tolist()), "y of a batch must be an array with a row for each"),
        (X[:3], "a batch is a tuple (x, y) or (x, y, weight)"),
        ({"x": X[:2], "y": Y[:2]}, "a batch is a tuple (x, y) or (x, y, weight)"),
        ((X[:2],), "a batch is a tuple (x, y) or (x, y, weight)"),
    ],
)
def test_what_is_no_batch_is_refused(batch, text, compiled):
    trainer = Trainer(NET, LOSS, "sgd")
    state = trainer.init(KEY, (FEATURES,))
    step = jax.jit(trainer.step) if compiled else trainer.step
    with raises_text(ArgumentError, text):
        step(state, batch)


def test_one_weight_goes_for_all_rows():
    trainer, batch = WEIGHTED, (X[:BATCH], Y[:BATCH])
    state = trainer.init(KEY, (FEATURES,))
    plain = trainer.step(state, batch)[1]
    for two in (2.0, np.float32(2), np.float32([2])):
        logs = trainer.step(state, (*batch, two))[1]
        assert_close(logs["loss"], 2 * float64(plain["loss"]))
        assert_close(logs["weighted_accuracy"], plain["accuracy"])


@pytest.mark.parametrize("net", [NET, serial(BatchNormalization(), *NET.layers)])
@pytest.mark.parametrize(
    "shape", [(1, BATCH), (BATCH - 1,), (BATCH, 2), (BATCH, 1, 1)], ids=str
)
@pytest.mark.parametrize("name", ["weight", "mask"])
def test_weights_and_masks_are_one_number_a_row(name, shape, net):
    trainer = Trainer(net, LOSS, "sgd")
    state = trainer.init(KEY, (FEATURES,))
    batch = Batch(X[:BATCH], Y[:BATCH])._replace(**{name: np.ones(shape, np.float32)})
    with pytest.raises(ShapeError) as caught:
        trainer.step(state, batch)
    assert str(caught.value) == (
        f"{name} of a batch has shape {shape}, and one number per example is "
        f"expected, shape ({BATCH},): leave it out, or give it that shape."
    )


def test_a_mask_may_come_in_a_column():
    """Padding is told by it as by a row, also to layers that look at the batch."""
    net = serial(BatchNormalization(), *NET.layers)
    trainer = Trainer(net, LOSS, "sgd")
    state, mask = trainer.init(KEY, (FEATURES,)), np.arange(BATCH) < 3
    in_rows, in_columns = (
        trainer.step(state, Batch(X[:BATCH], Y[:BATCH], None, given))
        for given in (mask, mask[:, None])
    )
    small = trainer.step(state, (X[:3], Y[:3]))
    assert_trees_identical(in_rows[1], in_columns[1])
    assert_trees_close(in_columns[0].params, small[0].params)
    assert_trees_close(in_columns[0].layer_state, small[0].layer_state)


def test_the_loop_takes_arrays_of_numpy_without_jit():
    trainer = WEIGHTED
    state = trainer.init(KEY, (FEATURES,))
    order = np.arange(2 * BATCH, dtype=np.int32).reshape(2, BATCH)
    data = Data(X, Y, WEIGHT[:, None], np.int32(ROWS))
    found = trainer.loop(state, data, order, 0, 2)
    for rows in order:
        state, _ = trainer.step(state, (X[rows], Y[rows], WEIGHT[rows]))
    assert_trees_close(found.state.params, state.params)


def test_the_loop_has_no_steps_beyond_its_order():
    """There its last batch would be trained on again and again."""
    state = WEIGHTED.init(KEY, (FEATURES,))
    order = np.arange(2 * BATCH, dtype=np.int32).reshape(2, BATCH)
    data = Data(X, Y, None, np.int32(ROWS))
    for last in (3, np.int32(9)):
        with pytest.raises(ArgumentError) as caught:
            WEIGHTED.loop(state, data, order, 0, last)
        assert str(caught.value) == (
            f"last={last} is beyond order, which has 2 steps: give an order of more "
            "steps, or end at 2."
        )


def test_uint8_and_int64_data_train_like_floats():
    """Rows in uint8 stay so on the device; trap: a sum in uint8 would wrap."""
    trainer = Trainer(serial(Rescaling(1 / 255), *NET.layers), LOSS, "sgd")
    state = trainer.init(KEY, (FEATURES,))
    x = RNG.integers(0, 256, (BATCH, FEATURES))
    one, other = (
        compiled_step(trainer, state, (x.astype(dtype), jnp.asarray(Y[:BATCH])))[1]
        for dtype in (np.uint8, np.float32)
    )
    assert_trees_close(one, other)


# Evaluation and prediction


@pytest.mark.one_in(3)
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("rows", [1, 8, 61, 200])
def test_evaluation_is_that_of_float64(rows, weighted):
    trainer = Trainer(NET, LOSS, "sgd", metrics=("accuracy",))
    params = trainer.init(KEY, (FEATURES,)).params
    examples, steps = stacked(rows, weighted)
    totals = programs.evaluate(trainer, Variables(params), examples, 0, steps).value()
    logits, _ = mlp(float64(params), X[:rows].astype(np.float64))
    values = crossentropy(Y[:rows], logits) * (WEIGHT[:rows] if weighted else 1.0)
    assert_close(totals["loss"][0], values.sum())
    assert float(totals["loss"][1]) == rows
    right = np.sum(logits.argmax(-1) == Y[:rows])
    assert [float(total) for total in totals["accuracy"]] == [right, rows]
    logs = trainer.logs(totals)
    assert float(logs["loss"]) == pytest.approx(values.sum() / rows, rel=1e-6)
    assert float(logs["accuracy"]) == pytest.approx(right / rows, rel=1e-6)


@pytest.mark.parametrize("padding", [np.nan, np.inf, 1e30])
def test_trap_padding_may_hold_anything_in_evaluation(padding):
    trainer = Trainer(NET, LOSS, "sgd", metrics=("accuracy", LOSS))
    variables = trainer.init(KEY, (FEATURES,)).variables
    plain, steps = stacked(61)
    poisoned, _ = stacked(61, padding=padding)
    evaluate = functools.partial(programs.evaluate, trainer, variables)
    assert_trees_identical(evaluate(poisoned, 0, steps), evaluate(plain, 0, steps))


def test_parts_of_an_evaluation_add_up_and_dropout_is_off():
    trainer = Trainer(DROPPING, LOSS, "sgd", metrics=("accuracy",))
    params = trainer.init(KEY, (FEATURES,)).params
    examples, steps = stacked(61)
    evaluate = functools.partial(
        programs.evaluate, trainer, Variables(params), examples
    )
    sums = trainer.no_sums()
    for first, last in ((0, 3), (3, 3), (3, steps)):
        sums = evaluate(first, last, sums)
    assert_trees_identical(sums, evaluate(0, steps))
    without = Trainer(NET, LOSS, "sgd", metrics=("accuracy",))
    same = Variables({name: params[name] for name in ("dense", "dense_1")})
    assert_trees_close(
        programs.evaluate(without, same, examples, 0, steps), evaluate(0, steps)
    )


@pytest.mark.parametrize(
    "net", [NET, DROPPING, serial(LayerNormalization())], ids=named
)
def test_predictions_are_the_outputs_of_the_net(net):
    _, params = net.init(KEY, (FEATURES,))
    examples, steps = stacked(61)
    variables = Variables(params)
    outputs = programs.predict(net, variables, examples.x, 0, steps)
    expected = net.apply(params, jnp.asarray(X[:61]))
    assert outputs.shape == (steps, BATCH, *expected.shape[1:])
    flat = np.asarray(outputs).reshape(-1, *expected.shape[1:])
    assert_close(flat[:61], np.asarray(expected))
    part = np.asarray(predict(net, variables, examples.x, 2, 4))
    assert_close(part[2:4], np.asarray(outputs)[2:4])
    assert not part[:2].any()
    assert not part[4:].any()


def test_trap_sums_over_many_batches_do_not_drift():
    """Plain float32 sums, each step rounded the same way, drift here."""
    trainer = Trainer(Dense(1), "mse", SGD(0.0))
    state = trainer.init(KEY, (1,))._replace(
        params={"kernel": jnp.zeros((1, 1)), "bias": jnp.zeros(1)}
    )
    y = np.full((20000, 1), 0.1**0.5, np.float32)
    plain = np.cumsum(np.square(y).ravel(), dtype=np.float32)[-1]
    expected = 20000 * float(np.square(y[0, 0]))
    assert abs(float(plain) / expected - 1) > 1e-5
    examples = Data(jnp.zeros((20000, 1)), jnp.asarray(y), None, jnp.asarray(20000))
    order = epoch_order.order([0], epoch=0, rows=20000, batch_size=1, shuffle=False)
    looped = programs.loop(trainer, state, examples, jnp.asarray(order), 0, 20000)
    batched = Data(*(a[:, None] for a in examples[:2]), None, examples.rows)
    evaluated = programs.evaluate(trainer, state.variables, batched, 0, 20000)
    for sums in (looped.sums, evaluated):
        total, rows = sums.value()["loss"]
        assert float(total) == pytest.approx(expected, rel=1e-7)
        assert float(rows) == 20000


# The transformations of JAX


@functools.cache
def solo_and_together(trainer):
    """Eight states: stacked, and one by one."""
    keys = jax.vmap(jax.random.key)(jnp.arange(8, dtype=jnp.uint32))
    init = functools.partial(trainer.init, input_shape=(FEATURES,))
    one = jax.jit(init)
    return jax.jit(jax.vmap(init))(keys), [one(key) for key in keys]


TOGETHER = Trainer(DROPPING, LOSS, Adam(0.01), metrics=("accuracy",))


@jax.jit
def loop_together(states, examples, order):
    loop = jax.vmap(TOGETHER.loop, in_axes=(0, None, None, None, None))
    return loop(states, examples, order, 0, 8)


def test_eight_models_train_at_once():
    together, alone = solo_and_together(TOGETHER)
    examples, order = resident(61)
    progress = loop_together(together, examples, order)
    for index, state in enumerate(alone):
        solo = programs.loop(TOGETHER, state, examples, order, 0, 8)
        mine = jax.tree.map(lambda leaf, index=index: leaf[index], progress)
        assert_trees_close(mine.state.params, solo.state.params)
        assert_trees_close(mine.sums.value(), solo.sums.value())
        assert int(mine.failed) == -1
        assert int(mine.state.step) == 8
    kernels = np.asarray(progress.state.params["dense"]["kernel"])
    assert len({kernel.tobytes() for kernel in kernels}) == 8


def test_one_failing_model_does_not_stop_the_others():
    together, alone = solo_and_together(TOGETHER)
    kernel = np.array(together.params["dense"]["kernel"])
    kernel[1, 0, 0] = np.nan
    dense = together.params["dense"] | {"kernel": jnp.asarray(kernel)}
    together = together._replace(params=together.params | {"dense": dense})
    examples, order = resident(61)
    progress = loop_together(together, examples, order)
    assert progress.failed.tolist() == [-1, 0, *[-1] * 6]
    for index in (0, 2, 7):
        solo = programs.loop(TOGETHER, alone[index], examples, order, 0, 8)
        mine = jax.tree.map(lambda leaf, index=index: leaf[index], progress.state)
        assert_trees_close(mine.params, solo.state.params)


@pytest.mark.slow
def test_eight_models_of_eight_learning_rates_train_at_once():
    rates = jnp.linspace(0.01, 0.2, 8)
    trainer = Trainer(NET, LOSS, SGD(0.5)).program()
    together, alone = solo_and_together(Trainer(NET, LOSS, SGD(0.5)))
    together = together._replace(
        optimizer_state=set_learning_rate(together.optimizer_state, rates)
    )
    batch = (jnp.asarray(X[:BATCH]), jnp.asarray(Y[:BATCH]))
    stepped, _ = jax.jit(jax.vmap(trainer.step, in_axes=(0, None)))(together, batch)
    for index, state in enumerate(alone):
        own = SGD(float(rates[index])).init(state.params)
        solo, _ = compiled_step(trainer, state._replace(optimizer_state=own), batch)
        mine = jax.tree.map(lambda leaf, index=index: leaf[index], stepped.params)
        assert_trees_close(mine, solo.params)


@pytest.mark.slow
def test_the_step_compiles_and_its_state_keeps_its_structure():
    trainer = Trainer(DROPPING, LOSS, "adam", metrics=("accuracy",))
    state = trainer.init(KEY, (FEATURES,))
    batch = (jnp.asarray(X[:BATCH]), jnp.asarray(Y[:BATCH]))
    plain, compiled = trainer.step(state, batch), compiled_step(trainer, state, batch)
    assert_trees_close(compiled[0].params, plain[0].params, 5e-6)
    assert_trees_close(compiled[1], plain[1], 5e-6)
    kinds = [
        [(leaf.shape, leaf.dtype) for leaf in jax.tree.leaves(tree)]
        for tree in (state, compiled[0])
    ]
    assert kinds[0] == kinds[1]
    assert jax.tree.structure(state) == jax.tree.structure(compiled[0])


def test_gradients_and_vmap_go_through_apply():
    _, params = NET.init(KEY, (FEATURES,))

    def first_output(x):
        return NET.apply(params, x[None])[0]

    @jax.jit
    def each_and_all(x):
        """By example and of the batch: the outputs, and their gradients."""
        per_example = jax.vmap(jax.grad(lambda x: first_output(x)[0]))(x)
        together = jax.grad(lambda x: jnp.sum(NET.apply(params, x)[:, 0]))(x)
        outputs = jax.vmap(first_output)(x), NET.apply(params, x)
        return outputs, (per_example, together)

    outputs, gradients = each_and_all(jnp.asarray(X[:BATCH]))
    assert_close(*outputs)
    assert_close(*gradients, 2e-6)


def test_trainers_of_other_numbers_share_a_compiled_program():
    traced = []

    def tracing(y_true, y_pred):
        traced.append(1)
        return jnp.mean((y_true - y_pred) ** 2, -1)

    batch = (jnp.asarray(X[:BATCH]), jnp.asarray(X[:BATCH, :1]))
    for rate in (0.1, 0.2):
        trainer = Trainer(Dense(1), tracing, Adam(rate))
        state = trainer.init(KEY, (FEATURES,))
        compiled_step(trainer.program(), state, batch)
    assert len(traced) == 1


# What is not finite


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("row", [0, 17, 63])
def test_the_loop_ends_at_the_first_loss_that_is_not_finite(row, bad):
    trainer = Trainer(NET, "mse", SGD(0.01))
    state = trainer.init(KEY, (FEATURES,))
    y = RNG.normal(size=(64, CLASSES)).astype(np.float32)
    y[row, 0] = bad
    _, order = resident(64)
    examples = Data(jnp.asarray(X[:64]), jnp.asarray(y), None, jnp.asarray(64))
    progress = programs.loop(trainer, state, examples, order, 0, 8)
    assert int(progress.failed) == row // BATCH
    assert int(progress.state.step) == row // BATCH + 1
    # A slice that ends before it goes well, one that starts after it does too.
    for first, last in ((0, row // BATCH), (row // BATCH + 1, 8)):
        progress = programs.loop(trainer, state, examples, order, first, last)
        assert int(progress.failed) == -1


def test_a_loss_that_diverges_is_reported_where_numpy_sees_it():
    trainer = Trainer(serial(Dense(4), Dense(1)), "mse", SGD(10.0))
    state = trainer.init(KEY, (FEATURES,))
    y = X[:, :1]
    _, order = resident()
    examples = Data(jnp.asarray(X), jnp.asarray(y), None, jnp.asarray(ROWS))
    progress = programs.loop(trainer, state, examples, order, 0, 100)
    step, found = functools.partial(compiled_step, trainer.program()), -1
    for index in range(100):
        part = slice(index * BATCH, (index + 1) * BATCH)
        state, logs = step(state, (jnp.asarray(X[part]), jnp.asarray(y[part])))
        if not np.isfinite(logs["loss"]):
            found = index
            break
    assert int(progress.failed) == found > 0


def test_all_finite_looks_at_all_leaves():
    whole = {"a": jnp.ones(3), "b": jnp.ones((2, 2)), "c": jnp.array(1), "d": None}
    whole["large"] = jnp.ones((2, MOST_TOGETHER))
    assert bool(jax.jit(all_finite)(whole))
    cases = ("a", jnp.inf), ("b", jnp.nan), ("b", -jnp.inf), ("large", jnp.nan)
    for name, broken in cases:
        tree = whole | {name: whole[name].at[-1].set(broken)}
        assert not bool(jax.jit(all_finite)(tree)), name
    assert bool(all_finite({}))


# Values and errors


def test_trainers_are_equal_hashable_values():
    one, other = (Trainer(NET, LOSS, "adam", metrics=("accuracy",)) for _ in range(2))
    assert one == other
    assert hash(one) == hash(other)
    assert one != dataclasses.replace(one, metrics=())
    assert one != dataclasses.replace(one, loss="mse")
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.loss = "mse"


def test_the_state_is_a_pytree_that_says_all():
    state = Trainer(NET, LOSS, "adam").init(KEY, (FEATURES,))
    assert isinstance(state, TrainState)
    assert state._fields == (
        *("params", "optimizer_state", "key", "step", "layer_state"),
    )
    assert state.layer_state == {}
    leaves, structure = jax.tree.flatten(state)
    assert_trees_identical(jax.tree.unflatten(structure, leaves), state)
    assert int(state.step) == 0
    assert set(state.params) == {"dense", "dense_1"}


def test_logs_are_in_alphabetical_order():
    trainer = Trainer(NET, LOSS, "sgd", metrics=("sparse_categorical_accuracy", "acc"))
    state = trainer.init(KEY, (FEATURES,))
    batch = (jnp.asarray(X[:BATCH]), jnp.asarray(Y[:BATCH]))
    logs = jax.eval_shape(trainer.step, state, batch)[1]
    assert list(logs) == ["acc", "loss", "sparse_categorical_accuracy"]


@pytest.mark.parametrize("names", [("acc", "acc"), ("mse", "acc", "mse")])
def test_two_metrics_of_one_name_are_refused(names):
    with raises_text(
        ArgumentError,
        f"two metrics go by the name {names[0]!r} in the logs: drop one or rename it.",
    ):
        Trainer(NET, LOSS, "sgd", metrics=names)


def test_a_metric_named_loss_is_refused():
    def loss(y_true, y_pred):
        return jnp.zeros(y_pred.shape[0])

    with raises_text(ArgumentError, "two metrics go by the name 'loss' in the logs"):
        Trainer(NET, LOSS, "sgd", metrics=(loss,))


def test_sums_are_logs_on_the_host_and_within_a_program():
    trainer = Trainer(NET, LOSS, "sgd", metrics=("accuracy",))
    params = trainer.init(KEY, (FEATURES,)).params
    batches = Data(X[None], Y[None], None, np.int32(ROWS))
    sums = trainer.evaluate(Variables(params), batches, 0, 1)
    logs = trainer.logs(sums)
    predicted = np.asarray(NET.apply(params, jnp.asarray(X)), np.float64)
    losses = -np.log(predicted[np.arange(ROWS), Y])
    assert logs["loss"] == pytest.approx(losses.mean(), rel=1e-5)
    assert logs["accuracy"] == np.mean(predicted.argmax(-1) == Y)
    inside = jax.jit(
        lambda: trainer.logs(trainer.evaluate(Variables(params), batches, 0, 1))
    )()
    assert_close(inside["loss"], logs["loss"])
    assert_close(inside["accuracy"], logs["accuracy"])


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_a_donated_state_takes_no_key_along(optimizer):
    key = jax.random.key(0)
    trainer = Trainer(Dense(1), "mse", optimizer)
    for init in (trainer.init, jax.jit(trainer.init, static_argnums=1)):
        state = init(key, (FEATURES,))
        step = jax.jit(trainer.step, donate_argnums=0)
        step(state, (jnp.asarray(X[:BATCH]), jnp.ones((BATCH, 1))))
        assert state.step.is_deleted()
        assert not key.is_deleted()
    assert_trees_identical(trainer.init(key, (FEATURES,)).key, KEY)


def test_a_shape_is_no_argument_of_a_traced_function():
    shape = (FEATURES,)
    for init in (NET.init, Dense(1).init, Trainer(NET, LOSS).init):
        for traced in (jax.eval_shape, lambda f, *given: jax.jit(f)(*given)):
            text = "input_shape is an argument of a traced function"
            with unchecked_types(), raises_text(ShapeError, text):
                traced(init, KEY, shape)
    # The advice.
    params = jax.eval_shape(lambda key: NET.init(key, shape), KEY)[1]
    assert params["dense"]["kernel"].shape == (FEATURES, 16)


def test_an_infinite_loss_is_reported_as_infinite():
    """Compensated sums subtract what was added, and infinity less itself is NaN."""
    sums = Trainer(Dense(1), "mse", "sgd").no_sums()
    for value in (1.0, np.inf, 2.0):
        sums = sums.add({"loss": (jnp.float32(value), jnp.float32(1.0))})
    assert float(sums.value()["loss"][0]) == np.inf
    assert float(sums.value()["loss"][1]) == 3.0


def test_a_weighted_metric_of_a_name_in_use_is_renamed():
    trainer = Trainer(
        Dense(1), "mse", metrics=("mae",), weighted_metrics=("mae", "mse")
    )
    names = [metric.name for metric in trainer.all_metrics]
    assert names == ["mae", "weighted_mae", "mse"]


def test_a_copied_trainer_works_and_leaves_behind_what_is_kept_for_speed():
    trainer = Trainer(NET, LOSS, "adam", ("accuracy",))
    state = trainer.init(KEY, (FEATURES,))
    batch = (jnp.asarray(X[:BATCH]), jnp.asarray(Y[:BATCH]))
    _, logs = compiled_step(trainer, state, batch)
    trainer.program(), trainer.no_sums()
    fields = {field.name for field in dataclasses.fields(trainer)}
    assert set(vars(trainer)) > fields
    copied = copy.deepcopy(trainer)
    assert set(vars(copied)) == fields
    assert copied == trainer
    _, again = compiled_step(copied, state, batch)
    assert_trees_identical(again, logs)


def test_pieces_need_a_net_and_a_loss_that_act_by_row():
    def own(y_true, y_pred):
        return jnp.mean(jnp.square(y_true - y_pred), -1)

    across = Dense(2, lambda x: x / jnp.max(x))
    assert Trainer(NET, LOSS).acts_by_row(training=True) is True
    assert Trainer(NET, own).acts_by_row(training=True) is False
    assert Trainer(across, "mse").acts_by_row(training=True) is False
    assert Trainer(across, own).acts_by_row(training=True) is False


def test_a_trainer_without_its_numbers():
    """What compiles is the same whatever the numbers, and is made once."""
    one, other = (Trainer(NET, LOSS, Adam(rate)) for rate in (0.1, 0.2))
    assert one != other
    assert one.program() == other.program()
    assert one.program() is one.program()
    assert isinstance(one.program().optimizer, optax.GradientTransformation)


@pytest.mark.parametrize(
    ("kind", "call", "text"),
    [
        (
            ArgumentError,
            lambda: Trainer(NET, LOSS, metrics=("mse", "mse")),
            "two metrics go by the name 'mse' in the logs: drop one or rename it.",
        ),
        *(
            (
                ArgumentError,
                lambda reduction=reduction: Trainer(
                    NET, MeanSquaredError(reduction=reduction)
                ),
                f"the loss MeanSquaredError(reduction={reduction!r}) is not reduced to "
                "one number, and training needs one: leave reduction out, or use "
                '"sum".',
            )
            for reduction in (None, "none")
        ),
    ],
)
def test_messages_word_by_word(kind, call, text):
    with pytest.raises(kind) as caught:
        call()
    assert str(caught.value) == text


def test_a_net_must_be_a_layer():
    with unchecked_types(), raises_text(LayerError, "3 is no layer: a layer is a"):
        Trainer(3, "mse")


@pytest.mark.parametrize(
    "shape", [(), (1,), (BATCH - 1,), (BATCH + 1, 1), (1, BATCH)], ids=str
)
def test_what_a_loss_must_return(shape):
    """At a step, and before anything is compiled at a rehearsal."""
    trainer = Trainer(Dense(1), lambda y_true, y_pred: jnp.zeros(shape), "sgd")
    state = trainer.init(KEY, (FEATURES,))
    text = (
        f"the loss returned shape {shape} for a batch of {BATCH}: return one value per "
        "example, without a mean over the batch."
    )
    targets = jnp.ones((BATCH, 1))
    for call in (
        lambda: trainer.step(state, (jnp.asarray(X[:BATCH]), targets)),
        lambda: rehearse(
            trainer,
            jax.ShapeDtypeStruct((BATCH, FEATURES), np.dtype(np.float32)),
            jax.ShapeDtypeStruct(targets.shape, targets.dtype),
        ),
    ):
        with pytest.raises(ShapeError) as caught:
            call()
        assert str(caught.value) == text


def test_several_values_per_row_count_each():
    """Their sum is the loss that is reduced by a sum, plus what is regularized."""
    net = Dense(3, kernel_regularizer="l2")
    kernel = RNG.normal(size=(FEATURES, 3))
    rows = 5  # of 8, the others are masked
    mask = jnp.arange(BATCH) < rows
    for reduction in ("sum", "sum_over_batch_size"):
        loss = FunctionLoss(lambda y, p: jnp.square(y - p), reduction=reduction)
        trainer = Trainer(net, loss, "sgd")
        state = trainer.init(KEY, (FEATURES,))
        state.params["kernel"] = jnp.asarray(kernel, jnp.float32)
        targets = jnp.zeros((BATCH, 3))
        batch = Batch(jnp.asarray(X[:BATCH]), targets, None, mask)
        _, logs = compiled_step(trainer, state, batch)
        squares = (X[:rows].astype(np.float64) @ kernel) ** 2
        expected = squares.sum() if reduction == "sum" else squares.mean()
        expected += 0.01 * np.sum(kernel**2)
        assert_close(logs["loss"], expected, 2e-6)


def test_layers_know_whether_they_train():
    """The step draws dropout, from the key and the step; evaluation does not."""
    net = serial(Dropout(0.5), Dense(1, use_bias=False))
    trainer = Trainer(net, lambda y_true, y_pred: y_pred[:, 0], "sgd")
    state = trainer.init(KEY, (FEATURES,))
    x, y = jnp.ones((BATCH, FEATURES)), jnp.zeros((BATCH, 1))
    key = jax.random.fold_in(state.key, state.step)
    drawn = net.apply(state.params, x, key=key, training=True)
    loss = compiled_step(trainer, state, (x, y))[1]["loss"]
    assert_close(loss, np.mean(drawn))
    still = net.apply(state.params, x)
    assert np.ptp(drawn) > 0.0
    totals = programs.evaluate(
        trainer, state.variables, Data(x[None], y[None], None, jnp.asarray(BATCH)), 0, 1
    )
    assert_close(trainer.logs(totals.value())["loss"], np.mean(still))
