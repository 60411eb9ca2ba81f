//! Why the hub does not give a model, in words that say what to do.

use super::client::{Client, Trouble};

/// The reason that there is no model.
pub(super) fn of_model(trouble: &Trouble, client: &Client) -> String {
    let hub = client.endpoint();
    let nowhere = format!("there is no such folder, and no such model on {hub}");
    let Trouble::Status { code, line, name } = trouble else {
        return format!("{hub}: {}", of_file(trouble));
    };
    let token = match client.has_token {
        true => "with the account of your token",
        false => "and set HF_TOKEN to a token of that account",
    };
    match (code, name.as_deref()) {
        (_, Some("GatedRepo")) => {
            format!(
                "it is gated: accept its licence on {} {token}",
                client.page()
            )
        }
        (404, Some("RevisionNotFound")) => {
            format!("on {hub} it has no revision `{}`", client.revision)
        }
        (404, _) if client.revision != "main" => {
            format!(
                "{nowhere}, or no revision `{}` of it: check the spelling",
                client.revision
            )
        }
        (404, _) => format!("{nowhere}: check the spelling"),
        (401, _) if client.has_token => {
            format!("{nowhere} that your token may read: check the spelling and HF_TOKEN")
        }
        (401, _) => format!(
            "{nowhere} that is public: check the spelling, or set HF_TOKEN if it is private"
        ),
        (403, _) => format!(
            "{hub} refuses it: accept the model's licence on {} {token}",
            client.page()
        ),
        _ if trouble.may_pass() => format!("{hub} answers {line}: try again later"),
        _ => format!("{hub} answers {line}: HF_ENDPOINT must be the address of a hub"),
    }
}

/// The reason that a file did not come, or not all of it.
pub(super) fn of_file(trouble: &Trouble) -> String {
    match trouble {
        Trouble::Unreachable(why) | Trouble::Wrong(why) => why.clone(),
        Trouble::Status { line, .. } => format!("the server answers {line}"),
        Trouble::Local(error) => error.to_string(),
    }
}
