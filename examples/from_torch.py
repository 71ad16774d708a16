"""A network that PyTorch has trained, taken on here, trained on, and given back.

python -m pip install torch
python examples/from_torch.py
"""

import numpy as np
import torch
from safetensors.torch import load_file, save_file

import jaxnet_mini as jn
from jaxnet_mini.datasets import digits


def trained_there(x: torch.Tensor, y: torch.Tensor) -> torch.nn.Module:
    torch.manual_seed(0)
    net = torch.nn.Sequential(
        torch.nn.Flatten(),
        torch.nn.Linear(64, 64),
        torch.nn.ReLU(),
        torch.nn.LayerNorm(64),
        torch.nn.Linear(64, 10),
        torch.nn.Softmax(dim=-1),
    )
    optimizer = torch.optim.Adam(net.parameters(), 0.01)
    for _ in range(30):  # all rows at once
        optimizer.zero_grad()
        torch.nn.functional.nll_loss(net(x).log(), y).backward()
        optimizer.step()
    return net


def accuracy(probabilities: np.ndarray, y: np.ndarray) -> float:
    return float((probabilities.argmax(-1) == y).mean())


def main() -> None:
    (x_train, y_train), (x_test, y_test) = digits.load_data()
    x_train, x_test = (x.astype("float32") / 16 for x in (x_train, x_test))
    theirs = trained_there(torch.tensor(x_train), torch.tensor(y_train).long())
    save_file(theirs.state_dict(), "digits.safetensors")

    # The same layers. What a state dict does not hold, such as epsilon, is given.
    model = jn.Sequential(
        [
            jn.Flatten(input_shape=(8, 8)),
            jn.Dense(64, activation="relu"),
            jn.LayerNormalization(epsilon=1e-5),
            jn.Dense(10, activation="softmax"),
        ]
    )
    model.load_weights("digits.safetensors", source="torch")
    with torch.no_grad():
        there = theirs(torch.tensor(x_test)).numpy()
    here = model.predict(x_test)
    print(f"In PyTorch: test accuracy {accuracy(there, y_test):.3f}")
    print(f"The same here, but for {np.abs(here - there).max():.0e} at most")

    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
    model.fit(x_train, y_train, epochs=10, verbose=0)
    loss, after = model.evaluate(x_test, y_test, verbose=0)
    print(f"Trained on here: test accuracy {after:.3f}, test loss {loss:.3f}")

    model.save_weights("digits.weights.safetensors", target="torch")
    theirs.load_state_dict(load_file("digits.weights.safetensors"))
    with torch.no_grad():
        there = theirs(torch.tensor(x_test)).numpy()
    print(f"Back in PyTorch: test accuracy {accuracy(there, y_test):.3f}")


if __name__ == "__main__":
    main()
