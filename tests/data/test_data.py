"""Data on their way to the device, against NumPy and Keras."""

import dataclasses
import math

import jax
import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import unchecked_types, x64

from jaxnet_mini import losses
from jaxnet_mini.base import interrupts
from jaxnet_mini.core.training import state
from jaxnet_mini.data import casting, checks, epoch_order, fit_arguments, resident
from jaxnet_mini.data import stacks as stacking
from jaxnet_mini.data.stacks import Stacks, single_batch
from jaxnet_mini.errors import ArgumentError, DataError, ShapeError

SPARSE = losses.SparseCategoricalCrossentropy()
ONE_HOT = losses.CategoricalCrossentropy()
BINARY = losses.BinaryCrossentropy()
VALUES = losses.MeanSquaredError()

sizes = st.integers(1, 200)


def numbers(*shape, dtype="float32", seed=0):
    values = np.random.default_rng(seed).integers(0, 2, shape)
    return values.astype(dtype)


# fill: dtypes, padding, blocks

DTYPES = {
    "bool": "bool",
    "int8": "int8",
    "uint8": "uint8",
    "int16": "int16",
    "uint16": "uint16",
    "int32": "int32",
    "uint32": "uint32",
    "int64": "int32",
    "uint64": "uint32",
    "float16": "float32",
    "bfloat16": "float32",
    "float32": "float32",
    "float64": "float32",
    "longdouble": "float32",
}
ONLY_64 = {"int64": "int64", "uint64": "uint64", "float64": "float64"}


def as_dtype(name):
    return np.dtype(ml_dtypes.bfloat16 if name == "bfloat16" else name)


@pytest.mark.parametrize("name", DTYPES)
def test_dtypes_on_the_device(name):
    array = numbers(7, 3, dtype=as_dtype(name))
    filled = casting.fill(array, 7, "x")
    assert filled.dtype == DTYPES[name] == casting.device_dtype(array.dtype)
    np.testing.assert_array_equal(filled, array.astype(filled.dtype))
    # It is what JAX makes of it: nothing is cast a second time on the way.
    assert jax.device_put(filled).dtype == filled.dtype


@pytest.mark.parametrize("name", ONLY_64)
def test_dtypes_of_64_bits_where_jax_has_them(name):
    with x64():
        assert casting.fill(numbers(7, 3, dtype=name), 7, "x").dtype == ONLY_64[name]


@pytest.mark.parametrize("name", ["float32", "int32", "uint16", "float64"])
def test_the_other_byte_order(name):
    array = numbers(5, 2, dtype=np.dtype(name).newbyteorder())
    filled = casting.fill(array, 8, "x")
    assert filled.dtype.isnative
    np.testing.assert_array_equal(filled[:5], array)


@given(rows=sizes, extra=st.integers(0, 50), width=st.integers(1, 5))
def test_padding_is_zero_and_rows_are_kept(rows, extra, width):
    array = np.arange(1, rows * width + 1, dtype=np.float64).reshape(rows, width)
    filled = casting.fill(array, rows + extra, "x")
    np.testing.assert_array_equal(filled[:rows], array)
    assert not filled[rows:].any()
    assert filled.shape == (rows + extra, width)


def test_a_copy_is_made():
    array = numbers(4, 2)
    filled = casting.fill(array, 4, "x")
    assert not np.shares_memory(array, filled)
    filled[...] = 7.0
    assert array.max() <= 1.0


@pytest.mark.parametrize("shape", [(1,), (1, 3), (2, 5), (4,), (3, 2, 2)])
def test_blocks_of_every_size_cover_every_row(monkeypatch, shape):
    """A row of 1 to 20 bytes and blocks of 1 to 64 bytes, each end on its own."""
    array = np.arange(1, 1 + 23 * math.prod(shape), dtype=np.float32)
    array = array.reshape(23, *shape)
    for block in (1, 8, 24, 40, 64, 4096):
        monkeypatch.setattr(casting, "BLOCK_BYTES", block)
        np.testing.assert_array_equal(casting.fill(array, 23, "x"), array)


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_found_in_every_row(monkeypatch, dtype, bad):
    monkeypatch.setattr(casting, "BLOCK_BYTES", 64)
    for row in range(23):
        array = numbers(23, 4, dtype=dtype)
        array[row, row % 4] = bad
        with pytest.raises(DataError) as caught:
            casting.fill(array, 32, "x")
        assert f"x holds {bad} at row {row}, position {row % 4}:" in str(caught.value)


