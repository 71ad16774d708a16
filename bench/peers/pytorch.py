"""PyTorch: eager, fused Adam, data as tensors in memory; threads as is quickest.

Source: https://docs.pytorch.org/tutorials/recipes/recipes/tuning_guide.html
"""

import itertools
import os
import time
from typing import Any

import numpy as np
import torch

from bench.peers import Task, batches

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


class Model:
    compiled = False

    def __init__(self, task: Task, setting: int | None = None) -> None:
        self.task, self.threads = task, setting
        self.use_threads()
        torch.manual_seed(0)
        layers: list[Any] = []
        for sizes in itertools.pairwise(task.sizes):
            layers += [torch.nn.Linear(*sizes), torch.nn.ReLU()]
        self.model = torch.nn.Sequential(*layers[:-1]).to(DEVICE)
        self.optimizer = torch.optim.Adam(self.model.parameters(), 1e-3, fused=True)
        self.loss = torch.nn.CrossEntropyLoss()
        self.x = torch.from_numpy(task.x).to(DEVICE)
        self.y = torch.from_numpy(task.y.astype(np.int64)).to(DEVICE)
        self.generator = np.random.default_rng(0)
        self.forward = self._forward
        if self.compiled:
            self.forward = torch.compile(self._forward, dynamic=False)

    def use_threads(self) -> None:
        if self.threads and torch.get_num_threads() != self.threads:
            torch.set_num_threads(self.threads)

    def _forward(self, x: Any, y: Any) -> Any:
        logits = self.model(x)
        return self.loss(logits, y), (logits.argmax(-1) == y).sum()

    def epochs(self, count: int) -> list[float]:
        self.use_threads()
        seconds = []
        for _ in range(count):
            since = time.perf_counter()
            correct = torch.zeros((), dtype=torch.int64, device=DEVICE)
            for rows in batches(self.task, self.generator):
                index = torch.from_numpy(rows).to(DEVICE)
                loss, right = self.forward(self.x[index], self.y[index])
                self.optimizer.zero_grad(set_to_none=True)
                loss.backward()
                self.optimizer.step()
                correct += right
            correct.item()
            seconds.append(time.perf_counter() - since)
        return seconds

    def evaluate(self, x: np.ndarray, y: np.ndarray) -> float:
        return float((self.predict(x).argmax(-1) == y).mean())

    def predict(self, x: np.ndarray) -> np.ndarray:
        self.use_threads()
        with torch.inference_mode():
            logits = self.model(torch.from_numpy(x).to(DEVICE))
            return torch.softmax(logits, -1).cpu().numpy()


def device() -> str:
    return "gpu" if DEVICE == "cuda" else DEVICE


def settings(task: Task) -> list[Any]:
    if DEVICE == "cuda":
        return [None]
    cores = len(os.sched_getaffinity(0))
    return [1, cores] if cores > 1 else [1]


make = Model
