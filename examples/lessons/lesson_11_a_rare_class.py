"""Lesson 11: A rare class.

Where one answer is rare, such as a broken part among thousands of good ones, a network
can be right nearly always and of no use. Three things help: to look at more than the
accuracy, to begin with what is known, and to let the rare ones count more.

    python examples/lessons/lesson_11_a_rare_class.py
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from classroom import choose_data, pictures, save, tell

from jaxnet_mini import Sequential
from jaxnet_mini.errors import import_extra
from jaxnet_mini.initializers import Constant
from jaxnet_mini.layers import Dense, Flatten
from jaxnet_mini.metrics import FalsePositives, Recall
from jaxnet_mini.plotting import BLUE, VERMILION

RARE = 8
ONE_IN = 50
EPOCHS = 20


def draw_losses(losses: Mapping[str, Sequence[float]]) -> Any:
    """Draw the loss before training and after each epoch, one line a network."""
    matplotlib = import_extra("matplotlib.figure", "plot")
    figure = matplotlib.Figure(figsize=(6, 3.6), layout="constrained")
    axes = figure.subplots()
    styles = (("s--", VERMILION), ("o-", BLUE))
    for (name, values), (style, colour) in zip(losses.items(), styles, strict=True):
        axes.plot(range(len(values)), values, style, color=colour, label=name)
    axes.set(xlabel="epochs trained", ylabel="training loss", ylim=(0, None))
    axes.set_xticks(range(0, EPOCHS + 1, 5))
    axes.grid(alpha=0.3)
    axes.legend(title="output bias begins with")
    return figure


def main(arguments: list[str] | None = None) -> None:
    tell(__doc__)

    tell("""
        One in fifty

        The question is: does the image show the class 8? Of the images to learn from
        most 8s are put aside, so that one in fifty is left. The test images stay as
        they are, to have more 8s to count.
    """)
    data = choose_data(arguments)
    (x_train, y_train), (x_test, y_test) = data.load()
    x_train, x_test = x_train / data.brightest, x_test / data.brightest
    others = np.flatnonzero(y_train != RARE)
    rare = np.flatnonzero(y_train == RARE)[: len(others) // (ONE_IN - 1)]
    kept = np.sort(np.concatenate([others, rare]))
    x, y = x_train[kept], (y_train[kept] == RARE).astype("float32")
    y_test = (y_test == RARE).astype("float32")
    print(f"{len(y):,} images to learn from, {len(rare):,} show {data.names[RARE]!r}.")
    print(f"Who always says no is right in {1 - y.mean():.1%} of them.")

    tell("""
        Begin with what is known

        One output says how likely a yes is: its `sigmoid` makes a probability of a
        sum. The answers of an untrained network lie around one half, which for 49 of
        50 images is far off. The first epochs then teach it no more than that 8s are
        rare. But this is known beforehand. With the bias log(yes / no) the sum begins
        there, and the probability near yes / (yes + no), one in fifty.
    """)
    known = float(np.log(len(rare) / len(others)))
    print(f"log({len(rare)} / {len(others)}) = {known:.3f}")

    def network(bias: float) -> Sequential:
        model = Sequential(
            [
                Flatten(input_shape=x_train.shape[1:]),
                Dense(32, activation="relu"),
                Dense(1, activation="sigmoid", bias_initializer=Constant(bias)),
            ]
        )
        metrics = ["accuracy", Recall(name="recall"), FalsePositives(name="alarms")]
        model.compile("adam", "binary_crossentropy", metrics)
        return model

    losses = {}
    print("bias begins with   first answers   loss before   last loss")
    for name, bias in (("0", 0.0), ("log(yes / no)", known)):
        model = network(bias)
        answers = model.predict(x).mean()
        before = model.evaluate(x, y, verbose=0)[0]
        history = model.fit(x, y, epochs=EPOCHS, verbose=0)
        losses[name] = [before, *history.history["loss"]]
        last = history.history["loss"][-1]
        print(f"{name:<16} {answers:15.3f} {before:13.3f} {last:11.3f}")
    with pictures():
        save(draw_losses(losses), "lesson_11_losses.png")

    tell("""
        Let the rare ones count more

        The loss is a mean over all images, and few of them are 8s. `class_weight`
        multiplies the loss of an image by a number for its class: here so that all 8s
        together count as much as all others. Two numbers say more than the accuracy:
        how many of the 8s were found (that share is called recall), and how many
        others were taken for one (false alarms).
    """)
    even = {0: len(y) / (2 * len(others)), 1: len(y) / (2 * len(rare))}
    print(f"Weights: {even[0]:.2f} for the others, {even[1]:.2f} for the 8s.")
    weighted = network(known)
    weighted.fit(x, y, epochs=EPOCHS, class_weight=even, verbose=0)
    print("weights   accuracy   8s found   false alarms")
    for name, trained in (("none", model), ("even", weighted)):
        _, accuracy, recall, alarms = trained.evaluate(x_test, y_test, verbose=0)
        print(f"{name:<7} {accuracy:10.3f} {recall:10.1%} {alarms:14.0f}")

    tell("""
        Which is better?

        That depends on what a mistake costs. Where a missed one is worse than a false
        alarm, weights are worth it. A network that is trained can also be asked to say
        yes sooner: take a smaller number than one half as the border between no and
        yes.
    """)


if __name__ == "__main__":
    main()
