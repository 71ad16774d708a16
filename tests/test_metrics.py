"""Metrics: batch by batch, and over an epoch of ragged batches.

Oracles: Keras 3.15 on JAX, scikit-learn and float64 NumPy.
"""

import dataclasses
import inspect
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import keras_on_jax
from oracles import assert_close, raises_text, unchecked_types
from ragged import over_batches
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    precision_score,
    recall_score,
    roc_auc_score,
    top_k_accuracy_score,
)

from jaxnet_mini import metrics
from jaxnet_mini.errors import ArgumentError, ShapeError, UnknownNameError
from jaxnet_mini.metrics import (
    AUC,
    F1Score,
    FBetaScore,
    Mean,
    MeanMetricWrapper,
    Metric,
    Precision,
    PrecisionAtRecall,
    R2Score,
    Recall,
    RecallAtPrecision,
    RootMeanSquaredError,
    Sum,
)

ROWS, CLASSES = 200, 9
RNG = np.random.default_rng(0)
PROBABILITIES = RNG.dirichlet(np.ones(CLASSES), ROWS).astype(np.float32)
LABELS = RNG.integers(0, CLASSES, ROWS).astype(np.int32)
ONE_HOT = np.eye(CLASSES, dtype=np.float32)[LABELS]
BINARY = (RNG.uniform(size=(ROWS, CLASSES)) > 0.5).astype(np.float32)
VALUES = RNG.normal(size=(ROWS, CLASSES)).astype(np.float32)

SIGNS = 2.0 * BINARY - 1.0
COUNTS = RNG.poisson(3.0, (ROWS, CLASSES)).astype(np.float32)
SOFT = RNG.dirichlet(np.ones(CLASSES), ROWS).astype(np.float32)

TARGETS = {
    "acc": LABELS,
    "accuracy": LABELS,
    "auc": BINARY,
    "bce": BINARY,
    "binary_accuracy": BINARY,
    "binary_crossentropy": BINARY,
    "categorical_accuracy": ONE_HOT,
    "categorical_crossentropy": ONE_HOT,
    "categorical_hinge": ONE_HOT,
    "cosine_similarity": VALUES,
    "crossentropy": LABELS,
    "f1_score": ONE_HOT,
    "f_beta_score": ONE_HOT,
    "false_negatives": BINARY,
    "false_positives": BINARY,
    "hinge": SIGNS,
    "kl_divergence": SOFT,
    "log_cosh_error": VALUES,
    "mae": VALUES,
    "mape": VALUES,
    "mean_absolute_error": VALUES,
    "mean_absolute_percentage_error": VALUES,
    "mean_squared_error": VALUES,
    "mean_squared_logarithmic_error": COUNTS,
    "mse": VALUES,
    "msle": COUNTS,
    "poisson": COUNTS,
    "precision": BINARY,
    "r2_score": VALUES,
    "recall": BINARY,
    "root_mean_squared_error": VALUES,
    "sparse_categorical_accuracy": LABELS,
    "sparse_categorical_crossentropy": LABELS,
    "sparse_top_k_categorical_accuracy": LABELS,
    "squared_hinge": BINARY,
    "top_k_categorical_accuracy": ONE_HOT,
    "true_negatives": BINARY,
    "true_positives": BINARY,
}


@pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])
@pytest.mark.parametrize("name", sorted(metrics.METRICS))
def test_metrics_are_those_of_keras_over_ragged_batches(name, weighted):
    y_true = TARGETS[name]
    weight = RNG.uniform(size=ROWS).astype(np.float32) if weighted else None
    with keras_on_jax() as keras:
        resolved = {
            "acc": "sparse_categorical_accuracy",
            "accuracy": "sparse_categorical_accuracy",
            "crossentropy": "sparse_categorical_crossentropy",
        }
        theirs = keras.metrics.get(resolved.get(name, name))
        theirs.update_state(y_true, PROBABILITIES, sample_weight=weight)
        expected = np.asarray(theirs.result())
    metric = metrics.get(name)
    assert metric.name == name
    for batch_size in (ROWS, 64):
        actual = over_batches(metric, y_true, PROBABILITIES, batch_size, weight)
        assert_close(actual, expected, 2e-6)
    assert_close(metric(y_true, PROBABILITIES, weight), expected, 2e-6)
    if name not in resolved:
        # By the names that Keras users write for classes.
        assert metrics.get(type(theirs).__name__).renamed(name) == metric
        # Keras numbers the instances of some.
        assert type(metric)().name == re.sub(r"_\d+$", "", theirs.name)


