"""Losses, alone and fused with the activation before them.

Oracles: Keras 3.15 on JAX, and float64 NumPy.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from losses_cases import (
    ALL,
    CLASSES,
    LOGITS,
    LOGITS_2D,
    PAIRS,
    ROWS,
    outputs_for,
    own,
    softmax,
    targets_for,
)
from oracles import (
    assert_close,
    crossentropy,
    log_softmax,
    named,
    raises_text,
    unchecked_types,
    x64,
)

from jaxnet_mini import activations, losses
from jaxnet_mini.core.losses import acts_by_row, functions
from jaxnet_mini.core.networks.last_activation import without_last_activation
from jaxnet_mini.core.networks.serial import serial
from jaxnet_mini.core.training.state import Batch, Data
from jaxnet_mini.core.training.trainer import Trainer
from jaxnet_mini.errors import ArgumentError, ShapeError, UnknownNameError
from jaxnet_mini.layers import Activation, Dense, Dropout, Flatten, Softmax
from jaxnet_mini.losses import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    CategoricalHinge,
    CosineSimilarity,
    FunctionLoss,
    Hinge,
    Huber,
    KLDivergence,
    LogCosh,
    Loss,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    Poisson,
    SparseCategoricalCrossentropy,
    SquaredHinge,
)

pytestmark = pytest.mark.usefixtures("quick_compilation")


def test_every_loss_is_tested():
    assert {type(loss) for loss in ALL} == set(losses.LOSSES.values())


def bce(y, p):
    return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p), -1)


def huber(error, delta):
    size = np.abs(error)
    return np.where(size <= delta, size**2 / 2, delta * (size - delta / 2)).mean(-1)


FORMULAE = {
    SparseCategoricalCrossentropy: lambda y, z, loss: crossentropy(y, z),
    CategoricalCrossentropy: lambda y, z, loss: -np.sum(y * log_softmax(z), -1),
    BinaryCrossentropy: lambda y, z, loss: bce(y, 1 / (1 + np.exp(-z))),
    MeanSquaredError: lambda y, z, loss: np.mean((y - z) ** 2, -1),
    MeanAbsoluteError: lambda y, z, loss: np.mean(np.abs(y - z), -1),
    Huber: lambda y, z, loss: huber(y - z, loss.delta),
    KLDivergence: lambda y, p, loss: np.sum(y * np.log(y / p), -1),
    Poisson: lambda y, p, loss: np.mean(p - y * np.log(p + 1e-7), -1),
    MeanAbsolutePercentageError: lambda y, p, loss: np.mean(
        100 * np.abs((y - p) / y), -1
    ),
    MeanSquaredLogarithmicError: lambda y, p, loss: np.mean(
        (np.log1p(np.maximum(y, 1e-7)) - np.log1p(p)) ** 2, -1
    ),
    LogCosh: lambda y, p, loss: np.mean(np.log(np.cosh(y - p)), -1),
    Hinge: lambda y, p, loss: np.mean(np.maximum(0, 1 - y * p), -1),
    SquaredHinge: lambda y, p, loss: np.mean(np.maximum(0, 1 - y * p) ** 2, -1),
    CategoricalHinge: lambda y, p, loss: np.maximum(
        0, 1 + np.max(np.where(y == 1, 0, p), -1) - np.sum(y * p, -1)
    ),
    CosineSimilarity: lambda y, p, loss: (
        -np.sum(y * p, -1) / np.linalg.norm(y, axis=-1) / np.linalg.norm(p, axis=-1)
    ),
}


@pytest.mark.parametrize("loss", ALL, ids=named)
def test_losses_are_their_formulae_in_float64(loss):
    logits = LOGITS.astype(np.float64)
    y_true = targets_for(loss, logits)
    y_pred = logits
    if not getattr(loss, "from_logits", True):
        binary = isinstance(loss, BinaryCrossentropy)
        y_pred = 1 / (1 + np.exp(-logits)) if binary else np.exp(log_softmax(logits))
    if isinstance(loss, KLDivergence | Poisson | MeanSquaredLogarithmicError):
        probabilities = isinstance(loss, KLDivergence)
        y_pred = np.exp(log_softmax(logits) if probabilities else logits)
        logits = y_pred  # their formulae take outputs
    if y_true.dtype == np.float32:
        y_true = y_true.astype(np.float64)
    if isinstance(loss, CategoricalCrossentropy):
        y_true = y_true / y_true.sum(-1, keepdims=True)
    smoothing = getattr(loss, "label_smoothing", 0.0)
    middle = 1 / CLASSES if isinstance(loss, CategoricalCrossentropy) else 0.5
    smooth = y_true + smoothing * (middle - y_true) if smoothing else y_true
    expected = FORMULAE[type(loss)](smooth, logits, loss)
    with x64():
        actual = loss.per_example(jnp.asarray(y_true), jnp.asarray(y_pred))
    assert_close(actual, expected, 1e-12)


@pytest.mark.parametrize("loss", ALL, ids=named)
def test_the_functions_are_the_per_example_values(loss):
    y_pred = jnp.asarray(outputs_for(loss, LOGITS))
    y_true = jnp.asarray(targets_for(loss, y_pred))
    names = [name for name, kind in losses.LOSSES.items() if kind is type(loss)]
    function = getattr(losses, max(names, key=len))
    values = function(y_true, y_pred, **own(loss))
    np.testing.assert_array_equal(values, loss.per_example(y_true, y_pred))


def test_integer_classes_may_have_an_axis_of_one():
    y_pred = jnp.asarray(softmax(LOGITS))
    classes = jnp.asarray(targets_for(SparseCategoricalCrossentropy(), LOGITS))
    loss = SparseCategoricalCrossentropy()
    flat, column = (loss.per_example(y, y_pred) for y in (classes, classes[:, None]))
    assert flat.shape == column.shape == (ROWS,)
    np.testing.assert_array_equal(flat, column)


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.bool_, np.float32])
@pytest.mark.parametrize("name", sorted(losses.LOSSES))
def test_targets_of_any_dtype(name, dtype):
    loss = losses.get(name)
    y_pred = jnp.asarray(outputs_for(loss, LOGITS))
    y_true = np.zeros(ROWS if loss.targets == "classes" else (ROWS, CLASSES), dtype)
    y_true[::2] = 1
    values = loss.per_example(jnp.asarray(y_true), y_pred)
    assert values.dtype == jnp.float32
    expected = loss.per_example(jnp.asarray(y_true, jnp.float32), y_pred)
    np.testing.assert_array_equal(values, expected)


def test_weights_multiply_and_the_count_divides():
    y_true, y_pred = jnp.zeros((4, 1)), jnp.array([[1.0], [2.0], [3.0], [4.0]])
    weight = jnp.array([1.0, 0.0, 2.0, 0.0])
    assert float(MeanSquaredError()(y_true, y_pred, weight)) == (1 + 2 * 9) / 4


@pytest.mark.parametrize("size", [1e2, 1e4, 1e30])
def test_large_logits_stay_finite(size):
    logits = jnp.array([[size, 0.0, -size]])
    right, wrong = jnp.array([0]), jnp.array([2])
    loss = SparseCategoricalCrossentropy(from_logits=True)
    assert float(loss(right, logits)) == 0.0
    assert float(loss(wrong, logits)) == pytest.approx(2 * size)
    binary = BinaryCrossentropy(from_logits=True)
    assert float(binary(jnp.array([[1.0]]), jnp.array([[size]]))) == 0.0
    assert float(binary(jnp.array([[0.0]]), jnp.array([[size]]))) == pytest.approx(size)


def test_losses_are_equal_hashable_values():
    values = [*ALL, FunctionLoss(jnp.subtract), FunctionLoss(jnp.add)]
    assert len(set(values)) == len(values)
    assert Huber(0.3) == Huber(delta=0.3)
    for loss in ALL:
        assert eval(repr(loss)) == loss


def test_losses_show_what_is_not_a_default():
    for kind in set(losses.LOSSES.values()):
        assert repr(kind()) == f"{kind.__name__}()"
        assert repr(kind(reduction="sum")) == f"{kind.__name__}(reduction='sum')"
    assert repr(FunctionLoss(jnp.subtract)) == "FunctionLoss(subtract)"


def test_sparse_crossentropy_takes_lists_and_integers():
    found = losses.sparse_categorical_crossentropy([1, 0], [[0, 1], [1, 1]])
    np.testing.assert_allclose(found, [0.0, math.log(2.0)], atol=1e-6)


def test_functions_have_the_defaults_of_their_classes():
    y_pred = jnp.array([[0.2, 0.8], [3.0, 1.0]])
    for kind in set(losses.LOSSES.values()):
        y_true = jnp.array([1, 0]) if kind.targets == "classes" else jnp.eye(2)
        expected = kind().per_example(y_true, y_pred)
        np.testing.assert_array_equal(kind.function(y_true, y_pred), expected)


def test_get_recognises_what_users_write():
    own = FunctionLoss(lambda y_true, y_pred: jnp.sum(jnp.abs(y_true - y_pred), -1))
    assert losses.get(own) is own
    assert losses.get(own.function) == own
    assert losses.get(own.function).targets == "anything"
    assert losses.get(Huber) == Huber()
    assert losses.get(losses.mean_squared_error) == MeanSquaredError()
    assert losses.get("bce") == losses.get(losses.binary_crossentropy)


def test_errors_name_the_loss_and_what_came():
    with raises_text(
        UnknownNameError,
        "unknown loss 'sparse_categorical_crossentropie': did you mean "
        "'sparse_categorical_crossentropy'? Known: bce,",
    ):
        losses.get("sparse_categorical_crossentropie")
    with unchecked_types():
        for value in (3, None, dict, Dense):
            with raises_text(
                ArgumentError,
                f"loss must be a name, a loss or a callable, not {value!r}",
                'loss="sparse_categorical_crossentropy"',
            ):
                losses.get(value)
    losses.get("sparse_categorical_crossentropy")
    with pytest.raises(TypeError, match=r"abstract method '?per_example"):
        Loss()


# Fusion with the last activation

NOT_PAIRS = [
    ("sigmoid", SparseCategoricalCrossentropy()),
    ("sigmoid", CategoricalCrossentropy()),
    ("softmax", BinaryCrossentropy()),
    ("softmax", MeanSquaredError()),
    ("softmax", SparseCategoricalCrossentropy(from_logits=True)),
    ("softmax", CategoricalCrossentropy(from_logits=True)),
    ("sigmoid", BinaryCrossentropy(from_logits=True)),
    ("softplus", SparseCategoricalCrossentropy()),
    (None, SparseCategoricalCrossentropy()),
]


@pytest.mark.parametrize(("activation", "loss"), PAIRS, ids=named)
def test_a_pair_is_fused(activation, loss):
    function = activations.get(activation)
    assert loss.on_logits(function) == type(loss)(from_logits=True)
    z = jnp.asarray(LOGITS)
    y_true = jnp.asarray(targets_for(loss, LOGITS))
    fused = loss.on_logits(function).per_example(y_true, z)
    assert_close(fused, loss.per_example(y_true, function(z)), 5e-6)


@pytest.mark.parametrize(("activation", "loss"), NOT_PAIRS, ids=named)
def test_other_pairs_are_not_fused(activation, loss):
    assert loss.on_logits(activations.get(activation)) is None


class Focal(BinaryCrossentropy):
    """A loss of one's own, written on probabilities."""

    def per_example(self, y_true, y_pred):
        right = jnp.where(y_true == 1.0, y_pred, 1.0 - y_pred)
        return -jnp.mean((1.0 - right) ** 2 * jnp.log(right), axis=-1)


