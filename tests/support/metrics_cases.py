"""What tests of metrics share, and those that ask Keras."""

import numpy as np

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