def test_every_metric_is_tested():
    assert sorted(TARGETS) == sorted(metrics.METRICS)


def test_accuracies_are_those_of_scikit_learn():
    predicted = PROBABILITIES.argmax(-1)
    labels = range(CLASSES)
    assert float(
        over_batches(metrics.get("accuracy"), LABELS, PROBABILITIES, 64)
    ) == pytest.approx(accuracy_score(LABELS, predicted), rel=1e-6)
    for name, expected in {
        "sparse_categorical_accuracy": accuracy_score(LABELS, predicted),
        "categorical_accuracy": accuracy_score(LABELS, predicted),
        "binary_accuracy": accuracy_score(BINARY.ravel(), PROBABILITIES.ravel() > 0.5),
        "top_k_categorical_accuracy": top_k_accuracy_score(
            LABELS, PROBABILITIES, k=5, labels=labels
        ),
    }.items():
        actual = over_batches(metrics.get(name), TARGETS[name], PROBABILITIES, 64)
        assert float(actual) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("k", [1, 3, 9])
def test_top_k_is_that_of_scikit_learn_for_every_k(k):
    if k < CLASSES:
        expected = top_k_accuracy_score(
            LABELS, PROBABILITIES, k=k, labels=range(CLASSES)
        )
    else:
        expected = 1.0
    sparse = metrics.sparse_top_k_categorical_accuracy(
        jnp.asarray(LABELS), jnp.asarray(PROBABILITIES), k
    )
    dense = metrics.top_k_categorical_accuracy(
        jnp.asarray(ONE_HOT), jnp.asarray(PROBABILITIES), k
    )
    np.testing.assert_array_equal(sparse, dense)
    assert float(np.mean(sparse)) == pytest.approx(expected, rel=1e-6)


def test_trap_nan_is_not_among_the_largest():
    y_pred = np.array([[np.nan, 0.5, 0.25, 0.25]], np.float32)
    with keras_on_jax() as keras:
        theirs = keras.metrics.sparse_top_k_categorical_accuracy(
            np.array([0]), y_pred, k=2
        )
    ours = metrics.sparse_top_k_categorical_accuracy(
        jnp.array([0]), jnp.asarray(y_pred), k=2
    )
    assert float(ours[0]) == float(np.asarray(theirs)[0]) == 0.0


@pytest.mark.parametrize(
    ("y_true", "y_pred", "expected"),
    [
        (BINARY[:, :1], PROBABILITIES[:, :1], "binary_accuracy"),
        (LABELS, PROBABILITIES, "sparse_categorical_accuracy"),
        (LABELS[:, None], PROBABILITIES, "sparse_categorical_accuracy"),
        (ONE_HOT, PROBABILITIES, "categorical_accuracy"),
    ],
    ids=["binary", "sparse", "sparse column", "one-hot"],
)
def test_the_bare_word_accuracy_is_resolved_as_in_keras(y_true, y_pred, expected):
    with keras_on_jax() as keras:
        model = keras.Sequential([keras.layers.Identity()])
        model.compile(
            loss="binary_crossentropy" if y_pred.shape[-1] == 1 else "mse",
            metrics=["accuracy"],
        )
        theirs = keras.src.trainers.compile_utils.get_metric("accuracy", y_true, y_pred)
        assert theirs.name == "accuracy"
        theirs.update_state(y_true, y_pred)
        theirs = np.asarray(theirs.result())
    values = metrics.accuracy(jnp.asarray(y_true), jnp.asarray(y_pred))
    np.testing.assert_array_equal(
        values, getattr(metrics, expected)(jnp.asarray(y_true), jnp.asarray(y_pred))
    )
    assert_close(np.mean(values), theirs)


def test_metrics_of_several_axes_are_averaged_per_row():
    y_true = LABELS.reshape(50, 4)
    y_pred = PROBABILITIES.reshape(50, 4, CLASSES)
    actual = over_batches(metrics.get("accuracy"), y_true, y_pred, 50)
    expected = accuracy_score(LABELS, PROBABILITIES.argmax(-1))
    assert float(actual) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_trap_padding_may_hold_anything(bad):
    metric = metrics.get("mse")
    y_pred = np.array([[1.0], [2.0], [bad]], np.float32)
    weight = jnp.array([1.0, 1.0, 0.0])
    totals = metric.totals(jnp.zeros((3, 1)), jnp.asarray(y_pred), weight)
    assert float(metric.result(totals)) == 2.5


