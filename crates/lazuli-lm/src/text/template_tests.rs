//! Claims about chat templates. The oracle is transformers' own rendering (`fixtures/templates.py`).

use std::time::{Duration, UNIX_EPOCH};

use serde_json::{Map, Value, json};

use super::*;

fn template(source: &str) -> Result<ChatTemplate> {
    ChatTemplate::new(
        [("default".to_owned(), source.to_owned())],
        &TokenizerConfig::default(),
    )
}

fn render(source: &str, variables: Value) -> Result<String> {
    let Value::Object(variables) = variables else {
        panic!("variables are an object");
    };
    let options = ChatOptions {
        variables,
        ..Default::default()
    };
    template(source)?.render(&[], &options)
}

/// Every rendering of a file of cases that differs from the oracle's.
fn differences(cases: &Value) -> Vec<String> {
    let config = TokenizerConfig::from_bytes(cases["tokens"].to_string().as_bytes()).unwrap();
    let now = UNIX_EPOCH + Duration::from_secs(cases["now"].as_u64().unwrap());
    let mut differences = Vec::new();
    for case in cases["cases"].as_array().unwrap() {
        let name = case["template"].as_str().unwrap();
        let source = case["source"].as_str().unwrap().to_owned();
        let template = match ChatTemplate::new([("default".to_owned(), source)], &config) {
            Ok(template) => template,
            Err(error) => {
                differences.push(format!("{name}: {error}"));
                continue;
            }
        };
        for (conversation, expected) in case["renderings"].as_object().unwrap() {
            let mut variables: Map<String, Value> = cases["conversations"][conversation]
                .as_object()
                .unwrap()
                .clone();
            let list = |value: Option<Value>| match value {
                Some(Value::Array(items)) => Some(items),
                _ => None,
            };
            let messages = list(variables.remove("messages")).unwrap();
            let reply = variables.remove("add_generation_prompt") != Some(Value::Bool(false));
            let options = ChatOptions {
                tools: list(variables.remove("tools")),
                ending: if reply { Ending::Reply } else { Ending::Closed },
                variables,
                now: Some(now),
                ..Default::default()
            };
            let ours = template.render(&messages, &options);
            let same = match (&ours, expected) {
                (Ok(ours), Value::String(expected)) => ours == expected,
                (Err(_), Value::Object(_)) => true,
                _ => false,
            };
            if !same {
                differences.push(format!(
                    "{name}, {conversation}: {}",
                    first_difference(&ours, expected)
                ));
            }
        }
    }
    differences
}

fn first_difference(ours: &Result<String>, oracle: &Value) -> String {
    let (Ok(ours), Value::String(oracle)) = (ours, oracle) else {
        return format!("ours {ours:?}, the oracle's {oracle}");
    };
    let pairs = ours.chars().zip(oracle.chars());
    let at = pairs.take_while(|(a, b)| a == b).count();
    let around =
        |text: &str| -> String { text.chars().skip(at.saturating_sub(30)).take(70).collect() };
    format!("ours {:?}, the oracle's {:?}", around(ours), around(oracle))
}

#[test]
#[ignore = "needs LAZULI_TEMPLATE_CASES, a file that fixtures/templates.py makes of any templates"]
fn further_templates_render_as_transformers_renders_them() {
    let path = std::env::var("LAZULI_TEMPLATE_CASES").unwrap();
    let cases: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let differences = differences(&cases);
    assert!(
        differences.is_empty(),
        "{} differ\n{}",
        differences.len(),
        differences.join("\n")
    );
}

#[test]
fn templates_render_as_transformers_renders_them() {
    let cases: Value = serde_json::from_str(include_str!("fixtures/templates.json")).unwrap();
    let differences = differences(&cases);
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn the_small_models_template_gives_a_prompt_that_it_was_trained_on() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/text/fixtures/tiny");
    let tokenizer = Tokenizer::load(&folder).unwrap();
    let messages = [json!({"role": "user", "content": "Who are you?"})];
    let expected = "<|im_start|>user\nWho are you?<|im_end|>\n<|im_start|>assistant\n";
    for template in [
        ChatTemplate::load(&folder, tokenizer.config()),
        ChatTemplate::from_config(tokenizer.config()),
    ] {
        let prompt = template
            .unwrap()
            .render(&messages, &ChatOptions::default())
            .unwrap();
        assert_eq!(prompt, expected);
    }
    let tokens = tokenizer.encode(expected).unwrap();
    assert_eq!(tokens.len(), 13);
}

#[test]
fn errors_name_the_template_and_its_line() {
    let message = |result: Result<String>| result.unwrap_err().to_string();
    let raised = render("{{ 1 }}\n\n{{ raise_exception('no\n  way') }}", json!({}));
    assert_eq!(message(raised), "chat template `default`, line 3: no way");
    let syntax = message(render("a\n{% if %}", json!({})));
    assert!(
        syntax.starts_with("chat template `default`, line 2: "),
        "{syntax}"
    );
    let unknown = message(render("\n{{ x.nothing() }}", json!({"x": "text"})));
    assert!(
        unknown.starts_with("chat template `default`, line 2: "),
        "{unknown}"
    );
    for result in [
        render("{{ missing.field }}", json!({})),
        render("{{ missing | tojson }}", json!({})),
    ] {
        assert!(message(result).starts_with("chat template `default`, line 1: "));
    }
}

