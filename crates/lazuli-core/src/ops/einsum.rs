//! Sums of products in Einstein's notation.
//!
//! An expression is contracted two operands at a time, each pair as one matrix product, in the order
//! that [`path`] chooses. Axes of length 1 broadcast; `...` stands for the axes without a letter.

mod path;

use smallvec::SmallVec;

use crate::array::Array;
use crate::error::{Error, Result};
use crate::shape::Shape;

/// A subscript: a letter, or an axis of `...` counted from the last one.
type Label = u32;

/// Labels of axes.
type Labels = SmallVec<[Label; 8]>;

/// The label of the axis of `...` that is `from_end` axes before its last one.
const fn unnamed(from_end: usize) -> Label {
    256 + from_end as Label
}

/// A parsed expression: the labels of each operand and of the result.
struct Expression {
    inputs: Vec<Labels>,
    output: Labels,
}

impl Expression {
    fn parse(subscripts: &str, operands: &[Array]) -> Result<Expression> {
        let plain: String = subscripts.split_whitespace().collect();
        let (left, right) = match plain.split_once("->") {
            Some((left, right)) => (left, Some(right)),
            None => (&plain[..], None),
        };
        if operands.is_empty() {
            return Err(Error::value("einsum", "needs at least one operand"));
        }
        let terms: Vec<&str> = left.split(',').collect();
        if terms.len() != operands.len() {
            return Err(Error::value(
                "einsum",
                format!(
                    "`{subscripts}` is of {} operands, {} were given",
                    terms.len(),
                    operands.len()
                ),
            ));
        }
        let mut most = 0;
        let mut inputs = Vec::with_capacity(terms.len());
        for (term, x) in terms.iter().zip(operands) {
            x.check()?;
            let (labels, spread) = labels(term, Some(x))?;
            most = most.max(spread);
            inputs.push(labels);
        }
        let output = match right {
            Some(term) => labels_of_output(term, most)?,
            None => implied(&inputs, most),
        };
        for (i, label) in output.iter().enumerate() {
            if output[..i].contains(label) {
                return Err(Error::value(
                    "einsum",
                    format!("the result of `{subscripts}` names an axis twice"),
                ));
            }
            if !inputs.iter().any(|x| x.contains(label)) {
                return Err(Error::value(
                    "einsum",
                    format!("the result of `{subscripts}` names an axis that no operand has"),
                ));
            }
        }
        Ok(Expression { inputs, output })
    }

    /// The length of each label; 1 gives way to any other.
    fn sizes(&self, operands: &[Array]) -> Result<Sizes> {
        let mut sizes = Sizes::default();
        for (labels, x) in self.inputs.iter().zip(operands) {
            for (i, &label) in labels.iter().enumerate() {
                let len = x.dim(i);
                if labels[..i]
                    .iter()
                    .zip(x.shape().iter())
                    .any(|(&l, &d)| l == label && d != len)
                {
                    return Err(Error::shape(
                        "einsum",
                        format!("a repeated subscript names axes of different lengths of {x:?}"),
                    ));
                }
                sizes.insert(label, len).ok_or_else(|| {
                    Error::shape(
                        "einsum",
                        format!(
                            "axis {i} of {x:?} does not broadcast to {} of another operand",
                            sizes.of(label)
                        ),
                    )
                })?;
            }
        }
        Ok(sizes)
    }
}

/// The length of each label.
#[derive(Default)]
struct Sizes(Vec<(Label, usize)>);

impl Sizes {
    fn of(&self, label: Label) -> usize {
        self.0
            .iter()
            .find(|(l, _)| *l == label)
            .map_or(1, |(_, d)| *d)
    }

    /// None if the label has another length already.
    fn insert(&mut self, label: Label, len: usize) -> Option<()> {
        match self.0.iter_mut().find(|(l, _)| *l == label) {
            None => self.0.push((label, len)),
            Some((_, known)) if *known == 1 => *known = len,
            Some((_, known)) if *known == len || len == 1 => {}
            Some(_) => return None,
        }
        Some(())
    }
}

