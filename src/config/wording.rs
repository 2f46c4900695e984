//! Errors of reading a file in an operator's words: what was expected and what is there, without the names of
//! types in the program.

/// The message of a deserializer in plain words. `written`: the text of the file at its place.
pub(crate) fn plain(message: &str, written: &str) -> String {
    let message = message.trim_end();
    let mismatch = ["invalid type: ", "invalid value: "]
        .iter()
        .find_map(|start| message.strip_prefix(start))
        // What was found may have the words itself.
        .and_then(|rest| rest.rsplit_once(", expected "));
    if let Some((found, expected)) = mismatch {
        return format!("expected {}, found {}", wanted(expected), present(found, written));
    }
    match message.strip_prefix("unknown variant ") {
        Some(rest) => format!("unknown value {rest}"),
        None => message.to_owned(),
    }
}

/// What a type accepts.
fn wanted(expected: &str) -> String {
    let words = match expected {
        "u8" | "u16" | "u32" | "u64" | "u128" | "usize" => "a whole number of at least 0",
        "i8" | "i16" | "i32" | "i64" | "i128" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        "a nonzero u8" | "a nonzero u16" | "a nonzero u32" | "a nonzero u64" => {
            "a whole number of at least 1"
        }
        "a boolean" => "true or false",
        "a string" | "string" | "str" | "a borrowed string" => "a text in quotes",
        "a sequence" | "sequence" => "a list such as [\"a\", \"b\"]",
        "a map" | "map" => "a table",
        "variant identifier" | "string or map" | "enum" => "one of the named values, in quotes",
        "IP address" => "an IP address in quotes",
        "socket address" => "an address with its port in quotes, such as \"127.0.0.1:8080\"",
        _ if expected.starts_with("struct ") => "a table",
        _ if expected.starts_with("enum ") => "one of the named values, in quotes",
        _ if expected.starts_with("a sequence") || expected.starts_with("a tuple") => {
            "a list such as [\"a\", \"b\"]"
        }
        other => return other.to_owned(),
    };
    words.to_owned()
}

/// What the file has.
fn present(found: &str, written: &str) -> String {
    // TOML's own dates are passed on as maps.
    let is_date = written.len() >= 8 && written.starts_with(|first: char| first.is_ascii_digit());
    let unquoted = |text: &str| text.trim_matches('`').to_owned();
    match found {
        "map" if is_date => format!("the date {written} without quotes"),
        "map" => "a table".to_owned(),
        "sequence" | "seq" => "a list".to_owned(),
        "unit value" | "Option value" => "nothing".to_owned(),
        _ => match found.split_once(' ') {
            Some(("string", text)) => format!("the text {text}"),
            Some(("integer" | "boolean" | "character", value)) => unquoted(value),
            Some(("floating", rest)) => {
                // As it is in the file: 1_000.0 and not 1000.0.
                let value = unquoted(rest.trim_start_matches("point "));
                let is_number = written.starts_with(|first: char| "+-.0123456789".contains(first));
                if is_number { written.to_owned() } else { value }
            }
            _ => found.to_owned(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load::parse_settings;

    #[test]
    fn settings_of_the_wrong_type_are_reported_in_plain_words() {
        for (text, expected) in [
            ("[server]\ntrial = \"yes\"", "expected true or false, found the text \"yes\""),
            ("[server]\ntrial = 1", "expected true or false, found 1"),
            ("[request]\ntopics = 1.5", "expected a whole number of at least 0, found 1.5"),
            ("[request]\ntopics = -5", "expected a whole number of at least 0, found -5"),
            ("[request]\ntopics = true", "expected a whole number of at least 0, found true"),
            (
                "[request]\ntopics = \"16\"",
                "expected a whole number of at least 0, found the text \"16\"",
            ),
            ("[review]\nnight_share = \"0.9\"", "expected a number, found the text \"0.9\""),
            ("[store]\ndata = 5", "expected a text in quotes, found 5"),
            ("[store]\ndata = [\"a\"]", "expected a text in quotes, found a list"),
            ("[store]\ndata = { a = 1 }", "expected a text in quotes, found a table"),
            (
                "[store]\ndata = 2026-12-31",
                "expected a text in quotes, found the date 2026-12-31 without quotes",
            ),
            (
                "[server]\nhosts = \"a\"",
                "expected a list such as [\"a\", \"b\"], found the text \"a\"",
            ),
            ("server = 5", "expected a table, found 5"),
            ("[logs]\nformat = \"xml\"", "unknown value `xml`, expected `text` or `json`"),
        ] {
            let problems = parse_settings("x.toml", text).unwrap_err();
            let message = problems[0].to_string();
            assert!(message.ends_with(expected), "{text}: {message}");
        }
    }

    #[test]
    fn a_text_with_the_words_of_a_message_is_shown_as_it_is() {
        let message = "invalid type: string \"a, expected b\", expected u32";
        let expected = "expected a whole number of at least 0, found the text \"a, expected b\"";
        assert_eq!(plain(message, ""), expected);
        assert_eq!(plain("missing field `id`\n", ""), "missing field `id`");
    }
}