def test_an_own_function_goes_by_its_name():
    def largest_error(y_true, y_pred):
        return jnp.max(jnp.abs(y_true - y_pred), axis=-1)

    metric = metrics.get(largest_error)
    assert metric == MeanMetricWrapper(largest_error)
    assert metric == MeanMetricWrapper(largest_error, name="largest_error")
    assert metrics.get(metric) is metric
    expected = np.abs(VALUES - PROBABILITIES).max(-1).mean(dtype=np.float64)
    actual = over_batches(metric, VALUES, PROBABILITIES, 64)
    assert float(actual) == pytest.approx(expected, rel=1e-6)


def test_metrics_are_equal_hashable_values():
    assert metrics.get("mse") == metrics.get("mse")
    assert hash(metrics.get("mse")) == hash(metrics.get("mse"))
    values = {metrics.get(name) for name in metrics.METRICS}
    assert len(values) == len(metrics.METRICS)
    assert isinstance(metrics.get("root_mean_squared_error"), RootMeanSquaredError)


def test_errors_name_the_metric_and_what_came():
    with raises_text(
        UnknownNameError, "unknown metric 'acuracy': did you mean 'accuracy'? Known:"
    ):
        metrics.get("acuracy")
    with (
        unchecked_types(),
        raises_text(
            ArgumentError,
            "a metric must be a name, a Metric or a callable, not 3",
            'metrics=["accuracy"]',
        ),
    ):
        metrics.get(3)
    with raises_text(ArgumentError, "not <class 'jaxnet_mini.metrics.means.Mean'>"):
        metrics.get(Mean)
    metric = metrics.get(lambda y_true, y_pred: jnp.mean(y_true - y_pred))
    with raises_text(
        ShapeError,
        "the metric '<lambda>' returned shape () for a batch of 4: return one value "
        "per example, without a mean over the batch.",
    ):
        metric.totals(jnp.ones((4, 1)), jnp.ones((4, 1)), jnp.ones(4))
    with pytest.raises(TypeError, match=r"abstract methods '?result'?, '?totals'?"):
        Metric()


def test_precision_and_recall_are_those_of_scikit_learn():
    predicted = PROBABILITIES > 0.125
    for metric, score in (
        (Precision(0.125), precision_score),
        (Recall(0.125), recall_score),
    ):
        actual = over_batches(metric, BINARY, PROBABILITIES, 64)
        expected = score(BINARY.ravel(), predicted.ravel())
        assert float(actual) == pytest.approx(expected, rel=1e-6)
    for metric, score in (
        (Precision(0.125, class_id=3), precision_score),
        (Recall(0.125, class_id=3), recall_score),
    ):
        actual = over_batches(metric, BINARY, PROBABILITIES, 64)
        expected = score(BINARY[:, 3], predicted[:, 3])
        assert float(actual) == pytest.approx(expected, rel=1e-6)


def test_the_area_comes_near_to_that_of_scikit_learn():
    """It is a sum over thresholds, and theirs over all values that occur."""
    y_pred = np.clip(0.3 * BINARY + RNG.uniform(0.0, 0.7, BINARY.shape), 0, 1)
    y_pred = y_pred.astype(np.float32)
    expected = roc_auc_score(BINARY.ravel(), y_pred.ravel())
    actual = over_batches(AUC(2000), BINARY, y_pred, 64)
    assert float(actual) == pytest.approx(expected, abs=1e-4)
    expected = average_precision_score(BINARY.ravel(), y_pred.ravel())
    actual = over_batches(AUC(2000, curve="PR"), BINARY, y_pred, 64)
    assert float(actual) == pytest.approx(expected, abs=2e-3)
    expected = roc_auc_score(BINARY, y_pred, average="macro")
    actual = AUC(2000, multi_label=True, num_labels=CLASSES)(BINARY, y_pred)
    assert float(actual) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("method", ["interpolation", "minoring", "majoring"])
