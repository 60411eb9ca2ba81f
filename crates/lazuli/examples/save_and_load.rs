//! Training that is interrupted: saved, loaded, and gone on with to the same bits.
//!
//!     cargo run --release -p lazuli --example save_and_load
//!
//! What is saved is a struct of the program's own: its arrays have an order, to which the program gives
//! names.
#![allow(clippy::print_stdout)] // an example talks to a person

use std::collections::BTreeMap;
use std::error::Error;

use lazuli::core::tree;
use lazuli::io::arrays::{Arrays, load_npz, load_safetensors, save_safetensors, savez};
use lazuli::prelude::*;
use lazuli::{Result, random};

#[derive(Tree, Clone)]
struct Layer {
    weight: Array,
    bias: Array,
}

/// A network with one hidden layer, and what has its shape: a gradient, a velocity.
#[derive(Tree, Clone)]
struct Network {
    hidden: Layer,
    output: Layer,
}

/// All that the next step depends on.
#[derive(Tree, Clone)]
struct Training {
    network: Network,
    velocity: Network,
}

/// Names of the arrays of a [`Training`], in its order.
const NAMES: [&str; 8] = [
    "network.hidden.weight",
    "network.hidden.bias",
    "network.output.weight",
    "network.output.bias",
    "velocity.hidden.weight",
    "velocity.hidden.bias",
    "velocity.output.weight",
    "velocity.output.bias",
];

impl Training {
    fn new(width: usize) -> Result<Training> {
        let layer = |inputs: usize, outputs: usize| {
            let weight = random::normal([inputs, outputs], Dtype::F32, None, None, None)?;
            Ok(Layer {
                weight: &weight / (inputs as f64).sqrt(),
                bias: Array::zeros([outputs], Dtype::F32)?,
            })
        };
        let network = Network {
            hidden: layer(1, width)?,
            output: layer(width, 1)?,
        };
        let velocity = tree::map(&network, Array::zeros_like)?;
        Ok(Training { network, velocity })
    }

    /// The state after `count` more steps towards `y`, and the loss before the last of them.
    fn steps(&self, x: &Array, y: &Array, count: usize) -> Result<(Training, f32)> {
        let loss = |n: &Network| {
            let hidden = (&x.matmul(&n.hidden.weight)? + &n.hidden.bias).tanh()?;
            let guess = &hidden.matmul(&n.output.weight)? + &n.output.bias;
            (&guess - y).square()?.mean(.., false)
        };
        let step = value_and_grad(loss);
        let (mut now, mut last) = (self.clone(), f32::NAN);
        for _ in 0..count {
            let (value, gradient) = step(&now.network)?;
            let velocity = tree::zip(&now.velocity, &gradient, |v, g| Ok(v * 0.9 + g))?;
            let network = tree::zip(&now.network, &velocity, |p, v| Ok(p - &(v * 0.02)))?;
            now = Training { network, velocity };
            eval(&tree::leaves(&now).iter().collect::<Vec<_>>())?;
            last = value.item()?;
        }
        Ok((now, last))
    }

    /// A state like this one with the arrays of a file.
    fn with(&self, mut arrays: Arrays) -> Result<Training, Box<dyn Error>> {
        let each = NAMES.map(|name| arrays.remove(name).ok_or(format!("there is no `{name}`")));
        let each = each.into_iter().collect::<Result<_, _>>()?;
        Ok(tree::unflatten(self, each)?)
    }

    fn bytes(&self) -> Result<Vec<Vec<u8>>> {
        tree::leaves(self).iter().map(Array::to_bytes).collect()
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    lazuli::init()?;
    random::seed(5);
    let x = Array::linspace(-1.0, 1.0, 64, Dtype::F32)?.reshape([64, 1])?;
    let y = (&x * 4.0).sin()?;
    let (half, before) = Training::new(32)?.steps(&x, &y, 100)?;

    let folder = tempfile::tempdir()?;
    let (tensors, archive) = (
        folder.path().join("a.safetensors"),
        folder.path().join("a.npz"),
    );
    let leaves = tree::leaves(&half);
    let notes = BTreeMap::from([("steps".to_owned(), "100".to_owned())]);
    save_safetensors(&tensors, NAMES.into_iter().zip(&leaves), &notes)?;
    savez(&archive, NAMES.into_iter().zip(&leaves))?;

    // Without interruption, and from each of the files.
    let (whole, after) = half.steps(&x, &y, 100)?;
    let (arrays, notes) = load_safetensors(&tensors)?;
    assert_eq!(notes["steps"].text(), Some("100"));
    let like = Training::new(32)?;
    for (arrays, path) in [(arrays, &tensors), (load_npz(&archive)?, &archive)] {
        let loaded = like.with(arrays)?;
        assert_eq!(loaded.bytes()?, half.bytes()?, "{path:?} holds other bits");
        let (continued, _) = loaded.steps(&x, &y, 100)?;
        assert_eq!(continued.bytes()?, whole.bytes()?, "{path:?} led elsewhere");
    }
    println!("loss {before:.5} after 100 steps, {after:.5} after 200");
    assert!(after < before, "the second half learned nothing");
    Ok(())
}