@pytest.mark.parametrize(
    ("dtype", "bad", "target"),
    [
        ("float64", 1e39, "float32"),
        ("float64", -1e300, "float32"),
        ("int64", 2**31, "int32"),
        ("int64", -(2**31) - 1, "int32"),
        ("uint64", 2**32, "uint32"),
    ],
)
def test_what_does_not_fit_is_found(dtype, bad, target):
    array = numbers(23, 4, dtype=dtype)
    array[20, 1] = bad
    with pytest.raises(DataError) as caught:
        casting.fill(array, 32, "x", first_row=100)
    message = str(caught.value)
    assert message.startswith("x holds ")
    assert f"at row 120, position 1, which does not fit {target}:" in message


@pytest.mark.parametrize(
    ("dtype", "edge"),
    [
        ("float64", float(np.finfo(np.float32).max)),
        ("float32", float(np.finfo(np.float32).max)),
        ("float32", -1e30),
        ("int64", 2**31 - 1),
        ("int64", -(2**31)),
        ("uint64", 2**32 - 1),
    ],
)
def test_the_largest_that_fit_are_taken(dtype, edge):
    array = np.full((9, 4), edge, dtype)
    filled = casting.fill(array, 9, "x")
    np.testing.assert_array_equal(filled.astype(dtype), array)


def test_small_values_may_be_rounded():
    """Digits and what is next to 0 are lost in silence, as in NumPy's own cast."""
    array = np.array([1.0 + 1e-12, 1e-300, 1e-40])
    np.testing.assert_array_equal(casting.fill(array, 3, "x"), array.astype(np.float32))


# order


@given(
    rows=sizes,
    batch_size=st.integers(1, 40),
    seed=st.integers(0, 2**32 - 1),
    epoch=st.integers(0, 1000),
    shuffle=st.booleans(),
)
def test_order_holds_every_row_once(rows, batch_size, seed, epoch, shuffle):
    order = epoch_order.order([seed], epoch, rows, batch_size, shuffle)
    steps = epoch_order.rounded_steps(epoch_order.steps_for(rows, batch_size))
    assert order.shape == (steps, batch_size)
    assert order.dtype == np.int32
    flat = order.ravel()
    assert sorted(flat[:rows]) == list(range(rows))
    assert (flat[rows:] == state.NO_ROW).all()
    if not shuffle:
        np.testing.assert_array_equal(flat[:rows], np.arange(rows))


def test_order_is_that_of_seed_and_epoch():
    def order(seed, epoch):
        return epoch_order.order(seed, epoch, 500, 32).tolist()

    assert order([3], 1) == order((3,), 1)
    different = [order([3], 1), order([3], 2), order([4], 1), order([3, 0], 1)]
    different += [order([3, 5], 1), order([0, 3], 1)]
    assert all(a != b for i, a in enumerate(different) for b in different[i + 1 :])


def test_rows_stay_where_they_are_whatever_the_batch_size():
    """The permutation is of rows: a batch only cuts it."""
    small, large = epoch_order.order([1], 0, 500, 8), epoch_order.order([1], 0, 500, 50)
    np.testing.assert_array_equal(small.ravel()[:500], large.ravel()[:500])


def test_order_is_even():
    """Every row comes to every place: over 4,000 epochs of 8 rows, within 6 sigma."""
    epochs = 4000
    counts = np.zeros((8, 8))
    for epoch in range(epochs):
        counts[np.arange(8), epoch_order.order([0], epoch, 8, 8).ravel()] += 1
    expected = epochs / 8
    assert np.abs(counts - expected).max() < 6 * math.sqrt(expected * 7 / 8)


