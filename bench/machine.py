"""What the figures hold for: versions, device, cores."""

import json
import os
import platform
import re
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import jaxnet_mini
from bench import processes

PACKAGES = (
    "jax jaxlib numpy optax rich keras tensorflow flax equinox torch scikit-learn "
    "matplotlib psutil"
)

DEVICE = """
import json, jax
device = jax.devices()[0]
print(json.dumps({"platform": device.platform, "kind": device.device_kind}))
"""


def about() -> dict[str, Any]:
    """Return versions, device, cores and processor."""
    versions = {"python": platform.python_version()}
    versions["jaxnet_mini"] = jaxnet_mini.__version__
    for package in PACKAGES.split():
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = "not installed"
    # In a process of its own: what starts a device keeps it and its threads.
    _, said = processes.whole_process(["-c", DEVICE])
    return {
        "versions": versions,
        "device": json.loads(said.splitlines()[-1]),
        "cores": cores(),
        "processor": processor(),
        "system": f"{platform.system()} {platform.release()}",
    }


def cores() -> int:
    """Return how many cores this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def processor() -> str:
    """Return the processor's name, and the widest vectors where the system says."""
    path = Path("/proc/cpuinfo")
    if not path.exists():
        return platform.processor() or platform.machine()
    text = path.read_text("utf-8")
    name = re.search(r"^model name\s*:\s*(.*)$", text, re.MULTILINE)
    wide = next((f for f in ("avx512f", "avx2") if re.search(rf"\b{f}\b", text)), "")
    return f"{name[1] if name else platform.machine()} {wide}".strip()


def key(about: dict[str, Any], quick: bool = False) -> str:
    """Return the name of the files of a run: processor or device, Python and JAX.

    >>> versions = {"python": "3.13.0", "jax": "0.12.0.1"}
    >>> cpu = {"platform": "cpu", "kind": "cpu"}
    >>> processor = "Intel(R) Xeon(R) Processor avx512f"
    >>> key({"versions": versions, "device": cpu, "processor": processor})
    'intel-xeon-avx512f-py3.13-jax0.12'
    """
    device = about["device"]
    kind = about["processor"] if device["platform"] == "cpu" else device["kind"]
    kind = re.sub(r"\(R\)|\(TM\)|\bProcessor\b|@ .*Hz", "", kind)
    name = re.sub(r"[^a-z0-9]+", "-", kind.lower()).strip("-")
    python, jax = (
        ".".join(about["versions"][what].split(".")[:2]) for what in ("python", "jax")
    )
    return f"{name}-py{python}-jax{jax}" + ("-quick" if quick else "")