class Named(SparseCategoricalCrossentropy):
    """One with a plain ``__init__``, whose arguments are other ones."""

    def __init__(self, topic):
        super().__init__()
        self.topic = topic


def test_an_own_loss_is_given_the_outputs_that_it_is_written_for():
    net = serial(Dense(1, activation="sigmoid"))
    _, params = net.init(jax.random.key(0), (3,))
    x, y = LOGITS[:, :3].astype(np.float32), np.ones((len(LOGITS), 1), np.float32)
    batch = Batch(jnp.asarray(x), jnp.asarray(y))
    trainer = Trainer(net, Focal(), "sgd")
    state = trainer.init(jax.random.key(0), (3,))
    _, logs = jax.jit(trainer.step)(state, batch)
    z = x.astype(np.float64) @ np.asarray(params["dense"]["kernel"], np.float64)
    p = 1.0 / (1.0 + np.exp(-z))
    assert_close(logs["loss"], np.mean(-((1.0 - p) ** 2) * np.log(p)), 1e-5)
    fused = Named("animals").on_logits(activations.softmax)
    assert (fused.topic, fused.from_logits, type(fused)) == ("animals", True, Named)


def sure(layers, rows):
    """A net whose outputs are certain beyond float32: softmax rounds to 0 and 1."""
    net = serial(*layers)
    _, params = net.init(jax.random.key(0), (2,))
    params["dense"] = {"kernel": jnp.eye(2) * 60.0, "bias": jnp.zeros(2)}
    x = jnp.tile(jnp.array([[1.0, 0.0]]), (rows, 1))
    return net, params, x


