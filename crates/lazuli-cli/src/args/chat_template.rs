//! What a chat template is told.

use clap::Args;
use serde_json::{Map, Value};

/// What a chat template is told.
#[derive(Args, Debug)]
pub(crate) struct ChatTemplateArgs {
    /// Text that tells the model how to behave
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub(crate) system_prompt: Option<String>,

    /// Variables of the chat template, such as '{"enable_thinking": false}'
    #[arg(long, value_name = "JSON", value_parser = object, default_value = "{}")]
    #[arg(hide_default_value = true)]
    pub(crate) chat_template_args: Object,
}

/// A JSON object.
#[derive(Clone, Debug)]
pub(crate) struct Object(pub(crate) Map<String, Value>);

fn object(text: &str) -> Result<Object, String> {
    match serde_json::from_str(text) {
        Ok(Value::Object(object)) => Ok(Object(object)),
        Ok(_) => Err("it must be a JSON object".to_owned()),
        Err(error) => Err(format!("{error}; it must be a JSON object")),
    }
}
