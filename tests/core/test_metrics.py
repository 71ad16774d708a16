"""Metrics: batch by batch, and over an epoch of ragged batches.

Oracles: Keras 3.15 on JAX, scikit-learn and float64 NumPy.
"""

import dataclasses
import functools
import inspect
import itertools
import operator
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import keras_on_jax
from in_keras import metrics_in_keras
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
    Sum,
)

pytestmark = pytest.mark.usefixtures("quick_compilation")

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


RESOLVED = {
    "acc": "sparse_categorical_accuracy",
    "accuracy": "sparse_categorical_accuracy",
    "crossentropy": "sparse_categorical_crossentropy",
}
"""What a bare word stands for here, with integer classes."""


@pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])
def test_metrics_are_those_of_keras_over_ragged_batches(weighted):
    """One row counts as often as its weight says, and by default once."""
    weight = RNG.uniform(size=ROWS) if weighted else np.ones(ROWS)
    rest = PROBABILITIES, weight.astype(np.float32)
    names = sorted(metrics.METRICS)
    expected = metrics_in_keras(
        {
            name: (
                operator.methodcaller("get", RESOLVED.get(name, name)),
                TARGETS[name],
                *rest,
            )
            for name in names
        }
    )
    ours = {name: (metrics.get(name), TARGETS[name], *rest) for name in names}
    for actual in (over_batches(ours), by_hand(ours)):
        for name in names:
            with naming(name):
                assert_close(actual[name], expected[name], 2e-6)


def test_metrics_go_by_the_names_of_keras():
    """Those that its users write for functions, and those for classes."""
    with keras_on_jax() as keras:
        theirs = {name: keras.metrics.get(RESOLVED.get(name, name)) for name in TARGETS}
    for name in sorted(metrics.METRICS):
        metric, kind = metrics.get(name), type(theirs[name]).__name__
        assert metric.name == name
        if name not in RESOLVED:
            assert metrics.get(kind).renamed(name) == metric
            # Keras numbers the instances of some.
            assert type(metric)().name == re.sub(r"_\d+$", "", theirs[name].name)


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


@pytest.mark.parametrize("labels", [None, CLASSES])
def test_areas_are_those_of_keras(labels):
    options = {
        "curve": ["ROC", "PR", "PRGAIN"],
        "summation_method": ["interpolation", "minoring", "majoring"],
        "thresholds": [None, [0.1, 0.05, 0.4]],
        "label_weights": [None, RNG.uniform(0.5, 2.0, CLASSES).astype(np.float32)],
        "multi_label": [bool(labels)],
        "num_labels": [labels],
    }
    ours, theirs = {}, {}
    for values in itertools.product(*options.values()):
        settings = dict(zip(options, values, strict=True))
        name, batch = str(settings), (BINARY, PROBABILITIES, None)
        ours[name] = AUC(**settings), *batch
        theirs[name] = operator.methodcaller("AUC", **settings), *batch
    assert len(ours) == 36
    actual = over_batches(ours)
    expected = metrics_in_keras(theirs, traced=labels is None)
    for name in ours:
        # Areas are at most 1, and Keras's own sums are of float32.
        assert abs(float(actual[name]) - float(expected[name])) < 3e-6, name


def test_shares_are_those_of_keras():
    weight = RNG.uniform(size=ROWS).astype(np.float32)
    ours, theirs = {}, {}
    for kind in ("Precision", "Recall"):
        for options in (
            {"thresholds": [0.3, 0.1, 0.2]},
            {"top_k": 3},
            {"top_k": 3, "class_id": 2},
            {"thresholds": 0.2, "class_id": 1},
            {"thresholds": [0.2]},
            {"thresholds": [0.05, 0.2], "top_k": 4},
        ):
            name, batch = f"{kind} {options}", (BINARY, PROBABILITIES, weight)
            ours[name] = getattr(metrics, kind)(**options), *batch
            make = operator.methodcaller(kind, **options)
            theirs[name] = make, *batch
    assert len(ours) == 12
    actual, expected = over_batches(ours), metrics_in_keras(theirs)
    for name in ours:
        with naming(name):
            assert_close(actual[name], expected[name], 2e-6)


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


def test_metrics_by_hand_take_what_keras_takes():
    """Weights of a column, and outputs of one axis."""
    column = np.array([[0.5], [2.0]], np.float32)
    weighted = BINARY[:2], PROBABILITIES[:2], column
    flat = BINARY[:, 0], PROBABILITIES[:, 0], None
    batches = dict.fromkeys(("kl_divergence", "mse", "auc", "precision"), weighted) | {
        f"flat {name}": flat
        for name in ("root_mean_squared_error", "bce", "mae", "auc")
    }
    ours, theirs = {}, {}
    for case, batch in batches.items():
        name = case.split()[-1]
        ours[case] = metrics.get(name), *batch
        theirs[case] = operator.methodcaller("get", name), *batch
    actual, expected = by_hand(ours), metrics_in_keras(theirs)
    for case in batches:
        with naming(case):
            assert_close(actual[case], expected[case], 2e-6)


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
