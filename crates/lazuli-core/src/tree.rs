//! Trees of arrays: what function transforms take and return.
//!
//! A [`Tree`] is anything that holds arrays in a fixed order: an array, a tuple, a vector, a map, a
//! struct with `#[derive(Tree)]`. Transforms see its leaves and put others in their place, so that the
//! gradient of a struct of parameters is a struct of the same type. What is not an array (numbers,
//! text, the number of children) is the tree's [`Structure`], which `compile` compares by value.
//!
//! Not chosen: a dynamic tree type that everything converts to, which would lose the user's types.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, Hash};

use crate::array::Array;
use crate::error::{Error, Result};

/// Something that holds arrays in a fixed order.
pub trait Tree: Sized {
    /// Shows the arrays and the structure to `leaves`, in the order of [`Tree::unflatten`].
    fn flatten(&self, leaves: &mut Leaves);

    /// A tree like this one with the arrays that come next.
    ///
    /// # Errors
    /// [`Error::Value`] when there are too few.
    fn unflatten(&self, arrays: &mut Arrays) -> Result<Self>;
}

/// A part of a structure.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Part {
    Leaf,
    Node(usize),
    Number(u64),
    Text(String),
}

/// What a tree is apart from its arrays: where leaves are, and every constant.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Structure(Vec<Part>);

/// What [`Tree::flatten`] fills.
#[derive(Default)]
pub struct Leaves {
    /// The arrays.
    pub arrays: Vec<Array>,
    structure: Vec<Part>,
}

impl Leaves {
    /// An array.
    pub fn leaf(&mut self, array: &Array) {
        self.arrays.push(array.clone());
        self.structure.push(Part::Leaf);
    }

    /// A node, of which `children` follow.
    pub fn node(&mut self, children: usize) {
        self.structure.push(Part::Node(children));
    }

    /// A constant.
    pub fn number(&mut self, bits: u64) {
        self.structure.push(Part::Number(bits));
    }

    /// A constant text, such as a key.
    pub fn text(&mut self, text: &str) {
        self.structure.push(Part::Text(text.to_owned()));
    }
}

/// Arrays that [`Tree::unflatten`] takes in turn.
pub struct Arrays(std::vec::IntoIter<Array>);

impl Arrays {
    /// These arrays.
    pub fn new(arrays: Vec<Array>) -> Arrays {
        Arrays(arrays.into_iter())
    }

    /// The next array.
    ///
    /// # Errors
    /// [`Error::Value`] when there is none.
    pub fn take(&mut self) -> Result<Array> {
        (self.0.next()).ok_or_else(|| Error::value("tree", "there are fewer arrays than leaves"))
    }
}

/// The arrays of a tree, in order.
pub fn leaves(tree: &impl Tree) -> Vec<Array> {
    parts(tree).0
}

/// The arrays of a tree and the rest of it.
pub fn parts(tree: &impl Tree) -> (Vec<Array>, Structure) {
    let mut leaves = Leaves::default();
    tree.flatten(&mut leaves);
    (leaves.arrays, Structure(leaves.structure))
}

/// A tree like `tree` whose leaves are `arrays`.
///
/// # Errors
/// [`Error::Value`] when the number of arrays is not the number of leaves.
pub fn unflatten<T: Tree>(tree: &T, arrays: Vec<Array>) -> Result<T> {
    let mut arrays = Arrays::new(arrays);
    let made = tree.unflatten(&mut arrays)?;
    match arrays.0.len() {
        0 => Ok(made),
        more => Err(Error::value(
            "tree",
            format!("there are {more} more arrays than leaves"),
        )),
    }
}

/// The tree with `f` applied to each array.
///
/// # Errors
/// The first error of `f`.
pub fn map<T: Tree>(tree: &T, f: impl FnMut(&Array) -> Result<Array>) -> Result<T> {
    let arrays = leaves(tree).iter().map(f).collect::<Result<_>>()?;
    unflatten(tree, arrays)
}

