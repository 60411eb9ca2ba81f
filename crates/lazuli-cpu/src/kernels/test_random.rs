//! A small generator for tests: they repeat.

/// A linear congruential generator.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn word(&mut self) -> u32 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as u32
    }

    /// Uniform in -1..1.
    pub(crate) fn float(&mut self) -> f32 {
        self.word() as f32 / (1u64 << 30) as f32 - 1.0
    }

    pub(crate) fn below(&mut self, n: usize) -> usize {
        self.word() as usize % n
    }

    pub(crate) fn floats<T: super::math::Element>(&mut self, n: usize) -> Vec<T> {
        (0..n).map(|_| T::from_f32(self.float())).collect()
    }
}

/// The paths of this machine.
pub(crate) fn paths() -> impl Iterator<Item = crate::Isa> {
    crate::Isa::ALL.into_iter().filter(|isa| isa.available())
}
