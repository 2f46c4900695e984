//! Bodies: of limited length, within a deadline, of limited depth.

use crate::http::problem::ApiError;
use actix_web::web::Bytes;
use actix_web::web::Payload;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

/// How deep JSON may be nested.
const DEPTH: usize = 16;

/// Fields that name a person, refused wherever they stand.
const PERSONAL: [&str; 24] = [
    "user",
    "user_id",
    "userid",
    "uid",
    "email",
    "email_hash",
    "hashed_email",
    "phone",
    "ip",
    "ip_address",
    "address",
    "device_id",
    "deviceid",
    "ifa",
    "idfa",
    "gaid",
    "cookie",
    "cookies",
    "session_id",
    "visitor_id",
    "fingerprint",
    "user_agent",
    "ppid",
    "buyeruid",
];

/// Whether a field of this name would name a person.
pub fn is_personal(name: &str) -> bool {
    PERSONAL.iter().any(|word| word.eq_ignore_ascii_case(name))
}

/// The whole body, or why not.
pub async fn read(payload: Payload, limit: usize, within: Duration) -> Result<Bytes, ApiError> {
    let mut whole = pin!(payload.to_bytes_limited(limit));
    // Almost every body came with its head: no timer is armed for it.
    let read = match poll_fn(|now| Poll::Ready(whole.as_mut().poll(now))).await {
        Poll::Ready(read) => Ok(read),
        Poll::Pending => tokio::time::timeout(within, whole).await,
    };
    match read {
        Err(_) => Err(ApiError::too_slow()),
        Ok(Err(_)) => Err(ApiError::too_large(limit)),
        Ok(Ok(Err(error))) => {
            Err(ApiError::unparsable(format!("the body broke off: {error}")).closing())
        }
        Ok(Ok(Ok(bytes))) => Ok(bytes),
    }
}

/// A `T` in JSON, and the paths of fields that it does not know. Fields that name a person are
/// refused.
pub fn json<T: DeserializeOwned>(bytes: &[u8]) -> Result<(T, Vec<String>), ApiError> {
    let found = scan(bytes);
    let read = parsed(bytes, found.depth)?;
    if let Some(name) = found.personal {
        let whole = serde_json::from_slice(bytes).unwrap_or_default();
        return Err(ApiError::personal(find(&whole, &name).unwrap_or(name)));
    }
    Ok(read)
}

/// The same in a dialect whose callers cannot leave out fields that name a person: whatever `T` does
/// not know is passed over unread, and named by its path alone.
pub fn foreign_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<(T, Vec<String>), ApiError> {
    parsed(bytes, scan(bytes).depth)
}

fn parsed<T: DeserializeOwned>(bytes: &[u8], depth: usize) -> Result<(T, Vec<String>), ApiError> {
    if depth > DEPTH {
        return Err(ApiError::unparsable(format!("the body is nested deeper than {DEPTH} levels")));
    }
    let mut ignored = Vec::new();
    let mut source = serde_json::Deserializer::from_slice(bytes);
    let parsed: Result<T, _> =
        serde_ignored::deserialize(&mut source, |path| ignored.push(written(&path.to_string())));
    let value = match parsed.and_then(|value| source.end().map(|()| value)) {
        Ok(value) => value,
        Err(error) if error.is_data() => return Err(refused::<T>(bytes, &error)),
        Err(error) => return Err(ApiError::unparsable(format!("the body is not JSON: {error}"))),
    };
    Ok((value, ignored))
}

/// Where the field of this name stands.
fn find(value: &Value, name: &str) -> Option<String> {
    let below = |path: String| if path.starts_with('[') { path } else { format!(".{path}") };
    match value {
        Value::Object(fields) if fields.contains_key(name) => Some(name.to_owned()),
        Value::Object(fields) => {
            fields.iter().find_map(|(key, held)| Some(format!("{key}{}", below(find(held, name)?))))
        }
        Value::Array(items) => items
            .iter()
            .enumerate()
            .find_map(|(at, held)| Some(format!("[{at}]{}", below(find(held, name)?)))),
        _ => None,
    }
}

/// A path as people write it: `page.entities[0].email` for `page.entities.0.email`.
fn written(path: &str) -> String {
    let mut text = String::with_capacity(path.len() + 4);
    // A question mark stands for a field that may be absent: no part of what was written.
    for part in path.split('.').filter(|part| *part != "?") {
        if part.bytes().all(|byte| byte.is_ascii_digit()) {
            text.extend(["[", part, "]"]);
        } else {
            text.extend([if text.is_empty() { "" } else { "." }, part]);
        }
    }
    text
}