/// The tree with `f` applied to each pair of arrays of two trees of one structure: an update of
/// parameters by gradients, say.
///
/// # Errors
/// [`Error::Value`] when the structures differ; else the first error of `f`.
pub fn zip<T: Tree>(
    tree: &T,
    other: &T,
    mut f: impl FnMut(&Array, &Array) -> Result<Array>,
) -> Result<T> {
    let ((a, left), (b, right)) = (parts(tree), parts(other));
    if left != right {
        return Err(Error::value("tree", "the two trees differ in structure"));
    }
    let arrays = a.iter().zip(&b).map(|(a, b)| f(a, b));
    unflatten(tree, arrays.collect::<Result<_>>()?)
}

impl Structure {
    /// The leaves' values under a prefix of the tree: see [`Prefix`].
    pub(crate) fn spread<T: Clone>(&self, prefix: &Prefix<T>) -> Result<Vec<T>> {
        let mut at = 0;
        let mut out = Vec::new();
        self.walk(&mut at, Some(prefix), None, &mut out)?;
        Ok(out)
    }

    /// Gives the leaves of the subtree at `at` their values; `below` holds for all of it.
    fn walk<T: Clone>(
        &self,
        at: &mut usize,
        prefix: Option<&Prefix<T>>,
        below: Option<&T>,
        out: &mut Vec<T>,
    ) -> Result<()> {
        let misfit = || Error::value("tree", "the axes do not have the structure of the tree");
        let (children, below) = match prefix {
            Some(Prefix::All(value)) => (None, Some(value)),
            Some(Prefix::Each(children)) => (Some(children), None),
            None => (None, below),
        };
        let part = self.0.get(*at);
        *at += 1;
        match part {
            Some(Part::Leaf) => out.push(below.cloned().ok_or_else(misfit)?),
            Some(Part::Node(count)) => {
                if children.is_some_and(|c| c.len() != *count) {
                    return Err(misfit());
                }
                for child in 0..*count {
                    // A key stands before its value.
                    while matches!(self.0.get(*at), Some(Part::Text(_))) {
                        *at += 1;
                    }
                    self.walk(at, children.map(|c| &c[child]), below, out)?;
                }
            }
            Some(Part::Number(_) | Part::Text(_)) | None => {}
        }
        Ok(())
    }
}

/// One value for a whole tree, or one for each of its children: the shape of `vmap`'s axes.
#[derive(Clone, Debug)]
pub enum Prefix<T> {
    /// For every leaf below.
    All(T),
    /// For each child.
    Each(Vec<Prefix<T>>),
}

impl Tree for Array {
    fn flatten(&self, leaves: &mut Leaves) {
        leaves.leaf(self);
    }
    fn unflatten(&self, arrays: &mut Arrays) -> Result<Array> {
        arrays.take()
    }
}

impl<T: Tree> Tree for Box<T> {
    fn flatten(&self, leaves: &mut Leaves) {
        (**self).flatten(leaves);
    }
    fn unflatten(&self, arrays: &mut Arrays) -> Result<Box<T>> {
        (**self).unflatten(arrays).map(Box::new)
    }
}

impl<T: Tree> Tree for Option<T> {
    fn flatten(&self, leaves: &mut Leaves) {
        leaves.node(self.iter().len());
        self.iter().for_each(|t| t.flatten(leaves));
    }
    fn unflatten(&self, arrays: &mut Arrays) -> Result<Option<T>> {
        self.as_ref().map(|t| t.unflatten(arrays)).transpose()
    }
}

impl<T: Tree> Tree for Vec<T> {
    fn flatten(&self, leaves: &mut Leaves) {
        leaves.node(self.len());
        self.iter().for_each(|t| t.flatten(leaves));
    }
    fn unflatten(&self, arrays: &mut Arrays) -> Result<Vec<T>> {
        self.iter().map(|t| t.unflatten(arrays)).collect()
    }
}

