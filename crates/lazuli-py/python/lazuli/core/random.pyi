# Written by tools/stubs.py from the table of functions.
from collections.abc import Callable, Sequence
from os import PathLike
from typing import IO, Any, Literal

from . import DLPackCompatible, Device, DeviceType, Dtype, Stream, StreamContext, StreamOrDevice, ThreadLocalStream, array, scalar, float32, int32

class _RandomState:
    """The key of the process, as a list of one array."""

    def __len__(self) -> int: ...
    def __getitem__(self, index: int) -> array: ...
    def __setitem__(self, index: int, key: array) -> None: ...

state: _RandomState

def seed(seed: int) -> None:
    """Starts the process's sequence of keys."""
    ...

def key(seed: int) -> array:
    """The key of a seed."""
    ...

def split(key: array, num: int = 2, stream: StreamOrDevice = None) -> array:
    """Keys made of one key."""
    ...

def uniform(low: scalar | array = 0, high: scalar | array = 1, shape: Sequence[int] = [], dtype: Dtype | None = float32, key: array | None = None, stream: StreamOrDevice = None) -> array:
    """Numbers from `low` to before `high`, all equally likely."""
    ...

def normal(shape: Sequence[int] = [], dtype: Dtype | None = float32, loc: scalar | array | None = None, scale: scalar | array | None = None, key: array | None = None, stream: StreamOrDevice = None) -> array:
    """Normally distributed numbers."""
    ...

def multivariate_normal(mean: array, cov: array, shape: Sequence[int] = [], dtype: Dtype | None = float32, key: array | None = None, stream: StreamOrDevice = None) -> array:
    """Jointly normal vectors with a mean and a covariance."""
    ...

def randint(low: scalar | array, high: scalar | array, shape: Sequence[int] = [], dtype: Dtype | None = int32, key: array | None = None, stream: StreamOrDevice = None) -> array:
    """Integers from `low` to before `high`, all equally likely."""
    ...

def bernoulli(p: scalar | array = 0.5, shape: Sequence[int] | None = None, key: array | None = None, stream: StreamOrDevice = None) -> array:
    """Truth values that are true with probability `p`."""
    ...

def truncated_normal(lower: scalar | array, upper: scalar | array, shape: Sequence[int] | None = None, dtype: Dtype | None = float32, key: array | None = None, stream: StreamOrDevice = None) -> array:
    """Normally distributed numbers within bounds."""
    ...

def gumbel(shape: Sequence[int] = [], dtype: Dtype | None = float32, key: array | None = None, stream: StreamOrDevice = None) -> array:
    """Numbers of the standard Gumbel distribution."""
    ...

def laplace(shape: Sequence[int] = [], dtype: Dtype | None = float32, loc: float = 0.0, scale: float = 1.0, key: array | None = None, stream: StreamOrDevice = None) -> array:
    """Numbers of the Laplace distribution."""
    ...

def categorical(logits: array, axis: int = -1, shape: Sequence[int] | None = None, num_samples: int | None = None, key: array | None = None, stream: StreamOrDevice = None) -> array:
    """Positions along an axis, drawn by unnormalized log-probabilities."""
    ...

def permutation(x: int | array, axis: int = 0, key: array | None = None, stream: StreamOrDevice = None) -> array:
    """The integers below `x`, or the slices of an array, in random order."""
    ...

def bits(shape: Sequence[int] = [], width: int = 4, key: array | None = None, stream: StreamOrDevice = None) -> array:
    """Random bits, as unsigned integers of `width` bytes."""
    ...
