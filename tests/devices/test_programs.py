"""One program per job: what compiles, what the host is asked, what stays in memory.

Everything here is counted, nothing is timed.
"""

import contextlib
import copy
import dataclasses
import gc
import os
from typing import Any

import jax
import numpy as np
import pytest
from oracles import assert_trees_identical

import jaxnet_mini as jn
from jaxnet_mini import optimizers
from jaxnet_mini.callbacks import (
    Callback,
    CSVLogger,
    EarlyStopping,
    LambdaCallback,
    LearningRateScheduler,
    ModelCheckpoint,
    ProgbarLogger,
    ReduceLROnPlateau,
    TensorBoard,
    TerminateOnNaN,
)
from jaxnet_mini.core.training import trainer as train
from jaxnet_mini.data.stacks import rows_at_once
from jaxnet_mini.devices import programs
from jaxnet_mini.layers import Dense, Dropout
from jaxnet_mini.loops import steps
from jaxnet_mini.models import inference

COMPILED: list[str] = []
"""The names of all functions that were compiled, in order."""


def _listen(event: str, duration: float, **details: Any) -> None:
    if event == "/jax/core/compile/backend_compile_duration":
        COMPILED.append(details["fun_name"])


jax.monitoring.register_event_duration_secs_listener(_listen)


@pytest.fixture(autouse=True, scope="module")
def quick_compilation():
    """What is tested here does not depend on how well a program is optimised."""
    before = jax.config.read("jax_disable_most_optimizations")
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", before)


JOBS = ("loop", "evaluate", "predict")
"""The functions behind training, evaluation and prediction."""


class Compilations:
    """What was compiled since this was made."""

    def __init__(self):
        self.start = len(COMPILED)

    @property
    def names(self):
        return COMPILED[self.start :]

    def of(self, job):
        return self.names.count(f"jit({job})")

    def each(self):
        return [self.of(job) for job in JOBS]

    def assert_none(self):
        assert self.names == []


GENERATOR = np.random.default_rng(0)


def examples(rows, features=6):
    x = GENERATOR.normal(size=(rows, features)).astype(np.float32)
    return x, (np.arange(rows) % 3).astype(np.int32)


SHARED = 10
# These are used by one test each, so that no test finds the programs of another.
WIDTHS = iter(range(11, 99))


def model_of(width, optimizer="sgd", kernel="ones", **options):
    layer = Dense(width, "softmax", kernel_initializer=kernel)
    model = jn.Sequential([layer], **options)
    model.compile(optimizer, "sparse_categorical_crossentropy", ["accuracy"])
    return model


@pytest.fixture
def width():
    return next(WIDTHS)


# Programs


def test_each_job_compiles_once_and_then_never_again(width):
    """With a ragged last batch in all of them."""
    x, y = examples(100)
    model = model_of(width)
    compilations = Compilations()

    def once():
        model.fit(x, y, epochs=3, verbose=0)
        model.evaluate(x, y, verbose=0)
        model.predict(x, batch_size=32)

    once()
    assert compilations.each() == [1, 1, 1]
    compilations = Compilations()
    once()
    model.fit(x, y, epochs=5, initial_epoch=3, verbose=0)
    compilations.assert_none()


def test_predictions_of_one_batch_share_a_program_per_power_of_two(width):
    """And are those of many batches; the result is the caller's own to change."""
    x, _ = examples(100)
    model = model_of(width)
    model.build((None, 6))
    expected = model.predict(x, batch_size=10)
    compilations = Compilations()
    for rows in (1, 2, 3, 4, 5, 8, 13, 16, 17, 31, 32, 33, 63, 64, 65, 100):
        outputs = model.predict(x[:rows])
        assert outputs.shape == (rows, width)
        np.testing.assert_allclose(outputs, expected[:rows], rtol=1e-5, atol=1e-7)
        outputs[0] = 0.0
    assert compilations.names == ["jit(apply)"] * 8
    compilations = Compilations()
    model.predict(x[:20], batch_size=24)  # 32 would be more than the batch size
    model.predict(x[:24], batch_size=24)
    assert compilations.names == ["jit(apply)"]