def test_order_leaves_numpys_global_generator_alone():
    np.random.seed(5)  # noqa: NPY002
    before = np.random.get_state()[1].tolist()  # noqa: NPY002
    epoch_order.order([0], 0, 100, 8)
    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002


# rounded_steps


def test_rounded_steps():
    rounded = np.array([epoch_order.rounded_steps(steps) for steps in range(1, 20_001)])
    steps = np.arange(1, 20_001)
    assert (rounded >= steps).all()
    assert (np.diff(rounded) >= 0).all()
    assert (rounded[64:] <= steps[64:] * 1.125).all()
    assert set(rounded[:64]) == {1, 2, 4, 8, 16, 32, 64}
    # A rounded number is its own, and a doubling has eight of them.
    assert [epoch_order.rounded_steps(int(n)) for n in rounded] == rounded.tolist()
    assert len(set(rounded[(rounded > 64) & (rounded <= 128)])) == 8
    assert len(set(rounded[(rounded > 8192) & (rounded <= 16384)])) == 8


@given(steps=st.integers(1, 2**40))
def test_rounded_steps_of_any_size(steps):
    rounded = epoch_order.rounded_steps(steps)
    assert steps <= rounded <= max(2 * steps - 1, 1)
    assert steps <= 64 or rounded <= steps * 1.125
    assert epoch_order.rounded_steps(rounded) == rounded


@given(rows=st.integers(1, 10**9), batch_size=st.integers(1, 10**5))
def test_steps_for(rows, batch_size):
    steps = epoch_order.steps_for(rows, batch_size)
    assert (steps - 1) * batch_size < rows <= steps * batch_size


