# Written by tools/stubs.py from the table of functions.
from collections.abc import Callable, Sequence
from os import PathLike
from typing import IO, Any, Literal

from . import DLPackCompatible, Device, DeviceType, Dtype, Stream, StreamContext, StreamOrDevice, ThreadLocalStream, array, scalar, float32, int32

def fft(a: array, n: int | None = None, axis: int = -1, norm: str = 'backward', stream: StreamOrDevice = None) -> array:
    """The discrete Fourier transform along an axis."""
    ...

def ifft(a: array, n: int | None = None, axis: int = -1, norm: str = 'backward', stream: StreamOrDevice = None) -> array:
    """The inverse of `fft`."""
    ...

def rfft(a: array, n: int | None = None, axis: int = -1, norm: str = 'backward', stream: StreamOrDevice = None) -> array:
    """The transform of real values: the frequencies that are not negative."""
    ...

def irfft(a: array, n: int | None = None, axis: int = -1, norm: str = 'backward', stream: StreamOrDevice = None) -> array:
    """The inverse of `rfft`."""
    ...

def fft2(a: array, s: Sequence[int] | None = None, axes: Sequence[int] | None = [-2, -1], norm: str = 'backward', stream: StreamOrDevice = None) -> array:
    """The discrete Fourier transform along two axes."""
    ...

def ifft2(a: array, s: Sequence[int] | None = None, axes: Sequence[int] | None = [-2, -1], norm: str = 'backward', stream: StreamOrDevice = None) -> array:
    """The inverse of `fft2`."""
    ...

def rfft2(a: array, s: Sequence[int] | None = None, axes: Sequence[int] | None = [-2, -1], norm: str = 'backward', stream: StreamOrDevice = None) -> array:
    """The transform of real values along two axes."""
    ...

def irfft2(a: array, s: Sequence[int] | None = None, axes: Sequence[int] | None = [-2, -1], norm: str = 'backward', stream: StreamOrDevice = None) -> array:
    """The inverse of `rfft2`."""
    ...

def fftn(a: array, s: Sequence[int] | None = None, axes: Sequence[int] | None = None, norm: str = 'backward', stream: StreamOrDevice = None) -> array:
    """The discrete Fourier transform along axes."""
    ...

def ifftn(a: array, s: Sequence[int] | None = None, axes: Sequence[int] | None = None, norm: str = 'backward', stream: StreamOrDevice = None) -> array:
    """The inverse of `fftn`."""
    ...

def rfftn(a: array, s: Sequence[int] | None = None, axes: Sequence[int] | None = None, norm: str = 'backward', stream: StreamOrDevice = None) -> array:
    """The transform of real values along axes."""
    ...

def irfftn(a: array, s: Sequence[int] | None = None, axes: Sequence[int] | None = None, norm: str = 'backward', stream: StreamOrDevice = None) -> array:
    """The inverse of `rfftn`."""
    ...

def stft(x: array, n_fft: int = 2048, hop_length: int | None = None, win_length: int | None = None, window: array | None = None, center: bool = True, pad_mode: str = 'reflect', norm: str = 'backward', onesided: bool | None = None, stream: StreamOrDevice = None) -> array:
    """The transforms of overlapping frames of the last axis."""
    ...

def istft(stft_matrix: array, n_fft: int | None = None, hop_length: int | None = None, win_length: int | None = None, window: array | None = None, center: bool = True, norm: str = 'backward', onesided: bool | None = None, length: int | None = None, stream: StreamOrDevice = None) -> array:
    """The inverse of `stft`."""
    ...

def fftshift(a: array, axes: int | Sequence[int] | None = None, stream: StreamOrDevice = None) -> array:
    """Frequencies with zero in the middle."""
    ...

def ifftshift(a: array, axes: int | Sequence[int] | None = None, stream: StreamOrDevice = None) -> array:
    """The inverse of `fftshift`."""
    ...

def fftfreq(n: int, d: float = 1.0, stream: StreamOrDevice = None) -> array:
    """The frequencies of `fft`."""
    ...

def rfftfreq(n: int, d: float = 1.0, stream: StreamOrDevice = None) -> array:
    """The frequencies of `rfft`."""
    ...
