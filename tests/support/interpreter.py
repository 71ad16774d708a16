"""Python in a process of its own: what it imports, compiles and holds is its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def run(
    *arguments: str, folder: Path = ROOT, timeout: float = 300, **environment: str
) -> str:
    """Run Python with these arguments in ``folder``; return what it prints.

    The package is that of this checkout. Whatever fails shows its last words.
    """
    finished = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr[-4000:]
    return finished.stdout


def in_mount(options: str, folder: Path, source: str) -> str:
    """Run a program with a small file system of its own mounted on a folder.

    Args:
        options: of the file system, such as ``size=64k`` or ``ro``.
        folder: where to mount it; it is made.
        source: the program.

    Returns:
        What the program prints, and the files that it leaves there, a line each.
    """
    folder.mkdir(parents=True)
    script = (
        f'mount -t tmpfs -o {options} tmpfs "$1" || exit 77; '
        f'"$2" -c "$3"; find "$1" -type f'
    )
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script]
    try:
        finished = subprocess.run(
            [*command, "sh", folder, sys.executable, source],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    except FileNotFoundError:
        pytest.skip("a mount of one's own needs the command unshare")
    if finished.returncode != 0:
        pytest.skip("a mount of one's own needs user namespaces, not allowed here")
    return finished.stdout


GIVE_UP_RIGHTS = (
    "import ctypes",
    "version, all_sets = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()",
    "assert ctypes.CDLL(None).capset(version, all_sets) == 0",
)
"""With these, permission bits count for root as well (Linux, see capset(2))."""


def ordinary_user() -> tuple[str, ...]:
    """Return code that makes a process one that permission bits stop, or skip."""
    if os.geteuid() != 0:
        return ()
    give_up = [sys.executable, "-c", "\n".join(GIVE_UP_RIGHTS)]
    if subprocess.run(give_up, capture_output=True, check=False).returncode:
        pytest.skip("root may write anywhere, and cannot give up that right here")
    return GIVE_UP_RIGHTS
