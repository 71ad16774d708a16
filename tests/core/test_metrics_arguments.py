"""What metrics take: arguments as in Keras, arrays of several axes, what is refused.

Oracles: Keras 3.15 on JAX, scikit-learn and the same rows without further axes.
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from metrics_arguments_cases import (
    ACCURACIES,
    BINARY,
    CLASSES,
    FLAT,
    KINDS,
    LABELS,
    ONE_HOT,
    PLACES,
    PREDICTED,
    RNG,
    ROWS,
)
from oracles import assert_close, naming, unchecked_types
from ragged import by_hand
from sklearn.metrics import precision_score, roc_auc_score

from jaxnet_mini import metrics
from jaxnet_mini.core.metrics.means import FunctionMean
from jaxnet_mini.core.metrics.scores import ByOutput
from jaxnet_mini.core.metrics.thresholds import AtThresholds
from jaxnet_mini.errors import ArgumentError, ShapeError, UnknownNameError
from jaxnet_mini.metrics import AUC, F1Score, FBetaScore, Metric, R2Score, Recall

pytestmark = pytest.mark.usefixtures("quick_compilation")


# Arguments


def test_metrics_are_written_as_they_are_made():
    for name, needed in KINDS.items():
        kind = getattr(metrics, name)
        if issubclass(kind, Metric):
            shown = ", ".join(map(repr, needed))
            assert repr(kind(*needed)) == f"{name}({shown})"
            both = ", ".join([*map(repr, needed), "name='own'"])
            assert repr(kind(*needed, name="own")) == f"{name}({both})"
    assert repr(metrics.MeanMetricWrapper(pow)) == "MeanMetricWrapper(pow, name='pow')"


def test_none_stands_for_the_name_by_default_as_in_keras():
    with unchecked_types():
        for kind in (metrics.Mean, metrics.Sum, AUC, metrics.MeanSquaredError):
            assert kind(name=None) == kind()


def test_metrics_are_values():
    for name, needed in KINDS.items():
        metric = getattr(metrics, name)(*needed)
        assert metric == getattr(metrics, name)(*needed)
        assert hash(metric) == hash(getattr(metrics, name)(*needed))
        with pytest.raises(dataclasses.FrozenInstanceError):
            metric.name = "own"


def test_what_a_metric_must_define():
    functions = {"zeros", "totals", "result"}
    assert Metric.__abstractmethods__ == functions
    assert metrics.FunctionMean.__abstractmethods__ == {"per_example"}
    assert ByOutput.__abstractmethods__ == {"summands", "result"}
    assert AtThresholds.__abstractmethods__ == {"bounds", "result"}


def test_get_makes_metrics_of_classes():
    for kind in (metrics.MeanSquaredError, AUC, F1Score):
        assert metrics.get(kind) == kind()


def message(kind, call, text):
    return pytest.param(kind, call, text, id=text[:40])


REFUSED = [
    message(
        ArgumentError,
        lambda: metrics.get(3),
        "a metric must be a name, a Metric or a callable, not 3: "
        'write for example metrics=["accuracy"].',
    ),
    message(
        ArgumentError,
        lambda: metrics.BinaryAccuracy(threshold="a"),
        "BinaryAccuracy: threshold must be a finite number, not 'a'.",
    ),
    *(
        message(
            ArgumentError,
            lambda kind=kind, k=k: getattr(metrics, kind)(k),
            f"{kind}: k must be a positive integer, not {k!r}.",
        )
        for kind in ("TopKCategoricalAccuracy", "SparseTopKCategoricalAccuracy")
        for k in (0, -1, 2.5, True, "3")
    ),
    *(
        message(
            ArgumentError,
            lambda argument=argument: AUC(**{argument: 0.5}),
            f"AUC: {argument} must be a list of numbers or None, not 0.5.",
        )
        for argument in ("thresholds", "label_weights")
    ),
    message(
        ArgumentError,
        lambda: AUC(multi_label=True, label_weights=[1.0, 0.0, -1.0]),
        "AUC: every one of label_weights must be a finite number of at least 0, not "
        "-1.0.",
    ),
    message(
        ArgumentError,
        lambda: metrics.MeanMetricWrapper(3),
        "MeanMetricWrapper: fn must be a function of (y_true, y_pred), not 3.",
    ),
    message(
        ArgumentError,
        lambda: F1Score().zeros(),
        "F1Score: the sums need num_outputs, the number of outputs: give it.",
    ),
    message(
        ShapeError,
        lambda: R2Score(num_outputs=4)(BINARY, PREDICTED),
        "R2Score: num_outputs is 4 and y_pred has shape (20, 4, 7): give as many as "
        "the last layer has units.",
    ),
    message(
        ArgumentError,
        lambda: Recall(top_k=8)(BINARY, PREDICTED),
        "Recall: top_k=8 of 7 outputs: give a smaller top_k.",
    ),
    *(
        message(
            ArgumentError,
            lambda kind=kind: getattr(metrics, kind)(class_id=-1),
            f"{kind}: class_id must be an integer of at least 0 or None, not -1.",
        )
        for kind in ("Precision", "Recall")
    ),
    *(
        message(
            ArgumentError,
            lambda number=number: AUC(number),
            f"AUC: num_thresholds must be an integer above 1, not {number!r}.",
        )
        for number in (1, 2.5, "3")
    ),
    message(
        ArgumentError,
        lambda: AUC(num_labels=3),
        "AUC: num_labels=3 without multi_label=True: give both or neither.",
    ),
    message(
        ArgumentError,
        lambda: AUC(multi_label=True).zeros(),
        "AUC: with multi_label=True the sums need num_labels, the number of outputs: "
        "give it.",
    ),
    message(
        ShapeError,
        lambda: AUC(multi_label=True, num_labels=4)(BINARY, PREDICTED),
        "AUC: num_labels is for 4 outputs and y_pred has shape (20, 4, 7): give as "
        "many as the last layer has units.",
    ),
    message(
        ShapeError,
        lambda: AUC(label_weights=(1.0, 2.0))(BINARY, PREDICTED),
        "AUC: label_weights is for 2 outputs and y_pred has shape (20, 4, 7): give as "
        "many as the last layer has units.",
    ),
    message(
        UnknownNameError,
        lambda: AUC(summation_method="minor"),
        "unknown summation_method 'minor': did you mean 'minoring'? Known: "
        "interpolation, majoring, minoring.",
    ),
    message(
        UnknownNameError,
        lambda: AUC(curve="ROK"),
        "unknown curve 'ROK': Known: PR, PRGAIN, ROC.",
    ),
    message(
        UnknownNameError,
        lambda: F1Score("mikro"),
        "unknown average 'mikro': did you mean 'micro'? Known: macro, micro, weighted.",
    ),
    message(
        UnknownNameError,
        lambda: R2Score("uniform"),
        "unknown class_aggregation 'uniform': did you mean 'uniform_average'? Known: "
        "uniform_average, variance_weighted_average.",
    ),
    *(
        message(
            ArgumentError,
            lambda beta=beta: FBetaScore(beta=beta),
            f"FBetaScore: beta must be a number above 0, not {beta!r}.",
        )
        for beta in (0.0, -1.0, np.inf, "2")
    ),
    *(
        message(
            ArgumentError,
            lambda threshold=threshold: F1Score(threshold=threshold),
            "F1Score: threshold must be a number in (0, 1] or None, not "
            f"{threshold!r}.",
        )
        for threshold in (0.0, 1.25, "0.5")
    ),
    *(
        message(
            ArgumentError,
            lambda number=number: R2Score(num_regressors=number),
            "R2Score: num_regressors must be an integer of at least 0, not "
            f"{number!r}.",
        )
        for number in (-1, 1.5, True, None)
    ),
    *(
        message(
            ArgumentError,
            lambda value=value: metrics.TruePositives([0.5, value]),
            f"TruePositives: thresholds must be numbers in [0, 1], not {value!r}.",
        )
        for value in (-0.5, 1.5, None)
    ),
    message(
        ArgumentError,
        lambda: Recall(top_k=0),
        "Recall: top_k must be an integer of at least 1 or None, not 0.",
    ),
    *(
        message(
            ArgumentError,
            lambda y_pred=y_pred, number=number: Recall(class_id=number)(
                y_pred, y_pred
            ),
            f"Recall: class_id={number} of outputs of shape {y_pred.shape}: it counts "
            "the outputs from 0.",
        )
        for y_pred, number in ((PREDICTED, CLASSES), (PREDICTED[0, 0], 0))
    ),
    *(
        message(
            ArgumentError,
            lambda kind=kind, least=least: getattr(metrics, kind)(least),
            f"{kind}: {argument} must be a number in [0, 1], not {least!r}.",
        )
        for kind, argument in (
            ("PrecisionAtRecall", "recall"),
            ("RecallAtPrecision", "precision"),
            ("SensitivityAtSpecificity", "specificity"),
            ("SpecificityAtSensitivity", "sensitivity"),
        )
        for least in (-0.5, 1.5, "0.5")
    ),
    message(
        ArgumentError,
        lambda: metrics.PrecisionAtRecall(0.5, 0),
        "PrecisionAtRecall: num_thresholds must be an integer of at least 1, not 0.",
    ),
    message(
        ArgumentError,
        lambda: metrics.PrecisionAtRecall(0.5, class_id=-1),
        "PrecisionAtRecall: class_id must be an integer of at least 0 or None, not -1.",
    ),
    message(
        ShapeError,
        lambda: metrics.get(lambda y, p: jnp.mean(y - p))(BINARY, PREDICTED),
        "the metric '<lambda>' returned shape () for a batch of 20: return one value "
        "per example, without a mean over the batch.",
    ),
]


@pytest.mark.parametrize(("kind", "call", "text"), REFUSED)
def test_messages_word_by_word(kind, call, text):
    with unchecked_types(), pytest.raises(kind) as caught:
        call()
    assert caught.type is kind
    assert str(caught.value) == text


def test_thresholds_from_0_to_1_are_allowed():
    for threshold in (0.0, 0.25, 0.75, 1.0):
        assert Recall(threshold).thresholds == threshold
        assert AUC(thresholds=[threshold]).thresholds == (threshold,)
    assert AUC(2).num_thresholds == 2


def test_the_ends_of_what_is_allowed():
    two = AUC(2)
    assert two.bounds == pytest.approx((0.0, 1.0), abs=1e-6)
    assert two.bounds[0] < 0.0 <= 1.0 < two.bounds[1]
    assert F1Score(threshold=1.0).threshold == 1.0
    assert R2Score(num_regressors=0).num_regressors == 0
    assert metrics.TruePositives([0.0, 1.0]).thresholds == (0.0, 1.0)
    for least in (0.0, 1.0):
        assert metrics.PrecisionAtRecall(least, 1, 0).recall == least
    assert metrics.PrecisionAtRecall(0.5, 3).bounds == (0.0, 0.5, 1.0)
    assert metrics.PrecisionAtRecall(0.5, 1).bounds == (0.5,)
    every = Recall(top_k=CLASSES)(BINARY, PREDICTED)
    assert float(every) == 1.0
    first = Recall(0.125, class_id=0)(BINARY, PREDICTED)
    expected = np.mean(PREDICTED[..., 0][BINARY[..., 0] == 1] > 0.125)
    assert_close(first, expected)


def test_the_best_one_may_be_asked_for():
    for kind in ("TopKCategoricalAccuracy", "SparseTopKCategoricalAccuracy"):
        assert getattr(metrics, kind)(1).k == 1


def test_five_are_asked_for_by_default():
    """As in Keras, by the functions too."""
    y_pred = np.linspace(0.9, 0.1, 9, dtype=np.float32)[None]
    for place, among in ((4, 1.0), (5, 0.0)):
        sparse = metrics.sparse_top_k_categorical_accuracy([place], y_pred)
        dense = metrics.top_k_categorical_accuracy(np.eye(9)[[place]], y_pred)
        assert float(sparse[0]) == float(dense[0]) == among


def test_the_number_of_outputs_is_a_positive_one():
    assert F1Score(num_outputs=1).num_outputs == 1
    text = "F1Score: num_outputs must be an integer of at least 1 or None, not 0."
    with pytest.raises(ArgumentError) as caught:
        F1Score(num_outputs=0)
    assert str(caught.value) == text


def test_the_number_of_outputs_stays_as_given():
    metric = F1Score(num_outputs=4)
    assert metric.for_outputs(9) is metric
    assert F1Score().for_outputs(9) == F1Score(num_outputs=9)
    area = AUC(multi_label=True, num_labels=4)
    assert area.for_outputs(9) is area


# Sums


OPTIONS = [
    *((name, {}) for name in sorted(metrics.METRICS)),
    ("AUC", {"multi_label": True}),
    ("AUC", {"thresholds": [0.25, 0.5]}),
    ("Recall", {"thresholds": [0.25, 0.5]}),
    ("Precision", {"top_k": 2}),
]


@pytest.mark.parametrize(("name", "options"), OPTIONS)
def test_the_sums_of_no_batch_have_the_shapes_of_those_of_one(name, options):
    """The loop adds them: without it, each would compile for its own shapes."""
    metric = getattr(metrics, name)(**options) if options else metrics.get(name)
    metric = metric.for_outputs(CLASSES)
    classes = name.startswith(("sparse", "acc", "cross"))
    y_true, y_pred = LABELS[:, 0] if classes else ONE_HOT[:, 0], PREDICTED[:, 0]
    zeros = metric.zeros()
    weight = np.ones(ROWS, np.float32)
    totals = jax.eval_shape(metric.totals, y_true, y_pred, weight)
    assert jax.tree.structure(totals) == jax.tree.structure(zeros)
    for total, zero in zip(
        jax.tree.leaves(totals), jax.tree.leaves(zeros), strict=True
    ):
        assert total.shape == zero.shape
        assert total.dtype == zero.dtype == np.float32
        assert not zero.any()


def test_results_are_computed_where_the_sums_are():
    """In float64 on the host, and by JAX where the sums are its own."""
    for name in metrics.METRICS:
        metric = metrics.get(name).for_outputs(CLASSES)
        zeros = metric.zeros()
        assert isinstance(metric.result(zeros), jax.Array)
        on_host = metric.result(jax.tree.map(np.float64, zeros))
        assert isinstance(on_host, np.ndarray | np.generic)
        assert on_host.dtype == np.float64


# Weights given by hand


@pytest.mark.parametrize("shape", [(ROWS, CLASSES), (ROWS, PLACES, CLASSES)])
def test_outputs_may_be_weighted_one_by_one(shape):
    weight = RNG.uniform(0.1, 2.0, PREDICTED.shape)[:, : shape[1]]
    y_true, y_pred = BINARY, PREDICTED
    if len(shape) == 2:
        weight, y_true, y_pred = (a[:, 0] for a in (weight, y_true, y_pred))
        weight = RNG.uniform(0.1, 2.0, shape)
    flat = [a.ravel() for a in (y_true, y_pred, weight)]
    expected = precision_score(flat[0], flat[1] > 0.125, sample_weight=flat[2])
    actual = metrics.Precision(0.125)(y_true, y_pred, weight)
    assert_close(actual, expected, 2e-6)
    expected = roc_auc_score(flat[0], flat[1], sample_weight=flat[2])
    assert float(AUC(5000)(y_true, y_pred, weight)) == pytest.approx(expected, abs=1e-3)


def test_one_output_may_come_without_its_axis():
    y_true, y_pred = BINARY[:, 0, 0], PREDICTED[:, 0, 0]
    weight = RNG.uniform(0.5, 2.0, ROWS)
    for metric in (
        R2Score(None),
        F1Score(None, 0.125),
        metrics.MeanSquaredError(),
        AUC(),
        AUC(multi_label=True, num_labels=1),
        AUC(label_weights=[3.0]),
        metrics.Precision(0.125),
    ):
        column = metric(y_true[:, None], y_pred[:, None], weight)
        for pair in (
            (y_true, y_pred),
            (y_true[:, None], y_pred),
            (y_true, y_pred[:, None]),
        ):
            metric.reset_state()
            np.testing.assert_array_equal(metric(*pair, weight), column)


def test_targets_must_have_the_shape_of_the_outputs():
    every = (R2Score(), F1Score(), AUC(), Recall(), metrics.BinaryAccuracy())
    for metric in (*every, metrics.TruePositives(), metrics.PrecisionAtRecall(0.5)):
        with pytest.raises(ShapeError, match=r"^y_true has shape \(20, 2\) and y_pred"):
            metric(np.ones((ROWS, 2)), np.ones((ROWS, 1)))


# Several axes


@pytest.mark.slow
def test_further_axes_are_further_rows():
    several = [
        R2Score(None),
        R2Score(),
        F1Score(),
        FBetaScore(None, 2.0, 0.125),
        AUC(),
        AUC(multi_label=True, num_labels=CLASSES),
        AUC(multi_label=True, label_weights=np.arange(1.0, 1.0 + CLASSES)),
        AUC(label_weights=np.arange(1.0, 1.0 + CLASSES)),
        Recall(0.125),
        Recall(0.125, class_id=5),
        Recall(top_k=3),
        Recall(top_k=5, class_id=6),
        metrics.FalsePositives(0.125),
        metrics.PrecisionAtRecall(0.5, class_id=6),
    ]
    actual = by_hand({str(m): (m, BINARY, PREDICTED, None) for m in several})
    flat = BINARY.reshape(FLAT), PREDICTED.reshape(FLAT), None
    expected = by_hand({str(m): (m, *flat) for m in several})
    assert len(actual) == 14
    for name in expected:
        with naming(name):
            assert_close(actual[name], expected[name], 1e-6)


@pytest.mark.parametrize("name", ACCURACIES)
def test_accuracies_take_lists_and_integers(name):
    """And an axis of one where classes have none."""
    y_true = ACCURACIES[name][:, 0].astype(np.int32)
    y_pred = PREDICTED[:, 0]
    expected = getattr(metrics, name)(y_true, y_pred)
    actual = getattr(metrics, name)(y_true.tolist(), y_pred.tolist())
    np.testing.assert_array_equal(actual, expected)
    assert actual.dtype == np.float32
    if "sparse" in name:
        column = getattr(metrics, name)(y_true[:, None], y_pred)
        np.testing.assert_array_equal(column, expected)


def test_equal_values_whatever_their_dtypes():
    exact = metrics.Accuracy()
    assert float(exact([1, 2, 3, 4], [0.0, 2.0, 3.0, 4.0])) == 0.75
    exact.reset_state()
    assert float(exact([[1], [2]], [1, 3])) == 0.5
    values = exact.per_example(jnp.array([1, 2]), jnp.array([[1], [3]]))
    assert values.tolist() == [[1.0], [0.0]]


def test_trap_outputs_keep_their_digits_beside_short_targets():
    """Cast to the targets' dtype, both outputs would be the same."""
    y_true = np.array([[0.0, 1.0]], np.float16)
    y_pred = np.array([[0.5, np.nextafter(np.float32(0.5), np.float32(1))]], np.float32)
    for function in (metrics.categorical_accuracy, metrics.accuracy):
        assert float(function(jnp.asarray(y_true), jnp.asarray(y_pred))[0]) == 1.0
    assert float(metrics.CategoricalAccuracy()(y_true, y_pred)) == 1.0