@pytest.mark.parametrize("curve", ["ROC", "PR", "PRGAIN"])
@pytest.mark.parametrize("labels", [None, CLASSES])
def test_areas_are_those_of_keras(curve, method, labels):
    weights = RNG.uniform(0.5, 2.0, CLASSES).astype(np.float32)
    options = {"multi_label": bool(labels), "num_labels": labels}
    for thresholds in (None, [0.1, 0.05, 0.4]):
        for label_weights in (None, weights):
            settings = {
                "curve": curve,
                "summation_method": method,
                "thresholds": thresholds,
                **options,
            }
            with keras_on_jax() as keras:
                theirs = keras.metrics.AUC(**settings, label_weights=label_weights)
                theirs.update_state(BINARY, PROBABILITIES)
                expected = np.asarray(theirs.result())
            ours = AUC(**settings, label_weights=label_weights)
            actual = over_batches(ours, BINARY, PROBABILITIES, 64)
            # Areas are at most 1, and Keras's own sums are of float32.
            assert abs(float(actual) - float(expected)) < 3e-6


@pytest.mark.parametrize("kind", ["Precision", "Recall"])
@pytest.mark.parametrize(
    "options",
    [
        {"thresholds": [0.3, 0.1, 0.2]},
        {"top_k": 3},
        {"top_k": 3, "class_id": 2},
        {"thresholds": 0.2, "class_id": 1},
        {"thresholds": [0.2]},
        {"thresholds": [0.05, 0.2], "top_k": 4},
    ],
    ids=str,
)
def test_shares_are_those_of_keras(kind, options):
    weight = RNG.uniform(size=ROWS).astype(np.float32)
    with keras_on_jax() as keras:
        theirs = getattr(keras.metrics, kind)(**options)
        theirs.update_state(BINARY, PROBABILITIES, sample_weight=weight)
        expected = np.asarray(theirs.result())
    actual = over_batches(
        getattr(metrics, kind)(**options), BINARY, PROBABILITIES, 64, weight
    )
    assert_close(actual, expected, 2e-6)


def test_counts_are_exact_on_the_host_and_in_a_compiled_step_alike():
    """Results take float64 NumPy sums after an epoch and traced ones in a step."""
    for metric in (AUC(), AUC(curve="PR"), AUC(curve="PRGAIN"), Precision(), Recall()):
        totals = metric.totals(
            jnp.asarray(BINARY), jnp.asarray(PROBABILITIES), jnp.ones(ROWS)
        )
        on_host = metric.result(
            jax.tree.map(lambda t: np.asarray(t, np.float64), totals)
        )
        assert isinstance(on_host, np.ndarray | np.float64)
        assert_close(jax.jit(metric.result)(totals), on_host, 1e-5)


def test_metrics_by_hand_take_what_keras_takes():
    column = np.array([[0.5], [2.0]], np.float32)
    for name in ("kl_divergence", "mse", "auc", "precision"):
        y_true, y_pred = BINARY[:2], PROBABILITIES[:2]
        with keras_on_jax() as keras:
            theirs = keras.metrics.get(name)
            theirs.update_state(y_true, y_pred, sample_weight=column)
            expected = np.asarray(theirs.result())
        assert_close(metrics.get(name)(y_true, y_pred, column), expected, 2e-6)
    flat = BINARY[:, 0], PROBABILITIES[:, 0]
    for name in ("root_mean_squared_error", "bce", "mae", "auc"):
        with keras_on_jax() as keras:
            theirs = keras.metrics.get(name)
            theirs.update_state(*flat)
            expected = np.asarray(theirs.result())
        assert_close(metrics.get(name)(*flat), expected, 2e-6)


def test_the_number_of_labels_is_that_of_the_outputs():
    assert AUC(multi_label=True).for_outputs(9) == AUC(multi_label=True, num_labels=9)
    assert AUC().for_outputs(9) == AUC()
    ours = AUC(multi_label=True)(BINARY, PROBABILITIES)
    expected = AUC(multi_label=True, num_labels=9)(BINARY, PROBABILITIES)
    assert float(ours) == float(expected)


def test_nothing_counted_gives_nothing_but_zeros():
    for name in metrics.METRICS:
        metric = metrics.get(name).for_outputs(CLASSES)
        assert not np.any(metric.result(metric.zeros()))


def test_streams_of_values_are_weighted_as_in_keras():
    for ours, kind in ((Mean(), "Mean"), (Sum(), "Sum")):
        for weight in (None, RNG.uniform(size=ROWS), RNG.uniform(size=VALUES.shape)):
            with keras_on_jax() as keras:
                theirs = getattr(keras.metrics, kind)()
                theirs.update_state(VALUES, sample_weight=weight)
                expected = np.asarray(theirs.result())
            totals = ours.totals(VALUES, weight)
            totals = jax.tree.map(jnp.add, ours.zeros(), totals)
            # Sums of both signs cancel: compared on the scale of what is summed.
            assert abs(float(ours.result(totals)) - float(expected)) < 2e-4