@pytest.mark.parametrize(
    ("batch_size", "pieces"), [(2049, 3), (4096, 2), (6000, 3), (60000, 30), (4099, 1)]
)
def test_pieces_are_equal_and_of_at_most_2048_rows(batch_size, pieces):
    assert epoch_order.pieces_of(batch_size) == pieces
    shape = epoch_order.order([0], 0, 10 * batch_size, batch_size, pieces=pieces).shape
    assert np.prod(shape[1:]) == batch_size
    assert pieces == 1 or shape[1:] == (pieces, batch_size // pieces)


def test_the_order_is_that_of_whole_batches():
    whole = epoch_order.order([1], 2, 100, 12)
    cut = epoch_order.order([1], 2, 100, 12, pieces=3)
    np.testing.assert_array_equal(cut.reshape(whole.shape), whole)


# resident and batches


def test_the_bytes_of_resident_are_counted_beforehand():
    x, y = np.ones((70, 3), np.float64), np.ones(70, np.int64)
    for weight in (None, np.ones(70, np.float32)):
        examples = checks.Examples(x, y, weight)
        arrays = jax.tree.leaves(resident.resident(examples, 8)._replace(rows=None))
        assert resident.resident_bytes(examples, 8) == sum(a.nbytes for a in arrays)


@given(rows=st.integers(1, 200), batch_size=sizes)
def test_a_single_batch_is_padded_to_a_power_of_two(rows, batch_size):
    rows = min(rows, batch_size)
    x = np.arange(1.0, 2 * rows + 1).reshape(rows, 2)
    batch = single_batch(x, batch_size)
    power = next(2**k for k in range(9) if 2**k >= rows)
    assert batch.shape == (min(power, batch_size), 2)
    assert batch.dtype == np.float32
    np.testing.assert_array_equal(batch[:rows], x)
    assert not batch[rows:].any()


def test_a_single_batch_is_copied_only_where_it_must_be():
    ready = numbers(4, 3)
    assert single_batch(ready, 256) is ready
    assert single_batch(ready[:3], 3).base is ready
    for other in (ready[:3], ready.astype("float64"), numbers(3, 4).T, ready[::2]):
        batch = single_batch(other, 256)
        assert batch.flags.c_contiguous
        assert not np.shares_memory(batch, other)
        np.testing.assert_array_equal(batch[: len(other)], other)


@pytest.mark.parametrize("rows", [3, 4])
def test_a_single_batch_is_checked(rows):
    x = numbers(rows, 2)
    x[0, 1] = math.nan
    with pytest.raises(DataError, match=r"^x holds nan at row 0, position 1: remove"):
        single_batch(x, 256)


def test_resident():
    examples = checks.Examples(numbers(70, 3), numbers(70, dtype="int32"), None)
    held = resident.resident(examples, 8)
    # 9 batches are rounded up to 16.
    assert held.x.shape == (128, 3)
    assert held.y.shape == (128,)
    assert held.weight is None
    assert held.rows == 70
    assert held.rows.dtype == np.int32
    np.testing.assert_array_equal(held.x[:70], examples.x)


def test_resident_names_what_is_bad():
    x, y, bad = numbers(9, 2), numbers(9), np.full(9, math.inf)
    for name, arrays in {"x": (bad, y, y), "y": (x, bad, y)}.items():
        with pytest.raises(DataError, match=rf"^{name} holds inf at row 0"):
            resident.resident(checks.Examples(*arrays), 4)
    with pytest.raises(DataError, match=r"^sample_weight holds inf at row 0"):
        resident.resident(checks.Examples(x, y, bad), 4)


def test_rows_may_be_empty():
    empty = np.zeros((3, 0), np.float32)
    assert casting.fill(empty, 4, "x").shape == (4, 0)
    assert stacking.cut(empty, None, None, 2).stack(0).x.shape == (2, 2, 0)


def all_of(stacks):
    return [stacks.stack(number) for number in range(len(stacks))]


@given(rows=st.integers(1, 400), batch_size=st.integers(1, 9), weighted=st.booleans())
def test_batches_hold_every_row_once(rows, batch_size, weighted):
    x = np.arange(1, rows * 2 + 1, dtype=np.float32).reshape(rows, 2)
    y, weight = x[:, 0].astype(np.int32), x[:, 1] if weighted else None
    made = stacking.cut(x, y, weight, batch_size)
    steps, stacks = made.steps, all_of(made)
    assert steps <= stacking.STACK_STEPS
    assert steps == epoch_order.rounded_steps(steps)
    assert sum(int(stack.rows) for stack in stacks) == rows
    assert all(stack.rows == steps * batch_size for stack in stacks[:-1])
    assert stacks[-1].rows > 0
    kept = [stack.x.reshape(-1, 2)[: stack.rows] for stack in stacks]
    np.testing.assert_array_equal(np.concatenate(kept), x)
    kept = [stack.y.reshape(-1)[: stack.rows] for stack in stacks]
    np.testing.assert_array_equal(np.concatenate(kept), y)
    assert all((stack.weight is None) != weighted for stack in stacks)
    for stack in stacks:
        assert not stack.x.reshape(-1, 2)[stack.rows :].any()
        assert stack.x.shape == (steps, batch_size, 2)
        assert stack.y.shape == (steps, batch_size)


@pytest.mark.slow
@settings(deadline=None)  # the first time, JAX starts
@given(rows=st.integers(1, 400), batch_size=st.integers(1, 9))
def test_runs_are_all_batches_with_rows(rows, batch_size):
    """As a whole or one at a time, and as they are on the device."""
    x = np.arange(rows, dtype=np.float32)
    made = stacking.cut(x, None, None, batch_size)
    batches = [x[first : first + batch_size] for first in range(0, rows, batch_size)]
    assert made.batches == len(batches)
    for stacks in (made, made.placed()):
        for stepwise in (False, True):
            runs = list(stacks.runs(stepwise))
            assert len(runs) == (len(batches) if stepwise else len(stacks))
            seen = [np.asarray(s.x[i]) for s, a, b in runs for i in range(a, b)]
            np.testing.assert_array_equal(np.concatenate(seen)[:rows], x)
            assert len(seen) == len(batches)


@pytest.mark.parametrize(
    ("limit", "steps"), [(1, 1), (24, 1), (48, 2), (100, 4), (191, 4), (10**9, 16)]
)
def test_batches_keep_to_the_limit_of_bytes(monkeypatch, limit, steps):
    """A batch here takes 24 bytes; a stack has a power of two of them."""
    monkeypatch.setattr(stacking, "STACK_BYTES", limit)
    stacks = all_of(stacking.cut(numbers(32, 3), None, None, 2))
    assert {stack.x.shape for stack in stacks} == {(steps, 2, 3)}
    assert len(stacks) == -(-16 // steps)
    assert all(stack.y is None for stack in stacks)


@pytest.mark.parametrize(
    ("batch_size", "steps"),
    [(1, 64), (32, 64), (33, 32), (256, 8), (2048, 1), (5000, 1)],
)
def test_batches_keep_to_the_limits_of_batches_and_rows(batch_size, steps):
    assert stacking.cut(numbers(20_000, 1), None, None, batch_size).steps == steps


def test_the_limit_counts_bytes_on_the_device(monkeypatch):
    monkeypatch.setattr(stacking, "STACK_BYTES", 24)
    assert stacking.cut(numbers(32, 3, dtype="uint8"), None, None, 2).steps == 4
    assert stacking.cut(numbers(32, 3, dtype="float64"), None, None, 2).steps == 1
    assert stacking.cut(numbers(32, 1), None, None, 2).steps == 2
    assert stacking.cut(numbers(32, 3, 2), None, None, 1).steps == 1


def test_data_sets_of_any_size_share_a_shape():
    shapes = {
        stacking.cut(numbers(rows, 3), None, None, 32).stack(0).x.shape
        for rows in (2113, 5000, 10_000)
    }
    assert shapes == {(64, 32, 3)}


def test_a_stack_is_made_when_it_is_asked_for():
    """What is bad in a later one is found there, and named by its place in all."""
    x = numbers(9, 2)
    x[7, 1] = math.nan
    stacks = stacking.cut(x, None, None, 4)
    assert len(stacks) == 1
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stacking, "STACK_STEPS", 1)
        stacks = stacking.cut(x, None, None, 4)
    assert len(stacks) == 3
    runs = stacks.runs(stepwise=False)
    next(runs)
    with pytest.raises(DataError, match=r"^x holds nan at row 7, position 1"):
        next(runs)


def test_batches_name_what_is_bad():
    x, weight = numbers(9, 2), numbers(9)
    weight[5] = math.nan
    stacks = stacking.cut(x, None, weight, 4, "validation ", first_row=2)
    with pytest.raises(
        DataError, match=r"^validation sample_weight holds nan at row 7"
    ):
        stacks.stack(0)


# Splits


@given(rows=st.integers(1, 100_000), share=st.floats(0.0, 1.0, exclude_max=True))
def test_split_is_keras(rows, share):
    """``math.floor(rows * (1 - share))`` rows are left, see keras.utils."""
    expected = math.floor(rows * (1.0 - share))
    if 0 < expected < rows:
        assert fit_arguments.split(rows, share) == expected
    else:
        with pytest.raises(ArgumentError, match=f"of {rows} rows leaves {expected}"):
            fit_arguments.split(rows, share)


def test_rows_of_examples_are_views():
    x, y, weight = numbers(9, 2), numbers(9), numbers(9)
    part = checks.Examples(x, y, weight).rows(2, 5)
    assert all(
        np.shares_memory(a, b) for a, b in zip(part, (x, y, weight), strict=True)
    )
    np.testing.assert_array_equal(part.x, x[2:5])
    assert checks.Examples(x, y, None).rows(7).weight is None
    assert len(checks.Examples(x, y, None).rows(7).y) == 2


# Weights by class

CLASSES = np.array([0, 2, 1, 1, 0, 2])


def test_class_weights_take_numpys_integers():
    with unchecked_types():
        ours = checks.class_weights(CLASSES, {np.int64(1): np.float32(2.0)}, (3,))
    np.testing.assert_array_equal(ours, [1, 1, 2, 2, 1, 1])


@pytest.mark.parametrize("bad", [-1.0, 2.6, math.nan, 7.0])
def test_class_weights_need_classes(bad):
    y = np.array([0.0, 1.0, bad])
    with pytest.raises(ArgumentError, match=r"at row 2: give sample_weight instead"):
        checks.class_weights(y, {0: 2.0}, (3,))


def test_class_weights_need_one_class_per_example():
    with pytest.raises(ArgumentError, match=r"y has shape \(4, 3, 2\)"):
        checks.class_weights(np.zeros((4, 3, 2)), {0: 2.0}, (3, 2))


# Targets


@pytest.mark.parametrize(
    "labels",
    [
        CLASSES,
        CLASSES.reshape(-1, 1),
        CLASSES.astype(np.float64),
        CLASSES.astype(np.uint8),
        CLASSES.astype(ml_dtypes.bfloat16),
        CLASSES.tolist(),
        jax.numpy.asarray(CLASSES),
        CLASSES > 0,
    ],
    ids=["int64", "column", "float", "uint8", "bfloat16", "list", "jax", "bool"],
)
def test_classes_become_int32(labels):
    targets = checks.as_targets(labels, SPARSE, (3,))
    assert targets.dtype == np.int32
    np.testing.assert_array_equal(targets, np.asarray(labels).astype(np.int32))


@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 1)])
def test_classes_of_every_place(shape):
    targets = checks.as_targets(numbers(*shape, dtype="int64"), SPARSE, (5, 3))
    assert targets.shape == shape
    with pytest.raises(ShapeError):
        checks.as_targets(numbers(4, 6, dtype="int64"), SPARSE, (5, 3))


