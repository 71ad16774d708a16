"""Downloads, from a real HTTP server on this machine that misbehaves in every way."""

import errno
import gzip
import hashlib
import http.server
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from interpreter import in_mount

from jaxnet_mini.datasets import digits, download, files
from jaxnet_mini.datasets.catalogue import DataSet, idx_array
from jaxnet_mini.errors import DownloadError

SHAPE = (256, 28, 28)
# Noise, which gzip cannot shrink: the file is three times the size of a block.
VALUES = np.random.default_rng(0).integers(256, size=SHAPE, dtype=np.uint8)
IDX = struct.pack(">4I", 0x803, *SHAPE) + VALUES.tobytes()
BODY = gzip.compress(IDX, mtime=0)
HALF = len(BODY) // 2
CORRUPT = BODY[:HALF] + bytes([BODY[HALF] ^ 1]) + BODY[HALF + 1 :]
NAME = "noise-idx3-ubyte.gz"
ARRAY = idx_array(
    NAME.removesuffix(".gz"),
    SHAPE,
    size=len(BODY),
    sha256=hashlib.sha256(BODY).hexdigest(),
    unpacked=hashlib.sha256(IDX).hexdigest(),
)
PATIENCE = 0.5


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.asked = []
        self.released = threading.Event()
        self.together = threading.Barrier(2, timeout=30)

    def handle_error(self, request, client_address):
        """Say nothing: clients here hang up on purpose."""


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers ``/how/name`` with the method ``how``."""

    def do_GET(self):
        _, how, _ = self.path.split("/")
        self.server.asked.append(how)
        getattr(self, how)()

    def log_message(self, *arguments):
        pass

    def begin(self, status=200, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()

    def answer(self, body, length=None):
        self.begin(Content_Length=len(body) if length is None else length)
        self.wfile.write(body)

    def whole(self):
        self.answer(BODY)

    def without_length(self):
        self.begin()
        self.wfile.write(BODY)

    def truncated(self):
        self.answer(BODY[:HALF], length=len(BODY))

    def truncated_without_length(self):
        self.begin()
        self.wfile.write(BODY[:HALF])

    def corrupt(self):
        self.answer(CORRUPT)

    def other_page(self):
        self.answer(b"<html>Please log in</html>")

    def larger(self):
        self.answer(BODY + b"0")

    def endless(self):
        self.begin()
        while not self.server.released.is_set():
            self.wfile.write(bytes(1 << 16))

    def empty(self):
        self.answer(b"")

    def stalled(self):
        self.answer(BODY[:HALF], length=len(BODY))
        self.server.released.wait(30)

    def mute(self):
        self.server.released.wait(30)

    def trickle(self, content):
        for byte in content:
            self.wfile.write(bytes([byte]))
            if self.server.released.wait(0.05):
                return

    def trickling(self):
        self.begin(Content_Length=len(BODY))
        self.trickle(BODY[:100])

    def trickling_headers(self):
        self.trickle(b"HTTP/1.1 200 OK\r\nX-Padding: " + b"0" * 100)

    def slow(self):
        """Slower altogether than the patience, but never stalling."""
        self.begin(Content_Length=len(BODY))
        for start in range(0, len(BODY), download.BLOCK):
            self.wfile.write(BODY[start : start + download.BLOCK])
            time.sleep(0.4 * PATIENCE)

    def rubbish(self):
        self.wfile.write(b"220 ftp.example ready\r\n\r\n")

    def missing(self):
        self.send_error(404)

    def failing(self):
        self.send_error(500)

    def moved(self):
        self.begin(302, Location=f"{self.server.url}/whole/{NAME}")

    def in_circles(self):
        self.begin(302, Location=f"{self.server.url}/in_circles/{NAME}")

    def at_once(self):
        """Send each half only when two clients have come that far."""
        self.begin(Content_Length=len(BODY))
        self.server.together.wait()
        self.wfile.write(BODY[:HALF])
        self.server.together.wait()
        self.wfile.write(BODY[HALF:])

    def interrupting(self):
        """As if the user pressed Ctrl-C half-way."""
        self.answer(BODY[:HALF], length=len(BODY))
        os.kill(os.getpid(), signal.SIGINT)
        self.server.released.wait(30)


@pytest.fixture
def server():
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.05,))
        thread.start()
        yield running
        running.released.set()
        running.together.abort()
        running.shutdown()
        thread.join()


@pytest.fixture
def environment(tmp_path, monkeypatch):
    """What a process sees that knows no folder but the test's own."""
    for name in ("JAXNET_MINI_DATA", "KERAS_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("PYTHONPATH", str(Path(files.__file__).parents[2]))
    return os.environ


@pytest.fixture
def cache(tmp_path, environment):
    return tmp_path / "cache/jaxnet_mini/noise"


def mirrored(server, *manners):
    return DataSet(
        title="Noise",
        folders=("noise",),
        mirrors=tuple(f"{server.url}/{how}/" for how in manners),
        parts=(ARRAY,),
    )


def load(data_set):
    (values,) = files.load(data_set, patience=PATIENCE)
    return values


def contents(folder):
    """Every file there, temporary ones too."""
    return {path.name: path.read_bytes() for path in folder.rglob("*")}


@pytest.mark.parametrize("how", ["whole", "without_length", "moved", "slow"])
def test_whole_file_is_kept_and_not_asked_for_again(server, cache, how):
    data_set = mirrored(server, how)
    np.testing.assert_array_equal(load(data_set), VALUES)
    assert contents(cache) == {NAME: BODY}
    asked = list(server.asked)
    np.testing.assert_array_equal(load(data_set), VALUES)
    assert server.asked == asked


FAILURES = {
    "truncated": f"expected {len(BODY):,} bytes, came {HALF:,}",
    "truncated_without_length": f"expected {len(BODY):,} bytes, came {HALF:,}",
    "empty": f"expected {len(BODY):,} bytes, came 0",
    "other_page": f"expected {len(BODY):,} bytes, came 26",
    "corrupt": f"expected SHA-256 {hashlib.sha256(BODY).hexdigest()}, came "
    f"{hashlib.sha256(CORRUPT).hexdigest()}",
    "larger": f"expected {len(BODY):,} bytes, came more",
    "endless": f"expected {len(BODY):,} bytes, came more",
    "stalled": "stalled: fewer than 65,536 bytes in 0.5 s",
    "mute": "stalled: fewer than 65,536 bytes in 0.5 s",
    "trickling": "stalled: fewer than 65,536 bytes in 0.5 s",
    "trickling_headers": "stalled: fewer than 65,536 bytes in 0.5 s",
    "missing": "HTTPError: HTTP Error 404: Not Found",
    "failing": "HTTPError: HTTP Error 500: Internal Server Error",
    "rubbish": "BadStatusLine: 220 ftp.example ready",
    "in_circles": "HTTPError: HTTP Error 302: The HTTP server returned a redirect",
}


@pytest.mark.parametrize(("how", "says"), FAILURES.items(), ids=FAILURES)
def test_failure_is_told_and_nothing_is_kept(server, cache, how, says):
    began = time.monotonic()
    with pytest.raises(DownloadError) as caught:
        load(mirrored(server, how))
    assert time.monotonic() - began < 4 * PATIENCE
    assert f"  {server.url}/{how}/{NAME}: {says}" in str(caught.value)
    assert contents(cache) == {}


@pytest.mark.parametrize("how", ["failing", "truncated", "corrupt", "stalled"])
def test_next_mirror_is_tried(server, cache, how):
    np.testing.assert_array_equal(load(mirrored(server, how, "whole")), VALUES)
    assert server.asked == [how, "whole"]
    assert contents(cache) == {NAME: BODY}


@pytest.mark.parametrize("kept", [CORRUPT, BODY[:HALF], b""])
def test_broken_file_in_the_cache_is_downloaded_again(server, cache, kept):
    cache.mkdir(parents=True)
    (cache / NAME).write_bytes(kept)
    np.testing.assert_array_equal(load(mirrored(server, "whole")), VALUES)
    assert contents(cache) == {NAME: BODY}


def test_file_that_vanishes_after_the_download(server, cache, monkeypatch):
    monkeypatch.setattr(download, "fetch", lambda *arguments: None)
    with pytest.raises(DownloadError, match="but no longer in the cache"):
        load(mirrored(server, "whole"))


def test_no_network(tmp_path, cache, monkeypatch):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    data_set = DataSet(
        title="Noise",
        folders=("noise",),
        mirrors=(f"http://127.0.0.1:{port}/a/", f"http://127.0.0.1:{port}/b/"),
        parts=(ARRAY,),
    )
    with pytest.raises(DownloadError) as caught:
        load(data_set)
    reason = ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
    refused = f"{NAME}: URLError: <urlopen error {reason}>"
    assert str(caught.value).splitlines() == [
        f"Noise: {NAME} was found nowhere and could not be downloaded.",
        "Looked in:",
        f"  {cache.parent} (the library's cache): no {NAME}",
        f"  {tmp_path / '.keras/datasets'} (Keras's cache): no {NAME}",
        "Tried to download:",
        f"  http://127.0.0.1:{port}/a/{refused}",
        f"  http://127.0.0.1:{port}/b/{refused}",
        "To provide the files by hand, put these into a folder and give it as "
        "path=, or in $JAXNET_MINI_DATA:",
        f"  {NAME} ({len(BODY):,} bytes, SHA-256 {hashlib.sha256(BODY).hexdigest()})",
        "jaxnet_mini.datasets.digits needs no files and no network.",
    ]
    # Each piece of advice, followed.
    (tmp_path / "by-hand").mkdir()
    (tmp_path / "by-hand" / NAME).write_bytes(BODY)
    assert files.load(data_set, tmp_path / "by-hand")
    monkeypatch.setenv("JAXNET_MINI_DATA", str(tmp_path / "by-hand"))
    np.testing.assert_array_equal(load(data_set), VALUES)
    assert digits.load_data()


def test_interrupt_leaves_nothing(server, cache):
    # A shell's job in the background ignores Ctrl-C.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            load(mirrored(server, "interrupting"))
    finally:
        signal.signal(signal.SIGINT, before)
    assert contents(cache) == {}


def test_leftovers_of_killed_processes_are_removed_when_old(server, cache):
    cache.mkdir(parents=True)
    for name, age in ((".old.part", 25), (".young.part", 23)):
        (cache / name).write_bytes(b"half")
        then = time.time() - age * 60 * 60
        os.utime(cache / name, (then, then))
    load(mirrored(server, "whole"))
    assert contents(cache) == {NAME: BODY, ".young.part": b"half"}


def test_plain_line_where_nobody_watches(server, cache, capsys, monkeypatch):
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    load(mirrored(server, "missing", "whole"))
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == (
        f"Downloading {server.url}/missing/{NAME} ({len(BODY):,} bytes)\n"
        f"Downloading {server.url}/whole/{NAME} ({len(BODY):,} bytes)\n"
    )


def test_bar_on_a_terminal(server, cache, capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    load(mirrored(server, "whole"))
    shown = capsys.readouterr().err
    assert NAME in shown
    assert "\N{BOX DRAWINGS HEAVY HORIZONTAL}" * 10 in shown


# Other processes


def program(data_set):
    """A Python program that loads the data set and says what it got."""
    return f"""
import hashlib
from jaxnet_mini.datasets import files
from jaxnet_mini.datasets.catalogue import DataArray, DataFile, DataSet
try:
    (values,) = files.load({data_set!r}, patience=10.0)
    print(hashlib.sha256(values.tobytes()).hexdigest())
except files.DownloadError as error:
    print(error)
"""


def start(command, **options):
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **options)


def test_two_processes_at_once(server, cache):
    source = program(mirrored(server, "at_once"))
    both = [start([sys.executable, "-c", source]) for _ in range(2)]
    printed = [process.communicate(timeout=30)[0] for process in both]
    assert printed == [hashlib.sha256(VALUES.tobytes()).hexdigest() + "\n"] * 2
    assert server.asked == ["at_once", "at_once"]
    assert contents(cache) == {NAME: BODY}


def test_file_size_limit(server, cache):
    """Writing fails half-way, whoever runs the tests."""

    limit = f"import resource as r; r.setrlimit(r.RLIMIT_FSIZE, ({HALF}, {HALF}))\n"
    source = limit + program(mirrored(server, "whole", "whole"))
    with start([sys.executable, "-c", source]) as process:
        printed, _ = process.communicate(timeout=30)
    assert f"  {cache} cannot be written: File too large. Make room" in printed
    # Another mirror would not help.
    assert server.asked == ["whole"]
    assert contents(cache) == {}


def test_full_disk(server, cache):
    printed = in_mount("size=64k", cache, program(mirrored(server, "whole", "whole")))
    assert f"  {cache} cannot be written: No space left on device. Make" in printed
    assert printed.endswith("digits needs no files and no network.\n")
    assert server.asked == ["whole"]


def test_read_only_cache(server, cache):
    printed = in_mount("ro", cache, program(mirrored(server, "whole")))
    assert f"  {cache} cannot be written: Read-only file system. Make" in printed
    assert server.asked == []


def test_cache_that_cannot_be_made(server, tmp_path, cache, monkeypatch):
    (tmp_path / "cache").write_text("a file where the folder should be")
    data_set = mirrored(server, "whole")
    with pytest.raises(DownloadError) as caught:
        load(data_set)
    advice = "set $XDG_CACHE_HOME to a folder that can be written"
    assert f"  {cache} cannot be written: Not a directory. Make room, or {advice}." in (
        str(caught.value)
    )
    assert server.asked == []
    # The advice, followed.
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "writable"))
    np.testing.assert_array_equal(load(data_set), VALUES)
