"""Metrics: batch by batch, and over an epoch of ragged batches.

Oracles: Keras 3.15 on JAX, scikit-learn and float64 NumPy.
"""

import dataclasses
import functools
import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from metrics_cases import (
    BINARY,
    CLASSES,
    LABELS,
    ONE_HOT,
    PROBABILITIES,
    RNG,
    ROWS,
    TARGETS,
    VALUES,
)
from oracles import assert_close, naming, raises_text, unchecked_types
from ragged import QUICKLY, by_hand, over_batches
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
)

pytestmark = pytest.mark.usefixtures("quick_compilation")


def test_every_metric_is_tested():
    assert sorted(TARGETS) == sorted(metrics.METRICS)


def test_accuracies_are_those_of_scikit_learn():
    predicted = PROBABILITIES.argmax(-1)
    labels = range(CLASSES)
    expected = {
        "accuracy": accuracy_score(LABELS, predicted),
        "sparse_categorical_accuracy": accuracy_score(LABELS, predicted),
        "categorical_accuracy": accuracy_score(LABELS, predicted),
        "binary_accuracy": accuracy_score(BINARY.ravel(), PROBABILITIES.ravel() > 0.5),
        "top_k_categorical_accuracy": top_k_accuracy_score(
            LABELS, PROBABILITIES, k=5, labels=labels
        ),
    }
    cases = {
        name: (metrics.get(name), TARGETS[name], PROBABILITIES, None)
        for name in expected
    }
    actual = over_batches(cases)
    for name, value in expected.items():
        assert float(actual[name]) == pytest.approx(value, rel=1e-6), name


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


def test_metrics_of_several_axes_are_averaged_per_row():
    y_true = LABELS.reshape(50, 4)
    y_pred = PROBABILITIES.reshape(50, 4, CLASSES)
    case = metrics.get("accuracy"), y_true, y_pred, None
    expected = accuracy_score(LABELS, PROBABILITIES.argmax(-1))
    actual = over_batches({"accuracy": case}, 50)["accuracy"]
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
    actual = over_batches({"own": (metric, VALUES, PROBABILITIES, None)})["own"]
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
    with raises_text(
        ArgumentError, "not <class 'jaxnet_mini.core.metrics.means.Mean'>"
    ):
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
    cases, expected = {}, {}
    for kind, score in ((Precision, precision_score), (Recall, recall_score)):
        for class_id in (None, 3):
            metric = kind(0.125, class_id=class_id)
            chosen = slice(None) if class_id is None else class_id
            pair = BINARY[:, chosen].ravel(), predicted[:, chosen].ravel()
            cases[repr(metric)] = metric, BINARY, PROBABILITIES, None
            expected[repr(metric)] = score(*pair)
    assert len(cases) == 4
    actual = over_batches(cases)
    for name, value in expected.items():
        assert float(actual[name]) == pytest.approx(value, rel=1e-6), name


def test_the_area_comes_near_to_that_of_scikit_learn():
    """It is a sum over thresholds, and theirs over all values that occur."""
    y_pred = np.clip(0.3 * BINARY + RNG.uniform(0.0, 0.7, BINARY.shape), 0, 1)
    y_pred = y_pred.astype(np.float32)
    flat = BINARY.ravel(), y_pred.ravel()
    each = AUC(2000, multi_label=True, num_labels=CLASSES)
    actual = over_batches(
        {
            "ROC": (AUC(2000), BINARY, y_pred, None),
            "PR": (AUC(2000, curve="PR"), BINARY, y_pred, None),
            "each": (each, BINARY, y_pred, None),
        }
    )
    for name, expected, near in (
        ("ROC", roc_auc_score(*flat), 1e-4),
        ("PR", average_precision_score(*flat), 2e-3),
        ("each", roc_auc_score(BINARY, y_pred, average="macro"), 1e-4),
    ):
        assert float(actual[name]) == pytest.approx(expected, abs=near), name


def test_counts_are_exact_on_the_host_and_in_a_compiled_step_alike():
    """Results take float64 NumPy sums after an epoch and traced ones in a step."""
    several = [Precision(), Recall(), Precision([0.3, 0.1]), Recall(top_k=3)]
    weights = {"multi_label": True, "label_weights": np.arange(1.0, 1.0 + CLASSES)}
    for curve in ("ROC", "PR", "PRGAIN"):
        for method in ("interpolation", "minoring", "majoring"):
            several += [AUC(20, curve, method), AUC(20, curve, method, **weights)]
    each = {"multi_label": True, "num_labels": CLASSES}
    several += [AUC(), AUC(curve="PR"), AUC(curve="PRGAIN"), AUC(20, **each)]

    @functools.partial(jax.jit, **QUICKLY)
    def sums_and_results(*batch):
        sums = [metric.totals(*batch) for metric in several]
        return sums, [m.result(totals) for m, totals in zip(several, sums, strict=True)]

    sums, results = sums_and_results(BINARY, PROBABILITIES, np.ones(ROWS, np.float32))
    for metric, totals, result in zip(several, sums, results, strict=True):
        with naming(metric):
            on_host = metric.result(
                jax.tree.map(lambda t: np.asarray(t, np.float64), totals)
            )
            assert isinstance(on_host, np.ndarray | np.float64)
            assert_close(result, on_host, 1e-5)


def test_the_number_of_labels_is_that_of_the_outputs():
    assert AUC(multi_label=True).for_outputs(9) == AUC(multi_label=True, num_labels=9)
    assert AUC().for_outputs(9) == AUC()
    batch = BINARY, PROBABILITIES, None
    ours = by_hand(
        {
            "found": (AUC(multi_label=True), *batch),
            "given": (AUC(multi_label=True, num_labels=9), *batch),
        }
    )
    assert float(ours["found"]) == float(ours["given"])


def test_nothing_counted_gives_nothing_but_zeros():
    every = {name: metrics.get(name).for_outputs(CLASSES) for name in metrics.METRICS}

    @functools.partial(jax.jit, **QUICKLY)
    def results(zeros):
        return {name: metric.result(zeros[name]) for name, metric in every.items()}

    for name, result in results({n: m.zeros() for n, m in every.items()}).items():
        assert not np.any(result), name


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
