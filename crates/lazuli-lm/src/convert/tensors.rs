//! One tensor of a conversion: read, computed, written.

use std::sync::Arc;

use lazuli_core::ops::quantized::QuantizedArray;
use lazuli_core::{Array, Dtype};
use lazuli_io::Bytes;
use lazuli_io::safetensors::{Checkpoint, Tensor, Writer};

use super::plan::{Item, Piece, Step, Stored, sibling};
use super::{Error, Result};

/// Writes the tensors of an item; how many bytes.
pub(super) fn write(item: &Item, checkpoint: &Checkpoint, writer: &mut Writer) -> Result<u64> {
    let bytes = read(&item.input, checkpoint)?;
    if let Step::Store { dtype, centred } = item.step
        && dtype == item.input.dtype
        && !centred
    {
        writer.write(&item.name, &bytes)?;
        return Ok(bytes.len() as u64);
    }
    let input = array(bytes, &item.input)?;
    let outputs: Vec<(String, Array)> = match &item.step {
        Step::Store { dtype, centred } => {
            let wide = input.astype(Dtype::F32)?;
            let value = match centred {
                true => wide.add(&Array::scalar(1.0f32))?,
                false => input,
            };
            vec![(item.name.clone(), value.astype(*dtype)?)]
        }
        Step::Pack { affine, dtype } => {
            let q = input.astype(*dtype)?.quantize(*affine)?;
            let biases = q.biases.map(|b| (sibling(&item.name, "biases"), b));
            let two = [
                (item.name.clone(), q.packed),
                (sibling(&item.name, "scales"), q.scales),
            ];
            two.into_iter().chain(biases).collect()
        }
        Step::Unpack {
            affine,
            dtype,
            scales,
            biases,
        } => {
            // Weights are rounded as their scales are: these come first, as in mlx-lm.
            let floats = |stored| -> Result<Array> {
                Ok(array(read(stored, checkpoint)?, stored)?.astype(*dtype)?)
            };
            let parts = [input, floats(scales)?, floats(biases)?];
            let q = QuantizedArray::from_parts(*affine, parts)?;
            vec![(item.name.clone(), q.dequantize(*dtype)?)]
        }
    };
    let mut written = 0;
    for (name, array) in outputs {
        let bytes = array.to_bytes()?;
        writer.write(&name, &bytes)?;
        written += bytes.len() as u64;
    }
    Ok(written)
}

fn array(bytes: Bytes, stored: &Stored) -> Result<Array> {
    Ok(Array::from_foreign(
        Arc::new(bytes),
        stored.dtype,
        &stored.shape[..],
    )?)
}

/// The bytes of an arranged tensor: where they lie if they lie together, else a copy.
fn read(stored: &Stored, checkpoint: &Checkpoint) -> Result<Bytes> {
    let find = |piece: &Piece| -> Result<&Tensor> {
        checkpoint.get(&piece.tensor).ok_or_else(|| Error::Tensor {
            file: "the model".to_owned(),
            tensor: piece.tensor.clone(),
            reason: "is missing".to_owned(),
        })
    };
    if let [piece @ Piece { half: None, .. }] = &stored.pieces[..] {
        return Ok(find(piece)?.bytes.clone());
    }
    let elements: usize = stored.shape.iter().product();
    let mut bytes = Vec::with_capacity(elements * stored.dtype.size());
    for piece in &stored.pieces {
        let tensor = find(piece)?;
        let Some(half) = piece.half else {
            bytes.extend_from_slice(&tensor.bytes);
            continue;
        };
        let matrices = tensor.shape.first().copied().unwrap_or(1).max(1);
        let size = (tensor.bytes.len() / matrices / 2).max(1);
        for part in tensor.bytes.chunks_exact(size).skip(half).step_by(2) {
            bytes.extend_from_slice(part);
        }
    }
    Ok(Bytes::from(bytes))
}
