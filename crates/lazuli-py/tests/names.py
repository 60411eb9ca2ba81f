"""The public names of `mlx.core` 0.32 (its functions, by module; aliases as names of their own)."""

TOP = """
default_device set_default_device is_available device_count device_info default_stream set_default_stream new_stream
new_thread_unsafe_stream new_thread_local_stream clear_streams stream synchronize
get_active_memory get_peak_memory reset_peak_memory get_cache_memory set_memory_limit set_cache_limit set_wired_limit clear_cache
get_memory_limit get_array_buffer_size
arange linspace zeros ones full zeros_like ones_like full_like eye identity tri tril triu meshgrid asarray from_dlpack
bartlett blackman hamming hanning
abs sign positive negative square sqrt rsqrt reciprocal exp expm1 log log2 log10 log1p sin cos tan arcsin arccos arctan
sinh cosh tanh arcsinh arccosh arctanh degrees radians sigmoid erf erfinv floor ceil trunc round conj conjugate real imag
isnan isinf isfinite isposinf isneginf logical_not bitwise_invert nan_to_num stop_gradient
add subtract multiply divide floor_divide remainder divmod power maximum minimum logaddexp arctan2 equal not_equal less
less_equal greater greater_equal logical_and logical_or logical_xor bitwise_and bitwise_or bitwise_xor left_shift right_shift
array_equal allclose isclose where clip
sum prod mean median var std min max minmax all any count_nonzero argmin argmax logsumexp softmax cumsum cumprod cummax cummin
logcumsumexp diff trace topk sort argsort partition argpartition searchsorted unique
reshape flatten unflatten squeeze expand_dims flip roll transpose permute_dims moveaxis swapaxes broadcast_to broadcast_arrays
broadcast_shapes concatenate concat stack unstack split repeat tile pad atleast_1d atleast_2d atleast_3d as_strided contiguous
view astype diagonal diag
take take_along_axis put_along_axis slice slice_update
matmul addmm inner vecdot outer kron tensordot einsum einsum_path block_masked_mm gather_mm segmented_mm hadamard_transform
conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d conv_general convolve
quantize dequantize quantized_matmul gather_qmm qqmm gather_qqmm to_fp8 from_fp8
save savez savez_compressed load save_safetensors save_gguf
issubdtype isdtype result_type can_cast depends
eval async_eval grad value_and_grad vjp jvp vmap compile enable_compile disable_compile checkpoint
export_function import_function exporter export_to_dot
set_printoptions get_printoptions printoptions
""".split()

ALIASES = """
acos acosh asin asinh atan atanh atan2 bitwise_left_shift bitwise_right_shift cumulative_prod cumulative_sum empty empty_like
matrix_transpose pow matrix_norm
""".split()

SUBMODULES = {
    "random": "seed key split uniform normal multivariate_normal randint bernoulli truncated_normal gumbel categorical laplace permutation".split(),
    "fft": "fft ifft fft2 ifft2 fftn ifftn rfft irfft rfft2 irfft2 rfftn irfftn fftfreq rfftfreq fftshift ifftshift stft istft".split(),
    "linalg": "norm qr svd inv tri_inv cholesky cholesky_inv pinv cross eig eigvals eigh eigvalsh lu lu_factor solve solve_triangular det slogdet".split(),
    "fast": "rms_norm layer_norm rope scaled_dot_product_attention metal_kernel cuda_kernel precompiled_cuda_kernel cross_entropy gated_delta_update".split(),
    "distributed": "is_available init all_sum all_max all_min all_gather send recv recv_like sum_scatter".split(),
    "metal": "is_available start_capture stop_capture device_info get_active_memory get_peak_memory reset_peak_memory get_cache_memory set_memory_limit set_cache_limit set_wired_limit clear_cache".split(),
    "cuda": ["is_available"],
}

CLASSES = """
Device DeviceType Stream ThreadLocalStream StreamContext Dtype DtypeCategory finfo iinfo array ArrayAt ArrayLike ArrayIterator
custom_function FunctionExporter PrintOptions _PrintOptionsContext
""".split()

METHODS = """
abs all any argmax argmin astype conj cos cummax cummin cumprod cumsum diag diagonal exp flatten item log log10 log1p log2
logcumsumexp logsumexp max mean min moveaxis prod reciprocal reshape round rsqrt sin split sqrt square squeeze std sum swapaxes
tolist transpose var view T mT at dtype imag itemsize nbytes ndim real shape size
""".split()

# Younger than the snapshot that the project's count is of: 242 + 16 aliases and 78 in submodules.
NEWER = {"minmax", "unique", "get_memory_limit", "get_array_buffer_size", "stft", "istft", "cross_entropy", "gated_delta_update"}
