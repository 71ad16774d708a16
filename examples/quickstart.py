"""Train a small network on handwritten digits: offline, in seconds.

python examples/quickstart.py
"""

import numpy as np

from jaxnet_mini import Sequential
from jaxnet_mini.datasets import digits
from jaxnet_mini.layers import Dense, Flatten

SHADES = " .:-=+*#%@"


def main() -> None:
    (x_train, y_train), (x_test, y_test) = digits.load_data()
    x_train, x_test = x_train / 16.0, x_test / 16.0

    model = Sequential(
        [
            Flatten(input_shape=(8, 8)),
            Dense(128, activation="relu"),
            Dense(10, activation="softmax"),
        ]
    )
    model.summary()
    model.compile(
        optimizer="adam",
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    history = model.fit(x_train, y_train, epochs=15, validation_split=0.1)
    loss, accuracy = model.evaluate(x_test, y_test)
    print(f"\nTest accuracy {accuracy:.3f}, test loss {loss:.3f}\n")

    shown = x_test[:6]
    answers = model.predict(shown).argmax(axis=-1)
    for row in range(8):
        lines = [(image[row] * 9).round().astype(int) for image in shown]
        print("   ".join("".join(SHADES[n] for n in line) for line in lines))
    print("   ".join(f"{f'says {a}':8}" for a in answers))
    print("   ".join(f"{f'is   {b}':8}" for b in y_test[:6]))

    save_curves(history.history, "quickstart.png")


def save_curves(history: dict[str, list[float]], file: str) -> None:
    """Draw accuracy and loss of each epoch, where matplotlib is installed."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        print('\nFor a picture of the training: python -m pip install ".[plot]"')
        return
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    epochs = np.arange(1, len(history["loss"]) + 1)
    for axes, name in zip(figure.subplots(1, 2), ("accuracy", "loss"), strict=True):
        axes.plot(epochs, history[name], "o-", color="#0072B2", label="training")
        axes.plot(
            epochs, history[f"val_{name}"], "s--", color="#D55E00", label="validation"
        )
        axes.set(xlabel="epoch", ylabel=name, xticks=epochs[::2])
        axes.legend()
        axes.grid(alpha=0.3)
    figure.savefig(file, dpi=120)
    print(f"\nThe training as a picture: {file}")


if __name__ == "__main__":
    main()