#[test]
fn a_template_that_never_ends_is_stopped() {
    let nested =
        "{% for a in range(9999) %}{% for b in range(9999) %}{{ b }}{% endfor %}{% endfor %}";
    let message = render(nested, json!({})).unwrap_err().to_string();
    assert!(message.contains("a loop in it may not end"), "{message}");
    let endless = "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}";
    assert!(render(endless, json!({})).is_err());
}

#[test]
fn a_panic_of_the_engine_is_an_error_value() {
    // minijinja 3.0.5 indexes an empty list here; a later version may well print nothing.
    let reversed = render(
        "{% for x in list[::-1] %}{{ x }}{% endfor %}",
        json!({"list": []}),
    );
    assert!(matches!(&reversed, Err(Error::Template { .. })) || reversed == Ok(String::new()));
}

#[test]
fn generation_blocks_change_nothing_but_their_own_lines() {
    let plain = "{% if true %}\n a\n{%- if true -%}\n b {% endif %}\n{% endif %}c";
    let marked =
        "{% generation %}\n a\n{%- generation -%}\n b {% endgeneration %}\n{% endgeneration %}c";
    assert_eq!(render(marked, json!({})), render(plain, json!({})));
    assert_eq!(
        render("{% if generation %}x{% endif %}", json!({"generation": 1})),
        Ok("x".into())
    );
    assert_eq!(
        render("{% generation", json!({})).is_err(),
        render("{% if true", json!({})).is_err()
    );
}

#[test]
fn without_a_template_the_error_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let error = ChatTemplate::load(folder.path(), &TokenizerConfig::default()).unwrap_err();
    assert_eq!(error, Error::NoTemplate);
    assert!(error.to_string().contains("--raw"));
}

#[test]
fn files_win_over_the_config_and_tools_choose_their_template() {
    let config = TokenizerConfig::from_bytes(
        br#"{"eos_token": "</s>", "chat_template": [{"name": "default", "template": "config"},
            {"name": "tool_use", "template": "config tools {{ eos_token }}"}]}"#,
    );
    let config = config.unwrap();
    let tools = ChatOptions {
        tools: Some(vec![json!({})]),
        ..Default::default()
    };
    let named = ChatOptions {
        template: Some("rag".into()),
        ..Default::default()
    };
    let plain = ChatOptions::default();
    let folder = tempfile::tempdir().unwrap();
    let rendered =
        |options: &ChatOptions| ChatTemplate::load(folder.path(), &config)?.render(&[], options);
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();

    assert_eq!(rendered(&plain), Ok("config".into()));
    assert_eq!(rendered(&tools), Ok("config tools </s>".into()));
    let message = rendered(&named).unwrap_err().to_string();
    assert_eq!(
        message,
        "chat template `rag`: the model has none of that name; it has default, tool_use"
    );
    write("chat_template.json", r#"{"chat_template": "json"}"#);
    assert_eq!(rendered(&tools), Ok("json".into()));
    write("chat_template.jinja", "file");
    assert_eq!(rendered(&tools), Ok("file".into()));
    std::fs::create_dir(folder.path().join("additional_chat_templates")).unwrap();
    write("additional_chat_templates/rag.jinja", "rag");
    write("additional_chat_templates/tool_use.jinja", "file tools");
    assert_eq!(rendered(&tools), Ok("file tools".into()));
    assert_eq!(rendered(&named), Ok("rag".into()));
    assert_eq!(rendered(&plain), Ok("file".into()));
}

#[test]
fn a_continued_message_stays_open_with_its_last_spaces() {
    let source = "{% for m in messages %}<{{ m.role }}>{{ m.content | trim }}</>{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}";
    let template = template(source).unwrap();
    let messages = [
        json!({"role": "user", "content": "Count."}),
        json!({"role": "assistant", "content": "1, 2, "}),
    ];
    let prompt = |ending| {
        let options = ChatOptions {
            ending,
            ..Default::default()
        };
        template.render(&messages, &options).unwrap()
    };
    assert_eq!(prompt(Ending::Continue), "<user>Count.</><assistant>1, 2, ");
    assert_eq!(prompt(Ending::Closed), "<user>Count.</><assistant>1, 2,</>");
    assert_eq!(
        prompt(Ending::Reply),
        "<user>Count.</><assistant>1, 2,</><assistant>"
    );
    let options = ChatOptions {
        ending: Ending::Continue,
        ..Default::default()
    };
    let silent = json!({"role": "assistant", "content": null});
    assert!(template.render(&[silent], &options).is_err());
    assert!(template.render(&[], &options).is_err());
}
