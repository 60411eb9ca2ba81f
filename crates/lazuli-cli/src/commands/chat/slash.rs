//! Commands inside a conversation, and what they are mistyped as.

use std::path::PathBuf;

/// A command inside a conversation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Slash {
    Reset,
    System(Option<String>),
    Save(PathBuf),
    Stats,
    Help,
    Quit,
}

/// Name, argument and meaning of each command.
const COMMANDS: [(&str, &str, &str); 6] = [
    ("/reset", "", "begin again, with the same system prompt"),
    (
        "/system",
        "TEXT",
        "begin again with this system prompt; without TEXT, with none",
    ),
    (
        "/save",
        "FILE",
        "write the conversation, as JSON if FILE ends in .json, else as Markdown",
    ),
    ("/stats", "", "tokens, speed and memory"),
    ("/help", "", "this list"),
    ("/quit", "", "leave, as Ctrl-D does"),
];

/// The commands, one a line.
pub(super) fn help() -> String {
    let line = |(name, argument, meaning): &(&str, &str, &str)| {
        format!("{:<15}{meaning}", format!("{name} {argument}"))
    };
    let lines: Vec<String> = COMMANDS.iter().map(line).collect();
    lines.join("\n")
}

impl Slash {
    /// The command in `line`, or what is wrong with it; none if the line is a message. A path
    /// (`/usr/bin`) is a message, and so is what begins with a space.
    pub(super) fn parse(line: &str) -> Option<Result<Slash, String>> {
        let (name, argument) = match line.split_once(char::is_whitespace) {
            Some((name, argument)) => (name, argument.trim()),
            None => (line, ""),
        };
        let letters = name.strip_prefix('/')?;
        if letters.is_empty() || !letters.chars().all(|c| c.is_ascii_alphabetic()) {
            return None;
        }
        let command = match (name, argument) {
            ("/system", "") => Slash::System(None),
            ("/system", text) => Slash::System(Some(text.to_owned())),
            ("/save", "") => return Some(Err("/save needs the name of a file".to_owned())),
            ("/save", file) => Slash::Save(PathBuf::from(file)),
            ("/reset", "") => Slash::Reset,
            ("/stats", "") => Slash::Stats,
            ("/help", "") => Slash::Help,
            ("/quit" | "/exit", "") => Slash::Quit,
            _ => return Some(Err(refuse(name))),
        };
        Some(Ok(command))
    }
}

fn refuse(name: &str) -> String {
    if COMMANDS.iter().any(|(known, ..)| *known == name) || name == "/exit" {
        return format!("{name} takes nothing after it");
    }
    let near = COMMANDS
        .iter()
        .map(|(known, ..)| (strsim::jaro(name, known), known))
        .filter(|(likeness, _)| *likeness > 0.7)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    match near {
        Some((_, known)) => format!("there is no {name}; did you mean {known}?"),
        None => format!("there is no {name}; /help lists the commands"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_told_from_messages() {
        assert_eq!(Slash::parse("/reset"), Some(Ok(Slash::Reset)));
        assert_eq!(Slash::parse("/quit "), Some(Ok(Slash::Quit)));
        assert_eq!(
            Slash::parse("/system  Be\nbrief. "),
            Some(Ok(Slash::System(Some("Be\nbrief.".into()))))
        );
        assert_eq!(Slash::parse("/system"), Some(Ok(Slash::System(None))));
        assert_eq!(
            Slash::parse("/save a b.md"),
            Some(Ok(Slash::Save("a b.md".into())))
        );
        for message in [
            "hello",
            " /reset",
            "/usr/bin is a path",
            "/",
            "/ 2",
            "// x",
            "/2",
        ] {
            assert_eq!(Slash::parse(message), None, "{message}");
        }
    }

    #[test]
    fn a_typo_gets_a_suggestion_and_never_acts() {
        let refused = |line| Slash::parse(line).unwrap().unwrap_err();
        assert_eq!(refused("/rest"), "there is no /rest; did you mean /reset?");
        assert_eq!(
            refused("/sav x.md"),
            "there is no /sav; did you mean /save?"
        );
        assert_eq!(
            refused("/zzz"),
            "there is no /zzz; /help lists the commands"
        );
        assert_eq!(refused("/reset all"), "/reset takes nothing after it");
        assert_eq!(refused("/save"), "/save needs the name of a file");
    }

    #[test]
    fn the_long_help_lists_every_command() {
        for (name, ..) in COMMANDS {
            assert!(super::super::EXAMPLES.contains(name), "{name}");
        }
    }
}
