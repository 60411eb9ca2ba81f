//! Derived trees: order, constants, skipped fields, generics, variants.
#![allow(clippy::unwrap_used)] // A panic is how a test fails.

use lazuli_core::{Array, Tree as _, tree};
use lazuli_derive::Tree;

#[derive(Tree)]
#[tree(crate = lazuli_core)]
struct Linear {
    weight: Array,
    bias: Option<Array>,
    eps: f32,
    #[tree(skip)]
    name: &'static str,
}

#[derive(Tree)]
#[tree(crate = lazuli_core)]
struct Pair<A, B>(A, Vec<B>);

#[derive(Tree)]
#[tree(crate = lazuli_core)]
struct Empty;

#[derive(Tree)]
#[tree(crate = lazuli_core)]
enum Block {
    Plain(Linear),
    Gated { gate: Box<Linear>, up: Linear },
    Nothing,
}

fn number(x: f32) -> Array {
    Array::scalar(x)
}

fn linear(w: f32, bias: Option<f32>) -> Linear {
    Linear {
        weight: number(w),
        bias: bias.map(number),
        eps: 1e-5,
        name: "linear",
    }
}

fn values(tree: &impl tree::Tree) -> Vec<f32> {
    let arrays = tree::leaves(tree);
    arrays.iter().map(|a| a.item().unwrap()).collect()
}

#[test]
fn leaves_come_in_the_order_of_the_fields() {
    let model = Pair(
        linear(1.0, Some(2.0)),
        vec![
            Block::Gated {
                gate: Box::new(linear(3.0, None)),
                up: linear(4.0, Some(5.0)),
            },
            Block::Nothing,
            Block::Plain(linear(6.0, None)),
        ],
    );
    assert_eq!(values(&model), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    let other = tree::map(&model, |_| Ok(number(7.0))).unwrap();
    assert_eq!(values(&other), [7.0; 6]);
    assert_eq!((other.0.name, other.0.eps), ("linear", 1e-5));
    assert!(matches!(&other.1[0], Block::Gated { gate, .. } if gate.bias.is_none()));
    assert!(values(&Empty).is_empty());
}

#[test]
fn variants_and_constants_are_structure_and_skipped_fields_are_not() {
    let structure = |block: &Block| tree::parts(block).1;
    let plain = |eps: f32, name: &'static str| {
        structure(&Block::Plain(Linear {
            eps,
            name,
            ..linear(1.0, None)
        }))
    };
    assert_eq!(plain(1e-5, "a"), plain(1e-5, "b"));
    assert_ne!(plain(1e-5, "a"), plain(1e-6, "a"));
    assert_ne!(plain(1e-5, "a"), structure(&Block::Nothing));
    let mut leaves = tree::Leaves::default();
    Empty.flatten(&mut leaves);
    assert!(leaves.arrays.is_empty());
}