/// Parses once more, to say which field was refused.
fn refused<T: DeserializeOwned>(bytes: &[u8], first: &serde_json::Error) -> ApiError {
    let mut source = serde_json::Deserializer::from_slice(bytes);
    let (path, message) = match serde_path_to_error::deserialize::<_, T>(&mut source) {
        Err(error) => (error.path().to_string(), error.into_inner().to_string()),
        Ok(_) => (String::new(), first.to_string()),
    };
    let message = without_place(&message);
    // The root is written as a dot; a field that is missing or comes twice is in the message alone.
    let around = if path == "." { "" } else { &path };
    let named = ["missing field `", "duplicate field `"]
        .iter()
        .find_map(|words| message.strip_prefix(words)?.strip_suffix('`'));
    let field = match named {
        Some(name) if around.is_empty() => name.to_owned(),
        Some(name) => format!("{around}.{name}"),
        None => around.to_owned(),
    };
    ApiError::refused(field, message)
}

fn without_place(message: &str) -> String {
    message.split(" at line ").next().unwrap_or(message).to_owned()
}

/// What one look at the bytes tells, before and besides parsing.
struct Scan {
    /// How deep objects and lists are nested; brackets in strings do not count.
    depth: usize,
    /// The first field that names a person, also within fields that nobody reads.
    personal: Option<String>,
}

fn scan(bytes: &[u8]) -> Scan {
    let mut found = Scan { depth: 0, personal: None };
    let (mut now, mut at) = (0usize, 0);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => {
                let end = string_end(bytes, at);
                if found.personal.is_none() && is_key(bytes, end) {
                    found.personal = personal_key(&bytes[at..end]);
                }
                at = end;
                continue;
            }
            b'{' | b'[' => {
                now += 1;
                found.depth = found.depth.max(now);
            }
            b'}' | b']' => now = now.saturating_sub(1),
            _ => {}
        }
        at += 1;
    }
    found
}

/// One past the closing quote of the string that begins at `start`.
fn string_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}

fn is_key(bytes: &[u8], end: usize) -> bool {
    bytes[end..].iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b':')
}

/// A key's text, escapes and all, if it names a person.
fn personal_key(quoted: &[u8]) -> Option<String> {
    let plain = quoted.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\""))?;
    if !plain.contains(&b'\\') {
        let name = std::str::from_utf8(plain).ok()?;
        return is_personal(name).then(|| name.to_owned());
    }
    serde_json::from_slice(quoted).ok().filter(|name: &String| is_personal(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::ResponseError;

    #[derive(Debug, serde::Deserialize)]
    struct Asked {
        #[serde(default)]
        count: u8,
    }

    fn status(text: &str) -> u16 {
        json::<Asked>(text.as_bytes()).map_or_else(|e| e.status_code().as_u16(), |_| 200)
    }

    #[test]
    fn what_cannot_be_parsed_is_a_400_and_what_is_refused_a_422() {
        assert_eq!(status("{\"count\": 3}"), 200);
        assert_eq!(status("{\"count\": 3"), 400);
        assert_eq!(status("{} {}"), 400);
        assert_eq!(status("{\"count\": \"three\"}"), 422);
        assert_eq!(status("{\"viewer\": {\"email\": \"a@b.example\"}}"), 422);
        assert_eq!(status("{\"User_ID\": 1}"), 422);
        assert_eq!(status(&("[".repeat(17) + &"]".repeat(17))), 400);
    }

    #[test]
    fn unknown_fields_are_named() {
        let (asked, ignored) =
            json::<Asked>(b"{\"a\": 1, \"count\": 3, \"b\": {\"c\": 2}}").unwrap();
        assert_eq!((asked.count, ignored), (3, vec!["a".to_owned(), "b".to_owned()]));
    }

    #[test]
    fn brackets_in_strings_are_no_depth() {
        assert_eq!(scan(br#"{"a": "[[[\"[[", "b": [1]}"#).depth, 2);
    }

    #[test]
    fn a_field_that_names_a_person_is_found_wherever_it_stands() {
        for (text, field) in [
            (r#"{"email": ""}"#, "email"),
            (r#"{"a": {"list": [1, {"E-mail": 1, "eMail" : 2}]}}"#, "a.list[1].eMail"),
            (r#"{"e\u006dail": "x"}"#, "email"),
        ] {
            let error = json::<Asked>(text.as_bytes()).unwrap_err();
            assert_eq!(error.status_code(), 422);
            assert!(error.to_string().starts_with(&format!("`{field}`")), "{error}");
        }
        assert_eq!(status(r#"{"name": "email", "b": ["user", ":"]}"#), 200);
    }
}
