//! Writing rows into a cache, in place where the old cache was given up.

use bytemuck::Pod;
use lazuli_core::Op;
use lazuli_core::error::{Error, Result};
use lazuli_core::plan::Spec;

use crate::call::{Call, Run};
use crate::families::seqs::{Limits, seqs};
use crate::kernels::attention::{Append, Ring, Strides, append};

pub(crate) fn kernel(inputs: &[Spec]) -> Option<Run> {
    match inputs[0].dtype.size() {
        1 => Some(run::<u8>),
        2 => Some(run::<u16>),
        4 => Some(run::<u32>),
        _ => None,
    }
}

fn run<T: Pod + Send + Sync>(op: &Op, call: &mut Call<'_, '_>) -> Result<()> {
    let (Op::CacheAppend(op), [cache, new, table]) = (op, call.inputs) else {
        return Ok(());
    };
    let [slots, heads, capacity, width] = cache.shape()[..] else {
        return Ok(());
    };
    let ring = op.ring.map(|r| Ring {
        keep: r.keep,
        len: r.len,
    });
    let limits = Limits {
        slots,
        rows: new.shape()[0],
        end: if ring.is_some() { usize::MAX } else { capacity },
    };
    let seqs = seqs(table, &limits)?;
    if let Some(ring) = op.ring
        && let Some(s) = seqs.iter().find(|s| s.len > ring.len)
    {
        return Err(Error::index(
            "cache_append",
            format!(
                "{} rows at once overwrite one another in a ring of {}",
                s.len, ring.len
            ),
        ));
    }
    let place = Append {
        seqs: &seqs,
        heads,
        width,
        strides: Strides::contiguous(heads, capacity, width),
        ring,
    };
    let out = &mut call.outputs[0];
    out.start_from(cache);
    let rows: Vec<T>;
    let rows = match bytemuck::try_cast_slice(new.bytes()) {
        Ok(rows) => rows,
        Err(_) => {
            rows = bytemuck::pod_collect_to_vec(new.bytes());
            &rows
        }
    };
    append(
        &call.cpu.pool,
        &place,
        rows,
        bytemuck::cast_slice_mut(out.bytes()),
    );
    Ok(())
}
