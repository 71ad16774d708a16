"""Drawing against Keras's own."""

import inspect
import itertools
import re

from conftest import keras_on_jax
from drawing_cases import ALL, digits_model, nodes_of, rows_in

from jaxnet_mini import utils


def test_the_graph_has_the_nodes_and_words_of_keras():
    """Keras's labels are of the same kind; each word of them stands in ours."""
    with keras_on_jax() as keras:
        keras.backend.clear_session()
        layers = keras.layers
        theirs = keras.utils.model_to_dot(
            keras.Sequential(
                [
                    layers.Input((8, 8)),
                    layers.Flatten(),
                    layers.Dense(64, activation="relu"),
                    layers.Dropout(0.5),
                    layers.Dense(10, activation="softmax"),
                ]
            ),
            rankdir="LR",
            dpi=96,
            **ALL,
        )
    ours = utils.model_to_dot(digits_model(), rankdir="LR", dpi=96, **ALL)
    assert len(nodes_of(ours)) == len(nodes_of(theirs)) == 4
    assert len(ours.get_edges()) == len(theirs.get_edges()) == 3
    for attribute in ("rankdir", "dpi"):
        assert str(ours.get(attribute)) == str(theirs.get(attribute))
    for own, other in zip(nodes_of(ours), nodes_of(theirs), strict=True):
        own_words = set(re.findall(r"\w+", " ".join(itertools.chain(*rows_in(own)))))
        words = " ".join(itertools.chain(*rows_in(other)))
        # Ours has a row for what is trainable, theirs a coloured cell.
        missing = set(re.findall(r"\w+", words)) - own_words
        assert missing == set()


def test_arguments_are_those_of_keras():
    with keras_on_jax() as keras:
        for name in ("model_to_dot", "plot_model"):
            theirs = inspect.signature(getattr(keras.utils, name)).parameters
            ours = inspect.signature(getattr(utils, name)).parameters
            # Of Keras's only what a chain of layers has no use for is absent.
            absent = {"subgraph", "splines", "kwargs"} & set(theirs)
            assert list(ours) == [key for key in theirs if key not in absent]
            for key, parameter in ours.items():
                assert parameter.default == theirs[key].default, key
