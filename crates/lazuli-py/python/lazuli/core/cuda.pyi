# Written by tools/stubs.py from the table of functions.
from collections.abc import Callable, Sequence
from os import PathLike
from typing import IO, Any, Literal

from . import DLPackCompatible, Device, DeviceType, Dtype, Stream, StreamContext, StreamOrDevice, ThreadLocalStream, array, scalar, float32, int32

def is_available() -> bool:
    """Whether CUDA is used: it is not."""
    ...