@pytest.mark.parametrize("loss", [ONE_HOT, BINARY, VALUES])
@pytest.mark.parametrize("dtype", ["uint8", "int64", "float32", "float64", "bool"])
def test_values_pass_through(loss, dtype):
    y = numbers(6, 3, dtype=dtype)
    assert checks.as_targets(y, loss, (3,)) is y


@given(rows=st.integers(1, 6), columns=st.integers(1, 4), units=st.integers(1, 4))
def test_values_need_the_shape_of_the_outputs(rows, columns, units):
    y = np.zeros((rows, columns), np.float32)
    if columns == units:
        assert checks.as_targets(y, VALUES, (units,)) is y
    else:
        with pytest.raises(ShapeError):
            checks.as_targets(y, VALUES, (units,))


@given(low=st.integers(-3, 5), high=st.integers(-3, 5), classes=st.integers(1, 4))
def test_classes_within_the_outputs(low, high, classes):
    y = np.array([0, low, 0, high])
    if min(low, high) >= 0 and max(low, high) < classes:
        np.testing.assert_array_equal(checks.as_targets(y, SPARSE, (classes,)), y)
        return
    bad = next(row for row in (1, 3) if not 0 <= y[row] < classes)
    with pytest.raises(DataError, match=f"holds the class {y[bad]} at row {bad}, "):
        checks.as_targets(y, SPARSE, (classes,))


