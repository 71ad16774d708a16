"""GPUs as their makers describe them, and what a step takes on them at the least."""

from typing import Any, NamedTuple


class Gpu(NamedTuple):
    """One of up to eight GPUs that are all tied to each other through a switch.

    Args:
        name: the maker's.
        capability: the major number of its compute capability.
        cores: multiprocessors.
        lanes: sums of float32 at a time in each.
        shared_memory: bytes of each, and of it for one block at most.
        cache: bytes of the second level.
        memory: bytes.
        memory_rate: bytes in a second from and to the memory.
        clock: cycles in a nanosecond.
        flops: products and sums in a second by the dtype of a network; those of
            float32 round their factors to TF32, as XLA does by default.
        link: bytes in a second to the switch.
    """

    name: str
    capability: int
    cores: int
    lanes: int
    shared_memory: tuple[int, int]
    cache: int
    memory: int
    memory_rate: float
    clock: float
    flops: dict[str, float]
    link: float

    def target(self) -> str:
        """Return what XLA's compiler asks of a GPU, as the text of its message."""
        special = "ACCELERATED_FEATURES" if self.capability > 8 else "NONE"
        numbers = NUMBERS | {
            "core_count": self.cores,
            "fpus_per_core": self.lanes,
            "shared_memory_per_core": self.shared_memory[0],
            "shared_memory_per_block_optin": self.shared_memory[1],
            "l2_cache_size": self.cache,
            "device_memory_size": self.memory,
            "memory_bandwidth": int(self.memory_rate),
            "clock_rate_ghz": self.clock,
        }
        device = " ".join(f"{name}: {number}" for name, number in numbers.items())
        return (
            f"gpu_device_info {{ {device} cuda_compute_capability {{ "
            f"major: {self.capability} feature_extension: {special} }} "
            'driver_version: "13.0.0" runtime_version: "13.0.0" } '
            'platform_name: "CUDA" dnn_version_info { major: 9 minor: 10 } '
            f'device_description_str: "{self.name}"'
        )


# The limits of CUDA for all three: https://docs.nvidia.com/cuda/cuda-c-programming-guide
# ("Technical Specifications per Compute Capability").
NUMBERS: dict[str, float] = {
    "threads_per_warp": 32,
    "threads_per_block_limit": 1024,
    "threads_per_core_limit": 2048,
    "shared_memory_per_block": 48 << 10,
    "registers_per_core_limit": 1 << 16,
    "registers_per_block_limit": 1 << 16,
    "block_dim_limit_x": (1 << 31) - 1,
    "block_dim_limit_y": (1 << 16) - 1,
    "block_dim_limit_z": (1 << 16) - 1,
    "thread_dim_limit_x": 1024,
    "thread_dim_limit_y": 1024,
    "thread_dim_limit_z": 64,
}

# Rates: the data sheets of A100 SXM 80 GB, H100 SXM and HGX B200, dense, one direction
# of NVLink. What else the compiler asks: openxla/xla, xla/backends/gpu/target_config.
GPUS = {
    "A100": Gpu(
        name="NVIDIA A100-SXM4-80GB",
        capability=8,
        cores=108,
        lanes=64,
        shared_memory=(164 << 10, 163 << 10),
        cache=40 << 20,
        memory=80 << 30,
        memory_rate=2.039e12,
        clock=1.41,
        flops={"float32": 156e12, "bfloat16": 312e12},
        link=300e9,
    ),
    "H100": Gpu(
        name="NVIDIA H100 80GB HBM3",
        capability=9,
        cores=132,
        lanes=128,
        shared_memory=(228 << 10, 227 << 10),
        cache=50 << 20,
        memory=80 << 30,
        memory_rate=3.35e12,
        clock=1.98,
        flops={"float32": 494.7e12, "bfloat16": 989.4e12},
        link=450e9,
    ),
    "B200": Gpu(
        name="NVIDIA B200",
        capability=10,
        cores=148,
        lanes=128,
        shared_memory=(228 << 10, 227 << 10),
        cache=126 << 20,
        memory=180 << 30,
        memory_rate=7.7e12,
        clock=1.965,
        flops={"float32": 1.125e15, "bfloat16": 2.25e15},
        link=900e9,
    ),
}

LAUNCH = 1.5e-6
"""Seconds from kernel to kernel within a graph, one waiting for the other: assumed."""


def expected(gpu: Gpu, found: dict[str, Any]) -> dict[str, float]:
    """Return the seconds of a step: of its parts, and of the whole.

    ``rates`` is the longer one of products and memory, and what GPUs tell each other
    after it; ``step`` adds `LAUNCH` for each launch, one after the other.

    Args:
        gpu: which.
        found: what `bench.probes.graphs` finds.
    """
    products = found["flops"] / gpu.flops[found["dtype"]]
    memory = found["bytes"] / gpu.memory_rate
    told = sum(one["bytes"] for one in found["collectives"])
    # A sum goes around twice, but for what a GPU holds at the end.
    talk = 2 * told * (1 - 1 / found["gpus"]) / gpu.link
    rates = max(products, memory) + talk
    return {
        "products": products,
        "memory": memory,
        "collectives": talk,
        "rates": rates,
        "step": rates + found["launches"] * LAUNCH,
    }
