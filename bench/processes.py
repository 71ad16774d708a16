"""The processes that are measured, seen from the one that measures."""

import contextlib
import importlib.util
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bench.peers import PEERS
from bench.settings import LEFT_OUT, QUICK_WITHOUT, Settings

ROOT = Path(__file__).resolve().parents[1]

PAUSE = 0.1
"""Seconds of rest before a turn: idle threads of the one before spin for a while."""


class PeerError(Exception):
    """A process failed; the message is its own."""


def installed(name: str) -> bool:
    """Return whether what a peer needs is installed."""
    return importlib.util.find_spec(PEERS[name][1]) is not None


def environment(**changes: str) -> dict[str, str]:
    """Return the variables for a process that imports this folder."""
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    # Several processes share a GPU: none may take all of its memory.
    shared = {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
    shared["TF_FORCE_GPU_ALLOW_GROWTH"] = "true"
    path = {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
    return os.environ | shared | path | changes


class Process:
    """A process that serves methods by name (`bench.worker.serve`), as calls."""

    def __init__(self, arguments: list[str], log: Path) -> None:
        self._log = log.open("w", encoding="utf-8")
        self._process = subprocess.Popen(
            [sys.executable, "-m", *arguments],
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
            status = self._process.wait(60)
            said = Path(self._log.name).read_text("utf-8").strip().splitlines()
            raise PeerError(
                f"the process ended with status {status}: "
                f"{said[-1] if said else 'it said nothing'}"
            )
        answer = json.loads(line)
        if "error" in answer:
            raise PeerError(answer["error"])
        return answer["value"]

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait(60)
        self._process.stdout.close()
        self._log.close()


class Peers:
    """The peers' processes, each started when first asked for.

    ``versions`` has those that were started; ``absent`` says why others are not there.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.versions: dict[str, str] = {}
        self.absent: dict[str, str] = {}
        self._running: dict[str, Process] = {}

    def get(self, name: str) -> Process | None:
        """Return the process of a peer; None where it is absent."""
        if name in self._running:
            return self._running[name]
        if name in self.absent:
            return None
        if reason := unavailable(name, self.settings):
            self.absent[name] = reason
            return None
        folder, module = self.settings.scratch, PEERS[name][0]
        process = Process(["bench.worker", name, str(folder)], folder / f"{module}.log")
        try:
            about = process("about")
        except PeerError as error:
            self.fail(name, error)
            process.close()
            return None
        if about["device"] != self.settings.device:
            self.absent[name] = f"it runs on the {about['device']} here"
            process.close()
            return None
        self.versions[name] = about["version"]
        self._running[name] = process
        return process

    def fail(self, name: str, error: PeerError) -> None:
        """Note that a peer failed, and end it."""
        self.absent[name] = f"failed: {error}"
        self.end(name)

    def end(self, name: str) -> None:
        """End a peer's process where it runs."""
        if name in self._running:
            self._running.pop(name).close()

    def close(self) -> None:
        """End all."""
        for name in list(self._running):
            self.end(name)


def unavailable(name: str, settings: Settings) -> str | None:
    """Return why a peer cannot be measured; None where it can."""
    if settings.quick and name in QUICK_WITHOUT:
        return LEFT_OUT
    return None if installed(name) else "not installed"


@contextlib.contextmanager
def peers_of(settings: Settings) -> Iterator[Peers]:
    """Yield the peers, and end them all in the end."""
    peers = Peers(settings)
    try:
        yield peers
    finally:
        peers.close()


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
        said = done.stderr.strip().splitlines()
        raise PeerError(said[-1] if said else f"exit status {done.returncode}")
    return seconds, done.stdout


@contextlib.contextmanager
def on_one_core() -> Iterator[None]:
    """Start processes on the first core that this one may use, and on no other."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


def probe(
    module: str, variables: Mapping[str, str] | None = None, **arguments: Any
) -> Any:
    """Run ``bench.probes.MODULE`` in a process of its own; return what it found.

    Args:
        module: its name.
        variables: of the environment.
        arguments: of the probe.

    Raises:
        PeerError: it failed.
    """
    command = ["-m", f"bench.probes.{module}", json.dumps(arguments)]
    _, said = whole_process(command, **(variables or {}))
    return json.loads(said.splitlines()[-1])
