"""Lesson 7: Without normalising.

The same network learns from the same images: once with pixels from 0 to 255, as image
files have them, and once with pixels from 0 to 1.

    python examples/lessons/lesson_07_without_normalising.py
"""

from collections.abc import Mapping, Sequence
from typing import Any

from classroom import choose_data, pictures, save, tell

from jaxnet_mini import Sequential
from jaxnet_mini.errors import import_extra
from jaxnet_mini.layers import Dense, Flatten
from jaxnet_mini.plotting import BLUE, VERMILION

OPTIMIZERS = ("sgd", "adam")


def draw_accuracies(accuracies: Mapping[tuple[str, str], Sequence[float]]) -> Any:
    """Draw the training accuracy of each epoch, one panel an optimizer."""
    matplotlib = import_extra("matplotlib.figure", "plot")
    figure = matplotlib.Figure(figsize=(9, 3.6), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    for optimizer, axes in zip(OPTIMIZERS, panels, strict=True):
        for span, style, colour in (
            ("0 to 255", "s--", VERMILION),
            ("0 to 1", "o-", BLUE),
        ):
            values = accuracies[optimizer, span]
            epochs = range(1, len(values) + 1)
            axes.plot(epochs, values, style, color=colour, label=span)
        axes.set(title=optimizer, xlabel="epoch", ylim=(0, 1.02))
        axes.grid(alpha=0.3)
    panels[0].set_ylabel("training accuracy")
    panels[1].legend(title="pixels from", loc="lower right")
    return figure


def main(arguments: list[str] | None = None) -> None:
    tell(__doc__)

    tell("""
        The range of the data

        First look at what is stored.
    """)
    data = choose_data(arguments)
    (x_train, y_train), (x_test, y_test) = data.load()
    print(f"{data.title}: stored as numbers from {x_train.min()} to {x_train.max()}.")
    stretch = 255 / data.brightest
    if stretch != 1:
        print("Most image files have 0 to 255, and so shall these here:")
        print(f"all numbers are multiplied by {stretch}.")

    tell("""
        Four trainings

        The images are the same, only their numbers are larger or smaller. Two
        optimizers are tried: `sgd`, the plainest one, which takes steps as large as
        the slope says, and `adam`, which adapts its steps to each weight.
    """)
    accuracies = {}
    print("optimizer   pixels from   first loss   last loss   test accuracy")
    for optimizer in OPTIMIZERS:
        for span, factor in (("0 to 255", stretch), ("0 to 1", 1 / data.brightest)):
            model = Sequential(
                [
                    Flatten(input_shape=x_train.shape[1:]),
                    Dense(128, activation="relu"),
                    Dense(10, activation="softmax"),
                ]
            )
            model.compile(optimizer, "sparse_categorical_crossentropy", ["accuracy"])
            history = model.fit(x_train * factor, y_train, epochs=10, verbose=0)
            _, accuracy = model.evaluate(x_test * factor, y_test, verbose=0)
            accuracies[optimizer, span] = history.history["accuracy"]
            loss = history.history["loss"]
            print(
                f"{optimizer:9} {span:>13} {loss[0]:12.3f} {loss[-1]:11.3f} "
                f"{accuracy:15.3f}"
            )

    tell("""
        Why

        A neuron adds up pixels times weights. With pixels up to 255 the first sums
        are huge, and so are the loss and its slopes. `sgd` then takes steps that are
        far too large and spoils the weights. `adam` copes better, because it adapts
        its steps, but it too starts from a large loss. Dividing all pixels by the
        largest number costs nothing and avoids the trouble. Do the same with the
        images that you test with.
    """)
    with pictures():
        save(draw_accuracies(accuracies), "lesson_07_accuracies.png")


if __name__ == "__main__":
    main()
