# Written by tools/stubs.py from the table of functions.
from collections.abc import Callable, Sequence
from os import PathLike
from typing import IO, Any, Literal

from . import cuda as cuda
from . import distributed as distributed
from . import fast as fast
from . import fft as fft
from . import linalg as linalg
from . import metal as metal
from . import random as random

from collections.abc import Iterator
from types import ModuleType, TracebackType
from typing import Protocol, TypeAlias

scalar: TypeAlias = bool | int | float | complex
Operand: TypeAlias = scalar | array | ArrayLike | Any

class DLPackCompatible(Protocol):
    """An array of another library."""

    def __dlpack__(self, *args: Any, **kwargs: Any) -> Any: ...
    def __dlpack_device__(self, *args: Any, **kwargs: Any) -> Any: ...

class DeviceType:
    """Kinds of devices."""

    cpu: DeviceType
    gpu: DeviceType

class Device:
    """A device by kind and number."""

    def __init__(self, type: DeviceType, index: int = 0) -> None: ...
    @property
    def type(self) -> DeviceType: ...

class Stream:
    """A queue of work on a device, for any thread."""

    @property
    def device(self) -> Device: ...

class ThreadLocalStream:
    """A stream that is another on each thread."""

    @property
    def device(self) -> Device: ...

StreamOrDevice: TypeAlias = Stream | ThreadLocalStream | Device | DeviceType | None

class StreamContext:
    """A default stream for the length of a `with` block."""

    def __init__(self, s: Stream | ThreadLocalStream | Device | DeviceType) -> None: ...
    def __enter__(self) -> None: ...
    def __exit__(
        self, exc_type: type[BaseException] | None = None, exc_value: BaseException | None = None, traceback: TracebackType | None = None
    ) -> None: ...

class Dtype:
    """A type of elements."""

    @property
    def size(self) -> int: ...

class DtypeCategory:
    """A set of dtypes that contain one another."""

    complexfloating: DtypeCategory
    floating: DtypeCategory
    inexact: DtypeCategory
    signedinteger: DtypeCategory
    unsignedinteger: DtypeCategory
    integer: DtypeCategory
    number: DtypeCategory
    generic: DtypeCategory

class finfo:
    """Limits of a floating dtype."""

    def __init__(self, arg: Dtype, /) -> None: ...
    @property
    def bits(self) -> int: ...
    @property
    def min(self) -> float: ...
    @property
    def max(self) -> float: ...
    @property
    def eps(self) -> float: ...
    @property
    def smallest_normal(self) -> float: ...
    @property
    def dtype(self) -> Dtype: ...

class iinfo:
    """Limits of an integer dtype."""

    def __init__(self, arg: Dtype, /) -> None: ...
    @property
    def min(self) -> int: ...
    @property
    def max(self) -> int: ...
    @property
    def dtype(self) -> Dtype: ...

class PrintOptions:
    """How arrays are printed."""

    precision: int
    def __init__(self, precision: int = -1) -> None: ...

class _PrintOptionsContext:
    """Print options for the length of a `with` block."""

    def __init__(self, options: PrintOptions) -> None: ...
    def __enter__(self) -> _PrintOptionsContext: ...
    def __exit__(self, *args: object) -> None: ...

class ArrayLike:
    """An object with `__mlx_array__`, held so that it can be given where an array is."""

    def __init__(self, arg: object, /) -> None: ...
    def __mlx_array__(self) -> array: ...

class ArrayIterator:
    """Goes over the first axis."""

    def __iter__(self) -> ArrayIterator: ...
    def __next__(self) -> array: ...

class ArrayAt:
    """An array and where it is to be updated."""

    def __getitem__(self, indices: Any) -> ArrayAt: ...
    def add(self, value: Operand) -> array: ...
    def subtract(self, value: Operand) -> array: ...
    def multiply(self, value: Operand) -> array: ...
    def divide(self, value: Operand) -> array: ...
    def maximum(self, value: Operand) -> array: ...
    def minimum(self, value: Operand) -> array: ...

class custom_function:
    """A function that may be given derivative and batching rules of its own."""

    def __init__(self, f: Callable[..., Any]) -> None: ...
    def __call__(self, *args: Any) -> Any: ...
    def vjp(self, f: Callable[..., Any]) -> Callable[..., Any]: ...
    def jvp(self, f: Callable[..., Any]) -> Callable[..., Any]: ...
    def vmap(self, f: Callable[..., Any]) -> Callable[..., Any]: ...

class FunctionExporter:
    """Writes the traces of a function when it is closed."""

    def __call__(self, *args: Any, **kwargs: Any) -> None: ...
    def close(self) -> None: ...
    def __enter__(self) -> FunctionExporter: ...
    def __exit__(self, exc_type: object | None = None, exc_value: object | None = None, traceback: object | None = None) -> None: ...

class _ImportedFunction:
    """A function that was read."""

    def __call__(self, *args: Any, **kwargs: Any) -> tuple[array, ...]: ...

