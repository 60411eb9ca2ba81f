# Written by tools/stubs.py from the table of functions.
from collections.abc import Callable, Sequence
from os import PathLike
from typing import IO, Any, Literal

from . import DLPackCompatible, Device, DeviceType, Dtype, Stream, StreamContext, StreamOrDevice, ThreadLocalStream, array, scalar, float32, int32

def get_active_memory() -> int:
    """Bytes of arrays in use."""
    ...

def get_peak_memory() -> int:
    """The most bytes in use since the start or the last reset."""
    ...

def reset_peak_memory() -> None:
    """Starts the peak again."""
    ...

def get_cache_memory() -> int:
    """Bytes kept for reuse."""
    ...

def set_memory_limit(limit: int) -> int:
    """Sets how many bytes arrays and the cache may have; what would pass it is a MemoryError."""
    ...

def set_cache_limit(limit: int) -> int:
    """Sets how many bytes may be kept for reuse."""
    ...

def set_wired_limit(limit: int) -> int:
    """Sets the bytes that may be wired, which matters on Apple's GPUs alone."""
    ...

def clear_cache() -> None:
    """Gives back the bytes kept for reuse."""
    ...

def is_available() -> bool:
    """Whether Metal is used: it is not."""
    ...

def start_capture(path: str) -> None:
    """Starts to record the work of the GPU: there is none."""
    ...

def stop_capture() -> None:
    """Stops recording."""
    ...

def device_info() -> dict[str, str | int]:
    """What the GPU says of itself: nothing."""
    ...
