# Written by tools/stubs.py from the table of functions.
from collections.abc import Callable, Sequence
from os import PathLike
from typing import IO, Any, Literal

from . import DLPackCompatible, Device, DeviceType, Dtype, Stream, StreamContext, StreamOrDevice, ThreadLocalStream, array, scalar, float32, int32

def rms_norm(x: array, weight: array | None, eps: float, *, stream: StreamOrDevice = None) -> array:
    """The last axis divided by the root of its mean square, times a weight."""
    ...

def layer_norm(x: array, weight: array | None, bias: array | None, eps: float, *, stream: StreamOrDevice = None) -> array:
    """The last axis with mean zero and variance one, times a weight, plus a bias."""
    ...

def rope(a: array, dims: int, *, traditional: bool, base: float | None, scale: float, offset: int | array, freqs: array | None = None, stream: StreamOrDevice = None) -> array:
    """The first `dims` of the last axis rotated by positions."""
    ...

def scaled_dot_product_attention(q: array, k: array, v: array, *, scale: float, mask: None | str | array = None, sinks: array | None = None, force_fused: bool = False, stream: StreamOrDevice = None) -> array:
    """Attention of queries to keys and values, `[batch, heads, length, size]`."""
    ...

def cross_entropy(logits: array, targets: array, *, stream: StreamOrDevice = None) -> array:
    """The cross entropy of logits over the last axis with classes as targets, `float32`."""
    ...

def gated_delta_update(q: array, k: array, v: array, gamma: array, beta: array, initial_state: array | None = None, mask: array | None = None, stream: StreamOrDevice = None) -> list[array]:
    """The gated delta rule from token to token: what the queries read, and the last state."""
    ...

def metal_kernel(name: str, input_names: Sequence[str], output_names: Sequence[str], source: str, header: str = '', ensure_row_contiguous: bool = True, atomic_outputs: bool = False, compile_options: object | None = None) -> object:
    """Raises: kernels for Metal do not run here."""
    ...

def cuda_kernel(name: str, input_names: Sequence[str], output_names: Sequence[str], source: str, header: str = '', ensure_row_contiguous: bool = True, shared_memory: int = 0) -> object:
    """Raises: kernels for CUDA do not run here."""
    ...

def precompiled_cuda_kernel(*, name: str, compiled_source: bytes, inputs: Sequence[Any], output_shapes: Sequence[Any], output_dtypes: Sequence[Dtype], scalars: Sequence[object], grid: tuple[int, int, int], threadgroup: tuple[int, int, int], shared_memory: int = 0, init_value: float | None = None, ensure_row_contiguous: bool = False, stream: StreamOrDevice = None) -> list[array]:
    """Raises: kernels for CUDA do not run here."""
    ...