@pytest.mark.parametrize(
    "layers",
    [
        (Dense(2, "softmax"),),
        (Dense(2, jax.nn.softmax),),
        (Dense(2), Activation("softmax")),
        (Dense(2), serial(Flatten(), Activation("softmax"))),
        (Dense(2), Softmax()),
        (Dense(2), Softmax(axis=-1, name="probabilities")),
        (Dense(2), serial(Flatten(), Softmax())),
    ],
    ids=named,
)
def test_trap_softmax_then_crossentropy_keeps_its_digits(layers):
    net, params, x = sure(layers, 3)
    trainer = Trainer(net, "sparse_categorical_crossentropy", "sgd")
    state = trainer.init(jax.random.key(0), (2,))._replace(params=params)
    y = jnp.array([1, 1, 1])
    # Exact: log(1 + exp(60)). From probabilities no more than the clipping is seen.
    _, logs = trainer.step(state, (x, y))
    assert float(logs["loss"]) == pytest.approx(math.log1p(math.exp(60)), rel=1e-6)
    clipped = trainer.loss(y, net.apply(params, x))
    assert float(clipped) == pytest.approx(-math.log(1e-7), rel=1e-6)


class Halved(Dense):
    """Does something after its activation, which fusion would lose."""

    def forward(self, params, x):
        return super().forward(params, x) * 0.5


