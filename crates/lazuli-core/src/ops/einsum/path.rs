//! The order of an expression's pairwise products: the best one for few operands, a greedy one beyond.
//!
//! The cost of a product is what NumPy counts: the lengths of all its labels, twice if it sums.

use std::fmt::Write;

use super::{Expression, Label, Labels, Sizes};

/// Operands up to which all orders are tried: 5 have 180.
const FEW: usize = 5;

/// One product: positions among the operands that are left, ascending. Of a single operand, itself.
#[derive(Clone)]
pub(super) struct Pair {
    pub(super) positions: Vec<usize>,
    cost: f64,
    labels: usize,
}

impl Pair {
    /// The two positions; none if a single operand is only reduced.
    pub(super) fn ends(&self) -> Option<(usize, usize)> {
        match self.positions[..] {
            [first, second] => Some((first, second)),
            _ => None,
        }
    }
}

/// The order and its cost.
#[derive(Clone)]
pub(super) struct Order {
    pub(super) pairs: Vec<Pair>,
    cost: f64,
}

/// The order in which to contract.
pub(super) fn best(expression: &Expression, sizes: &Sizes) -> Order {
    let search = Search {
        output: &expression.output,
        sizes,
    };
    let terms: Vec<Labels> = expression.inputs.iter().map(|l| unique(l)).collect();
    if let [term] = &terms[..] {
        let sums = term.iter().any(|l| !expression.output.contains(l));
        let cost = search.flops(term, 1, sums);
        let pair = Pair {
            positions: vec![0],
            cost,
            labels: term.len(),
        };
        return Order {
            pairs: vec![pair],
            cost,
        };
    }
    if terms.len() <= FEW {
        search.optimal(&terms)
    } else {
        search.greedy(terms)
    }
}

fn unique(labels: &[Label]) -> Labels {
    let mut out = Labels::new();
    for &label in labels {
        if !out.contains(&label) {
            out.push(label);
        }
    }
    out
}

struct Search<'a> {
    output: &'a Labels,
    sizes: &'a Sizes,
}

impl Search<'_> {
    fn size(&self, labels: &[Label]) -> f64 {
        labels.iter().map(|&l| self.sizes.of(l) as f64).product()
    }

    fn flops(&self, labels: &[Label], terms: usize, sums: bool) -> f64 {
        let factor = (terms - 1).max(1) + usize::from(sums);
        self.size(labels) * factor as f64
    }

    /// The product of two of the terms: what it costs, and the terms that are left, it last.
    fn product(&self, terms: &[Labels], first: usize, second: usize) -> (Pair, Vec<Labels>) {
        let all = unique(&[&terms[first][..], &terms[second]].concat());
        let mut rest: Vec<Labels> = terms.to_vec();
        rest.remove(second);
        rest.remove(first);
        let needed = |l: &Label| self.output.contains(l) || rest.iter().any(|t| t.contains(l));
        let kept: Labels = all.iter().copied().filter(|l| needed(l)).collect();
        let pair = Pair {
            positions: vec![first, second],
            cost: self.flops(&all, 2, kept.len() < all.len()),
            labels: all.len(),
        };
        rest.push(kept);
        (pair, rest)
    }

    fn pairs(count: usize) -> impl Iterator<Item = (usize, usize)> {
        (0..count).flat_map(move |first| (first + 1..count).map(move |second| (first, second)))
    }

    /// The cheapest order of all; the first of equals.
    fn optimal(&self, terms: &[Labels]) -> Order {
        if terms.len() < 2 {
            return Order {
                pairs: Vec::new(),
                cost: 0.0,
            };
        }
        let mut best: Option<Order> = None;
        for (first, second) in Self::pairs(terms.len()) {
            let (pair, rest) = self.product(terms, first, second);
            let mut order = self.optimal(&rest);
            order.cost += pair.cost;
            order.pairs.insert(0, pair);
            if best.as_ref().is_none_or(|b| order.cost < b.cost) {
                best = Some(order);
            }
        }
        best.unwrap_or(Order {
            pairs: Vec::new(),
            cost: 0.0,
        })
    }

    /// At each step the product that makes the operands smallest, then the cheapest.
    fn greedy(&self, mut terms: Vec<Labels>) -> Order {
        let mut order = Order {
            pairs: Vec::new(),
            cost: 0.0,
        };
        while terms.len() > 1 {
            let mut best: Option<((f64, f64), Pair, Vec<Labels>)> = None;
            for (first, second) in Self::pairs(terms.len()) {
                let (pair, rest) = self.product(&terms, first, second);
                let made = rest.last().map_or(1.0, |kept| self.size(kept));
                let used = self.size(&terms[first]) + self.size(&terms[second]);
                let rank = (made - used, pair.cost);
                if best.as_ref().is_none_or(|(b, ..)| rank < *b) {
                    best = Some((rank, pair, rest));
                }
            }
            let Some((_, pair, rest)) = best else { break };
            order.cost += pair.cost;
            order.pairs.push(pair);
            terms = rest;
        }
        order
    }
}

impl Order {
    /// What NumPy prints of an order, without its steps.
    pub(super) fn table(&self, subscripts: &str, of: &Expression, sizes: &Sizes) -> String {
        let all: Vec<Label> = of.inputs.iter().flatten().copied().collect();
        let all = unique(&all);
        let search = Search {
            output: &of.output,
            sizes,
        };
        let sums = all.iter().any(|l| !of.output.contains(l));
        let naive = search.flops(&all, of.inputs.len(), sums);
        let scaling = self.pairs.iter().map(|p| p.labels).max().unwrap_or(0);
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "  Complete contraction:  {}\n         Naive scaling:  {}\n     Optimized scaling:  {scaling}\n      Naive FLOP count:  {naive}\n  Optimized FLOP count:  {}\n",
            subscripts.trim(),
            all.len(),
            self.cost
        );
        text
    }
}