class array:
    """An n-dimensional array: lazy, shared, of any thread."""

    def __init__(self, val: Any, dtype: Dtype | None = None) -> None: ...
    @property
    def size(self) -> int: ...
    @property
    def ndim(self) -> int: ...
    @property
    def itemsize(self) -> int: ...
    @property
    def nbytes(self) -> int: ...
    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def dtype(self) -> Dtype: ...
    @property
    def T(self) -> array: ...
    @property
    def mT(self) -> array: ...
    @property
    def real(self) -> array: ...
    @property
    def imag(self) -> array: ...
    @property
    def at(self) -> ArrayAt: ...
    def item(self) -> Any: ...
    def tolist(self) -> Any: ...
    def __getitem__(self, index: Any) -> array: ...
    def __setitem__(self, index: Any, value: Operand) -> None: ...
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[array]: ...
    def __bool__(self) -> bool: ...
    def __int__(self) -> int: ...
    def __float__(self) -> float: ...
    def __complex__(self) -> complex: ...
    def __index__(self) -> int: ...
    def __bytes__(self) -> bytes: ...
    def __hash__(self) -> int: ...
    def __format__(self, spec: str, /) -> str: ...
    def __copy__(self) -> array: ...
    def __deepcopy__(self, memo: dict[int, Any]) -> array: ...
    def __getstate__(self) -> tuple[Any, int]: ...
    def __setstate__(self, state: tuple[Any, int]) -> None: ...
    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any: ...
    def __array_namespace__(self, api_version: str | None = None) -> ModuleType: ...
    def __dlpack__(
        self,
        *,
        stream: Any = None,
        max_version: tuple[int, int] | None = None,
        dl_device: tuple[int, int] | None = None,
        copy: bool | None = None,
    ) -> Any: ...
    def __dlpack_device__(self) -> tuple[int, int]: ...
    def __add__(self, other: Operand) -> array: ...
    def __radd__(self, other: Operand) -> array: ...
    def __iadd__(self, other: Operand) -> array: ...
    def __sub__(self, other: Operand) -> array: ...
    def __rsub__(self, other: Operand) -> array: ...
    def __isub__(self, other: Operand) -> array: ...
    def __mul__(self, other: Operand) -> array: ...
    def __rmul__(self, other: Operand) -> array: ...
    def __imul__(self, other: Operand) -> array: ...
    def __truediv__(self, other: Operand) -> array: ...
    def __rtruediv__(self, other: Operand) -> array: ...
    def __itruediv__(self, other: Operand) -> array: ...
    def __floordiv__(self, other: Operand) -> array: ...
    def __rfloordiv__(self, other: Operand) -> array: ...
    def __ifloordiv__(self, other: Operand) -> array: ...
    def __mod__(self, other: Operand) -> array: ...
    def __rmod__(self, other: Operand) -> array: ...
    def __imod__(self, other: Operand) -> array: ...
    def __pow__(self, other: Operand) -> array: ...
    def __rpow__(self, other: Operand) -> array: ...
    def __ipow__(self, other: Operand) -> array: ...
    def __matmul__(self, other: array) -> array: ...
    def __imatmul__(self, other: array) -> array: ...
    def __and__(self, other: Operand) -> array: ...
    def __rand__(self, other: Operand) -> array: ...
    def __iand__(self, other: Operand) -> array: ...
    def __or__(self, other: Operand) -> array: ...
    def __ror__(self, other: Operand) -> array: ...
    def __ior__(self, other: Operand) -> array: ...
    def __xor__(self, other: Operand) -> array: ...
    def __rxor__(self, other: Operand) -> array: ...
    def __ixor__(self, other: Operand) -> array: ...
    def __lshift__(self, other: Operand) -> array: ...
    def __rlshift__(self, other: Operand) -> array: ...
    def __ilshift__(self, other: Operand) -> array: ...
    def __rshift__(self, other: Operand) -> array: ...
    def __rrshift__(self, other: Operand) -> array: ...
    def __irshift__(self, other: Operand) -> array: ...
    def __lt__(self, other: Operand) -> array: ...
    def __le__(self, other: Operand) -> array: ...
    def __gt__(self, other: Operand) -> array: ...
    def __ge__(self, other: Operand) -> array: ...
    def __eq__(self, other: object) -> Any: ...
    def __ne__(self, other: object) -> Any: ...
    def __neg__(self) -> array: ...
    def __pos__(self) -> array: ...
    def __abs__(self) -> array: ...
    def __invert__(self) -> array: ...
    def abs(self, *, stream: StreamOrDevice = None) -> array:
        """The distance of each element from zero."""
        ...

    def square(self, *, stream: StreamOrDevice = None) -> array:
        """The square of each element."""
        ...

    def sqrt(self, *, stream: StreamOrDevice = None) -> array:
        """The square root of each element."""
        ...

    def rsqrt(self, *, stream: StreamOrDevice = None) -> array:
        """The inverse of the square root of each element."""
        ...

    def reciprocal(self, *, stream: StreamOrDevice = None) -> array:
        """The inverse of each element."""
        ...

    def exp(self, *, stream: StreamOrDevice = None) -> array:
        """The exponential of each element."""
        ...

    def log(self, *, stream: StreamOrDevice = None) -> array:
        """The natural logarithm of each element."""
        ...

    def log2(self, *, stream: StreamOrDevice = None) -> array:
        """The logarithm to base 2 of each element."""
        ...

    def log10(self, *, stream: StreamOrDevice = None) -> array:
        """The logarithm to base 10 of each element."""
        ...

    def log1p(self, *, stream: StreamOrDevice = None) -> array:
        """The natural logarithm of one plus each element."""
        ...

    def sin(self, *, stream: StreamOrDevice = None) -> array:
        """The sine of each element in radians."""
        ...

    def cos(self, *, stream: StreamOrDevice = None) -> array:
        """The cosine of each element in radians."""
        ...

    def conj(self, *, stream: StreamOrDevice = None) -> array:
        """The complex conjugate of each element."""
        ...

    def sum(self, axis: None | int | Sequence[int] = None, keepdims: bool = False, *, stream: StreamOrDevice = None) -> array:
        """The sum over axes."""
        ...

    def prod(self, axis: None | int | Sequence[int] = None, keepdims: bool = False, *, stream: StreamOrDevice = None) -> array:
        """The product over axes."""
        ...

    def min(self, axis: None | int | Sequence[int] = None, keepdims: bool = False, *, stream: StreamOrDevice = None) -> array:
        """The smallest element over axes; NaN if there is one."""
        ...

    def max(self, axis: None | int | Sequence[int] = None, keepdims: bool = False, *, stream: StreamOrDevice = None) -> array:
        """The largest element over axes; NaN if there is one."""
        ...

    def mean(self, axis: None | int | Sequence[int] = None, keepdims: bool = False, *, stream: StreamOrDevice = None) -> array:
        """The mean over axes."""
        ...

    def all(self, axis: None | int | Sequence[int] = None, keepdims: bool = False, *, stream: StreamOrDevice = None) -> array:
        """Whether all elements over axes are true or not zero."""
        ...

    def any(self, axis: None | int | Sequence[int] = None, keepdims: bool = False, *, stream: StreamOrDevice = None) -> array:
        """Whether any element over axes is true or not zero."""
        ...

    def logsumexp(self, axis: None | int | Sequence[int] = None, keepdims: bool = False, *, stream: StreamOrDevice = None) -> array:
        """The logarithm of the sum of exponentials over axes."""
        ...

    def argmax(self, axis: None | int = None, keepdims: bool = False, *, stream: StreamOrDevice = None) -> array:
        """The position of the first largest element."""
        ...

    def argmin(self, axis: None | int = None, keepdims: bool = False, *, stream: StreamOrDevice = None) -> array:
        """The position of the first smallest element."""
        ...

    def cummax(self, axis: int | None = None, *, reverse: bool = False, inclusive: bool = True, stream: StreamOrDevice = None) -> array:
        """The largest of the elements up to each."""
        ...

    def cummin(self, axis: int | None = None, *, reverse: bool = False, inclusive: bool = True, stream: StreamOrDevice = None) -> array:
        """The smallest of the elements up to each."""
        ...

    def logcumsumexp(self, axis: int | None = None, *, reverse: bool = False, inclusive: bool = True, stream: StreamOrDevice = None) -> array:
        """The logarithm of the sum of exponentials of the elements up to each."""
        ...

    def flatten(self, start_axis: int = 0, end_axis: int = -1, *, stream: StreamOrDevice = None) -> array:
        """Several axes as one."""
        ...

    def squeeze(self, axis: None | int | Sequence[int] = None, *, stream: StreamOrDevice = None) -> array:
        """The array without axes of length one."""
        ...

    def moveaxis(self, source: int, destination: int, *, stream: StreamOrDevice = None) -> array:
        """One axis moved to another place."""
        ...

    def swapaxes(self, axis1: int, axis2: int, *, stream: StreamOrDevice = None) -> array:
        """Two axes exchanged."""
        ...

    def diagonal(self, offset: int = 0, axis1: int = 0, axis2: int = 1, stream: StreamOrDevice = None) -> array:
        """A diagonal of two axes, as the last axis."""
        ...

    def diag(self, k: int = 0, *, stream: StreamOrDevice = None) -> array:
        """A diagonal of a matrix, or the matrix with that diagonal."""
        ...

    def split(self, indices_or_sections: int | Sequence[int], axis: int = 0, *, stream: StreamOrDevice = None) -> list[array]:
        """The array cut along an axis, into equal parts or at positions."""
        ...

    def round(self, decimals: int = 0, *, stream: StreamOrDevice = None) -> array:
        """Each element rounded, ties to even."""
        ...

    def astype(self, dtype: Dtype, stream: StreamOrDevice = None) -> array:
        """The elements converted to another dtype."""
        ...

    def view(self, dtype: Dtype, *, stream: StreamOrDevice = None) -> array:
        """The bytes of the elements as another dtype."""
        ...

    def reshape(self, *shape: int | Sequence[int], stream: StreamOrDevice = None) -> array:
        """The elements in row-major order under another shape; one length may be -1."""
        ...

    def transpose(self, *axes: int | Sequence[int], stream: StreamOrDevice = None) -> array:
        """The axes in another order; none given: reversed."""
        ...

    def var(self, axis: int | Sequence[int] | None = None, keepdims: bool = False, ddof: int = 0, *, correction: int | None = None, stream: StreamOrDevice = None) -> array:
        """The variance over axes."""
        ...

    def std(self, axis: int | Sequence[int] | None = None, keepdims: bool = False, ddof: int = 0, *, correction: int | None = None, stream: StreamOrDevice = None) -> array:
        """The standard deviation over axes."""
        ...

    def cumsum(self, axis: int | None = None, *, reverse: bool = False, inclusive: bool = True, stream: StreamOrDevice = None) -> array:
        """The sum of the elements up to each."""
        ...

    def cumprod(self, axis: int | None = None, *, reverse: bool = False, inclusive: bool = True, stream: StreamOrDevice = None) -> array:
        """The product of the elements up to each."""
        ...

