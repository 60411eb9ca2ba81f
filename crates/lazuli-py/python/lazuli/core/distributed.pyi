# Written by tools/stubs.py from the table of functions.
from collections.abc import Callable, Sequence
from os import PathLike
from typing import IO, Any, Literal

from . import DLPackCompatible, Device, DeviceType, Dtype, Stream, StreamContext, StreamOrDevice, ThreadLocalStream, array, scalar, float32, int32

class Group:
    """A group of processes."""

    def rank(self) -> int: ...
    def size(self) -> int: ...
    def split(self, color: int, key: int = -1) -> Group: ...

def all_sum(x: array, *, group: Group | None = None, stream: StreamOrDevice = None) -> array:
    """The sum over all processes."""
    ...

def all_max(x: array, *, group: Group | None = None, stream: StreamOrDevice = None) -> array:
    """The largest over all processes."""
    ...

def all_min(x: array, *, group: Group | None = None, stream: StreamOrDevice = None) -> array:
    """The smallest over all processes."""
    ...

def all_gather(x: array, *, group: Group | None = None, stream: StreamOrDevice = None) -> array:
    """The arrays of all processes along the first axis."""
    ...

def sum_scatter(x: array, *, group: Group | None = None, stream: StreamOrDevice = None) -> array:
    """The part of the sum over all processes that belongs to this one."""
    ...

def is_available(backend: str = 'any') -> bool:
    """Whether there is a backend for several processes."""
    ...

def init(strict: bool = False, backend: str = 'any', *, all_gather_factory: Callable[[int, int], Callable[[bytes, int], bytes]] | None = None) -> Group:
    """The group of all processes: this one."""
    ...

def send(x: array, dst: int, *, group: Group | None = None, stream: StreamOrDevice = None) -> array:
    """Sends an array to another process: there is none."""
    ...

def recv(shape: Sequence[int], dtype: Dtype, src: int, *, group: Group | None = None, stream: StreamOrDevice = None) -> array:
    """Receives an array from another process: there is none."""
    ...

def recv_like(x: array, src: int, *, group: Group | None = None, stream: StreamOrDevice = None) -> array:
    """Receives an array like another from another process: there is none."""
    ...