def test_one_batch_is_copied_only_where_it_must_be(monkeypatch):
    """Not what has the device's dtype, a power of two of rows and one block."""
    seen = []
    apply = programs.apply
    monkeypatch.setattr(
        programs, "apply", lambda net, p, x: seen.append(x) or apply(net, p, x)
    )
    model = model_of(SHARED)
    model.build((None, 6))
    x, _ = examples(8)
    wide = np.repeat(x, 2, axis=1)
    cases = [(x, True), (x[:3], False), (x.astype(np.float64), False)]
    cases += [(wide[:, ::2], False), (x.astype(">f4"), False), (x[2:6], True)]
    for array, itself in cases:
        before = array.copy()
        array.setflags(write=False)
        outputs = model.predict(array)
        assert np.shares_memory(seen[-1], array) is itself
        outputs[...] = 0.0  # the caller's own
        np.testing.assert_array_equal(array, before)
    bad = x.copy()
    bad[5, 2] = np.inf
    with pytest.raises(jn.errors.DataError, match="x holds inf at row 5, position 2"):
        model.predict(bad)


def test_what_is_compiled_ahead_is_not_compiled_again(width):
    x, y = examples(100)
    model = model_of(width, kernel="he_normal")  # which NumPy does not draw
    compilations = Compilations()
    for _ in range(2):
        model.fit(x, y, validation_data=(x, y), verbose=0)
        assert sorted(set(compilations.names)) == sorted(compilations.names)
    assert compilations.each() == [1, 1, 0]
    assert compilations.of("fresh") == 1


def test_validation_and_evaluation_share_a_program(width):
    x, y = examples(100)
    model = model_of(width)
    compilations = Compilations()
    model.fit(x, y, epochs=2, validation_data=(x, y), verbose=0)
    model.evaluate(x, y, verbose=0)
    assert compilations.each() == [1, 1, 0]


def test_all_is_compiled_before_training_begins(width):
    """Neither the first epoch nor its validation waits for a compiler."""
    x, y = examples(100)
    seen = []
    watch = LambdaCallback(
        on_train_begin=lambda logs: seen.append(Compilations()),
        on_train_end=lambda logs: seen[0].assert_none(),
    )
    model_of(width).fit(
        x, y, epochs=2, validation_split=0.2, verbose=0, callbacks=watch
    )
    assert len(seen) == 1


@pytest.fixture(scope="module")
def warm():
    """A model whose programs are all compiled, and its data."""
    x, y = examples(100)
    model = model_of(next(WIDTHS), "adam")
    model.fit(x, y, verbose=0)
    model.fit(x, y, seed=0, verbose=0)
    model.evaluate(x, y, verbose=0)
    model.predict(x)
    # The setter of the learning rate and what reads it.
    model.optimizer.learning_rate = 0.5 * model.optimizer.learning_rate
    return model, x, y


def test_another_learning_rate_compiles_nothing(warm):
    model, x, y = warm
    compilations = Compilations()
    model.optimizer.learning_rate = 0.02
    model.fit(x, y, verbose=0)

    def slower(epoch, logs):
        model.optimizer.learning_rate = 0.01 / (1 + epoch)

    model.fit(x, y, epochs=4, verbose=0, callbacks=LambdaCallback(on_epoch_end=slower))
    assert model.optimizer.learning_rate == pytest.approx(0.0025)
    compilations.assert_none()


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (optimizers.Adam(1e-3), optimizers.Adam(1e-2, beta_1=0.8, epsilon=1e-5)),
        (optimizers.SGD(0.1, momentum=0.9), optimizers.SGD(0.2, momentum=0.5)),
    ],
    ids=lambda optimizer: type(optimizer).__name__,
)
def test_other_numbers_of_an_optimizer_train_by_the_same_program(width, first, second):
    x, y = examples(40)
    model_of(width, first).fit(x, y, verbose=0)
    compilations = Compilations()
    model_of(width, second).fit(x, y, verbose=0)
    assert compilations.each() == [0, 0, 0]