@pytest.mark.parametrize("dtype", [np.float16, jnp.bfloat16], ids=str)
def test_metrics_of_outputs_of_16_bits_are_in_float32(dtype):
    """So are targets and thresholds, which 16 bits would round."""
    y_true = 1000.0 + np.arange(12.0)[:, None]
    y_pred = jnp.asarray(np.full_like(y_true, 1004.0), dtype)
    error = y_true - np.asarray(y_pred, np.float64)
    assert_close(metrics.MeanSquaredError()(y_true, y_pred), np.mean(error**2))
    share = np.mean(error**2) / np.var(y_true)
    assert_close(R2Score()(y_true, y_pred), 1.0 - share, 1e-4)
    nearest = jnp.asarray([0.3, 0.3], dtype)  # to a threshold, and on one side of it
    above = (np.asarray(nearest, np.float64) > np.float32(0.3)).sum()
    found = metrics.TruePositives(0.3)(np.ones(2), nearest)
    assert float(found) == above
    assert np.isfinite(metrics.BinaryCrossentropy()([0.0], jnp.ones(1, dtype)))


@pytest.mark.parametrize("name", ["accuracy", "crossentropy"])
def test_the_bare_word_of_several_axes(name):
    """The last axis tells which one is meant, whatever the others are."""
    resolve = getattr(metrics, name)
    own = "binary_", "sparse_categorical_", "categorical_"
    binary, sparse, dense = (getattr(metrics, prefix + name) for prefix in own)
    one = jnp.asarray(PREDICTED[..., :1])
    classes, many = jnp.asarray(LABELS), jnp.asarray(PREDICTED)
    for actual, expected in (
        (resolve(jnp.asarray(BINARY[..., :1]), one), binary(BINARY[..., :1], one)),
        (resolve(classes, many), sparse(LABELS, PREDICTED)),
        (resolve(classes[..., None], many), sparse(LABELS, PREDICTED)),
        (resolve(jnp.asarray(ONE_HOT), many), dense(ONE_HOT, PREDICTED)),
        (resolve(classes[:, :1], many[:, :1]), sparse(LABELS[:, :1], PREDICTED[:, :1])),
        (
            resolve(jnp.asarray(ONE_HOT[:, :1]), many[:, :1]),
            dense(ONE_HOT[:, :1], PREDICTED[:, :1]),
        ),
    ):
        np.testing.assert_array_equal(actual, expected)


