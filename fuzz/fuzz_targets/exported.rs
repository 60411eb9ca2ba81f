//! Any text as a written function: a one-line error, or a function that can be called.
//!
//! The input is the JSON of the graphs; the file around it, which another target covers, is right.
#![no_main]

use std::collections::BTreeMap;

use lazuli_core::Array;
use lazuli_io::exported;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &str| {
    let notes = BTreeMap::from([
        ("lazuli.functions.version", "1"),
        ("lazuli.functions", input),
    ]);
    let header = serde_json::json!({
        "__metadata__": notes,
        "0": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]},
    })
    .to_string();
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header.as_bytes());
    file.extend([0; 16]);
    match exported::read(file, "x.lazuli") {
        Err(error) => assert_eq!(error.to_string().lines().count(), 1, "{error}"),
        Ok(imported) => {
            for function in imported.functions() {
                let operands = function
                    .operands()
                    .iter()
                    .map(|(shape, dtype)| Array::full(shape, 0.0, *dtype));
                if let Ok(operands) = operands.collect::<Result<Vec<Array>, _>>() {
                    function
                        .call(&operands)
                        .expect("its own operands are taken");
                }
            }
        }
    }
});