def test_a_part_that_is_left_out_is_another_program(width):
    """Otherwise the test above could pass by not counting at all."""
    x, y = examples(40)
    model_of(width, optimizers.SGD(0.1)).fit(x, y, verbose=0)
    compilations = Compilations()
    model_of(width, optimizers.SGD(0.1, momentum=0.9)).fit(x, y, verbose=0)
    assert compilations.of("loop") == 1


def test_equal_models_share_all_programs(warm):
    model, x, y = warm
    compilations = Compilations()
    twin = jn.Sequential(copy.deepcopy(model.layers), name="twin", seed=7)
    twin.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
    twin.fit(x, y, verbose=0)
    twin.evaluate(x, y, verbose=0)
    twin.predict(x)
    compilations.assert_none()


@pytest.mark.parametrize("rows", [97, 128])
def test_sizes_that_round_alike_train_by_one_program(warm, rows):
    model, *_ = warm
    x, y = examples(rows)
    compilations = Compilations()
    model.fit(x, y, verbose=0)
    compilations.assert_none()


def test_sizes_that_round_otherwise_are_another_program(warm):
    model, *_ = warm
    compilations = Compilations()
    model.fit(*examples(129), verbose=0)
    assert compilations.each() == [1, 0, 0]


class Batches(Callback):
    def __init__(self):
        self.seen = 0

    def on_train_batch_end(self, batch, logs=None):
        self.seen += 1


def test_step_by_step_is_the_same_program(warm):
    model, x, y = warm
    compilations = Compilations()
    batches = Batches()
    model.fit(x, y, epochs=2, verbose=0, callbacks=batches)
    assert batches.seen == 8
    compilations.assert_none()


def test_parts_of_an_epoch_are_the_same_program(warm, monkeypatch):
    """The pieces between two looks of the host, of any length."""
    model, x, y = warm
    compilations = Compilations()
    for length in (1, 3, 2):
        monkeypatch.setattr(steps.Pace, "steps", lambda pace, length=length: length)
        model.fit(x, y, verbose=0)
    model.fit(x, y, 32, epochs=3, steps_per_epoch=3, verbose=0)
    compilations.assert_none()


def test_other_seeds_shuffles_and_epochs_compile_nothing(warm):
    model, x, y = warm
    compilations = Compilations()
    model.fit(x, y, seed=2, epochs=3, verbose=0)
    model.fit(x, y, shuffle=False, verbose=0)
    compilations.assert_none()


def test_evaluations_of_any_size_share_a_program(width):
    model = model_of(width)
    model.fit(*examples(40), verbose=0)
    compilations = Compilations()
    for rows in (10_000, 2_113, 4_096):
        x, y = examples(rows)
        model.evaluate(x, y, verbose=0)
        model.predict(x)
    assert compilations.each() == [0, 1, 1]


def test_jobs_watched_by_batch_are_the_same_programs(warm):
    model, x, y = warm
    compilations = Compilations()
    seen = []
    watch = LambdaCallback(
        on_test_batch_end=lambda batch, logs: seen.append(batch),
        on_predict_batch_end=lambda batch, logs: seen.append(batch),
    )
    model.evaluate(x, y, batch_size=32, verbose=0)
    model.predict(x, batch_size=32)
    compilations = Compilations()
    model.evaluate(x, y, verbose=0, callbacks=watch)
    model.predict(x, callbacks=watch)
    assert seen == [0, 1, 2, 3, 0, 1, 2, 3]
    compilations.assert_none()


