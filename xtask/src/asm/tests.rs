//! A disassembly as the tools print it, and what is made of it.

use super::figures::Figures;
use super::loops::{Count, Hot};
use super::tools::{Line, functions, lines};

/// Two loops in one: a small one, a larger one, and a jump back over both.
const TEXT: &str = "
lazuli:     file format elf64-x86-64

0000000000001000 <product>:
    1000:\tpush   rbp
    1001:\tmov    rbp,rsp
    1004:\tvpxord zmm0,zmm0,zmm0
    100a:\tvpdpbusd zmm1,zmm2,ZMMWORD PTR [rdi]
    1010:\tdec    rax
    1013:\tjne    100a <product+0xa>
    1015:\tvmovups zmm3,ZMMWORD PTR [rbp-0x40]
    101b:\tvpdpbusd zmm1,zmm2,ZMMWORD PTR [rdi]
    1021:\tmov    QWORD PTR [rsp+0x8],rcx
    1026:\tvpdpbusd zmm4,zmm3,zmm2
    102c:\tvmovups ZMMWORD PTR [rsp+0x80],zmm4
    1034:\tjb     1015 <product+0x15>
    1036:\tjmp    1004 <product+0x4>
    1038:\tjmp    rax
    103a:\tret
";

fn hot(marker: &str, each: f64) -> Hot {
    let list = format!(
        r#"[{{"name": "a", "symbol": "digits::product::<*Halves, 1>", "marker": "{marker}", "each": {each}}}]"#
    );
    Hot::list(&list).unwrap().remove(0)
}

#[test]
fn the_innermost_loop_with_the_most_markers_is_counted_per_64_weights() {
    let lines = lines(TEXT);
    assert_eq!(lines.len(), 15);
    assert_eq!(lines[3].mnemonic, "vpdpbusd");
    let hot = hot("vpdpbusd", 32.0);
    let body: Vec<u64> = hot
        .find(&lines)
        .unwrap()
        .iter()
        .map(|l: &Line| l.address)
        .collect();
    assert_eq!(body, [0x1015, 0x101b, 0x1021, 0x1026, 0x102c, 0x1034]);
    // Two markers: 64 weights. The general register on the stack is no spill of a vector.
    let count = hot.count(&lines).unwrap();
    assert_eq!((count.vector, count.spills), (4.0, 2.0));
}

#[test]
fn other_loops_of_a_function_are_found_by_their_number() {
    let entry = r#"[{"name": "a", "symbol": "b", "marker": "vpdpbusd", "each": 64, "nth": 1}]"#;
    let lines = lines(TEXT);
    let body = Hot::list(entry).unwrap()[0].find(&lines).unwrap().len();
    assert_eq!(body, 3);
    let third = Hot::list(&entry.replace("1}", "2}")).unwrap();
    let error = third[0].find(&lines).unwrap_err().to_string();
    assert!(
        error.starts_with("2 innermost loops have `vpdpbusd`"),
        "{error}"
    );
}

#[test]
fn without_a_frame_the_base_pointer_is_a_pointer() {
    let text = TEXT.replace("mov    rbp,rsp", "mov    rbp,rdi");
    let count = hot("vpdpbusd", 64.0).count(&lines(&text)).unwrap();
    assert_eq!((count.vector, count.spills), (2.0, 0.5));
}

#[test]
fn a_marker_that_no_loop_has_is_an_error_that_says_what_to_do() {
    let error = hot("vdpbf16ps", 32.0)
        .count(&lines(TEXT))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("0 innermost loops have `vdpbf16ps`")
            && error.contains("xtask/asm/loops.json"),
        "{error}"
    );
}

#[test]
fn names_are_found_by_parts() {
    let hot = hot("vpdpbusd", 32.0);
    let name = "lazuli_cpu::matmul::avx512::digits::product::<lazuli_cpu::digits::Halves, 1>";
    assert!(hot.is_in(name));
    assert!(!hot.is_in(&name.replace("1>", "2>")));
    assert!(!hot.is_in(&name.replace("digits::product", "digits::arrange")));
}

#[test]
fn functions_are_read_with_their_lengths() {
    let symbols = "0000000000001000 000000000000003b t product::<u8, 1>\n\
        0000000000002000 0000000000000008 d TABLE\n                 U free\n";
    let functions = functions(symbols);
    assert_eq!(functions.len(), 1);
    assert_eq!(functions[0].name, "product::<u8, 1>");
    assert_eq!((functions[0].start, functions[0].end), (0x1000, 0x103b));
}

#[test]
fn figures_may_move_by_five_percent_in_either_direction() {
    let of = |vector, spills| vec![("a".to_owned(), Count { vector, spills })];
    let committed = Figures {
        rustc: "rustc 1".to_owned(),
        loops: of(20.0, 0.0).into_iter().collect(),
    };
    assert_eq!(
        Figures::parse(&committed.text().unwrap()).unwrap(),
        committed
    );
    assert!(committed.compare(&of(20.9, 0.0)).is_empty());
    assert!(committed.compare(&of(19.1, 0.0)).is_empty());
    for moved in [of(21.1, 0.0), of(18.9, 0.0), of(20.0, 0.5)] {
        assert_eq!(committed.compare(&moved).len(), 1, "{moved:?}");
    }
    // A loop that only one of the two has.
    let other = vec![("b".to_owned(), of(1.0, 0.0)[0].1)];
    assert_eq!(committed.compare(&other).len(), 2);
}

#[test]
fn a_list_with_a_name_twice_is_refused() {
    let one = r#"{"name": "a", "symbol": "b", "marker": "c", "each": 1}"#;
    assert!(Hot::list(&format!("[{one}]")).is_ok());
    let twice = Hot::list(&format!("[{one}, {one}]"))
        .unwrap_err()
        .to_string();
    assert_eq!(twice, "`a` is there twice");
    let zero = Hot::list(&format!("[{}]", one.replace(": 1", ": 0"))).unwrap_err();
    assert!(
        zero.to_string().starts_with("`each` is no positive number"),
        "{zero}"
    );
}
