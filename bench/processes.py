"""The peers' processes, seen from the one that measures."""

import contextlib
import importlib.util
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.peers import PEERS

ROOT = Path(__file__).resolve().parents[1]

PAUSE = 0.2
"""Seconds of rest before a turn: idle threads of the peer before spin for a while."""


class PeerError(Exception):
    """A peer failed; the message is its own."""


def installed(name: str) -> bool:
    """Return whether what a peer needs is installed."""
    return importlib.util.find_spec(PEERS[name][1]) is not None


def environment(**changes: str) -> dict[str, str]:
    """Return the variables for a process that imports this folder."""
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))} | changes


class Peer:
    """A worker: methods of `bench.worker.Worker` by name, as calls."""

    def __init__(self, name: str, folder: Path, log: Path) -> None:
        self.name = name
        self._log = log.open("w", encoding="utf-8")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.worker", name, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            env=environment(),
        )

    def __call__(self, method: str, **arguments: Any) -> Any:
        """Call a method in the process and return its value.

        Raises:
            PeerError: it failed, or the process ended.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        time.sleep(PAUSE)
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps([method, arguments]) + "\n")
            self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise PeerError(
                f"the process ended; its last words are in {self._log.name}"
            )
        answer = json.loads(line)
        if "error" in answer:
            raise PeerError(answer["error"])
        return answer["value"]

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(60)
        self._log.close()


@contextlib.contextmanager
def started(
    names: list[str], folder: Path
) -> Iterator[tuple[dict[str, Peer], dict[str, str]]]:
    """Start a process for each peer; yield them, and why the others are left out."""
    peers: dict[str, Peer] = {}
    absent: dict[str, str] = {}
    try:
        for name in names:
            if not installed(name):
                absent[name] = "not installed"
                continue
            log = folder / f"{PEERS[name][0]}.log"
            peers[name] = Peer(name, folder, log)
        for name in list(peers):
            try:
                absent_or_version = peers[name]("about")
                del absent_or_version
            except PeerError as error:
                absent[name] = f"failed: {error}"
                peers.pop(name).close()
        yield peers, absent
    finally:
        for peer in peers.values():
            peer.close()


def whole_process(command: list[str], **variables: str) -> tuple[float, str]:
    """Run a command; return its seconds from start to end and what it printed.

    Raises:
        PeerError: it failed.
    """
    time.sleep(PAUSE)
    since = time.perf_counter()
    done = subprocess.run(
        [sys.executable, *command],
        capture_output=True,
        text=True,
        env=environment(**variables),
        check=False,
    )
    seconds = time.perf_counter() - since
    if done.returncode:
        raise PeerError(done.stderr.strip().splitlines()[-1])
    return seconds, done.stdout