def steps_of(layer, loss="mse", **hooks):
    """In how many batches 600 rows are evaluated and predicted."""
    x, _ = examples(600)
    model = jn.Sequential([copy.deepcopy(layer)], seed=0)
    model.compile("sgd", loss)
    model.build((None, 6))
    seen = []

    # Who watches is told Keras's steps, whatever is computed at once.
    def watched(*arguments):
        size = rows_at_once(*arguments)
        seen.append(-(-len(x) // size))
        return size

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inference, "rows_at_once", watched)
        watch = LambdaCallback(**hooks)
        model.evaluate(x, x, verbose=0, callbacks=watch)
        model.predict(x, callbacks=watch)
    return seen


def test_more_rows_are_computed_at_once_where_nobody_can_tell():
    """Else it is Keras's 32: callbacks watch, or examples may act on each other."""
    few, many = 3, 19
    plain = Dense(6, kernel_initializer="ones")
    mixing = Dense(6, lambda x: x - x.mean(0, keepdims=True), kernel_initializer="ones")
    assert steps_of(plain) == [few, few]
    assert steps_of(mixing) == [many, many]
    assert steps_of(plain, lambda a, b: b[:, 0] - b.mean()) == [many, few]
    hook = {"on_test_batch_end": lambda batch, logs: None}
    assert steps_of(plain, **hook) == [many, few]
    hook = {"on_predict_batch_begin": lambda batch, logs: None}
    assert steps_of(plain, **hook) == [few, many]


def test_stopping_early_and_restoring_compile_nothing(warm):
    model, x, y = warm
    compilations = Compilations()
    stopping = EarlyStopping("val_loss", patience=1, restore_best_weights=True)
    model.fit(x, y, epochs=3, validation_data=(x, y), verbose=0, callbacks=stopping)
    compilations.assert_none()


@pytest.mark.parametrize(
    "callback",
    [
        LearningRateScheduler(lambda epoch: 0.1 / (1 + epoch)),
        LearningRateScheduler(lambda epoch, rate: 0.5 * rate),
        ReduceLROnPlateau("loss", patience=1, min_delta=1e9),
        ModelCheckpoint("{epoch}.safetensors"),
        CSVLogger(os.devnull),
        TerminateOnNaN(),
        ProgbarLogger(),
    ],
    ids=lambda callback: type(callback).__name__,
)
def test_callbacks_compile_nothing_and_keep_the_loop_whole(warm, monkeypatch, callback):
    model, x, y = warm
    monkeypatch.setattr(type(model), "save", lambda *_, **__: None, raising=False)
    monkeypatch.setattr(steps.Pace, "steps", lambda pace, left: left)
    compilations = Compilations()
    with counted(monkeypatch, (programs, "loop")) as counts:
        history = model.fit(x, y, epochs=4, verbose=0, callbacks=callback)
    compilations.assert_none()
    # Once without steps, and once for each epoch.
    assert counts["loop"] == 5
    if isinstance(callback, LearningRateScheduler | ReduceLROnPlateau):
        assert len(set(history.history["learning_rate"])) >= 3


@pytest.mark.parametrize(("update_freq", "runs"), [("epoch", 5), (2, 17)])
def test_tensorboard_watches_batches_where_it_is_told_to(
    warm, monkeypatch, tmp_path, update_freq, runs
):
    model, x, y = warm
    monkeypatch.setattr(steps.Pace, "steps", lambda pace, left: left)
    board = TensorBoard(tmp_path, update_freq=update_freq, histogram_freq=1)
    compilations = Compilations()
    with counted(monkeypatch, (programs, "loop")) as counts:
        model.fit(x, y, epochs=4, verbose=0, callbacks=board)
    compilations.assert_none()
    assert counts["loop"] == runs


def test_compiling_again_with_the_same_words_compiles_nothing(warm):
    model, x, y = warm
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
    model.fit(x, y, verbose=0)
    compilations = Compilations()
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
    model.fit(x, y, verbose=0)
    compilations.assert_none()


def test_train_on_batch_compiles_once_per_shape(warm):
    model, x, y = warm
    model.train_on_batch(x[:10], y[:10])
    compilations = Compilations()
    for first in range(0, 100, 10):
        model.train_on_batch(x[first : first + 10], y[first : first + 10])
    compilations.assert_none()


# What the host asks


class Counting:
    """A function that counts its calls, and is in all else the function."""

    def __init__(self, function):
        self.function, self.calls = function, 0

    def __call__(self, *args, **kwargs):
        self.calls += 1
        return self.function(*args, **kwargs)

    def __getattr__(self, name):
        return getattr(self.function, name)


@contextlib.contextmanager
def counted(monkeypatch, *places):
    """Count calls of functions, each given as (holder, name)."""
    counting = {name: Counting(getattr(holder, name)) for holder, name in places}
    counts = {}
    with monkeypatch.context() as patch:
        for holder, name in places:
            patch.setattr(holder, name, counting[name])
        yield counts
    counts.update({name: function.calls for name, function in counting.items()})


def asked_in_one_fit(model, monkeypatch, rows, pieces):
    """How often a quiet epoch runs the loop, and asks the host for numbers."""
    x, y = examples(rows)
    model.fit(x, y, batch_size=4, verbose=0)
    monkeypatch.setattr(steps.Pace, "steps", lambda pace, left: min(pieces, left))
    with counted(
        monkeypatch,
        (jax, "device_get"),
        (jax, "device_put"),
        (jax, "block_until_ready"),
        (programs, "loop"),
    ) as counts:
        model.fit(x, y, batch_size=4, verbose=0)
    monkeypatch.undo()
    return counts


def test_a_quiet_epoch_asks_the_host_as_often_whatever_its_steps(monkeypatch):
    model = model_of(SHARED)
    few = asked_in_one_fit(model, monkeypatch, rows=16, pieces=10**6)
    many = asked_in_one_fit(model, monkeypatch, rows=1600, pieces=10**6)
    assert few == many
    # One run of no steps to compile and one of all; each asks once for what failed
    # and once for the sums.
    assert many["loop"] == 2
    assert many["device_get"] == 2


def test_each_look_of_the_host_costs_two_answers(monkeypatch):
    model = model_of(SHARED)
    one = asked_in_one_fit(model, monkeypatch, rows=1600, pieces=400)
    four = asked_in_one_fit(model, monkeypatch, rows=1600, pieces=100)
    assert four["loop"] - one["loop"] == 3
    assert four["device_get"] - one["device_get"] == 6
    assert four["device_put"] == one["device_put"]


def test_pace_grows_to_a_look_a_second():
    """Steps of a millisecond: 8, 64, 512, then a thousand at a time."""
    pace = steps.Pace(1.0)
    lengths = []
    for _ in range(5):
        lengths.append(pace.steps(10**6))
        pace.ran(lengths[-1], lengths[-1] / 1000)
    assert lengths == [8, 64, 512, 1000, 1000]
    pace.ran(1000, 100.0)
    assert pace.steps(1000) == 10
    assert pace.steps(14) == 14  # a short rest is taken along
    assert pace.steps(15) == 10
    pace.ran(1, 1e9)
    assert pace.steps(1000) == 1


class Sending(Counting):
    """Notes what a program is sent from the host, in bytes."""

    def __init__(self, function):
        super().__init__(function)
        self.sent = []

    def __call__(self, *arguments):
        leaves = jax.tree.leaves(arguments)
        own = sum(leaf.nbytes for leaf in leaves if isinstance(leaf, np.ndarray))
        self.sent.append(own)
        return super().__call__(*arguments)


def test_rows_stay_on_the_device_between_epochs(monkeypatch):
    """An epoch sends its order, and never the rows again."""
    x, y = examples(100)
    model = model_of(SHARED)
    model.fit(x, y, verbose=0)
    put, loop = [], Sending(programs.loop)
    own = jax.device_put
    monkeypatch.setattr(
        jax, "device_put", lambda value, to: put.append(value) or own(value, to)
    )
    monkeypatch.setattr(programs, "loop", loop)
    model.fit(x, y, epochs=4, verbose=0)
    (data,) = put
    rows = 4 * 32 * (6 + 1) * 4 + 4
    assert sum(leaf.nbytes for leaf in jax.tree.leaves(data)) == rows
    sums = sum(leaf.nbytes for leaf in jax.tree.leaves(model.trainer.no_sums()))
    order = 4 * 32 * np.dtype(np.int32).itemsize
    # The first runs nothing; each epoch begins with sums of nothing.
    assert loop.sent[1:] == 4 * [order + sums]


def test_nothing_comes_back_while_the_loop_runs():
    """Within the compiled loop no number is sent to the host."""
    x, y = examples(100)
    model = model_of(SHARED)
    model.fit(x, y, verbose=0)
    traced = jax.make_jaxpr(train.Trainer.loop, static_argnums=0)(
        model.trainer.program(),
        model.state,
        jax.device_put(jn.data.Data(x, y, None, np.int32(100))),
        np.zeros((4, 32), np.int32),
        0,
        4,
    )
    text = str(traced)
    assert "callback" not in text
    assert "while[" in text
    assert "float64" not in text


# Memory


def test_arrays_do_not_pile_up():
    x, y = examples(100)
    model = model_of(SHARED)

    def once():
        model.fit(x, y, validation_split=0.2, verbose=0)
        model.evaluate(x, y, verbose=0)
        model.predict(x)
        model.train_on_batch(x[:10], y[:10])

    once()
    once()
    gc.collect()  # what other tests have left
    before = len(jax.live_arrays())
    size = sum(array.nbytes for array in jax.live_arrays())
    for _ in range(20):
        once()
    gc.collect()
    assert len(jax.live_arrays()) == before
    assert sum(array.nbytes for array in jax.live_arrays()) == size


def test_a_model_that_is_gone_leaves_no_array():
    x, y = examples(100)
    model_of(SHARED).fit(x, y, verbose=0)
    gc.collect()
    before = len(jax.live_arrays())
    for seed in range(5):
        model_of(SHARED, seed=seed).fit(x, y, verbose=0)
    # A model and its history know each other.
    gc.collect()
    assert len(jax.live_arrays()) <= before


def test_weights_in_a_users_hands_stay_as_they_are():
    """Nothing is donated that someone may still hold."""
    x, y = examples(100)
    model = model_of(SHARED)
    model.fit(x, y, verbose=0)
    params, state, held = model.params, model.state, model.get_weights()
    weights = [(weight, weight.value) for weight in model.weights]
    copies = jax.tree.map(np.array, params)
    state_copies = jax.tree.map(np.array, state._replace(key=None))
    for _ in range(3):
        model.fit(x, y, epochs=2, verbose=0)
        model.train_on_batch(x, y)
    assert not any(leaf.is_deleted() for leaf in jax.tree.leaves(state))
    assert_trees_identical(params, copies)
    assert_trees_identical(state._replace(key=None), state_copies)
    in_order = [copies[w.path.split("/")[0]][w.name] for w, _ in weights]
    for array, (weight, value), other in zip(held, weights, in_order, strict=True):
        np.testing.assert_array_equal(array, other)
        np.testing.assert_array_equal(value, other)
        # As in Keras a weight itself has the numbers of now.
        assert not np.array_equal(weight.numpy(), other)
    # And the model did go on.
    assert not np.array_equal(model.get_weights()[0], held[0])


def test_writing_into_got_weights_changes_no_model():
    x, y = examples(100)
    model = model_of(SHARED)
    model.fit(x, y, verbose=0)
    before = model.predict(x)
    for array in model.get_weights():
        array[...] = 7.0
    for weight in model.weights:
        weight.numpy()[...] = 7.0
    np.testing.assert_array_equal(model.predict(x), before)


def test_writing_into_given_arrays_changes_no_model():
    """Neither weights that were set nor data that were trained on are shared."""
    x, y = examples(100)
    model = model_of(SHARED)
    model.fit(x, y, verbose=0)
    given = model.get_weights()
    model.set_weights(given)
    before = model.predict(x)
    for array in given:
        array[...] = 7.0
    np.testing.assert_array_equal(model.predict(x), before)
    outputs = model.predict(x)
    x[...] = 7.0
    np.testing.assert_array_equal(outputs, before)


def test_writing_into_a_given_tree_changes_no_model():
    x, y = examples(100)
    model = model_of(SHARED)
    model.fit(x, y, verbose=0)
    before = model.predict(x)
    model.params = tree = jax.tree.map(np.array, model.params)
    jax.tree.map(lambda array: array.fill(7.0), tree)
    np.testing.assert_array_equal(model.predict(x), before)


def test_training_goes_on_from_a_held_state_to_the_same_bits():
    x, y = examples(100)
    layer = Dense(SHARED, "softmax", kernel_initializer="ones")
    model = jn.Sequential([Dropout(0.5), layer])
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(x, y, verbose=0)
    held = model.state
    model.fit(x, y, epochs=3, verbose=0)
    first = model.params
    model.state = held
    model.fit(x, y, epochs=3, verbose=0)
    assert_trees_identical(model.params, first)


# Values that stand for programs


def test_a_trainer_without_its_numbers_is_one_value():
    """What the compiler sees of two optimizers of one kind is equal."""
    net = jn.serial(Dense(3, "softmax"))
    trainers = [
        train.Trainer(net, "sparse_categorical_crossentropy", optimizers.Adam(rate))
        for rate in (1e-3, 1e-2)
    ]
    one, two = (trainer.program() for trainer in trainers)
    assert trainers[0] != trainers[1]
    assert one == two
    assert hash(one) == hash(two)
    assert one != dataclasses.replace(one, metrics=("accuracy",))


# Options of the compiler


@pytest.fixture
def on_a_gpu(monkeypatch):
    """As if JAX had found a GPU; what asks the compiler here asks that of the CPU."""
    programs._knows_loops_on_a_gpu.cache_clear()
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    yield
    programs._knows_loops_on_a_gpu.cache_clear()


def test_the_loop_goes_to_a_gpu_as_a_whole(on_a_gpu):
    """The compiler of this JAX, the oldest supported one too, knows the option."""
    options = programs.compiler_options(programs.FAST)
    commands = options["xla_gpu_enable_command_buffer"].split(",")
    assert {"FUSION", "CUBLASLT", "CONDITIONAL", "WHILE"} < set(commands)


@pytest.mark.parametrize(
    "unknown", [{"xla_gpu_no_such": 1}, {"xla_gpu_enable_command_buffer": "NO_SUCH"}]
)
def test_a_compiler_that_does_not_know_how_is_not_told(on_a_gpu, monkeypatch, unknown):
    monkeypatch.setattr(programs, "ON_A_GPU", unknown)
    assert programs.compiler_options(programs.FAST) == {}


def test_a_cpu_has_options_of_its_own():
    assert programs.compiler_options(programs.FAST) == programs.FAST


def test_weights_are_those_of_the_generator_that_jax_has_now(width):
    """Also after an equal model: JAX knows no trace by its generator."""

    def drawn():
        model = jn.Sequential([jn.Input((width,)), Dropout(0.5), Dense(2)], seed=3)
        expected = model.net.init(jax.random.key(np.uint32(3)), (width,))[1]
        model.compile("sgd", "mse")
        weights = model.get_weights()[0]
        np.testing.assert_array_equal(weights, expected["dense"]["kernel"])
        model.fit(np.ones((4, width)), np.ones((4, 2)), verbose=0)
        return weights, model.state.key.dtype

    first, key = drawn()
    with jax.default_prng_impl("rbg"):
        other, other_key = drawn()
    assert other_key != key
    assert not np.array_equal(first, other)
    np.testing.assert_array_equal(drawn()[0], first)