/// The labels of a term and how many axes its `...` stands for.
fn labels(term: &str, operand: Option<&Array>) -> Result<(Labels, usize)> {
    let (before, after) = match term.split_once("...") {
        Some((before, after)) => (before, Some(after)),
        None => (term, None),
    };
    if after.is_some_and(|after| after.contains("...")) {
        return Err(Error::value(
            "einsum",
            format!("`{term}` has more than one `...`"),
        ));
    }
    let letters = |text: &str| -> Result<Labels> {
        text.chars()
            .map(|c| match c.is_ascii_alphabetic() {
                true => Ok(c as Label),
                false => Err(Error::value(
                    "einsum",
                    format!("subscripts must be letters, `{c}` is not"),
                )),
            })
            .collect()
    };
    let (mut all, after_letters) = (letters(before)?, letters(after.unwrap_or(""))?);
    let named = all.len() + after_letters.len();
    let rank = operand.map_or(named, Array::rank);
    if rank < named || (rank > named && after.is_none()) {
        return Err(Error::shape(
            "einsum",
            format!("`{term}` has {named} subscripts for an operand of {rank} axes"),
        ));
    }
    let spread = rank - named;
    all.extend((0..spread).rev().map(unnamed));
    all.extend(after_letters);
    Ok((all, spread))
}

fn labels_of_output(term: &str, spread: usize) -> Result<Labels> {
    let Some((before, after)) = term.split_once("...") else {
        return Ok(labels(term, None)?.0);
    };
    let (mut all, _) = labels(before, None)?;
    all.extend((0..spread).rev().map(unnamed));
    all.extend(labels(after, None)?.0);
    Ok(all)
}

/// The axes of `...`, then the letters that occur once, in order.
fn implied(inputs: &[Labels], spread: usize) -> Labels {
    let mut all: Vec<Label> = inputs
        .iter()
        .flatten()
        .copied()
        .filter(|&l| l < 256)
        .collect();
    all.sort_unstable();
    let once = |label: Label| all.iter().filter(|&&l| l == label).count() == 1;
    (0..spread)
        .rev()
        .map(unnamed)
        .chain(all.iter().copied().filter(|&l| once(l)))
        .collect()
}

/// An array with a label for each axis.
#[derive(Clone)]
struct Term {
    array: Array,
    labels: Labels,
}

impl Term {
    /// Repeated labels made one: the diagonal.
    fn diagonal(mut self) -> Result<Term> {
        while let Some((first, second)) = repeated(&self.labels) {
            let x = self.array.moveaxis(first as isize, -1)?;
            let x = x.moveaxis(second as isize - 1, -1)?;
            let (rank, n) = (x.rank(), x.dim(x.rank() - 1));
            let mut shape: Shape = x.shape().without(rank - 1);
            shape.dims_mut()[rank - 2] = n * n;
            let mut step = vec![1; rank - 1];
            step[rank - 2] = n as isize + 1;
            let len = shape.with(rank - 2, n);
            self.array = x.reshape(shape)?.slice(&vec![0; rank - 1], &step, len)?;
            let label = self.labels.remove(second);
            self.labels.remove(first);
            self.labels.push(label);
        }
        Ok(self)
    }

    /// Summed over all labels but those that `keep` accepts.
    fn reduced(mut self, keep: impl Fn(Label) -> bool) -> Result<Term> {
        let axes: Vec<isize> = (0..self.labels.len())
            .filter(|&i| !keep(self.labels[i]))
            .map(|i| i as isize)
            .collect();
        if !axes.is_empty() {
            self.array = self.array.sum(&axes[..], false)?;
            self.labels.retain(|l| keep(*l));
        }
        Ok(self)
    }

    /// Without the axes of length 1 that are longer in `other`.
    fn without_stretched(mut self, other: &Term) -> Result<Term> {
        for i in (0..self.labels.len()).rev() {
            let partner = other.labels.iter().position(|&l| l == self.labels[i]);
            if self.array.dim(i) == 1 && partner.is_some_and(|at| other.array.dim(at) != 1) {
                self.array = self.array.reshape(self.array.shape().without(i))?;
                self.labels.remove(i);
            }
        }
        Ok(self)
    }

    /// The axes in the order of `labels`.
    fn arranged(&self, labels: impl Iterator<Item = Label>) -> Result<Array> {
        let order: SmallVec<[usize; 8]> = labels
            .filter_map(|l| self.labels.iter().position(|&m| m == l))
            .collect();
        if order.iter().copied().eq(0..order.len()) {
            return Ok(self.array.clone());
        }
        self.array.permute(&order)
    }

    fn lengths(&self, labels: &[Label]) -> Shape {
        labels
            .iter()
            .filter_map(|l| self.labels.iter().position(|m| m == l))
            .map(|i| self.array.dim(i))
            .collect()
    }
}

fn repeated(labels: &[Label]) -> Option<(usize, usize)> {
    (0..labels.len()).find_map(|i| {
        let again = labels[i + 1..].iter().position(|&l| l == labels[i])?;
        Some((i, i + 1 + again))
    })
}