impl<T: Tree, const N: usize> Tree for [T; N] {
    fn flatten(&self, leaves: &mut Leaves) {
        leaves.node(N);
        self.iter().for_each(|t| t.flatten(leaves));
    }
    fn unflatten(&self, arrays: &mut Arrays) -> Result<[T; N]> {
        let made: Vec<T> = (self.iter().map(|t| t.unflatten(arrays))).collect::<Result<_>>()?;
        (made.try_into()).map_err(|_| Error::value("tree", "an array of another length"))
    }
}

impl<K: Ord + Clone + AsRef<str>, T: Tree> Tree for BTreeMap<K, T> {
    fn flatten(&self, leaves: &mut Leaves) {
        leaves.node(self.len());
        for (key, value) in self {
            leaves.text(key.as_ref());
            value.flatten(leaves);
        }
    }
    fn unflatten(&self, arrays: &mut Arrays) -> Result<BTreeMap<K, T>> {
        let pair = |(k, t): (&K, &T)| Ok((k.clone(), t.unflatten(arrays)?));
        self.iter().map(pair).collect()
    }
}

/// In the order of the keys.
impl<K, T, S> Tree for HashMap<K, T, S>
where
    K: Ord + Hash + Clone + AsRef<str>,
    T: Tree,
    S: BuildHasher + Default,
{
    fn flatten(&self, leaves: &mut Leaves) {
        leaves.node(self.len());
        for (key, value) in sorted(self) {
            leaves.text(key.as_ref());
            value.flatten(leaves);
        }
    }
    fn unflatten(&self, arrays: &mut Arrays) -> Result<HashMap<K, T, S>> {
        let pair = |(k, t): (&K, &T)| Ok((k.clone(), t.unflatten(arrays)?));
        sorted(self).into_iter().map(pair).collect()
    }
}

fn sorted<K: Ord, T, S>(map: &HashMap<K, T, S>) -> Vec<(&K, &T)> {
    let mut pairs: Vec<(&K, &T)> = map.iter().collect();
    pairs.sort_by(|a, b| a.0.cmp(b.0));
    pairs
}

macro_rules! constants {
    ($($ty:ty => |$x:ident| $bits:expr;)*) => {$(
        /// A constant: part of the structure.
        impl Tree for $ty {
            fn flatten(&self, leaves: &mut Leaves) {
                let $x = *self;
                leaves.number($bits);
            }
            fn unflatten(&self, _: &mut Arrays) -> Result<$ty> {
                Ok(*self)
            }
        }
    )*};
}

constants! {
    bool => |x| x.into();
    u8 => |x| x.into();
    u16 => |x| x.into();
    u32 => |x| x.into();
    u64 => |x| x;
    usize => |x| x as u64;
    i8 => |x| x as u64;
    i16 => |x| x as u64;
    i32 => |x| x as u64;
    i64 => |x| x as u64;
    isize => |x| x as u64;
    f32 => |x| x.to_bits().into();
    f64 => |x| x.to_bits();
    crate::Dtype => |x| x as u64;
}

/// A constant: part of the structure.
impl Tree for String {
    fn flatten(&self, leaves: &mut Leaves) {
        // Under a node of its own, so that it is no key.
        leaves.node(0);
        leaves.text(self);
    }
    fn unflatten(&self, _: &mut Arrays) -> Result<String> {
        Ok(self.clone())
    }
}

macro_rules! tuples {
    ($($name:ident $at:tt),*) => {
        impl<$($name: Tree),*> Tree for ($($name,)*) {
            fn flatten(&self, leaves: &mut Leaves) {
                leaves.node([$($at),*].len());
                $(self.$at.flatten(leaves);)*
            }
            fn unflatten(&self, arrays: &mut Arrays) -> Result<Self> {
                Ok(($(self.$at.unflatten(arrays)?,)*))
            }
        }

        impl<X, $($name: Into<Prefix<X>>),*> From<($($name,)*)> for Prefix<X> {
            fn from(each: ($($name,)*)) -> Prefix<X> {
                Prefix::Each(vec![$(each.$at.into()),*])
            }
        }
    };
}