@pytest.mark.parametrize(
    ("index", "words"),
    [
        ((2,), "row 2"),
        ((2, 1), "row 2, position 1"),
        ((2, 1, 0), "row 2, position (1, 0)"),
    ],
)
def test_positions_in_words(index, words):
    array = np.zeros((3,) * len(index))
    array[index] = 5.0
    assert checks.position(array, array > 0) == (words, 5.0)


# What costs nothing but time, and what only some see


@pytest.mark.parametrize("dtype", ["float32", "uint8", "int32"])
def test_what_is_filled_is_aligned_as_jax_takes_it_without_a_copy(dtype):
    for rows in (*range(1, 40), 1000, 4099):
        filled = casting.fill(numbers(rows, 3, dtype=dtype), rows + 1, "x")
        assert filled.ctypes.data % 64 == 0
        assert filled.shape == (rows + 1, 3)


def test_the_other_byte_order_where_jax_has_64_bits():
    with x64():
        for name in ("float32", "float64", "int64", "uint16"):
            swapped = np.dtype(name).newbyteorder()
            assert casting.device_dtype(swapped) == np.dtype(name)
            assert casting.device_dtype(swapped).isnative
        for name in ("float16", "bfloat16"):
            assert casting.device_dtype(as_dtype(name)) == np.float32
        assert casting.device_dtype(np.dtype(np.longdouble)) == np.float64