def test_trap_a_subclass_of_dense_keeps_its_activation():
    layer = Halved(3, "softmax")
    assert without_last_activation(layer) == (layer, activations.linear)
    trainer = Trainer(layer, "categorical_crossentropy", "sgd")
    state = trainer.init(jax.random.key(0), (2,))
    x, y = jnp.ones((4, 2)), jnp.full((4, 3), 1 / 3)
    _, logs = jax.jit(trainer.step)(state, (x, y))
    expected = trainer.loss(y, layer.apply(state.params, x))
    assert_close(logs["loss"], np.asarray(expected))


class Tempered(Softmax):
    """The same for a layer of its own."""

    def forward(self, params, x):
        return super().forward(params, x * 0.5)


def test_trap_a_subclass_of_softmax_stays_in_place():
    net = serial(Dense(3), Tempered())
    assert without_last_activation(net) == (net, activations.linear)


def test_dropout_after_the_softmax_is_not_fused():
    net = serial(Dense(3, "softmax"), Dropout(0.5))
    assert without_last_activation(net) == (net, activations.linear)


# What a loss must return


def test_a_loss_with_a_mean_over_the_batch_is_refused():
    trainer = Trainer(Dense(1), lambda y_true, y_pred: jnp.mean(y_true - y_pred), "sgd")
    state = trainer.init(jax.random.key(0), (2,))
    with raises_text(
        ShapeError,
        "the loss returned shape () for a batch of 4: return one value per example, "
        "without a mean over the batch.",
    ):
        trainer.step(state, Batch(jnp.ones((4, 2)), jnp.ones((4, 1))))


def test_an_own_loss_of_several_axes_is_averaged_per_row():
    def absolute(y_true, y_pred):
        return jnp.abs(y_true - y_pred)

    own, named = (Trainer(Dense(3), loss, "sgd") for loss in (absolute, "mae"))
    state = own.init(jax.random.key(0), (2,))
    batch = (jnp.asarray(LOGITS[:, :2]), jnp.asarray(LOGITS[:, 2:]))
    assert_close(
        own.step(state, batch)[1]["loss"],
        np.asarray(named.step(state, batch)[1]["loss"]),
    )


