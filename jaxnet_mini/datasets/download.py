"""Fetching one file whole, or not at all.

The body goes into a temporary file beside the goal, is hashed on the way, synced, and
only then renamed: whoever looks, at whatever moment, sees the whole file or none, and
any number of processes may fetch the same file at once.
"""

import contextlib
import io
import os
import queue
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

from jaxnet_mini.datasets.catalogue import DataFile
from jaxnet_mini.errors import DownloadError

BLOCK = 1 << 16
PART = ".part"
STALE_SECONDS = 24 * 60 * 60


class MirrorError(Exception):
    """What is wrong with one mirror; the next may do better."""


def fetch(
    file: DataFile, mirrors: tuple[str, ...], folder: Path, patience: float
) -> None:
    """Download a file into a folder from the first mirror that has it whole.

    Args:
        file: what is wanted; nothing else is ever kept.
        mirrors: addresses to which the file's name is appended, tried in this order.
        folder: where the file shall lie; made where it does not exist.
        patience: seconds within which each further 64 KiB must arrive; the first with
            looking the server up and connecting to it.

    Raises:
        DownloadError: no mirror gave the file whole, or the folder cannot be written.
            Its text has one line for each failure.
    """
    failures: list[str] = []
    for mirror in mirrors:
        url = mirror + file.name
        try:
            _store(url, file, folder, patience)
        except MirrorError as error:
            failures.append(f"{url}: {error}")
        except OSError as error:
            failures.append(
                f"{folder} cannot be written: {error.strerror or error}. Make room, or "
                "set $XDG_CACHE_HOME to a folder that can be written."
            )
            break
        else:
            return
    raise DownloadError("\n".join(failures))


def _store(url: str, file: DataFile, folder: Path, patience: float) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    _remove_stale(folder)
    handle, name = tempfile.mkstemp(PART, f".{file.name}.", folder)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            _receive(stream, url, file, patience)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(folder / file.name)
    finally:
        temporary.unlink(missing_ok=True)
    _sync(folder)


def _receive(
    stream: io.BufferedWriter, url: str, file: DataFile, patience: float
) -> None:
    digest = file.hasher()
    received = 0
    with (
        _progress(url, file) as advance,
        contextlib.closing(_blocks(url, patience)) as blocks,
    ):
        for block in blocks:
            received += len(block)
            if received > file.size:
                raise MirrorError(f"expected {file.size:,} bytes, came more")
            stream.write(block)
            digest.update(block)
            advance(len(block))
    if received < file.size:
        raise MirrorError(f"expected {file.size:,} bytes, came {received:,}")
    came = digest.hexdigest()
    if came != file.digest:
        raise MirrorError(f"expected {file.algorithm} {file.digest}, came {came}")


def _blocks(url: str, patience: float) -> Generator[bytes, None, None]:
    """Yield a response's body block by block, for as long as it keeps coming.

    A socket's timeout ends silence only; a server that sends one byte at a time, be it
    of the headers, would keep a reader for ever. So a thread talks to the server and
    this one watches the clock.
    """
    arrived: queue.Queue[bytes | Exception] = queue.Queue(maxsize=8)
    abandoned = threading.Event()
    threading.Thread(
        target=_talk, args=(url, patience, arrived, abandoned), daemon=True
    ).start()
    deadline = time.monotonic() + patience
    progress = 0
    try:
        while True:
            try:
                item = arrived.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise MirrorError(
                    f"stalled: fewer than {BLOCK:,} bytes in {patience:g} s"
                ) from None
            if isinstance(item, Exception):
                raise MirrorError(f"{type(item).__name__}: {item}") from item
            if not item:
                return
            yield item
            progress += len(item)
            if progress >= BLOCK:
                progress = 0
                deadline = time.monotonic() + patience
    finally:
        abandoned.set()
        # Make room, or the thread would wait for ever to hand over its last block.
        with contextlib.suppress(queue.Empty):
            while True:
                arrived.get_nowait()


def _talk(
    url: str,
    patience: float,
    arrived: "queue.Queue[bytes | Exception]",
    abandoned: threading.Event,
) -> None:
    # One second more, so that the clock watcher is the one to say what is wrong.
    timeout = patience + 1.0
    try:
        # The addresses are constants of this package, and the content is hashed.
        with urllib.request.urlopen(url, timeout=timeout) as response:  # noqa: S310
            while not abandoned.is_set():
                block = response.read1(BLOCK)
                arrived.put(block)
                if not block:
                    return
    except urllib.error.HTTPError as error:
        error.close()
        arrived.put(error)
    except Exception as error:
        arrived.put(error)


@contextlib.contextmanager
def _progress(url: str, file: DataFile) -> Iterator[Callable[[int], None]]:
    """Show a bar where a person watches, elsewhere write one plain line."""
    from rich import progress
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        print(f"Downloading {url} ({file.size:,} bytes)", file=sys.stderr)
        yield lambda _: None
        return
    with progress.Progress(
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.DownloadColumn(),
        progress.TransferSpeedColumn(),
        progress.TimeRemainingColumn(),
        console=console,
    ) as bar:
        task = bar.add_task(file.name, total=file.size)
        yield lambda count: bar.advance(task, count)


def _remove_stale(folder: Path) -> None:
    """Remove what killed processes left; a download at work is never a day silent."""
    oldest = time.time() - STALE_SECONDS
    for leftover in folder.glob(f".*{PART}"):
        # Another process may be removing it too.
        with contextlib.suppress(OSError):
            if leftover.stat().st_mtime < oldest:
                leftover.unlink()


def _sync(folder: Path) -> None:
    """Make the rename last through a power cut, where a folder can be synced."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
