//! The types of elements: how many elements a block has, and in how many bytes.

use std::fmt;

use lazuli_core::Dtype;

/// How a tensor's elements are stored: one by one, or in blocks that share scales.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, non_camel_case_types)]
pub enum Kind {
    F32,
    F16,
    BF16,
    F64,
    I8,
    I16,
    I32,
    I64,
    Q4_0,
    Q4_1,
    Q5_0,
    Q5_1,
    Q8_0,
    Q2_K,
    Q3_K,
    Q4_K,
    Q5_K,
    Q6_K,
    Q8_K,
}

/// One kind: its number in files, name, elements and bytes of a block, and dtype if it is one.
struct Row(Kind, u32, &'static str, usize, usize, Option<Dtype>);

const ROWS: [Row; 19] = [
    Row(Kind::F32, 0, "F32", 1, 4, Some(Dtype::F32)),
    Row(Kind::F16, 1, "F16", 1, 2, Some(Dtype::F16)),
    Row(Kind::BF16, 30, "BF16", 1, 2, Some(Dtype::BF16)),
    Row(Kind::F64, 28, "F64", 1, 8, Some(Dtype::F64)),
    Row(Kind::I8, 24, "I8", 1, 1, Some(Dtype::I8)),
    Row(Kind::I16, 25, "I16", 1, 2, Some(Dtype::I16)),
    Row(Kind::I32, 26, "I32", 1, 4, Some(Dtype::I32)),
    Row(Kind::I64, 27, "I64", 1, 8, Some(Dtype::I64)),
    Row(Kind::Q4_0, 2, "Q4_0", 32, 18, None),
    Row(Kind::Q4_1, 3, "Q4_1", 32, 20, None),
    Row(Kind::Q5_0, 6, "Q5_0", 32, 22, None),
    Row(Kind::Q5_1, 7, "Q5_1", 32, 24, None),
    Row(Kind::Q8_0, 8, "Q8_0", 32, 34, None),
    Row(Kind::Q2_K, 10, "Q2_K", 256, 84, None),
    Row(Kind::Q3_K, 11, "Q3_K", 256, 110, None),
    Row(Kind::Q4_K, 12, "Q4_K", 256, 144, None),
    Row(Kind::Q5_K, 13, "Q5_K", 256, 176, None),
    Row(Kind::Q6_K, 14, "Q6_K", 256, 210, None),
    Row(Kind::Q8_K, 15, "Q8_K", 256, 292, None),
];

impl Kind {
    /// Every kind.
    pub fn all() -> impl Iterator<Item = Kind> {
        ROWS.iter().map(|row| row.0)
    }

    fn row(self) -> &'static Row {
        // Each kind has its row: a test goes through them.
        ROWS.iter().find(|row| row.0 == self).unwrap_or(&ROWS[0])
    }

    /// The kind with this number in files.
    pub(super) fn numbered(number: u32) -> Option<Kind> {
        ROWS.iter().find(|row| row.1 == number).map(|row| row.0)
    }

    pub(super) fn number(self) -> u32 {
        self.row().1
    }

    /// The kind of plain elements of this dtype, if the format has it.
    pub fn of(dtype: Dtype) -> Option<Kind> {
        ROWS.iter()
            .find(|row| row.5 == Some(dtype))
            .map(|row| row.0)
    }

    /// The dtype of plain elements; none for blocks.
    pub fn dtype(self) -> Option<Dtype> {
        self.row().5
    }

    /// Elements of a block.
    pub fn block(self) -> usize {
        self.row().3
    }

    /// Bytes of a block.
    pub fn block_bytes(self) -> usize {
        self.row().4
    }

    /// Bytes of a tensor.
    pub(super) fn bytes(self, shape: &[usize]) -> Result<usize, String> {
        let last = shape.last().copied().unwrap_or(1);
        if !last.is_multiple_of(self.block()) {
            let block = self.block();
            return Err(format!(
                "shape {shape:?}: {self} needs a last axis of a multiple of {block}"
            ));
        }
        let mut nonzero = shape.iter().filter(|&&n| n != 0);
        let elements = nonzero.try_fold(1usize, |all, &n| all.checked_mul(n));
        let blocks = elements.map(|n| n.div_ceil(self.block()));
        let bytes = blocks.and_then(|n| n.checked_mul(self.block_bytes()));
        match bytes.filter(|&n| isize::try_from(n).is_ok()) {
            // Expanded to float16 it must still be countable.
            Some(_) if elements.is_none_or(|n| n > isize::MAX as usize / 8) => None,
            Some(_) if shape.contains(&0) => Some(0),
            bytes => bytes,
        }
        .ok_or_else(|| format!("shape {shape:?} of {self} is larger than memory can be"))
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.row().2)
    }
}

/// The name of a number that is no kind of ours, for a message.
pub(super) fn unsupported(number: u32) -> String {
    const OTHERS: [(u32, &str); 16] = [
        (9, "Q8_1"),
        (16, "IQ2_XXS"),
        (17, "IQ2_XS"),
        (18, "IQ3_XXS"),
        (19, "IQ1_S"),
        (20, "IQ4_NL"),
        (21, "IQ3_S"),
        (22, "IQ2_S"),
        (23, "IQ4_XS"),
        (29, "IQ1_M"),
        (34, "TQ1_0"),
        (35, "TQ2_0"),
        (36, "IQ4_NL_4_4"),
        (37, "IQ4_NL_4_8"),
        (38, "IQ4_NL_8_8"),
        (39, "MXFP4"),
    ];
    let known: Vec<&str> = ROWS.iter().map(|row| row.2).collect();
    let known = known.join(" ");
    match OTHERS.iter().find(|other| other.0 == number) {
        Some((_, name)) => format!("type {name} is not supported; supported: {known}"),
        None => format!("unknown type {number}; supported: {known}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_its_row_and_its_number() {
        for kind in Kind::all() {
            assert_eq!(kind.row().0, kind);
            assert_eq!(Kind::numbered(kind.number()), Some(kind));
            if let Some(dtype) = kind.dtype() {
                assert_eq!((kind.block(), kind.block_bytes()), (1, dtype.size()));
                assert_eq!(Kind::of(dtype), Some(kind));
            }
        }
        assert_eq!(Kind::Q4_K.bytes(&[3, 512]), Ok(3 * 2 * 144));
        assert_eq!(Kind::Q4_K.bytes(&[0, 256]), Ok(0));
        assert_eq!(Kind::F32.bytes(&[]), Ok(4));
        assert!(
            Kind::Q8_0
                .bytes(&[33])
                .unwrap_err()
                .contains("multiple of 32")
        );
        assert!(Kind::Q8_0.bytes(&[]).is_err());
        assert!(Kind::F32.bytes(&[usize::MAX, 2]).is_err());
    }
}