def test_one_value_per_row_is_aligned_and_never_broadcast():
    """The trap of (N,) against (N, 1), which would make (N, N)."""
    y_true, y_pred = np.arange(4.0), np.arange(4.0)[:, None] + 1.0
    for left, right in ((y_true, y_pred), (y_pred, y_true), (y_pred, y_pred + 1.0)):
        values = losses.mean_squared_error(left, right)
        assert values.shape == (4,)
        np.testing.assert_array_equal(values, np.ones(4))
    with raises_text(
        ShapeError,
        "y_true has shape (3,)",
        "y_pred has shape (4, 1)",
        "both must have the same shape",
    ):
        losses.mean_squared_error(y_true[:3], y_pred)
    with raises_text(ShapeError, "integer classes need shape (4,)", "(4, 2)"):
        losses.sparse_categorical_crossentropy(np.zeros((4, 2)), np.ones((4, 2)))


def test_hinge_does_not_hang_on_the_rest_of_the_batch():
    """Keras converts zeros only where a whole batch holds zeros and ones alone."""
    y_pred = np.array([[0.3], [0.4]], np.float32)
    both = losses.hinge(np.array([[0.0], [-1.0]], np.float32), y_pred)
    alone = losses.hinge(np.array([[0.0]], np.float32), y_pred[:1])
    assert float(both[0]) == float(alone[0])


def test_bad_arguments_of_losses():
    with raises_text(UnknownNameError, "unknown reduction 'sums': did you mean 'sum'?"):
        MeanSquaredError(reduction="sums")
    with raises_text(ArgumentError, "label_smoothing must be in [0, 1], not 1.5"):
        BinaryCrossentropy(label_smoothing=1.5)
    with raises_text(ArgumentError, "label_smoothing must be in [0, 1], not -0.5"):
        CategoricalCrossentropy(label_smoothing=-0.5)
    for share in (0.75, 1.0):
        assert BinaryCrossentropy(label_smoothing=share).label_smoothing == share
    for kind in (BinaryCrossentropy, Huber):
        with raises_text(UnknownNameError, "unknown reduction 'sums'"):
            kind(reduction="sums")
    with raises_text(ArgumentError, "Huber: delta", "above 0, not 0.0"):
        Huber(delta=0.0)
    with (
        raises_text(ArgumentError, "Huber: delta", "above 0, not '1'"),
        unchecked_types(),
    ):
        Huber(delta="1")
    with raises_text(
        ArgumentError, "the loss MeanSquaredError(reduction=None)", "one number"
    ):
        Trainer(Dense(1), MeanSquaredError(reduction=None))


def test_without_any_weight_the_weighted_mean_is_0():
    loss = MeanSquaredError(reduction="mean_with_sample_weight")
    assert float(loss(jnp.ones((3, 1)), jnp.zeros((3, 1)), jnp.zeros(3))) == 0.0


def test_a_sum_counts_every_value_of_a_row():
    loss = FunctionLoss(lambda y, p: jnp.square(y - p), reduction="sum")
    trainer = Trainer(Dense(3), loss, "sgd")
    state = trainer.init(jax.random.key(0), (2,))
    x, y = jnp.ones((4, 2)), jnp.zeros((4, 3))
    predicted = np.asarray(trainer.net.apply(state.params, x), np.float64)
    assert_close(trainer.step(state, (x, y))[1]["loss"], (predicted**2).sum(), 2e-5)