__version__: str
bfloat16: Dtype
bool_: Dtype
complex64: Dtype
complexfloating: DtypeCategory
cpu: DeviceType
e: float
euler_gamma: float
float16: Dtype
float32: Dtype
float64: Dtype
floating: DtypeCategory
generic: DtypeCategory
gpu: DeviceType
inexact: DtypeCategory
inf: float
int16: Dtype
int32: Dtype
int64: Dtype
int8: Dtype
integer: DtypeCategory
nan: float
number: DtypeCategory
pi: float
signedinteger: DtypeCategory
uint16: Dtype
uint32: Dtype
uint64: Dtype
uint8: Dtype
unsignedinteger: DtypeCategory
newaxis: None

def default_device() -> Device:
    """The device that operations run on when none is named."""
    ...

def set_default_device(device: Device | DeviceType) -> None:
    """Sets the device that operations run on when none is named."""
    ...

def is_available(device: Device | DeviceType) -> bool:
    """Whether there is such a device."""
    ...

def device_count(device_type: DeviceType) -> int:
    """How many devices of a kind there are."""
    ...

def device_info(d: Device | DeviceType | None = None) -> dict[str, str | int]:
    """What a device says of itself."""
    ...

def default_stream(device: Device | DeviceType) -> Stream:
    """The stream of a device that operations go to when none is named."""
    ...

def set_default_stream(stream: Stream) -> None:
    """Sets the stream that operations go to when none is named."""
    ...

def new_stream(device: Device | DeviceType) -> Stream:
    """A new stream on a device, for any thread."""
    ...

def new_thread_unsafe_stream(device: Device | DeviceType) -> Stream:
    """A new stream on a device; every stream here may be used from any thread."""
    ...

def new_thread_local_stream(device: Device | DeviceType) -> ThreadLocalStream:
    """A stream that is another on each thread."""
    ...

def clear_streams() -> None:
    """Waits for the streams that were made and ends their threads."""
    ...

def stream(s: Stream | ThreadLocalStream | Device | DeviceType) -> StreamContext:
    """A default stream for the length of a `with` block."""
    ...