# Areas


def test_integers_may_stand_for_outputs():
    said = np.array([[0, 1, 0], [1, 0, 0]])
    true = np.array([[0, 1, 0], [0, 1, 0]])
    assert float(metrics.Precision(top_k=1)(true, said)) == 0.5
    assert float(metrics.Precision()(true, said)) == 0.5
    assert float(AUC()(true, said)) == float(AUC()(true * 1.0, said * 1.0))
    assert float(metrics.PrecisionAtRecall(0.5)(true, said)) == 0.5


def test_batches_of_a_stream_count_by_their_rows():
    """Without weights, each row is one: three zeros and a one make a quarter."""
    mean, total = metrics.Mean(), metrics.Sum()
    sums = [mean.totals(np.full((rows, 2), rows == 1.0)) for rows in (3, 1)]
    assert [float(count) for _, count in sums] == [3.0, 1.0]
    assert float(mean.result(jax.tree.map(jnp.add, *sums))) == 0.25
    assert float(total.result(total.totals(np.ones((3, 2))))) == 6.0


@pytest.mark.parametrize("name", ["Mean", "Sum"])
def test_streams_are_values(name):
    """They name themselves, compare by what they are, and do not change."""
    kind = getattr(metrics, name)
    assert kind() == kind(name.lower())
    assert kind("other") != kind()
    assert hash(kind("other")) == hash(kind("other"))
    assert kind("other").name == "other"
    with pytest.raises(dataclasses.FrozenInstanceError):
        kind().name = "other"


