//! A network with two hidden layers learns two spirals that no line can separate.
//!
//!     cargo run --release -p lazuli --example mlp
//!
//! Parameters are a struct of the program's own: gradients come back as the same struct.
#![allow(clippy::print_stdout)] // an example talks to a person

use lazuli::prelude::*;
use lazuli::{Result, random};

#[derive(Tree, Clone)]
struct Layer {
    weight: Array,
    bias: Array,
}

#[derive(Tree, Clone)]
struct Mlp {
    layers: Vec<Layer>,
}

impl Mlp {
    fn new(widths: &[usize]) -> Result<Mlp> {
        let layer = |w: &[usize]| {
            let scale = (2.0 / w[0] as f64).sqrt();
            let weight = random::normal([w[0], w[1]], Dtype::F32, None, None, None)?;
            Ok(Layer {
                weight: &weight * scale,
                bias: Array::zeros([w[1]], Dtype::F32)?,
            })
        };
        let layers = widths.windows(2).map(layer).collect::<Result<_>>()?;
        Ok(Mlp { layers })
    }

    /// Logits of points `[n, 2]`: `[n]`.
    fn forward(&self, x: &Array) -> Result<Array> {
        let mut x = x.clone();
        for (i, layer) in self.layers.iter().enumerate() {
            x = &x.matmul(&layer.weight)? + &layer.bias;
            if i + 1 < self.layers.len() {
                x = x.tanh()?;
            }
        }
        x.squeeze(-1)
    }
}

/// Points `[2 n, 2]` on two spirals, and which: `[2 n]`.
fn spirals(n: usize) -> Result<(Array, Array)> {
    let t = Array::linspace(0.3, 1.0, n, Dtype::F32)?;
    let arm = |turn: f64| {
        let angle = &(&t * 9.0) + turn;
        let point = Array::stack(&[&t * &angle.cos()?, &t * &angle.sin()?], 1)?;
        let noise = random::normal([n, 2], Dtype::F32, None, None, None)?;
        Ok(&point + &(&noise * 0.015))
    };
    let points = Array::concatenate(&[arm(0.0)?, arm(std::f64::consts::PI)?], 0)?;
    let zeros = Array::zeros([n], Dtype::F32)?;
    Ok((
        points,
        Array::concatenate(&[zeros.clone(), &zeros + 1.0], 0)?,
    ))
}

fn main() -> Result<()> {
    lazuli::init()?;
    random::seed(7);
    let (x, y) = spirals(200)?;
    let mut model = Mlp::new(&[2, 32, 32, 1])?;
    let mut velocity = Mlp::new(&[2, 32, 32, 1])?;
    for layer in &mut velocity.layers {
        layer.weight = layer.weight.zeros_like()?;
        layer.bias = layer.bias.zeros_like()?;
    }
    // Binary cross-entropy of logits: log(1 + e^z) - y z.
    let loss = |model: &Mlp| {
        let z = model.forward(&x)?;
        let softplus = z.logaddexp(&z.zeros_like()?)?;
        (&softplus - &(&y * &z)).mean(.., false)
    };
    let step = value_and_grad(loss);
    for round in 0..600 {
        let (value, gradient) = step(&model)?;
        for ((layer, v), g) in
            (model.layers.iter_mut().zip(&mut velocity.layers)).zip(&gradient.layers)
        {
            v.weight = &(&v.weight * 0.9) + &g.weight;
            v.bias = &(&v.bias * 0.9) + &g.bias;
            layer.weight = &layer.weight - &(&v.weight * 0.3);
            layer.bias = &layer.bias - &(&v.bias * 0.3);
        }
        let state: Vec<&Array> = (model.layers.iter().chain(&velocity.layers))
            .flat_map(|layer| [&layer.weight, &layer.bias])
            .collect();
        eval(&state)?;
        if round % 100 == 0 {
            println!("round {round:3}: loss {:.4}", value);
        }
    }
    let right = model.forward(&x)?.greater(&Array::scalar(0.0f32))?;
    let right = right
        .astype(Dtype::F32)?
        .equal(&y)?
        .mean(.., false)?
        .item::<f32>()?;
    println!("right: {:.1} %", 100.0 * right);
    assert!(right > 0.97, "the spirals were not separated");
    Ok(())
}