tuples!(A 0);
tuples!(A 0, B 1);
tuples!(A 0, B 1, C 2);
tuples!(A 0, B 1, C 2, D 3);
tuples!(A 0, B 1, C 2, D 3, E 4);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5, G 6);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);

impl Tree for () {
    fn flatten(&self, leaves: &mut Leaves) {
        leaves.node(0);
    }
    fn unflatten(&self, _: &mut Arrays) -> Result<()> {
        Ok(())
    }
}

/// An axis, or none, for every leaf below.
impl From<isize> for Prefix<Option<isize>> {
    fn from(axis: isize) -> Self {
        Prefix::All(Some(axis))
    }
}

impl From<Option<isize>> for Prefix<Option<isize>> {
    fn from(axis: Option<isize>) -> Self {
        Prefix::All(axis)
    }
}

impl<X, T: Into<Prefix<X>>> From<Vec<T>> for Prefix<X> {
    fn from(each: Vec<T>) -> Self {
        Prefix::Each(each.into_iter().map(T::into).collect())
    }
}

impl<X, T: Into<Prefix<X>>, const N: usize> From<[T; N]> for Prefix<X> {
    fn from(each: [T; N]) -> Self {
        Prefix::Each(each.into_iter().map(T::into).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(x: f32) -> Array {
        Array::scalar(x)
    }

    fn values(tree: &impl Tree) -> Vec<f32> {
        leaves(tree).iter().map(|a| a.item().unwrap()).collect()
    }

    #[test]
    fn maps_are_ordered_by_key_and_structures_tell_constants_apart() {
        let map: HashMap<String, Array> = (0..20)
            .map(|k| (format!("{k:02}"), number(k as f32)))
            .collect();
        assert_eq!(values(&map), (0..20).map(|k| k as f32).collect::<Vec<_>>());
        let structure = |eps: f32| parts(&(number(1.0), eps, Some(vec![number(2.0)]))).1;
        assert_eq!(structure(1e-5), structure(1e-5));
        assert_ne!(structure(1e-5), structure(1e-6));
        let none: Option<Vec<Array>> = None;
        assert_ne!(parts(&(number(1.0), 1e-5f32, none)).1, structure(1e-5));
    }

    #[test]
    fn a_tree_is_rebuilt_with_other_leaves_and_miscounts_are_errors() {
        let tree = (
            [number(1.0), number(2.0)],
            Box::new(number(3.0)),
            "x".to_string(),
        );
        let twice = map(&tree, |x| x.add(x)).unwrap();
        assert_eq!(leaves(&twice).len(), 3);
        assert_eq!(twice.2, "x");
        assert!(unflatten(&tree, vec![number(0.0); 2]).is_err());
        assert!(unflatten(&tree, vec![number(0.0); 4]).is_err());
    }

    #[test]
    fn a_prefix_spreads_over_leaves() {
        let tree = (number(1.0), vec![number(2.0), number(3.0)], 7usize);
        let structure = parts(&tree).1;
        let axes = |p: Prefix<Option<isize>>| structure.spread(&p);
        assert_eq!(axes(0.into()).unwrap(), [Some(0); 3]);
        let each = axes((0, None::<isize>, 0).into()).unwrap();
        assert_eq!(each, [Some(0), None, None]);
        let deep = axes((None::<isize>, [1isize, 2], None::<isize>).into()).unwrap();
        assert_eq!(deep, [None, Some(1), Some(2)]);
        assert!(axes((0, 0).into()).is_err());
        assert!(axes((0, [0isize], 0).into()).is_err());
    }
}