def test_a_copy_can_be_interrupted_between_its_blocks(monkeypatch):
    monkeypatch.setattr(casting, "BLOCK_BYTES", 64)
    array, calls = numbers(16, 4), []

    def third_time():
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(interrupts, "let_in", third_time)
    with pytest.raises(KeyboardInterrupt):
        casting.fill(array, 16, "x")
    assert len(calls) == 3


def test_parts_are_put_where_they_belong(monkeypatch):
    """What is between them is 0, also where memory held something before."""
    dirty = np.full(4096, 0xFF, np.uint8)
    monkeypatch.setattr(casting.np, "empty", lambda size, dtype: dirty[:size].copy())
    first, second = np.ones((2, 3)), 2 * np.ones((3, 3))
    filling = casting.Filling(first, 10, "x")
    filling.put(1, first)
    filling.put(5, second, 10)
    made = filling.done().copy()
    expected = np.zeros((10, 3), np.float32)
    expected[1:3], expected[5:8] = 1.0, 2.0
    np.testing.assert_array_equal(made, expected)
    second[1, 2] = math.nan
    with pytest.raises(DataError, match=r"^x holds nan at row 11, position 2: remove"):
        filling.put(8, second[:2], 10)
    expected[8:] = 0.0  # and what was bad is not there
    np.testing.assert_array_equal(filling.done(), expected)


def test_a_batch_without_a_small_divisor_stays_whole():
    for batch_size in (2545, 4099, 5 * 2039):  # 5 times a prime, a prime
        assert epoch_order.pieces_of(batch_size) == (5 if batch_size == 5 * 2039 else 1)
    assert [epoch_order.pieces_of(size) for size in (1, 2047, 2048, 2050)] == [
        1,
        1,
        1,
        2,
    ]
    assert (
        epoch_order.order([0], 0, 5, 2).shape == epoch_order.order_shape(5, 2) == (4, 2)
    )
    assert epoch_order.pieces_shape(3, 8, 1) == (3, 8)
    assert epoch_order.pieces_shape(3, 8, 2) == (3, 2, 4)


def test_stacks_are_values_and_those_placed_are_made_once():
    made = []

    def stack(number):
        made.append(number)
        return state.Data(np.ones((2, 4)), None, None, np.int32(8))

    stacks = Stacks(20, 4, 2, stack)
    with pytest.raises(dataclasses.FrozenInstanceError):
        stacks.rows = 3
    assert len(stacks) == 3
    placed = stacks.placed()
    assert made == []
    placed.stack(1)
    placed.make()
    assert made == [1, 0, 2]
    assert isinstance(placed.stack(1).x, jax.Array)
    assert placed.stack(1) is placed.stack(1)
    assert made == [1, 0, 2]
    again = stacks.placed(lambda stack: stack._replace(rows="put"))
    assert again.stack(2).rows == "put"
    assert (placed.rows, placed.batch_size, placed.steps) == (20, 4, 2)


@pytest.mark.parametrize("argument", ["x", "y", "sample_weight"])
def test_every_argument_of_batches_is_named(argument):
    arrays = {name: np.ones(9) for name in ("x", "y", "sample_weight")}
    arrays[argument][5] = math.inf
    stacks = stacking.cut(*arrays.values(), 4, "validation ", 2)
    with pytest.raises(DataError) as caught:
        stacks.stack(0)
    assert str(caught.value) == (
        f"validation {argument} holds inf at row 7: remove or replace NaN and "
        "infinity, for example with np.nan_to_num."
    )


def test_what_does_not_fit_is_said_word_by_word():
    with pytest.raises(DataError) as caught:
        casting.fill(np.array([1, 2**40]), 2, "y")
    assert str(caught.value) == (
        f"y holds {2**40} at row 1, which does not fit int32: rescale it, "
        "or switch 64-bit on with jax.config.update('jax_enable_x64', True)."
    )
