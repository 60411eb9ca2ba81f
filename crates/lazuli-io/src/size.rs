//! How many bytes an array has, when the shape comes from outside and may be absurd.

use lazuli_core::Dtype;

/// Bytes of a C-order array; none when they cannot be counted.
///
/// Multiplied without the zeros, so that a shape such as `[0, 2^63, 2^63]` is refused like any other
/// whose other dimensions no program can multiply.
pub(crate) fn byte_size(dtype: Dtype, shape: &[usize]) -> Option<usize> {
    let nonzero = shape
        .iter()
        .filter(|&&n| n != 0)
        .try_fold(dtype.size(), |bytes, &n| bytes.checked_mul(n))?;
    // A slice may not be longer than `isize::MAX` bytes.
    isize::try_from(nonzero).ok()?;
    Some(if shape.contains(&0) { 0 } else { nonzero })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_that_overflow_are_none() {
        assert_eq!(byte_size(Dtype::F32, &[]), Some(4));
        assert_eq!(byte_size(Dtype::F32, &[3, 0, 5]), Some(0));
        assert_eq!(byte_size(Dtype::F32, &[usize::MAX, 2]), None);
        assert_eq!(byte_size(Dtype::F32, &[usize::MAX, 0]), None);
        assert_eq!(byte_size(Dtype::U8, &[usize::MAX]), None);
    }
}
