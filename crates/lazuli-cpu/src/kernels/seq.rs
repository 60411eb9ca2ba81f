//! Which rows of a ragged call belong to which sequence.

/// One sequence of a call. Its rows follow those of the sequence before it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Seq {
    /// Row of the caches.
    pub slot: u32,
    /// Position of the first row in its sequence.
    pub first: u32,
    /// Rows in this call.
    pub len: u32,
    /// Role: generated tokens, or tokens of a prompt.
    pub generated: bool,
}

impl Seq {
    /// One past the position of the last row.
    pub fn end(&self) -> usize {
        self.first as usize + self.len as usize
    }

    /// Rows of all of `seqs`.
    pub fn rows(seqs: &[Seq]) -> usize {
        seqs.iter().map(|seq| seq.len as usize).sum()
    }
}
