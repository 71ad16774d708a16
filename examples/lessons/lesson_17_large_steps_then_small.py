"""Lesson 17: Large steps, then small ones.

The learning rate says how far the weights go in each step. Large steps are fast, and
in the end too coarse: they go to and fro over the best place. Small ones take long. A
schedule begins with large steps and makes them smaller as training goes on.

    python examples/lessons/lesson_17_large_steps_then_small.py
"""

from collections.abc import Mapping, Sequence
from typing import Any

from classroom import choose_data, pictures, save, tell

from jaxnet_mini import Sequential
from jaxnet_mini.errors import import_extra
from jaxnet_mini.layers import Dense, Flatten
from jaxnet_mini.optimizers import Adam
from jaxnet_mini.optimizers.schedules import CosineDecay
from jaxnet_mini.plotting import BLUE, VERMILION

EPOCHS = 20
BATCH_SIZE = 32


def draw_trainings(
    rates: Mapping[str, Sequence[float]], losses: Mapping[str, Sequence[float]]
) -> Any:
    """Draw the learning rates and the losses of the epochs, one line a training."""
    matplotlib = import_extra("matplotlib.figure", "plot")
    figure = matplotlib.Figure(figsize=(9, 3.6), layout="constrained")
    panels = figure.subplots(1, 2)
    titles = ("How large the steps are", "What they lead to")
    words = ("learning rate", "training loss")
    for axes, title, word, lines in zip(
        panels, titles, words, (rates, losses), strict=True
    ):
        styles = ((":", "black"), ("s--", VERMILION), ("o-", BLUE))
        for (name, values), (style, colour) in zip(lines.items(), styles, strict=True):
            epochs = range(1, EPOCHS + 1)
            axes.plot(epochs, values, style, color=colour, label=name, markersize=4)
        axes.set(title=title, xlabel="epoch", ylabel=word, yscale="log")
        axes.set_xticks(range(0, EPOCHS + 1, 5))
        axes.grid(alpha=0.3)
    panels[0].legend(title="steps")
    return figure


def main(arguments: list[str] | None = None) -> None:
    tell(__doc__)

    tell("""
        A schedule

        A schedule is a function of the number of steps taken. In an epoch there are
        as many steps as batches. `CosineDecay` goes down along half a wave: first
        slowly, then faster, and slowly again, until it is 0 after all steps.
    """)
    data = choose_data(arguments)
    (x_train, y_train), (x_test, y_test) = data.load()
    x_train, x_test = x_train / data.brightest, x_test / data.brightest
    steps_an_epoch = -(-len(x_train) // BATCH_SIZE)  # rounded up
    steps = EPOCHS * steps_an_epoch
    # Too large a step learns nothing, and the more steps, the sooner it is too large.
    large = 0.03 if len(x_train) < 10_000 else 0.01
    falling = CosineDecay(large, decay_steps=steps)
    print(f"{EPOCHS} epochs of {steps_an_epoch} steps are {steps} steps.")
    print("  step   learning rate")
    for step in (0, steps // 4, steps // 2, 3 * steps // 4, steps):
        print(f"{step:6} {float(falling(step)):15.5f}")

    tell("""
        Three trainings

        One with small steps, one with steps a hundred times as large, and one that
        begins with the large ones and follows the schedule. Wherever an optimizer
        takes a learning rate, it takes a schedule, too.
    """)
    rates: dict[str, list[float]] = {}
    losses: dict[str, list[float]] = {}
    print("steps                 loss: epoch 1   epoch 10   epoch 20   test accuracy")
    for name, rate in (
        ("small", large / 100),
        ("large", large),
        ("large, then small", falling),
    ):
        model = Sequential(
            [
                Flatten(input_shape=x_train.shape[1:]),
                Dense(64, activation="relu"),
                Dense(10, activation="softmax"),
            ],
            seed=0,
        )
        model.compile(Adam(rate), "sparse_categorical_crossentropy", ["accuracy"])
        history = model.fit(
            x_train, y_train, batch_size=BATCH_SIZE, epochs=EPOCHS, verbose=0
        )
        starts = range(0, steps, steps_an_epoch)
        rates[name] = [float(rate(s)) if callable(rate) else rate for s in starts]
        losses[name] = history.history["loss"]
        accuracy = model.evaluate(x_test, y_test, verbose=0)[1]
        first, middle, last = (losses[name][epoch - 1] for epoch in (1, 10, 20))
        print(f"{name:17} {first:17.4f} {middle:10.4f} {last:10.4f} {accuracy:15.3f}")

    tell("""
        What it brought

        The schedule is as fast as the large steps, and then goes on where they go to
        and fro. That is said of the training loss. How good the network is on images
        that it has not seen is another question, see lesson 6: there the two are
        closer, and which is better can depend on luck.
    """)
    with pictures():
        save(draw_trainings(rates, losses), "lesson_17_trainings.png")


if __name__ == "__main__":
    main()