@pytest.mark.parametrize("pieces", [1, 2])
def test_without_weights_a_mean_by_weight_is_that_of_all_values(pieces):
    """Of outputs of several axes too, however the batch is computed."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 6, 5, 3)).astype(np.float32)
    loss = MeanSquaredError(reduction="mean_with_sample_weight")
    trainer = Trainer(Dense(3), loss, "sgd")
    state = trainer.init(jax.random.key(0), (5, 3))
    predicted = np.asarray(trainer.net.apply(state.params, x), np.float64)
    expected = np.square(y - predicted).mean()
    order = np.arange(6, dtype=np.int32).reshape(1, pieces, -1)
    progress = trainer.loop(state, Data(x, y, None, np.int32(6)), order, 0, 1)
    assert_close(trainer.logs(progress.sums)["loss"], expected, 2e-5)
    batches = Data(x[None], y[None], None, np.int32(6))
    sums = trainer.evaluate(state.params, batches, 0, 1)
    assert_close(trainer.logs(sums)["loss"], expected, 2e-5)
    slope = 2.0 * np.einsum("bti,btj->ij", x, predicted - y) / y.size
    change = progress.state.params["kernel"] - state.params["kernel"]
    assert_close(change, -0.01 * slope, 2e-5)


def test_a_reduction_is_trained_on():
    """A step descends the reduced loss, and logs are it, too."""
    x, y = jnp.ones((6, 2)), jnp.zeros((6, 1))
    weight = jnp.array([1.0, 2.0, 0.0, 0.0, 1.0, 1.0])
    for reduction, scale in (("sum", 6.0), ("mean_with_sample_weight", 6.0 / 5.0)):
        runs = {}
        for kind in ("mean", reduction):
            trainer = Trainer(Dense(1), MeanSquaredError(reduction=kind), "sgd")
            state = trainer.init(jax.random.key(0), (2,))
            after, logs = trainer.step(state, Batch(x, y, weight))
            change = after.params["kernel"] - state.params["kernel"]
            runs[kind] = change, logs["loss"]
        for ours, mean in zip(runs[reduction], runs["mean"], strict=True):
            assert_close(ours, scale * mean, 2e-5)


# What losses say of themselves, and the edges of their formulae


def test_losses_say_what_targets_and_activations_they_take():
    targets = {kind.__name__: kind.targets for kind in losses.LOSSES.values()}
    special = {
        "SparseCategoricalCrossentropy": "classes",
        "CategoricalCrossentropy": "probabilities",
        "BinaryCrossentropy": "probabilities",
        "KLDivergence": "probabilities",
    }
    assert targets == dict.fromkeys(targets, "values") | special
    assert FunctionLoss.targets == "anything"
    assert Loss.__abstractmethods__ == {"per_example"}
    named = MeanSquaredError(name="mine")
    assert named.name == "mine"
    assert repr(named) == "MeanSquaredError(name='mine')"
    for kind in (Huber, MeanSquaredError):
        with pytest.raises(TypeError, match="by position"):
            kind(*[1.0] * len(own(kind())), "sum")


def test_only_our_own_losses_are_known_to_act_by_row():
    class Own(MeanSquaredError):
        pass

    assert all(acts_by_row(losses.get(name)) is True for name in losses.LOSSES)
    for other in (Own(), FunctionLoss(jnp.subtract)):
        assert acts_by_row(other) is False


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (
            lambda: losses.get(3),
            "loss must be a name, a loss or a callable, not 3: write for example "
            'loss="sparse_categorical_crossentropy".',
        ),
        *(
            (
                lambda share=share: BinaryCrossentropy(label_smoothing=share),
                "BinaryCrossentropy: label_smoothing must be in [0, 1], not "
                f"{share!r}.",
            )
            for share in (-0.5, 1.5, math.nan, "0.1", None)
        ),
        *(
            (
                lambda delta=delta: Huber(delta),
                f"Huber: delta must be a finite number above 0, not {delta!r}.",
            )
            for delta in (0.0, -1.0, math.inf, math.nan, "1")
        ),
    ],
)
def test_messages_word_by_word(call, text):
    with unchecked_types(), pytest.raises(ArgumentError) as caught:
        call()
    assert str(caught.value) == text


def test_shapes_in_messages_word_by_word():
    with pytest.raises(ShapeError) as caught:
        losses.mean_squared_error(np.ones(3), np.ones((4, 1)))
    assert str(caught.value) == (
        "y_true has shape (3,) and y_pred has shape (4, 1): both must have the same "
        "shape, (batch, ..., units)."
    )
    with pytest.raises(ShapeError) as caught:
        losses.sparse_categorical_crossentropy(np.zeros((4, 2)), np.ones((4, 2)))
    assert str(caught.value) == (
        "y_true has shape (4, 2) and y_pred has shape (4, 2): integer classes need "
        "shape (4,)."
    )


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("loss", ALL, ids=named)
def test_outputs_of_16_bits_are_taken_as_float32(loss, dtype):
    """Whatever the dtype of the targets is, and of the weights."""
    y_pred = jnp.asarray(outputs_for(loss, LOGITS)).astype(dtype)
    y_true, same = jnp.asarray(targets_for(loss, LOGITS)), y_pred.astype(jnp.float32)
    for given in ((y_true, y_pred), (y_true, y_pred, np.ones(ROWS))):
        value = loss(*given)
        assert value.dtype == jnp.float32
        assert value == loss(y_true, same, *given[2:])
    np.testing.assert_array_equal(
        loss.function(y_true, y_pred, *own(loss).values()),
        loss.per_example(y_true, same),
    )


def test_trap_no_number_of_16_bits_is_just_below_1():
    """Clipped to such a one, the logarithm would be that of 0."""
    p = np.array([1.0, 0.0, 0.25, 1.0])
    y = np.array([1.0, 0.0, 1.0, 0.0])
    clipped = np.clip(p, np.float32(1e-7), np.float32(1.0) - np.float32(1e-7))
    expected = -np.log(np.where(y == 1.0, clipped, 1.0 - clipped.astype(np.float64)))
    for dtype in (jnp.float16, jnp.bfloat16):
        y_pred = jnp.asarray(p, dtype)[:, None]
        assert_close(losses.binary_crossentropy(y[:, None], y_pred), expected, 2e-6)
        assert_close(BinaryCrossentropy()(y, y_pred), expected.mean(), 2e-6)


def test_a_loss_of_ones_own_is_given_float32_in_place_of_16_bits():
    given = []

    def gap(y_true, y_pred):
        given.append(y_pred.dtype)
        return abs(y_true - y_pred)[:, 0]

    outputs = jnp.ones((2, 1), jnp.bfloat16)
    assert FunctionLoss(gap)(jnp.array([[1.0], [1001.0]]), outputs) == 500.0
    assert given == [jnp.float32]


def test_integer_classes_of_several_axes_may_have_an_axis_of_one():
    y_pred = softmax(LOGITS_2D)
    classes = targets_for(SparseCategoricalCrossentropy(), y_pred)
    expected = losses.sparse_categorical_crossentropy(classes, y_pred)
    column = losses.sparse_categorical_crossentropy(classes[..., None], y_pred)
    assert expected.shape == (ROWS, 3)
    np.testing.assert_array_equal(column, expected)


def test_the_factor_of_every_reduction():
    weight = jnp.array([1.0, 0.0, 3.0])
    for reduction, plain, weighted in (
        ("sum_over_batch_size", 1.0, 1.0),
        ("mean", 1.0, 1.0),
        ("mean_with_sample_weight", 1.0, 3 / 4),
        ("sum", 3, 3),
        ("none", 1.0, 1.0),
        (None, 1.0, 1.0),
    ):
        loss = MeanSquaredError(reduction=reduction)
        assert loss.reduction_factor(3, None) == plain
        assert loss.reduction_factor(3, weight) == weighted


def test_what_belongs_to_a_class_is_taken_by_its_place_to_the_bits_of_a_gather():
    """Forward on a GPU, and backward everywhere: a scatter is a pass of its own."""

    def gathered(values, index):
        return jnp.take_along_axis(values, index, axis=-1)[..., 0]

    def found(own, index):
        values = jax.random.normal(jax.random.key(0), (2, 3, 4))
        taken, back = jax.vjp(lambda values: own(values, index), values)
        return taken, *back(jnp.arange(6.0).reshape(2, 3))

    run = jax.jit(found, static_argnums=0)
    index = jax.random.randint(jax.random.key(1), (2, 3, 1), 0, 4)
    for classes in (index, jnp.full_like(index, 4)):
        expected = run(gathered, classes)
        for way in (functions._own, functions._own_by_place):
            jax.tree.map(np.testing.assert_array_equal, run(way, classes), expected)
    assert np.isnan(expected[0]).all()
    assert not expected[1].any()

    def operations(way):
        return str(jax.make_jaxpr(found, static_argnums=0)(way, index))

    assert "scatter" in operations(gathered)
    assert "scatter" not in operations(functions._own)
