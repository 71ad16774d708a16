"""Models in words that Keras and this library share: each builds them by its own."""

from typing import Any

from bench.peers import Task


def built(faces: Any, task: Task) -> Any:
    """Return a model of a task's kind, not compiled.

    Args:
        faces: the module that is asked, ``keras`` or ``jaxnet_mini``.
        task: what it is for.
    """
    return _KINDS[task.kind](faces, *task.sizes)


def _dense(faces: Any, features: int, *units: int) -> Any:
    *hidden, classes = units
    layers = faces.layers
    return faces.Sequential(
        [
            layers.Input((features,)),
            *(layers.Dense(size, activation="relu") for size in hidden),
            layers.Dense(classes, activation="softmax"),
        ]
    )


def _normalized(faces: Any, features: int, *units: int) -> Any:
    *hidden, classes = units
    layers = faces.layers
    found = [layers.Input((features,))]
    for size in hidden:
        found += [layers.Dense(size, activation="relu"), layers.BatchNormalization()]
    return faces.Sequential([*found, layers.Dense(classes, activation="softmax")])


def _wide_and_deep(faces: Any, features: int, *units: int) -> Any:
    *hidden, classes = units
    layers = faces.layers
    wide = deep = layers.Input((features,))
    for size in hidden:
        deep = layers.Dense(size, activation="relu")(deep)
    both = layers.Concatenate()([wide, deep])
    return faces.Model(wide, layers.Dense(classes, activation="softmax")(both))


_KINDS = {
    "dense": _dense,
    "normalized": _normalized,
    "wide and deep": _wide_and_deep,
}
