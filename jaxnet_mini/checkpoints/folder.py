"""A folder in which one process keeps a run: the newest states of it, each in a file.

A file is named by how far the run was and by the SHA-256 of all its bytes, so that
damage of any kind shows. It appears whole or not at all, the one before it stays, and
what a process left half-written when it was killed is cleared away by the next.
"""

import hashlib
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jaxnet_mini.base import notices
from jaxnet_mini.errors import FileError
from jaxnet_mini.files import safetensors
from jaxnet_mini.files.safetensors import Contents, FilePath, Header

KEPT = 2
"""How many states stay: the newest, and one to fall back to."""

LOCK = "lock"

NAME = re.compile(r"(\d+)-(\d+)\.([0-9a-f]{64})\.safetensors")


class RunFolder:
    """A folder of kept states, held by this process until `close`.

    Args:
        path: the folder; it is made where it is absent.

    Raises:
        FileError: it cannot be made or written, or another process holds it.
    """

    def __init__(self, path: FilePath) -> None:
        self.path = Path(path)
        self._lock = -1
        source = repr(os.fspath(path))
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(self.path / LOCK, os.O_RDWR | os.O_CREAT, 0o666)
            if not _locked(self._lock) or not self._is_there():
                holder = os.read(self._lock, 20).decode(errors="replace") or "unknown"
                raise FileError(
                    f"{source} is in use by another process, number {holder}: wait for "
                    "it, end it, or give checkpoint another folder."
                )
            os.ftruncate(self._lock, 0)
            os.write(self._lock, str(os.getpid()).encode())
            for part in self.path.glob(".*.part"):
                part.unlink()
        except FileError:
            self.close()
            raise
        except OSError as error:
            self.close()
            raise FileError(
                f"a run cannot be kept in {source}: {error}. Give checkpoint a folder "
                "that can be written."
            ) from None

    def _is_there(self) -> bool:
        # The one that held the lock may just have deleted the folder.
        try:
            return os.path.samestat(os.fstat(self._lock), (self.path / LOCK).stat())
        except FileNotFoundError:
            return False

    def _files(self) -> list[Path]:
        """Return the files of states, the newest last.

        Raises:
            FileError: the folder cannot be read.
        """
        try:
            paths = list(self.path.iterdir())
        except OSError as error:
            raise FileError(
                f"the folder {os.fspath(self.path)!r} cannot be read: {error}. Nothing "
                "was deleted: start again once it can be read."
            ) from None
        named = ((NAME.fullmatch(path.name), path) for path in paths)
        numbered = [(int(n[1]), int(n[2]), p) for n, p in named if n]
        return [path for _, _, path in sorted(numbered)]

    def newest(self) -> Contents | None:
        """Return the newest state that is whole; None where none was ever kept.

        Those that are damaged are named in a warning, and deleted. Damaged is what was
        read and holds other bytes than its name tells; what cannot be read may well be
        whole.

        Raises:
            FileError: there are states, and all of them are damaged; one cannot be
                read, or was written by a newer version. Nothing is deleted.
        """
        damaged: list[Path] = []
        for file in reversed(self._files()):
            contents = _read(file)
            if contents is None:
                damaged.append(file)
                continue
            found = safetensors.decoded(contents, file)
            for bad in damaged:
                notices.warn(
                    f"a kept state is damaged, and the run goes back to the one "
                    f"before it: {os.fspath(bad)!r} holds other bytes than were "
                    "written.",
                )
                bad.unlink(missing_ok=True)
            return found
        if damaged:
            names = ", ".join(repr(os.fspath(file)) for file in damaged)
            raise FileError(
                f"no state kept in {os.fspath(self.path)!r} is whole ({names}): "
                "restore the files, or delete them to start anew."
            )
        return None

    def write(
        self, epoch: int, step: int, arrays: Mapping[str, Any], header: Header
    ) -> None:
        """Write a state, and delete those that it makes superfluous.

        Raises:
            FileError: the disk refuses; what was kept before is there still.
        """
        contents = safetensors.encoded(arrays, header)
        name = f"{epoch:06d}-{step:08d}.{hashlib.sha256(contents).hexdigest()}"
        path = self.path / f"{name}{safetensors.SUFFIX}"
        safetensors.replace(path, contents)
        try:
            for old in self._files()[:-KEPT]:
                old.unlink(missing_ok=True)
        except OSError as error:
            raise FileError(
                f"what stands before {os.fspath(path)!r} cannot be deleted: {error}."
            ) from None

    def clear(self) -> None:
        """Delete all states, and the folder if nothing else is in it."""
        for file in self._files():
            file.unlink(missing_ok=True)
        (self.path / LOCK).unlink(missing_ok=True)
        if not any(self.path.iterdir()):
            self.path.rmdir()

    def close(self) -> None:
        """Let other processes have the folder."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def _read(file: Path) -> bytes | None:
    """Return what a file of a state holds; None where these are not its bytes.

    Raises:
        FileError: it cannot be read.
    """
    try:
        contents = file.read_bytes()
    except (OSError, MemoryError) as error:
        why = str(error) or "it is larger than the memory"
        raise FileError(
            f"the kept state {os.fspath(file)!r} cannot be read: {why}. Nothing was "
            "deleted: start again once it can be read, or delete it to go back to the "
            "state before it."
        ) from None
    named = NAME.fullmatch(file.name)
    whole = named is not None and hashlib.sha256(contents).hexdigest() == named[3]
    return contents if whole else None


if sys.platform == "win32":
    import msvcrt

    def _locked(descriptor: int) -> bool:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _locked(descriptor: int) -> bool:
        # The kernel lets go of it when the process ends, however it ends.
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
