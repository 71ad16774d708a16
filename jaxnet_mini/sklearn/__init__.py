"""Dense networks in the words of scikit-learn."""

from jaxnet_mini.errors import import_extra as _import_extra

_import_extra("sklearn", "sklearn")

from jaxnet_mini.sklearn.classifier import DenseClassifier, MLPClassifier  # noqa: E402
from jaxnet_mini.sklearn.regressor import DenseRegressor, MLPRegressor  # noqa: E402
from jaxnet_mini.sklearn.search import SweepSearchCV  # noqa: E402
from jaxnet_mini.sklearn.wrap import (  # noqa: E402
    ModelClassifier,
    ModelRegressor,
    wrap,
)

__all__ = ["DenseClassifier", "DenseRegressor", "MLPClassifier", "MLPRegressor"]
__all__ += ["ModelClassifier", "ModelRegressor", "SweepSearchCV", "wrap"]