@pytest.mark.parametrize(
    ("make", "parts"),
    [
        (lambda: AUC(1), ("num_thresholds must be an integer above 1, not 1",)),
        (lambda: AUC(curve="ROK"), ("unknown curve 'ROK'", "ROC")),
        (lambda: AUC(multi_label=True).zeros(), ("num_labels, the number of outputs",)),
        (lambda: AUC(num_labels=3), ("num_labels=3 without multi_label=True",)),
        (lambda: AUC(thresholds=[0.5, 2.0]), ("thresholds", "[0, 1], not 2.0")),
        (lambda: Precision(-0.5), ("Precision: thresholds", "not -0.5")),
        (lambda: Recall(top_k=0), ("Recall: top_k", "at least 1 or None, not 0")),
        (lambda: Recall(class_id=1.5), ("class_id", "not 1.5")),
        (lambda: metrics.SparseTopKCategoricalAccuracy(0), ("k must be", "not 0")),
        (lambda: F1Score(average="mikro"), ("unknown average 'mikro'", "'micro'")),
        (lambda: F1Score().zeros(), ("F1Score: the sums need num_outputs",)),
        (lambda: F1Score(threshold=0.0), ("F1Score: threshold", "(0, 1]", "not 0.0")),
        (lambda: FBetaScore(beta=0.0), ("FBetaScore: beta", "above 0, not 0.0")),
        (lambda: R2Score("mean"), ("unknown class_aggregation 'mean'", "uniform")),
        (lambda: R2Score(num_regressors=-1), ("R2Score: num_regressors", "0, not -1")),
        (lambda: metrics.TruePositives([None]), ("TruePositives: thr", "not None")),
        (lambda: RecallAtPrecision(2), ("precision must be", "[0, 1], not 2")),
        (lambda: PrecisionAtRecall(0.5, 0), ("num_thresholds", "at least 1, not 0")),
        (lambda: metrics.BinaryAccuracy(threshold="a"), ("threshold", "'a'")),
        (lambda: Recall(top_k=20)(BINARY, PROBABILITIES), ("top_k=20 of 9 outputs",)),
        (lambda: Recall(class_id=9)(BINARY, PROBABILITIES), ("class_id=9", "(200, 9)")),
    ],
    ids=range(21),
)
def test_bad_arguments_are_named(make, parts):
    kind = UnknownNameError if "unknown" in parts[0] else ArgumentError
    with unchecked_types(), raises_text(kind, *parts):
        make()


def test_labels_that_do_not_fit_the_outputs_are_an_error():
    with raises_text(ShapeError, "R2Score: num_outputs is 4", "shape (200, 9)"):
        R2Score(num_outputs=4)(VALUES, PROBABILITIES)
    for options in (
        {"multi_label": True, "num_labels": 4},
        {"label_weights": (1.0, 2.0)},
    ):
        with raises_text(ShapeError, "AUC:", "y_pred has shape (200, 9)"):
            AUC(**options)(BINARY, PROBABILITIES)


def test_metrics_show_what_is_not_a_default():
    """As the call that makes them, and nothing about them can be changed."""
    shown = 0
    for kind in vars(metrics).values():
        if isinstance(kind, type) and issubclass(kind, Metric):
            if inspect.isabstract(kind) or kind is MeanMetricWrapper:
                continue
            first = dataclasses.fields(kind)[0]
            given = [0.5] if first.default is dataclasses.MISSING else []
            inside = ", ".join(map(str, given))
            metric = kind(*given)
            assert repr(metric) == f"{kind.__name__}({inside})"
            assert hash(metric) == hash(kind(*given))
            with pytest.raises(dataclasses.FrozenInstanceError):
                metric.name = "another"
            shown += 1
    assert shown >= 35
    own = MeanMetricWrapper(metrics.accuracy)
    assert repr(own) == "MeanMetricWrapper(accuracy, name='accuracy')"


def test_the_functions_of_the_best_take_five():
    """As Keras's do, and as the classes."""
    y_pred = -np.arange(8, dtype=np.float32)[None].repeat(8, 0)
    expected = np.arange(8) < 5
    sparse = metrics.sparse_top_k_categorical_accuracy(np.arange(8), y_pred)
    np.testing.assert_array_equal(sparse, expected)
    one_hot = metrics.top_k_categorical_accuracy(np.eye(8, dtype=np.float32), y_pred)
    np.testing.assert_array_equal(one_hot, expected)
