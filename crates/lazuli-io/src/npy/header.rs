//! The header of a npy file: a Python dictionary literal, parsed as one.
//!
//! `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }` with any order of keys, any
//! whitespace, either kind of quote. Not chosen: reading the fields at the offsets where NumPy happens
//! to put them, which misreads files from everybody else.

use lazuli_core::Dtype;

use crate::error::one_line;

/// What a header says.
#[derive(Debug, PartialEq)]
pub(super) struct Header {
    pub(super) element: Element,
    pub(super) shape: Vec<usize>,
    pub(super) fortran_order: bool,
}

/// An element type in a file.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Element {
    pub(super) dtype: Dtype,
    /// The width of the numbers whose bytes must be reversed, when they are big-endian.
    pub(super) swap: Option<usize>,
}

/// More dimensions than NumPy allows.
const MOST_DIMENSIONS: usize = 64;

type Parsed<T> = std::result::Result<T, String>;

/// NumPy's names, without byte order, and the width that byte order applies to.
const ELEMENTS: [(&str, Dtype, usize); 15] = [
    ("b1", Dtype::Bool, 1),
    ("?", Dtype::Bool, 1),
    ("u1", Dtype::U8, 1),
    ("u2", Dtype::U16, 2),
    ("u4", Dtype::U32, 4),
    ("u8", Dtype::U64, 8),
    ("i1", Dtype::I8, 1),
    ("i2", Dtype::I16, 2),
    ("i4", Dtype::I32, 4),
    ("i8", Dtype::I64, 8),
    ("f2", Dtype::F16, 2),
    ("V2", Dtype::BF16, 2),
    ("f4", Dtype::F32, 4),
    ("f8", Dtype::F64, 8),
    ("c8", Dtype::C64, 4),
];

/// The dictionary that describes a C-order array.
pub(super) fn text(dtype: Dtype, shape: &[usize]) -> String {
    let name = ELEMENTS
        .iter()
        .find(|(_, known, _)| *known == dtype)
        .map_or("V1", |(name, ..)| name);
    let order = if dtype.size() == 1 { '|' } else { '<' };
    let mut tuple: String = shape.iter().map(|n| format!("{n}, ")).collect();
    // Python's own way: `(3,)` and `(3, 4)`.
    tuple.truncate(
        tuple
            .len()
            .saturating_sub(if shape.len() == 1 { 1 } else { 2 }),
    );
    format!("{{'descr': '{order}{name}', 'fortran_order': False, 'shape': ({tuple}), }}")
}

/// Parses a header's text.
pub(super) fn parse(text: &str) -> Parsed<Header> {
    let mut cursor = Cursor { rest: text };
    let (mut element, mut fortran_order, mut shape) = (None, None, None);
    cursor.expect('{')?;
    while !cursor.take('}') {
        let key = cursor.string()?;
        cursor.expect(':')?;
        let twice = match key {
            "descr" => element.replace(self::element(&mut cursor)?).is_some(),
            "fortran_order" => fortran_order.replace(cursor.boolean()?).is_some(),
            "shape" => shape.replace(cursor.tuple()?).is_some(),
            _ => return Err(format!("unknown key `{}`", one_line(key))),
        };
        if twice {
            return Err(format!("key `{key}` is there twice"));
        }
        if !cursor.take(',') {
            cursor.expect('}')?;
            break;
        }
    }
    cursor.end()?;
    Ok(Header {
        element: element.ok_or("key `descr` is missing")?,
        fortran_order: fortran_order.ok_or("key `fortran_order` is missing")?,
        shape: shape.ok_or("key `shape` is missing")?,
    })
}

fn element(cursor: &mut Cursor<'_>) -> Parsed<Element> {
    if cursor.peek() == Some('[') {
        return Err("records (a list as `descr`) are not supported".to_owned());
    }
    let descr = cursor.string()?;
    let (big_endian, name) = match descr.strip_prefix(['<', '|', '=']) {
        Some(name) => (false, name),
        None => match descr.strip_prefix('>') {
            Some(name) => (true, name),
            None => (false, descr),
        },
    };
    match ELEMENTS.iter().find(|(known, ..)| *known == name) {
        Some(&(_, dtype, width)) => Ok(Element {
            dtype,
            swap: (big_endian && width > 1).then_some(width),
        }),
        None if name.starts_with('O') => {
            Err("it holds Python objects, which are never loaded".to_owned())
        }
        None => {
            let known: Vec<_> = ELEMENTS.iter().map(|(known, ..)| *known).collect();
            let (descr, known) = (one_line(descr), known.join(" "));
            Err(format!("unknown dtype `{descr}`; supported: {known}"))
        }
    }
}