def test_a_metric_by_example_is_given_outputs_of_two_axes():
    given = []

    @dataclasses.dataclass(frozen=True)
    class Seen(FunctionMean):
        name: str = "seen"

        def per_example(self, y_true, y_pred):
            given.append((y_true.shape, y_pred.shape))
            return jnp.abs(y_true - y_pred)[:, 0]

    flat, column = jnp.ones(4), jnp.ones((4, 1))
    for outputs in (flat, column):
        Seen().totals(outputs, outputs, jnp.ones(4))
    assert given == [((4, 1), (4, 1))] * 2


def test_regressors_nearly_as_many_as_values():
    """The adjusted score of one value more than regressors and mean."""
    y_true, y_pred = np.arange(5.0)[:, None], np.array([[0, 1, 2, 3, 6]]).T
    score = 1.0 - 4.0 / 10.0
    for regressors, expected in ((3, 1.0 - (1.0 - score) * 4.0 / 1.0), (4, score)):
        assert_close(R2Score(num_regressors=regressors)(y_true, y_pred), expected)


def test_the_only_output_is_among_the_largest():
    """Also where it comes without its axis, and not the largest of the batch alone."""
    y_true = np.array([[1.0], [1.0], [0.0]])
    assert float(Recall(top_k=1)(y_true, np.array([0.25, 0.5, 0.75]))) == 1.0
