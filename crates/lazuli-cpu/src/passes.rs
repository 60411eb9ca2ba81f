//! Rates of timed passes, kept apart by number of threads and by what ran.

/// Rates in order of measurement, under keys in order of appearance.
pub(crate) struct Passes<K>(Vec<(usize, K, Vec<f64>)>);

/// What the passes of one key came to.
pub(crate) struct Summary<K> {
    pub(crate) threads: usize,
    pub(crate) key: K,
    pub(crate) median: f64,
    pub(crate) best: f64,
    pub(crate) passes: usize,
}

impl<K: Copy + PartialEq> Passes<K> {
    pub(crate) fn new() -> Passes<K> {
        Passes(Vec::new())
    }

    pub(crate) fn push(&mut self, threads: usize, key: K, rate: f64) {
        match (self.0.iter_mut()).find(|p| (p.0, p.1) == (threads, key)) {
            Some((_, _, rates)) => rates.push(rate),
            None => self.0.push((threads, key, vec![rate])),
        }
    }

    pub(crate) fn summaries(&self) -> impl Iterator<Item = Summary<K>> {
        self.0.iter().map(|(threads, key, rates)| {
            let mut sorted = rates.clone();
            sorted.sort_by(f64::total_cmp);
            Summary {
                threads: *threads,
                key: *key,
                median: sorted[sorted.len() / 2],
                best: sorted[sorted.len() - 1],
                passes: sorted.len(),
            }
        })
    }
}