/// What is left of the text; every step skips the whitespace before it.
struct Cursor<'a> {
    rest: &'a str,
}

impl<'a> Cursor<'a> {
    fn skip_space(&mut self) {
        self.rest = self
            .rest
            .trim_start_matches([' ', '\t', '\n', '\r', '\x0c']);
    }

    fn peek(&mut self) -> Option<char> {
        self.skip_space();
        self.rest.chars().next()
    }

    fn take(&mut self, wanted: char) -> bool {
        self.skip_space();
        let rest = self.rest.strip_prefix(wanted);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn expect(&mut self, wanted: char) -> Parsed<()> {
        if self.take(wanted) {
            return Ok(());
        }
        Err(format!("expected `{wanted}`, found {}", self.found()))
    }

    fn end(&mut self) -> Parsed<()> {
        match self.peek() {
            // Some writers fill up with zero bytes.
            None | Some('\0') => Ok(()),
            Some(_) => Err(format!("expected the end, found {}", self.found())),
        }
    }

    fn string(&mut self) -> Parsed<&'a str> {
        for quote in ['\'', '"'] {
            if self.take(quote) {
                let Some((string, rest)) = self.rest.split_once(quote) else {
                    return Err("a string does not end".to_owned());
                };
                if string.contains(['\\', '\n']) {
                    return Err(format!("`{}` is not a plain string", one_line(string)));
                }
                self.rest = rest;
                return Ok(string);
            }
        }
        Err(format!("expected a string, found {}", self.found()))
    }

    fn boolean(&mut self) -> Parsed<bool> {
        let (word, rest) = self.word();
        let value = match word {
            "True" => true,
            "False" => false,
            _ => return Err(format!("expected True or False, found {}", self.found())),
        };
        self.rest = rest;
        Ok(value)
    }

    /// The letters and digits that come next, and what comes after them.
    fn word(&mut self) -> (&'a str, &'a str) {
        self.skip_space();
        let letters = |c: char| c.is_ascii_alphanumeric();
        let end = self.rest.find(|c| !letters(c));
        self.rest.split_at(end.unwrap_or(self.rest.len()))
    }

    fn tuple(&mut self) -> Parsed<Vec<usize>> {
        self.expect('(')?;
        let mut shape = Vec::new();
        while !self.take(')') {
            shape.push(self.dimension()?);
            if shape.len() > MOST_DIMENSIONS {
                return Err(format!("more than {MOST_DIMENSIONS} dimensions"));
            }
            if !self.take(',') {
                self.expect(')')?;
                if let [n] = shape[..] {
                    return Err(format!("shape ({n}) is a number, a tuple is ({n},)"));
                }
                break;
            }
        }
        Ok(shape)
    }

