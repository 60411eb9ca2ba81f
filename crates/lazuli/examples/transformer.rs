//! A transformer of one block learns to reverse a sequence.
//!
//!     cargo run --release -p lazuli --example transformer
#![allow(clippy::print_stdout)] // an example talks to a person

use lazuli::core::ops::scaled_dot_product::Mask;
use lazuli::core::tree;
use lazuli::prelude::*;
use lazuli::{Result, random};

const LENGTH: usize = 8;
const VOCABULARY: usize = 12;
const WIDTH: usize = 32;
const HEADS: usize = 4;

#[derive(Tree, Clone)]
struct Model {
    tokens: Array,
    positions: Array,
    qkv: Array,
    project: Array,
    up: Array,
    down: Array,
    head: Array,
}

impl Model {
    fn new() -> Result<Model> {
        let matrix = |rows: usize, columns: usize| -> Result<Array> {
            let x = random::normal([rows, columns], Dtype::F32, None, None, None)?;
            Ok(&x * (1.0 / (rows as f64).sqrt()))
        };
        Ok(Model {
            tokens: matrix(VOCABULARY, WIDTH)?,
            positions: matrix(LENGTH, WIDTH)?,
            qkv: matrix(WIDTH, 3 * WIDTH)?,
            project: matrix(WIDTH, WIDTH)?,
            up: matrix(WIDTH, 4 * WIDTH)?,
            down: matrix(4 * WIDTH, WIDTH)?,
            head: matrix(WIDTH, VOCABULARY)?,
        })
    }

    /// Logits of tokens `[batch, LENGTH]`: `[batch, LENGTH, VOCABULARY]`.
    fn forward(&self, ids: &Array) -> Result<Array> {
        let batch = ids.dim(0);
        let x = &self.tokens.take(ids, 0)? + &self.positions;
        let heads = |x: &Array| {
            x.reshape([batch, LENGTH, HEADS, WIDTH / HEADS])?
                .moveaxis(2, 1)
        };
        let qkv = x
            .layer_norm(None, None, 1e-5)?
            .matmul(&self.qkv)?
            .split(3, -1)?;
        let [q, k, v] = [heads(&qkv[0])?, heads(&qkv[1])?, heads(&qkv[2])?];
        let scale = 1.0 / ((WIDTH / HEADS) as f32).sqrt();
        let seen = q.scaled_dot_product_attention(&k, &v, scale, Mask::None, None)?;
        let seen = seen.moveaxis(1, 2)?.reshape([batch, LENGTH, WIDTH])?;
        let x = &x + &seen.matmul(&self.project)?;
        let wide = x.layer_norm(None, None, 1e-5)?.matmul(&self.up)?;
        let x = &x + &(&wide * &wide.sigmoid()?).matmul(&self.down)?;
        x.layer_norm(None, None, 1e-5)?.matmul(&self.head)
    }
}

/// Cross-entropy of the tokens in reverse, and the share that is predicted right.
fn loss(model: &Model, ids: &Array) -> Result<(Array, Array)> {
    let wanted = ids.flip(-1)?;
    let logits = model.forward(ids)?;
    let of_wanted = logits
        .take_along_axis(&wanted.expand_dims(-1)?, -1)?
        .squeeze(-1)?;
    let loss = (&logits.logsumexp(-1, false)? - &of_wanted).mean(.., false)?;
    let right = logits.argmax(-1, false)?.equal(&wanted)?.mean(.., false)?;
    Ok((loss, right))
}

fn main() -> Result<()> {
    lazuli::init()?;
    random::seed(3);
    let mut model = Model::new()?;
    let mut last = 0.0;
    for round in 0..400 {
        let low_high = [Array::scalar(0i32), Array::scalar(VOCABULARY as i32)];
        let ids = random::randint(&low_high[0], &low_high[1], [32, LENGTH], Dtype::I32, None)?;
        let step = value_and_grad(|model: &Model| loss(model, &ids));
        let ((value, right), gradient) = step(&model)?;
        model = tree::zip(&model, &gradient, |p, g| Ok(p - &(g * 0.5)))?;
        eval(&tree::leaves(&model).iter().collect::<Vec<_>>())?;
        last = right.item::<f32>()?;
        if round % 100 == 0 {
            println!(
                "round {round:3}: loss {value:.4}, right {:.1} %",
                100.0 * last
            );
        }
    }
    println!("right: {:.1} %", 100.0 * last);
    assert!(last > 0.95, "the block did not learn to reverse");
    Ok(())
}
