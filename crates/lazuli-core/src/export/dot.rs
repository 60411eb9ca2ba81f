//! A graph as DOT text, for Graphviz: operations are boxes, arrays are ovals.

use std::collections::HashMap;
use std::fmt::Write;

use crate::array::Array;
use crate::op::Op;

/// The graph that computes `outputs`, as DOT text. Arrays that are given are named by `names`, others by
/// letters in the order in which they come up. What has been evaluated keeps no graph and is given.
pub fn export_to_dot(outputs: &[Array], names: &[(&str, &Array)]) -> String {
    let given = names
        .iter()
        .map(|(name, array)| (array.key(), (*name).to_owned()));
    let mut drawing = Drawing {
        text: "digraph {\n".to_owned(),
        named: given.collect(),
        drawn: HashMap::new(),
        letters: 0,
    };
    let mut stack: Vec<(Array, bool)> = outputs.iter().rev().map(|o| (o.clone(), false)).collect();
    while let Some((array, inputs_drawn)) = stack.pop() {
        let node = array.key().0;
        if drawing.drawn.contains_key(&node) {
            continue;
        }
        let inputs = array.node().inputs();
        if inputs_drawn || inputs.is_empty() {
            drawing.node(&array, &inputs);
        } else {
            stack.push((array, true));
            stack.extend(inputs.into_iter().rev().map(|input| (input, false)));
        }
    }
    drawing.text.push_str("}\n");
    drawing.text
}

struct Drawing {
    text: String,
    named: HashMap<(usize, u32), String>,
    /// Numbers of nodes that are there.
    drawn: HashMap<usize, usize>,
    letters: usize,
}

impl Drawing {
    fn node(&mut self, array: &Array, inputs: &[Array]) {
        let number = self.drawn.len();
        self.drawn.insert(array.key().0, number);
        let computed = !matches!(array.op(), Op::Leaf) && !inputs.is_empty();
        if computed {
            let name = array.op().name();
            // Writing to a string does not fail.
            let _ = writeln!(self.text, "  {number} [label=\"{name}\", shape=rectangle];");
            for input in inputs {
                let from = self.name(input);
                let _ = writeln!(self.text, "  \"{from}\" -> {number};");
            }
        }
        for output in array.siblings() {
            let to = self.name(&output);
            let (shape, dtype) = (output.shape().clone(), output.dtype());
            let label = format!("{to}\\n{shape} {dtype}");
            let _ = writeln!(self.text, "  \"{to}\" [label=\"{label}\"];");
            if computed {
                let _ = writeln!(self.text, "  {number} -> \"{to}\";");
            }
        }
    }

    fn name(&mut self, array: &Array) -> String {
        if let Some(name) = self.named.get(&array.key()) {
            return name.replace(['"', '\\', '\n'], "_");
        }
        // A, B, ..., Z, BA, BB, ...
        let mut name = Vec::new();
        let mut rest = self.letters;
        loop {
            name.push(b'A' + (rest % 26) as u8);
            rest /= 26;
            if rest == 0 {
                break;
            }
        }
        self.letters += 1;
        name.reverse();
        let name = String::from_utf8_lossy(&name).into_owned();
        self.named.insert(array.key(), name.clone());
        name
    }
}
