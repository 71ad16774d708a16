"""Lesson 13: Wide and deep.

Some things must be learned by heart, such as how busy each of 200 places is. Others
follow a rule that holds for all of them. A network can have a part for each: a wide
one, which goes straight from the inputs to the output, and a deep one with layers
between.

    python examples/lessons/lesson_13_wide_and_deep.py
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from classroom import blank, choose_data, pictures, save, tell

from jaxnet_mini import Model
from jaxnet_mini.initializers import Constant
from jaxnet_mini.layers import (
    CategoryEncoding,
    Concatenate,
    Dense,
    Input,
    Normalization,
)
from jaxnet_mini.optimizers import Adam
from jaxnet_mini.plotting import BLUE, VERMILION

STATIONS = 200
EPOCHS = 40
# How many bicycles are lent at each station in a quiet hour.
USUAL = np.random.default_rng(0).normal(20, 8, STATIONS)


def hours(rows: int, seed: int) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """Make up hours at stations; return what is known, bicycles lent and expected."""
    random = np.random.default_rng(seed)
    station = random.integers(0, STATIONS, rows)
    hour = random.uniform(6, 22, rows)
    degrees = random.uniform(0, 30, rows)
    rush = np.exp(-((hour - 8) ** 2) / 4) + np.exp(-((hour - 18) ** 2) / 4)
    expected = USUAL[station] + rush * (5 + degrees)
    known = {"station": station[:, None], "when": np.stack([hour, degrees], axis=1)}
    return known, expected + random.normal(0, 3, rows), expected


def draw_errors(errors: Mapping[str, Sequence[float]], least: float) -> Any:
    """Draw the test error after each epoch, one line a network."""
    figure, axes = blank(
        "Hours that the network has not seen", "epoch", "off by (bicycles)"
    )
    styles = ((":", "black"), ("--", VERMILION), ("-", BLUE))
    for (name, values), (style, colour) in zip(errors.items(), styles, strict=True):
        axes.plot(range(1, EPOCHS + 1), values, style, color=colour, label=name)
    axes.axhline(least, color="gray", linewidth=1)
    axes.text(1, least, "the formula", color="gray", va="bottom")
    axes.set_ylim(0, 12)
    axes.legend()
    return figure


def main(arguments: list[str] | None = None) -> None:
    tell(__doc__)

    tell("""
        Bicycles

        How many bicycles are lent in an hour? The numbers are made up by a formula:
        each station has a number of its own, and twice a day there is a rush, the
        larger the warmer it is. For most stations there are only about ten examples.
    """)
    choose_data(arguments)  # All lessons take the same arguments; this one needs none.
    x, y, _ = hours(2000, seed=1)
    x_test, y_test, expected = hours(1000, seed=2)
    print("station    hour   degrees   bicycles lent")
    for (station,), (hour, degrees), lent in zip(
        x["station"][:4], x["when"][:4], y[:4], strict=True
    ):
        print(f"{station:7} {hour:7.1f} {degrees:9.1f} {lent:15.1f}")

    tell("""
        Layers that are called

        A `Sequential` has one way through. Where a network has several, each layer is
        called on what it takes, and `Model` is told where this begins and ends.

        A station's number means nothing by itself. `CategoryEncoding` makes 200
        inputs of it, one for each station: a 1 and many 0s. The first network is wide
        alone: from all inputs straight to the output. The second one is deep alone.
        In the third one the stations go straight to the output, and only the hour and
        the degrees go through the layers. As in lesson 11 all begin with what is
        known: the output's bias is the mean.
    """)
    normalization = Normalization()
    normalization.adapt(x["when"])

    def network(kind: str) -> Model:
        station, when = Input((1,), name="station"), Input((2,), name="when")
        stations = CategoryEncoding(STATIONS, output_mode="one_hot")(station)
        numbers = normalization(when)
        everything = Concatenate()([stations, numbers])
        if kind == "wide":
            joined = everything
        elif kind == "deep":
            hidden = Dense(64, activation="relu")(everything)
            joined = Dense(64, activation="relu")(hidden)
        else:
            hidden = Dense(64, activation="relu")(numbers)
            hidden = Dense(64, activation="relu")(hidden)
            joined = Concatenate()([stations, hidden])
        output = Dense(1, bias_initializer=Constant(y.mean()))(joined)
        model = Model([station, when], output, seed=0)
        model.compile(Adam(0.01), "mean_squared_error", ["mean_absolute_error"])
        return model

    network("wide and deep").summary()

    tell("""
        Three trainings

        The error is how many bicycles the answer is off, on average: for the examples
        that were learned from, and for others.
    """)
    errors = {}
    print("network         parameters   training   test")
    for kind in ("wide", "deep", "wide and deep"):
        model = network(kind)
        history = model.fit(
            x, y, epochs=EPOCHS, validation_data=(x_test, y_test), verbose=0
        )
        learned = history.history["mean_absolute_error"][-1]
        errors[kind] = history.history["val_mean_absolute_error"]
        print(
            f"{kind:13} {model.count_params():12,} {learned:10.2f} "
            f"{errors[kind][-1]:6.2f}"
        )
    least = abs(y_test - expected).mean()
    print(f"the formula                           {least:6.2f}")

    tell("""
        Each part does what it is good at

        The wide network cannot bend: it knows the stations, and no rush. The deep one
        can do everything, and with few examples learns by heart what does not hold
        for others: its training error is far below that of the formula, which is the
        truth. Together the wide part can only add a number for each station, and the
        deep part finds the rule that all stations have in common.
    """)
    with pictures():
        save(draw_errors(errors, least), "lesson_13_errors.png")


if __name__ == "__main__":
    main()
