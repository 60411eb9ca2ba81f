//! The parser's errors as one line.

/// `error`, rendered by the parser in paragraphs, as one line, without the usage that follows.
pub(super) fn usage_error(error: &str, command: Option<&str>) -> String {
    let paragraphs = error
        .split("\n\n")
        .map(|p| p.split_whitespace().collect::<Vec<_>>().join(" "))
        .take_while(|p| !p.starts_with("Usage:") && !p.starts_with("For more information"))
        .map(|p| {
            let text = p.strip_prefix("error: ").or(p.strip_prefix("tip: "));
            text.map_or(p.clone(), str::to_owned)
        });
    let mut line = paragraphs.collect::<Vec<_>>().join("; ");
    let command = command.map_or(String::new(), |name| format!(" {name}"));
    line.push_str(&format!(" (try `lazuli{command} --help`)"));
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_and_the_tip_stay_and_the_usage_goes() {
        let error = "error: unexpected argument '--modle' found\n\n  \
                     tip: a similar argument exists: '--model'\n\n\
                     Usage: lazuli generate --model <MODEL>\n\n\
                     For more information, try '--help'.\n";
        assert_eq!(
            usage_error(error, Some("generate")),
            "unexpected argument '--modle' found; a similar argument exists: '--model' \
             (try `lazuli generate --help`)"
        );
        let error = "error: invalid value '3' for '--kv-bits <BITS>'\n  \
                     [possible values: 2, 4, 8]\n\nFor more information, try '--help'.\n";
        assert_eq!(
            usage_error(error, None),
            "invalid value '3' for '--kv-bits <BITS>' [possible values: 2, 4, 8] \
             (try `lazuli --help`)"
        );
    }
}