    fn dimension(&mut self) -> Parsed<usize> {
        let (word, rest) = self.word();
        // Python 2 wrote long integers with a suffix.
        let digits = word.strip_suffix('L').unwrap_or(word);
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(format!("expected a dimension, found {}", self.found()));
        }
        self.rest = rest;
        digits.parse().map_err(|_| {
            format!(
                "dimension {} is larger than memory can be",
                one_line(digits)
            )
        })
    }

    /// What comes next, for a message.
    fn found(&mut self) -> String {
        self.skip_space();
        let next: String = self.rest.chars().take(16).collect();
        if next.is_empty() {
            "the end".to_owned()
        } else {
            format!("`{}`", one_line(next.trim_end()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lazuli_core::dtype::ALL;

    #[test]
    fn every_dtype_reads_back_from_its_own_text() {
        for dtype in ALL {
            for shape in [vec![], vec![7], vec![0, 3], vec![1, 2, 3]] {
                let header = parse(&text(dtype, &shape)).unwrap();
                assert_eq!(header.element.dtype, dtype);
                assert_eq!(header.element.swap, None);
                assert_eq!(header.shape, shape);
                assert!(!header.fortran_order);
            }
        }
    }

    #[test]
    fn text_is_what_numpy_writes() {
        assert_eq!(
            text(Dtype::F32, &[3]),
            "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }"
        );
        assert_eq!(
            text(Dtype::Bool, &[]),
            "{'descr': '|b1', 'fortran_order': False, 'shape': (), }"
        );
        assert_eq!(
            text(Dtype::BF16, &[3, 4]),
            "{'descr': '<V2', 'fortran_order': False, 'shape': (3, 4), }"
        );
    }

    #[test]
    fn key_order_whitespace_and_quotes_are_free() {
        let header =
            parse("\n{ \"shape\"\t:( 2 ,\n3L, ) ,'fortran_order':True,\"descr\" : '>c8'}\n  \0\0");
        assert_eq!(
            header,
            Ok(Header {
                element: Element {
                    dtype: Dtype::C64,
                    swap: Some(4),
                },
                shape: vec![2, 3],
                fortran_order: true,
            })
        );
        assert_eq!(
            parse("{'descr':'>u1','fortran_order':False,'shape':()}")
                .unwrap()
                .element
                .swap,
            None
        );
    }

    #[test]
    fn each_malformed_header_has_its_message() {
        let known = "b1 ? u1 u2 u4 u8 i1 i2 i4 i8 f2 V2 f4 f8 c8";
        let with = |descr: &str, order: &str, shape: &str| {
            format!("{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}}}")
        };
        let unknown = format!("unknown dtype `<f16`; supported: {known}");
        let many = format!("({})", "1,".repeat(65));
        let cases = [
            (String::new(), "expected `{`, found the end"),
            ("[1]".into(), "expected `{`, found `[1]`"),
            ("{".into(), "expected a string, found the end"),
            ("{'descr".into(), "a string does not end"),
            ("{'descr' '<f4'}".into(), "expected `:`, found `'<f4'}`"),
            ("{'a\\'b': 1}".into(), "`a\\` is not a plain string"),
            ("{'x': 1}".into(), "unknown key `x`"),
            ("{}".into(), "key `descr` is missing"),
            ("{'descr': '<f4'}".into(), "key `fortran_order` is missing"),
            (
                "{'descr': '<f4', 'fortran_order': False}".into(),
                "key `shape` is missing",
            ),
            (
                "{'shape': (), 'shape': ()}".into(),
                "key `shape` is there twice",
            ),
            (
                "{'shape': () 'descr'}".into(),
                "expected `}`, found `'descr'}`",
            ),
            (
                with("'<f4'", "False", "()") + "x",
                "expected the end, found `x`",
            ),
            (with("'<f16'", "False", "()"), unknown.as_str()),
            (
                with("'|O'", "False", "()"),
                "it holds Python objects, which are never loaded",
            ),
            (
                with("[('a', '<f4')]", "False", "()"),
                "records (a list as `descr`) are not supported",
            ),
            (
                with("'<f4'", "0", "()"),
                "expected True or False, found `0, 'shape': ()}`",
            ),
            (
                with("'<f4'", "False", "(3)"),
                "shape (3) is a number, a tuple is (3,)",
            ),
            (with("'<f4'", "False", "3"), "expected `(`, found `3}`"),
            (
                with("'<f4'", "False", "(-1,)"),
                "expected a dimension, found `-1,)}`",
            ),
            (
                with("'<f4'", "False", "(1.5,)"),
                "expected `)`, found `.5,)}`",
            ),
            (
                with("'<f4'", "False", "(,)"),
                "expected a dimension, found `,)}`",
            ),
            (
                with("'<f4'", "False", "(99999999999999999999,)"),
                "dimension 99999999999999999999 is larger than memory can be",
            ),
            (with("'<f4'", "False", &many), "more than 64 dimensions"),
        ];
        for (header, message) in cases {
            assert_eq!(parse(&header).unwrap_err(), message, "{header}");
        }
    }
}