/// The sum of products of two terms over the labels that `keep` refuses, as one matrix product.
fn contract(a: Term, b: Term, keep: impl Fn(Label) -> bool) -> Result<Term> {
    let (a, b) = (a.diagonal()?, b.diagonal()?);
    let (a, b) = (a.clone().without_stretched(&b)?, b.without_stretched(&a)?);
    let a_has = a.labels.clone();
    let b_has = b.labels.clone();
    let a = a.reduced(|l| keep(l) || b_has.contains(&l))?;
    let b = b.reduced(|l| keep(l) || a_has.contains(&l))?;
    let pick = |from: &Labels, accept: &dyn Fn(Label) -> bool| -> Labels {
        from.iter().copied().filter(|&l| accept(l)).collect()
    };
    let batch = pick(&a.labels, &|l| b.labels.contains(&l) && keep(l));
    let summed = pick(&a.labels, &|l| b.labels.contains(&l) && !keep(l));
    let rows = pick(&a.labels, &|l| !b.labels.contains(&l));
    let columns = pick(&b.labels, &|l| !a.labels.contains(&l));
    let chain = |parts: [&Labels; 3]| -> Labels { parts.into_iter().flatten().copied().collect() };
    let labels = chain([&batch, &rows, &columns]);
    let left = a.arranged(chain([&batch, &rows, &summed]).into_iter())?;
    let right = b.arranged(chain([&batch, &summed, &columns]).into_iter())?;
    let (lead, m, n) = (a.lengths(&batch), a.lengths(&rows), b.lengths(&columns));
    let k = a.lengths(&summed).elements();
    let of = |inner: [usize; 2]| -> Shape { lead.iter().copied().chain(inner).collect() };
    let left = left.reshape(of([m.elements(), k]))?;
    let right = right.reshape(of([k, n.elements()]))?;
    let product = match summed.is_empty() {
        true => left.multiply(&right)?,
        false => left.matmul(&right)?,
    };
    let shape: Shape = lead
        .iter()
        .chain(m.iter())
        .chain(n.iter())
        .copied()
        .collect();
    Ok(Term {
        array: product.reshape(shape)?,
        labels,
    })
}

impl Array {
    /// The sum of products of `operands` that `subscripts` describes, such as `ij,jk->ik`: letters name
    /// axes, those that the result does not name are summed over, a letter repeated within an operand
    /// takes its diagonal, `...` stands for the axes without a letter. Without `->` the result has the
    /// letters that occur once, in alphabetical order.
    ///
    /// # Errors
    /// [`Error::Value`] when the subscripts cannot be read, [`Error::Shape`] when they do not fit the
    /// operands, [`Error::Dtype`] for integers that would have to be multiplied and summed.
    pub fn einsum(subscripts: &str, operands: &[Array]) -> Result<Array> {
        let expression = Expression::parse(subscripts, operands)?;
        let sizes = expression.sizes(operands)?;
        let order = path::best(&expression, &sizes);
        let mut terms: Vec<Term> = expression
            .inputs
            .iter()
            .zip(operands)
            .map(|(labels, array)| Term {
                array: array.clone(),
                labels: labels.clone(),
            })
            .collect();
        let output = &expression.output;
        for pair in &order.pairs {
            let Some((first, second)) = pair.ends() else {
                continue;
            };
            let b = terms.remove(second);
            let a = terms.remove(first);
            let needed =
                |l: Label| output.contains(&l) || terms.iter().any(|t| t.labels.contains(&l));
            let product = contract(a, b, needed)?;
            terms.push(product);
        }
        let Some(last) = terms.pop() else {
            return Err(Error::value("einsum", "needs at least one operand"));
        };
        let last = last.diagonal()?.reduced(|l| output.contains(&l))?;
        last.arranged(output.iter().copied())
    }

    /// The order in which [`Array::einsum`] contracts, as positions among the operands that are left
    /// (each product goes to their end), and a table of what the order costs.
    ///
    /// # Errors
    /// As [`Array::einsum`], of shapes and subscripts.
    pub fn einsum_path(subscripts: &str, operands: &[Array]) -> Result<(Vec<Vec<usize>>, String)> {
        let expression = Expression::parse(subscripts, operands)?;
        let sizes = expression.sizes(operands)?;
        let order = path::best(&expression, &sizes);
        let table = order.table(subscripts, &expression, &sizes);
        Ok((
            order.pairs.into_iter().map(|p| p.positions).collect(),
            table,
        ))
    }
}