def synchronize(stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> None:
    """Waits for the work that was started."""
    ...

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

def get_memory_limit() -> int:
    """How many bytes arrays and the cache may have."""
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

def get_array_buffer_size(a: array) -> int:
    """Bytes of the memory that the array's elements lie in."""
    ...

def abs(a: array, /, *, stream: StreamOrDevice = None) -> array:
    """The distance of each element from zero."""
    ...

def sign(a: array, /, *, stream: StreamOrDevice = None) -> array:
    """-1, 0 or 1: the sign of each element."""
    ...

def positive(a: array, /, *, stream: StreamOrDevice = None) -> array:
    """The elements as they are."""
    ...

def negative(a: array, /, *, stream: StreamOrDevice = None) -> array:
    """The negative of each element."""
    ...

def square(a: array, /, *, stream: StreamOrDevice = None) -> array:
    """The square of each element."""
    ...

def sqrt(a: array, /, *, stream: StreamOrDevice = None) -> array:
    """The square root of each element."""
    ...

def rsqrt(a: array, /, *, stream: StreamOrDevice = None) -> array:
    """The inverse of the square root of each element."""
    ...

def reciprocal(a: array, /, *, stream: StreamOrDevice = None) -> array:
    """The inverse of each element."""
    ...

def exp(a: array, /, *, stream: StreamOrDevice = None) -> array:
    """The exponential of each element."""
    ...

def expm1(a: array, /, *, stream: StreamOrDevice = None) -> array:
    """The exponential of each element, minus one."""
    ...

def log(a: array, /, *, stream: StreamOrDevice = None) -> array:
    """The natural logarithm of each element."""
    ...

def log2(a: array, /, *, stream: StreamOrDevice = None) -> array:
    """The logarithm to base 2 of each element."""
    ...

def log10(a: array, /, *, stream: StreamOrDevice = None) -> array:
    """The logarithm to base 10 of each element."""
    ...

def log1p(a: array, /, *, stream: StreamOrDevice = None) -> array:
    """The natural logarithm of one plus each element."""
    ...

def sin(a: array, /, *, stream: StreamOrDevice = None) -> array:
    """The sine of each element in radians."""
    ...

def cos(a: array, /, *, stream: StreamOrDevice = None) -> array:
    """The cosine of each element in radians."""
    ...

def tan(a: array, /, *, stream: StreamOrDevice = None) -> array:
    """The tangent of each element in radians."""
    ...

def arcsin(a: array, /, *, stream: StreamOrDevice = None) -> array:
    """The angle whose sine each element is."""
    ...

def arccos(a: array, /, *, stream: StreamOrDevice = None) -> array:
    """The angle whose cosine each element is."""
    ...

def arctan(a: array, /, *, stream: StreamOrDevice = None) -> array:
    """The angle whose tangent each element is."""
    ...

def sinh(a: array, /, *, stream: StreamOrDevice = None) -> array:
    """The hyperbolic sine of each element."""
    ...

def cosh(a: array, /, *, stream: StreamOrDevice = None) -> array:
    """The hyperbolic cosine of each element."""
    ...

def tanh(a: array, /, *, stream: StreamOrDevice = None) -> array:
    """The hyperbolic tangent of each element."""
    ...

def arcsinh(a: array, /, *, stream: StreamOrDevice = None) -> array:
    """The inverse hyperbolic sine of each element."""
    ...

def arccosh(a: array, /, *, stream: StreamOrDevice = None) -> array:
    """The inverse hyperbolic cosine of each element."""
    ...

def arctanh(a: array, /, *, stream: StreamOrDevice = None) -> array:
    """The inverse hyperbolic tangent of each element."""
    ...

def sigmoid(a: array, /, *, stream: StreamOrDevice = None) -> array:
    """The logistic function of each element."""
    ...

def erf(a: array, /, *, stream: StreamOrDevice = None) -> array:
    """The error function of each element."""
    ...

def erfinv(a: array, /, *, stream: StreamOrDevice = None) -> array:
    """The inverse of the error function of each element."""
    ...

def floor(a: array, /, *, stream: StreamOrDevice = None) -> array:
    """The largest integer not above each element."""
    ...

def ceil(a: array, /, *, stream: StreamOrDevice = None) -> array:
    """The smallest integer not below each element."""
    ...

def trunc(a: array, /, *, stream: StreamOrDevice = None) -> array:
    """Each element without its fraction."""
    ...

def logical_not(a: array, /, *, stream: StreamOrDevice = None) -> array:
    """Whether each element is zero or false."""
    ...

def degrees(a: array, /, *, stream: StreamOrDevice = None) -> array:
    """Radians as degrees."""
    ...

def radians(a: array, /, *, stream: StreamOrDevice = None) -> array:
    """Degrees as radians."""
    ...

def real(a: array, /, *, stream: StreamOrDevice = None) -> array:
    """The real part of each element."""
    ...

def imag(a: array, /, *, stream: StreamOrDevice = None) -> array:
    """The imaginary part of each element."""
    ...

def isnan(a: array, stream: StreamOrDevice = None) -> array:
    """Whether each element is no number."""
    ...

def isinf(a: array, stream: StreamOrDevice = None) -> array:
    """Whether each element is infinite."""
    ...

def isfinite(a: array, stream: StreamOrDevice = None) -> array:
    """Whether each element is a finite number."""
    ...

def isposinf(a: array, stream: StreamOrDevice = None) -> array:
    """Whether each element is positive infinity."""
    ...

def isneginf(a: array, stream: StreamOrDevice = None) -> array:
    """Whether each element is negative infinity."""
    ...

def bitwise_invert(a: array, stream: StreamOrDevice = None) -> array:
    """Each element with its bits inverted."""
    ...

def conj(a: array, *, stream: StreamOrDevice = None) -> array:
    """The complex conjugate of each element."""
    ...

def conjugate(a: array, *, stream: StreamOrDevice = None) -> array:
    """The complex conjugate of each element."""
    ...

def stop_gradient(a: array, /, *, stream: StreamOrDevice = None) -> array:
    """The array, of which no gradient flows on."""
    ...

def round(a: array, /, decimals: int = 0, stream: StreamOrDevice = None) -> array:
    """Each element rounded, ties to even."""
    ...

def nan_to_num(a: scalar | array, nan: float = 0, posinf: float | None = None, neginf: float | None = None, *, stream: StreamOrDevice = None) -> array:
    """The elements with numbers in place of NaN and infinities."""
    ...

def clip(a: array, /, a_min: scalar | array | None, a_max: scalar | array | None, *, stream: StreamOrDevice = None) -> array:
    """Each element, or the bound that it lies beyond."""
    ...

def astype(a: array, dtype: Dtype, /, *, stream: StreamOrDevice = None) -> array:
    """The elements converted to another dtype."""
    ...

def add(a: scalar | array, b: scalar | array, stream: StreamOrDevice = None) -> array:
    """The sum of each pair."""
    ...

def subtract(a: scalar | array, b: scalar | array, stream: StreamOrDevice = None) -> array:
    """The difference of each pair."""
    ...

def multiply(a: scalar | array, b: scalar | array, stream: StreamOrDevice = None) -> array:
    """The product of each pair."""
    ...

def divide(a: scalar | array, b: scalar | array, stream: StreamOrDevice = None) -> array:
    """The quotient of each pair; integers give floats."""
    ...

def floor_divide(a: scalar | array, b: scalar | array, stream: StreamOrDevice = None) -> array:
    """The quotient of each pair, rounded down."""
    ...

def remainder(a: scalar | array, b: scalar | array, stream: StreamOrDevice = None) -> array:
    """What division rounded down leaves, with the sign of the divisor."""
    ...

def equal(a: scalar | array, b: scalar | array, stream: StreamOrDevice = None) -> array:
    """Whether each pair is equal."""
    ...

def not_equal(a: scalar | array, b: scalar | array, stream: StreamOrDevice = None) -> array:
    """Whether each pair differs."""
    ...

def less(a: scalar | array, b: scalar | array, stream: StreamOrDevice = None) -> array:
    """Whether the first of each pair is smaller."""
    ...

def less_equal(a: scalar | array, b: scalar | array, stream: StreamOrDevice = None) -> array:
    """Whether the first of each pair is not larger."""
    ...

def greater(a: scalar | array, b: scalar | array, stream: StreamOrDevice = None) -> array:
    """Whether the first of each pair is larger."""
    ...

def greater_equal(a: scalar | array, b: scalar | array, stream: StreamOrDevice = None) -> array:
    """Whether the first of each pair is not smaller."""
    ...

def bitwise_and(a: scalar | array, b: scalar | array, stream: StreamOrDevice = None) -> array:
    """The bits set in both of each pair."""
    ...

def bitwise_or(a: scalar | array, b: scalar | array, stream: StreamOrDevice = None) -> array:
    """The bits set in either of each pair."""
    ...

def bitwise_xor(a: scalar | array, b: scalar | array, stream: StreamOrDevice = None) -> array:
    """The bits set in one of each pair."""
    ...

def left_shift(a: scalar | array, b: scalar | array, stream: StreamOrDevice = None) -> array:
    """The first of each pair with its bits moved up."""
    ...

def right_shift(a: scalar | array, b: scalar | array, stream: StreamOrDevice = None) -> array:
    """The first of each pair with its bits moved down."""
    ...

def maximum(a: scalar | array, b: scalar | array, /, *, stream: StreamOrDevice = None) -> array:
    """The larger of each pair; NaN if either is."""
    ...

def minimum(a: scalar | array, b: scalar | array, /, *, stream: StreamOrDevice = None) -> array:
    """The smaller of each pair; NaN if either is."""
    ...

def power(a: scalar | array, b: scalar | array, /, *, stream: StreamOrDevice = None) -> array:
    """The first of each pair to the power of the second."""
    ...

def arctan2(a: scalar | array, b: scalar | array, /, *, stream: StreamOrDevice = None) -> array:
    """The angle of the point with the coordinates (b, a)."""
    ...

def logaddexp(a: scalar | array, b: scalar | array, /, *, stream: StreamOrDevice = None) -> array:
    """The logarithm of the sum of the exponentials of each pair."""
    ...

def logical_and(a: scalar | array, b: scalar | array, /, *, stream: StreamOrDevice = None) -> array:
    """Whether both of each pair are true or not zero."""
    ...

def logical_or(a: scalar | array, b: scalar | array, /, *, stream: StreamOrDevice = None) -> array:
    """Whether either of each pair is true or not zero."""
    ...

def logical_xor(a: scalar | array, b: scalar | array, /, *, stream: StreamOrDevice = None) -> array:
    """Whether one of each pair is true or not zero."""
    ...

def isclose(a: array, b: array, /, rtol: float = 1e-05, atol: float = 1e-08, *, equal_nan: bool = False, stream: StreamOrDevice = None) -> array:
    """Whether each pair is equal within a tolerance."""
    ...

def allclose(a: array, b: array, /, rtol: float = 1e-05, atol: float = 1e-08, *, equal_nan: bool = False, stream: StreamOrDevice = None) -> array:
    """Whether all pairs are equal within a tolerance."""
    ...

def divmod(a: scalar | array, b: scalar | array, stream: StreamOrDevice = None) -> list[array]:
    """The quotient of each pair, rounded down, and what it leaves."""
    ...

def array_equal(a: scalar | array, b: scalar | array, equal_nan: bool = False, stream: StreamOrDevice = None) -> array:
    """Whether two arrays have one shape and equal elements."""
    ...

def where(condition: scalar | array, x: scalar | array, y: scalar | array, /, *, stream: StreamOrDevice = None) -> array:
    """The elements of `x` where the condition holds, else those of `y`."""
    ...

def sum(a: array, /, axis: None | int | Sequence[int] = None, keepdims: bool = False, *, stream: StreamOrDevice = None) -> array:
    """The sum over axes."""
    ...

def prod(a: array, /, axis: None | int | Sequence[int] = None, keepdims: bool = False, *, stream: StreamOrDevice = None) -> array:
    """The product over axes."""
    ...

def min(a: array, /, axis: None | int | Sequence[int] = None, keepdims: bool = False, *, stream: StreamOrDevice = None) -> array:
    """The smallest element over axes; NaN if there is one."""
    ...

def max(a: array, /, axis: None | int | Sequence[int] = None, keepdims: bool = False, *, stream: StreamOrDevice = None) -> array:
    """The largest element over axes; NaN if there is one."""
    ...

def mean(a: array, /, axis: None | int | Sequence[int] = None, keepdims: bool = False, *, stream: StreamOrDevice = None) -> array:
    """The mean over axes."""
    ...

def median(a: array, /, axis: None | int | Sequence[int] = None, keepdims: bool = False, *, stream: StreamOrDevice = None) -> array:
    """The median over axes."""
    ...

def all(a: array, /, axis: None | int | Sequence[int] = None, keepdims: bool = False, *, stream: StreamOrDevice = None) -> array:
    """Whether all elements over axes are true or not zero."""
    ...

def any(a: array, /, axis: None | int | Sequence[int] = None, keepdims: bool = False, *, stream: StreamOrDevice = None) -> array:
    """Whether any element over axes is true or not zero."""
    ...

def logsumexp(a: array, /, axis: None | int | Sequence[int] = None, keepdims: bool = False, *, stream: StreamOrDevice = None) -> array:
    """The logarithm of the sum of exponentials over axes."""
    ...

def var(a: array, /, axis: None | int | Sequence[int] = None, keepdims: bool = False, ddof: int = 0, *, stream: StreamOrDevice = None) -> array:
    """The variance over axes."""
    ...

def std(a: array, /, axis: None | int | Sequence[int] = None, keepdims: bool = False, ddof: int = 0, *, stream: StreamOrDevice = None) -> array:
    """The standard deviation over axes."""
    ...

def argmax(a: array, /, axis: None | int = None, keepdims: bool = False, *, stream: StreamOrDevice = None) -> array:
    """The position of the first largest element."""
    ...

def argmin(a: array, /, axis: None | int = None, keepdims: bool = False, *, stream: StreamOrDevice = None) -> array:
    """The position of the first smallest element."""
    ...

def cumsum(a: array, /, axis: int | None = None, *, reverse: bool = False, inclusive: bool = True, dtype: Dtype | None = None, stream: StreamOrDevice = None) -> array:
    """The sum of the elements up to each."""
    ...

def cumprod(a: array, /, axis: int | None = None, *, reverse: bool = False, inclusive: bool = True, dtype: Dtype | None = None, stream: StreamOrDevice = None) -> array:
    """The product of the elements up to each."""
    ...

def cummax(a: array, /, axis: int | None = None, *, reverse: bool = False, inclusive: bool = True, stream: StreamOrDevice = None) -> array:
    """The largest of the elements up to each."""
    ...

def cummin(a: array, /, axis: int | None = None, *, reverse: bool = False, inclusive: bool = True, stream: StreamOrDevice = None) -> array:
    """The smallest of the elements up to each."""
    ...

def logcumsumexp(a: array, /, axis: int | None = None, *, reverse: bool = False, inclusive: bool = True, stream: StreamOrDevice = None) -> array:
    """The logarithm of the sum of exponentials of the elements up to each."""
    ...

def sort(a: array, /, axis: None | int = -1, *, stream: StreamOrDevice = None) -> array:
    """The elements in ascending order."""
    ...

def argsort(a: array, /, axis: None | int = -1, *, stream: StreamOrDevice = None) -> array:
    """The positions of the elements in ascending order."""
    ...

def partition(a: array, /, kth: int, axis: None | int = -1, *, stream: StreamOrDevice = None) -> array:
    """The element that belongs at `kth` there, smaller ones before it."""
    ...

def argpartition(a: array, /, kth: int, axis: None | int = -1, *, stream: StreamOrDevice = None) -> array:
    """The positions of the elements of a partition."""
    ...

def minmax(a: array, /, axis: None | int | Sequence[int] = None, keepdims: bool = False, *, stream: StreamOrDevice = None) -> tuple[array, array]:
    """The smallest and the largest element over axes."""
    ...

def count_nonzero(a: array, /, *, axis: None | int | Sequence[int] = None, keepdims: bool = False, stream: StreamOrDevice = None) -> array:
    """How many elements over axes are true or not zero."""
    ...

def softmax(a: array, /, axis: None | int | Sequence[int] = None, *, precise: bool = False, stream: StreamOrDevice = None) -> array:
    """Exponentials over axes, divided by their sum; always computed in float32 or wider."""
    ...

def topk(a: array, /, k: int, axis: None | int = -1, *, stream: StreamOrDevice = None) -> array:
    """The `k` largest elements, in no order."""
    ...

def searchsorted(sorted_sequence: array, values: array, /, side: str = 'left', *, stream: StreamOrDevice = None) -> array:
    """Where values go in a sorted sequence."""
    ...

def diff(a: array, /, n: int = 1, axis: int = -1, *, stream: StreamOrDevice = None) -> array:
    """Differences of neighbours, `n` times over."""
    ...

def unique(a: array, /, size: int, return_index: bool = False, return_inverse: bool = False, return_counts: bool = False, fill_value: scalar | array | None = None, *, stream: StreamOrDevice = None) -> Any:
    """The `size` smallest distinct elements, and where and how often they occur."""
    ...

def trace(a: array, /, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Dtype | None = None, *, stream: StreamOrDevice = None) -> array:
    """The sum of a diagonal."""
    ...

def bartlett(M: int, *, stream: StreamOrDevice = None) -> array:
    """The triangular window."""
    ...

def blackman(M: int, *, stream: StreamOrDevice = None) -> array:
    """The Blackman window, a sum of three cosines."""
    ...

def hamming(M: int, *, stream: StreamOrDevice = None) -> array:
    """The Hamming window, a raised cosine."""
    ...

def hanning(M: int, *, stream: StreamOrDevice = None) -> array:
    """The Hann window, a raised cosine that ends at zero."""
    ...

def arange(start: int | float | None = None, stop: int | float | None = None, step: int | float | None = None, dtype: Dtype | None = None, *, stream: StreamOrDevice = None) -> array:
    """Numbers from `start` (zero if one number is given) to before `stop`, `step` apart."""
    ...

def linspace(start: scalar, stop: scalar, num: int | None = 50, endpoint: bool = True, dtype: Dtype | None = float32, stream: StreamOrDevice = None) -> array:
    """Evenly spaced numbers from `start` through `stop`."""
    ...

def zeros(shape: int | Sequence[int], dtype: Dtype | None = float32, *, stream: StreamOrDevice = None) -> array:
    """Zeros."""
    ...

def ones(shape: int | Sequence[int], dtype: Dtype | None = float32, *, stream: StreamOrDevice = None) -> array:
    """Ones."""
    ...

def full(shape: int | Sequence[int], vals: scalar | array, dtype: Dtype | None = None, *, stream: StreamOrDevice = None) -> array:
    """A value, broadcast to a shape."""
    ...

def zeros_like(a: array, /, dtype: Dtype | None = None, *, stream: StreamOrDevice = None) -> array:
    """Zeros of the shape of an array."""
    ...

def ones_like(a: array, /, dtype: Dtype | None = None, *, stream: StreamOrDevice = None) -> array:
    """Ones of the shape of an array."""
    ...

def full_like(a: array, vals: scalar | array, dtype: Dtype | None = None, *, stream: StreamOrDevice = None) -> array:
    """A value, broadcast to the shape of an array."""
    ...

def eye(n: int, m: int | None = None, k: int = 0, dtype: Dtype | None = float32, *, stream: StreamOrDevice = None) -> array:
    """Ones on the diagonal `k` of a matrix of zeros."""
    ...

def identity(n: int, dtype: Dtype | None = float32, *, stream: StreamOrDevice = None) -> array:
    """The identity matrix."""
    ...

def tri(n: int, m: int | None = None, k: int = 0, dtype: Dtype | None = None, *, stream: StreamOrDevice = None) -> array:
    """Ones on and below the diagonal `k`."""
    ...

def tril(x: array, k: int = 0, *, stream: StreamOrDevice = None) -> array:
    """The matrices of the last two axes with zeros above the diagonal `k`."""
    ...

def triu(x: array, k: int = 0, *, stream: StreamOrDevice = None) -> array:
    """The matrices of the last two axes with zeros below the diagonal `k`."""
    ...

def meshgrid(*arrays: array, sparse: bool | None = False, indexing: str | None = 'xy', stream: StreamOrDevice = None) -> tuple[array, ...]:
    """The coordinates of the points of a grid, one array for each axis."""
    ...

def asarray(a: scalar | array | Sequence[Any] | DLPackCompatible, dtype: Dtype | None = None, *, copy: bool | None = None) -> array:
    """An array of anything that is one or can become one."""
    ...

def from_dlpack(x: DLPackCompatible, /, *, copy: bool | None = None) -> array:
    """A copy of what an object with `__dlpack__` shows."""
    ...

def broadcast_shapes(*shapes: Sequence[int]) -> tuple[int, ...]:
    """The shape that all shapes broadcast to."""
    ...

def atleast_1d(*arys: array, stream: StreamOrDevice = None) -> array | list[array]:
    """Arrays with at least one axis."""
    ...

def atleast_2d(*arys: array, stream: StreamOrDevice = None) -> array | list[array]:
    """Arrays with at least two axes."""
    ...

def atleast_3d(*arys: array, stream: StreamOrDevice = None) -> array | list[array]:
    """Arrays with at least three axes."""
    ...

def reshape(a: array, /, shape: Sequence[int], *, stream: StreamOrDevice = None) -> array:
    """The elements in row-major order under another shape; one length may be -1."""
    ...

def flatten(a: array, /, start_axis: int = 0, end_axis: int = -1, *, stream: StreamOrDevice = None) -> array:
    """Several axes as one."""
    ...

def unflatten(a: array, /, axis: int, shape: Sequence[int], *, stream: StreamOrDevice = None) -> array:
    """One axis as several."""
    ...

def squeeze(a: array, /, axis: None | int | Sequence[int] = None, *, stream: StreamOrDevice = None) -> array:
    """The array without axes of length one."""
    ...

def expand_dims(a: array, /, axis: int | Sequence[int], *, stream: StreamOrDevice = None) -> array:
    """The array with new axes of length one."""
    ...

def flip(a: array, /, axis: None | int | Sequence[int] = None, *, stream: StreamOrDevice = None) -> array:
    """The elements in reverse along axes."""
    ...

def roll(a: array, shift: int | Sequence[int], axis: None | int | Sequence[int] = None, /, *, stream: StreamOrDevice = None) -> array:
    """The elements moved along axes, those that leave coming in at the other end."""
    ...

def transpose(a: array, /, axes: Sequence[int] | None = None, *, stream: StreamOrDevice = None) -> array:
    """The axes in another order; none given: reversed."""
    ...

def matrix_transpose(a: array, /, *, stream: StreamOrDevice = None) -> array:
    """The last two axes exchanged."""
    ...

def moveaxis(a: array, /, source: int, destination: int, *, stream: StreamOrDevice = None) -> array:
    """One axis moved to another place."""
    ...

def swapaxes(a: array, /, axis1: int, axis2: int, *, stream: StreamOrDevice = None) -> array:
    """Two axes exchanged."""
    ...

def broadcast_to(a: scalar | array, /, shape: Sequence[int], *, stream: StreamOrDevice = None) -> array:
    """The array repeated along axes of length one and new leading axes."""
    ...

def broadcast_arrays(*arrays: array, stream: StreamOrDevice = None) -> tuple[array, ...]:
    """Arrays broadcast to the shape that all broadcast to."""
    ...

def diagonal(a: array, offset: int = 0, axis1: int = 0, axis2: int = 1, stream: StreamOrDevice = None) -> array:
    """A diagonal of two axes, as the last axis."""
    ...

def diag(a: array, /, k: int = 0, *, stream: StreamOrDevice = None) -> array:
    """A diagonal of a matrix, or the matrix with that diagonal."""
    ...

def as_strided(a: array, /, shape: Sequence[int] | None = None, strides: Sequence[int] | None = None, offset: int = 0, *, stream: StreamOrDevice = None) -> array:
    """The elements in row-major order seen through strides."""
    ...

def view(a: scalar | array, dtype: Dtype, stream: StreamOrDevice = None) -> array:
    """The bytes of the elements as another dtype."""
    ...

def contiguous(a: array, /, allow_col_major: bool = False, *, stream: StreamOrDevice = None) -> array:
    """The elements in row-major order in memory."""
    ...

def concatenate(arrays: list[array], axis: int | None = 0, *, stream: StreamOrDevice = None) -> array:
    """Arrays joined along an axis; None: all elements in a row."""
    ...

def stack(arrays: list[array], axis: int | None = 0, *, stream: StreamOrDevice = None) -> array:
    """Arrays of one shape along a new axis."""
    ...

def unstack(x: array, /, *, axis: int = 0, stream: StreamOrDevice = None) -> tuple[array, ...]:
    """The slices along an axis."""
    ...

def split(a: array, /, indices_or_sections: int | Sequence[int], axis: int = 0, *, stream: StreamOrDevice = None) -> list[array]:
    """The array cut along an axis, into equal parts or at positions."""
    ...

def repeat(array: array, repeats: int, axis: int | None = None, *, stream: StreamOrDevice = None) -> array:
    """Each element several times along an axis; None: all elements in a row."""
    ...

def tile(a: array, reps: int | Sequence[int], /, *, stream: StreamOrDevice = None) -> array:
    """The whole array several times along each axis."""
    ...

def pad(a: array, pad_width: int | tuple[int] | tuple[int, int] | list[tuple[int, int]], mode: Literal['constant', 'edge', 'reflect', 'symmetric'] = 'constant', constant_values: scalar | array = 0, *, stream: StreamOrDevice = None) -> array:
    """The array with elements before and after each axis."""
    ...

def take(a: array, /, indices: int | array, axis: int | None = None, *, stream: StreamOrDevice = None) -> array:
    """Slices picked along an axis; None: of all elements in a row."""
    ...

def take_along_axis(a: array, /, indices: array, axis: int | None = -1, *, stream: StreamOrDevice = None) -> array:
    """Elements picked along an axis, one position for each result."""
    ...

def put_along_axis(a: array, /, indices: array, values: array, axis: int | None = None, *, stream: StreamOrDevice = None) -> array:
    """The array with values put along an axis, one position for each value."""
    ...

def slice(a: array, start_indices: array, axes: Sequence[int], slice_size: Sequence[int], *, stream: StreamOrDevice = None) -> array:
    """A part of a given size that starts where an array says."""
    ...

def slice_update(a: array, update: array, start_indices: array, axes: Sequence[int], *, stream: StreamOrDevice = None) -> array:
    """The array with a part replaced that starts where an array says."""
    ...

def matmul(a: array, b: array, /, *, stream: StreamOrDevice = None) -> array:
    """The matrix product over the last two axes."""
    ...

def addmm(c: array, a: array, b: array, /, alpha: float = 1.0, beta: float = 1.0, *, stream: StreamOrDevice = None) -> array:
    """`alpha` times the matrix product of `a` and `b`, plus `beta` times `c`."""
    ...

def inner(a: array, b: array, /, *, stream: StreamOrDevice = None) -> array:
    """The sum of products over the last axis of both arrays."""
    ...

def outer(a: array, b: array, /, *, stream: StreamOrDevice = None) -> array:
    """The products of all pairs of elements."""
    ...

def vecdot(a: array, b: array, /, *, axis: int = -1, stream: StreamOrDevice = None) -> array:
    """The sum of products along an axis."""
    ...

def kron(a: array, b: array, *, stream: StreamOrDevice = None) -> array:
    """The Kronecker product."""
    ...

def tensordot(a: array, b: array, /, axes: int | list[Sequence[int]] = 2, *, stream: StreamOrDevice = None) -> array:
    """The sum of products over several axes."""
    ...

def einsum(subscripts: str, *operands: array, stream: StreamOrDevice = None) -> array:
    """The sum of products that subscripts name."""
    ...

def einsum_path(subscripts: str, *operands: array) -> tuple[list[tuple[int, ...]], str]:
    """The order in which `einsum` takes its operands, and what it costs."""
    ...

def block_masked_mm(a: array, b: array, /, block_size: int = 64, mask_out: array | None = None, mask_lhs: array | None = None, mask_rhs: array | None = None, *, stream: StreamOrDevice = None) -> array:
    """The matrix product in which blocks are masked out."""
    ...

def gather_mm(a: array, b: array, /, lhs_indices: array | None = None, rhs_indices: array | None = None, *, sorted_indices: bool = False, stream: StreamOrDevice = None) -> array:
    """Products of the matrices that indices pick."""
    ...

def segmented_mm(a: array, b: array, /, segments: array, *, stream: StreamOrDevice = None) -> array:
    """Products of parts of the inner axis, one for each segment."""
    ...

def hadamard_transform(a: array, scale: float | None = None, stream: StreamOrDevice = None) -> array:
    """The Walsh-Hadamard transform along the last axis."""
    ...

def quantize(w: array, /, group_size: int | None = None, bits: int | None = None, mode: str = 'affine', *, global_scale: array | None = None, stream: StreamOrDevice = None) -> Any:
    """Rows as packed values and their scales and, in affine mode, biases."""
    ...

def dequantize(w: array, /, scales: array, biases: array | None = None, group_size: int | None = None, bits: int | None = None, mode: str = 'affine', global_scale: array | None = None, dtype: Dtype | None = None, *, stream: StreamOrDevice = None) -> array:
    """The floats that packed values stand for."""
    ...

def quantized_matmul(x: array, w: array, /, scales: array, biases: array | None = None, transpose: bool = True, group_size: int | None = None, bits: int | None = None, mode: str = 'affine', *, stream: StreamOrDevice = None) -> array:
    """The product with a quantized matrix, transposed unless said otherwise."""
    ...

def gather_qmm(x: array, w: array, /, scales: array, biases: array | None = None, lhs_indices: array | None = None, rhs_indices: array | None = None, transpose: bool = True, group_size: int | None = None, bits: int | None = None, mode: str = 'affine', global_scale: array | None = None, *, sorted_indices: bool = False, stream: StreamOrDevice = None) -> array:
    """Products with quantized matrices that indices pick."""
    ...

def qqmm(x: array, w: array, scales: array | None = None, group_size: int | None = None, bits: int | None = None, mode: str = 'nvfp4', global_scale_x: array | None = None, global_scale_w: array | None = None, *, stream: StreamOrDevice = None) -> array:
    """The product with a transposed matrix, both rounded to a mode of floats."""
    ...

def gather_qqmm(x: array, w: array, /, scales: array | None = None, lhs_indices: array | None = None, rhs_indices: array | None = None, group_size: int | None = None, bits: int | None = None, mode: str = 'nvfp4', global_scale_x: array | None = None, global_scale_w: array | None = None, *, sorted_indices: bool = False, stream: StreamOrDevice = None) -> array:
    """Products with transposed matrices that indices pick, both rounded to a mode of floats."""
    ...

def to_fp8(x: array, *, stream: StreamOrDevice = None) -> array:
    """Floats as bytes of the E4M3 kind."""
    ...

def from_fp8(x: array, dtype: Dtype = bfloat16, *, stream: StreamOrDevice = None) -> array:
    """The floats of bytes of the E4M3 kind."""
    ...

def conv1d(input: array, weight: array, /, stride: int = 1, padding: int = 0, dilation: int = 1, groups: int = 1, *, stream: StreamOrDevice = None) -> array:
    """Correlation along one axis, `[n, length, channels]`."""
    ...

def conv2d(input: array, weight: array, /, stride: int | tuple[int, int] = 1, padding: int | tuple[int, int] = 0, dilation: int | tuple[int, int] = 1, groups: int = 1, *, stream: StreamOrDevice = None) -> array:
    """Correlation along two axes, `[n, height, width, channels]`."""
    ...

def conv3d(input: array, weight: array, /, stride: int | tuple[int, int, int] = 1, padding: int | tuple[int, int, int] = 0, dilation: int | tuple[int, int, int] = 1, groups: int = 1, *, stream: StreamOrDevice = None) -> array:
    """Correlation along three axes."""
    ...

def conv_transpose1d(input: array, weight: array, /, stride: int = 1, padding: int = 0, dilation: int = 1, output_padding: int = 0, groups: int = 1, *, stream: StreamOrDevice = None) -> array:
    """The transpose of a correlation along one axis."""
    ...

def conv_transpose2d(input: array, weight: array, /, stride: int | tuple[int, int] = 1, padding: int | tuple[int, int] = 0, dilation: int | tuple[int, int] = 1, output_padding: int | tuple[int, int] = 0, groups: int = 1, *, stream: StreamOrDevice = None) -> array:
    """The transpose of a correlation along two axes."""
    ...

def conv_transpose3d(input: array, weight: array, /, stride: int | tuple[int, int, int] = 1, padding: int | tuple[int, int, int] = 0, dilation: int | tuple[int, int, int] = 1, output_padding: int | tuple[int, int, int] = 0, groups: int = 1, *, stream: StreamOrDevice = None) -> array:
    """The transpose of a correlation along three axes."""
    ...

def conv_general(input: array, weight: array, /, stride: int | Sequence[int] = 1, padding: int | Sequence[int] | tuple[Sequence[int], Sequence[int]] = 0, kernel_dilation: int | Sequence[int] = 1, input_dilation: int | Sequence[int] = 1, groups: int = 1, flip: bool = False, *, stream: StreamOrDevice = None) -> array:
    """Correlation, or with `flip` convolution, along any number of axes."""
    ...

def convolve(a: array, v: array, /, mode: str = 'full', *, stream: StreamOrDevice = None) -> array:
    """The discrete convolution of two vectors."""
    ...

def issubdtype(arg1: Dtype | DtypeCategory, arg2: Dtype | DtypeCategory) -> bool:
    """Whether the first dtype or category lies within the second."""
    ...

def isdtype(dtype: Dtype, kind: Dtype | str | tuple[Dtype | str, ...]) -> bool:
    """Whether a dtype is of a kind of the array API standard, or of one of several."""
    ...

def result_type(*arrays_and_dtypes: array | Dtype) -> Dtype:
    """The dtype that arithmetic over all of these gives."""
    ...

def can_cast(from_: array | Dtype, to: Dtype) -> bool:
    """Whether promotion alone takes the first dtype to the second."""
    ...

def eval(*args: Any) -> None:
    """Computes all arrays in the arguments, which may be nested; other values are passed over."""
    ...

def async_eval(*args: Any) -> None:
    """Starts to compute all arrays in the arguments and returns at once."""
    ...

def save(file: str | PathLike[str] | IO[bytes], arr: array) -> None:
    """Writes an array as npy."""
    ...

def savez(file: str | PathLike[str] | IO[bytes], *args: array, **kwargs: array) -> None:
    """Writes arrays as npz, those without a name as `arr_0`, `arr_1` and so on."""
    ...

def savez_compressed(file: str | PathLike[str] | IO[bytes], *args: array, **kwargs: array) -> None:
    """Writes arrays as npz, compressed."""
    ...

def load(file: str | PathLike[str] | IO[bytes], /, format: str | None = None, return_metadata: bool = False, *, stream: StreamOrDevice = None) -> Any:
    """The array of a npy file, or the arrays of a npz, safetensors or GGUF file by name."""
    ...

def save_safetensors(file: str | PathLike[str] | IO[bytes], arrays: dict[str, array], metadata: dict[str, str] | None = None) -> None:
    """Writes arrays by name as safetensors."""
    ...

def save_gguf(file: str | PathLike[str] | IO[bytes], arrays: dict[str, array], metadata: dict[str, array | str | list[str]] | None = None) -> None:
    """Writes arrays by name as GGUF."""
    ...

def vjp(fun: Callable[..., Any], primals: list[array], cotangents: list[array]) -> tuple[list[array], list[array]]:
    """The outputs of a function, and the product of cotangents with its Jacobian."""
    ...

def jvp(fun: Callable[..., Any], primals: list[array], tangents: list[array]) -> tuple[list[array], list[array]]:
    """The outputs of a function, and the product of its Jacobian with tangents."""
    ...

def depends(inputs: array | Sequence[array], dependencies: array | Sequence[array]) -> Any:
    """The inputs, whose evaluation waits for that of the dependencies."""
    ...

def value_and_grad[**P, R](fun: Callable[P, R], argnums: int | Sequence[int] | None = None, argnames: str | Sequence[str] = []) -> Callable[P, tuple[R, Any]]:
    """A function that gives the value of `fun`, which starts with a scalar, and its gradient."""
    ...

def grad[**P, R](fun: Callable[P, R], argnums: int | Sequence[int] | None = None, argnames: str | Sequence[str] = []) -> Callable[P, Any]:
    """A function that gives the gradient of `fun`, whose value is a scalar."""
    ...

def vmap[**P, R](fun: Callable[P, R], in_axes: Any = 0, out_axes: Any = 0) -> Callable[P, R]:
    """A function of a batch: `fun` of each example along the named axes."""
    ...

def checkpoint[**P, R](fun: Callable[P, R]) -> Callable[P, R]:
    """A function whose gradient computes `fun` again instead of keeping what is inside it."""
    ...

def compile[**P, R](fun: Callable[P, R], inputs: object | None = None, outputs: object | None = None, shapeless: bool = False) -> Callable[P, R]:
    """A function with the values of `fun`, traced once for each shape and dtype and run as one plan; `inputs` and `outputs` are the state that it reads and writes besides."""
    ...

def enable_compile() -> None:
    """Lets compiled functions run as plans, as they do from the start."""
    ...

def disable_compile() -> None:
    """Makes compiled functions call what they were made of."""
    ...

def export_function(file_or_callback: str | Callable[[dict[str, Any]], Any], fun: Callable[..., Any], *args: Any, shapeless: bool = False, metadata: str | None = None, **kwargs: Any) -> None:
    """Traces a function at arrays like these and writes the trace, or calls a function with its parts."""
    ...

def import_function(file: str, return_metadata: bool = False) -> Any:
    """A function that was written; it returns a tuple of arrays."""
    ...

def exporter(file: str, fun: Callable[..., Any], *, shapeless: bool = False, metadata: str | None = None) -> FunctionExporter:
    """Writes traces of a function at several signatures to one file."""
    ...

def export_to_dot(file: object, *args: Any, **kwargs: Any) -> None:
    """Writes the graph that computes arrays as DOT text for Graphviz; keywords name arrays."""
    ...

def set_printoptions(precision: int = -1) -> None:
    """Digits shown after the point; -1: six significant digits."""
    ...

def get_printoptions() -> PrintOptions:
    """How arrays are printed now."""
    ...

def printoptions(precision: int = -1) -> _PrintOptionsContext:
    """Print options for the length of a `with` block."""
    ...

acos = arccos
acosh = arccosh
asin = arcsin
asinh = arcsinh
atan = arctan
atan2 = arctan2
atanh = arctanh
bitwise_left_shift = left_shift
bitwise_right_shift = right_shift
concat = concatenate
cumulative_prod = cumprod
cumulative_sum = cumsum
empty = zeros
empty_like = zeros_like
matrix_norm = linalg.norm
permute_dims = transpose
pow = power
