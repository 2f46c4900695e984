//! Request bodies: limited in length, nesting depth and time to arrive.

use crate::http::problem::ApiError;
use actix_web::HttpRequest;
use actix_web::error::PayloadError;
use actix_web::http::header;
use actix_web::web::{Bytes, BytesMut, Payload};
use flate2::read::MultiGzDecoder;
use futures_util::StreamExt;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use std::borrow::Cow;
use std::future::poll_fn;
use std::io::Read;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

/// Maximum nesting depth of JSON.
const MAX_DEPTH: usize = 16;

/// The bytes that a bid request may have at least, received and unpacked: exchanges send identifiers and
/// consent strings that are longer than any page.
const EXCHANGE_BYTES: usize = 256 * 1024;

/// The most bytes of a bid request, received and unpacked, where other bodies have up to `body_bytes`.
pub(crate) fn exchange_limit(body_bytes: usize) -> usize {
    body_bytes.max(EXCHANGE_BYTES)
}

/// Field names that identify a person; rejected at any depth.
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

/// Whether a field name identifies a person (case-insensitive).
pub(crate) fn is_personal(name: &str) -> bool {
    PERSONAL.iter().any(|word| word.eq_ignore_ascii_case(name))
}

/// Reads the whole body.
///
/// # Errors
/// 413 above `limit` bytes, 408 after `within`, 400 if the connection breaks off. All of them close
/// the connection.
pub(crate) async fn read(
    payload: Payload,
    limit: usize,
    within: Duration,
) -> Result<Bytes, ApiError> {
    let mut body = pin!(whole(payload, limit));
    let mut polls = 0;
    // Almost every body arrives with its head, but is decoded after the handler has begun: the timer is armed
    // only if the body is not there at the second poll.
    let read = poll_fn(|now| match body.as_mut().poll(now) {
        Poll::Ready(read) => Poll::Ready(Some(read)),
        Poll::Pending if polls == 0 => {
            polls = 1;
            now.waker().wake_by_ref();
            Poll::Pending
        }
        Poll::Pending => Poll::Ready(None),
    });
    match read.await {
        Some(read) => read,
        None => {
            let read = tokio::time::timeout(within, body).await;
            read.unwrap_or_else(|_| Err(ApiError::body_too_slow()))
        }
    }
}

/// All chunks of a body. A single one is not copied.
async fn whole(mut payload: Payload, limit: usize) -> Result<Bytes, ApiError> {
    let incomplete = |error: PayloadError| {
        ApiError::malformed_request(format!("the body is incomplete: {error}"))
            .with_connection_close()
    };
    let Some(first) = payload.next().await else { return Ok(Bytes::new()) };
    let first = first.map_err(incomplete)?;
    let mut all = BytesMut::new();
    let mut bytes = first.len();
    while bytes <= limit {
        let Some(chunk) = payload.next().await else {
            return Ok(if all.is_empty() { first } else { all.freeze() });
        };
        let chunk = chunk.map_err(incomplete)?;
        bytes += chunk.len();
        if all.is_empty() {
            all.extend_from_slice(&first);
        }
        all.extend_from_slice(&chunk);
    }
    Err(ApiError::body_too_large(limit))
}

/// A body without its compression: as it is, or unpacked from gzip.
///
/// # Errors
/// 413 if it is longer than `limit` bytes, 400 for another encoding or one that cannot be unpacked.
pub(crate) fn decoded<'a>(
    http: &HttpRequest,
    bytes: &'a [u8],
    limit: usize,
) -> Result<Cow<'a, [u8]>, ApiError> {
    let encoding = http.headers().get(header::CONTENT_ENCODING);
    let encoding = encoding.map_or(Ok("identity"), |value| value.to_str()).unwrap_or("unreadable");
    match encoding.trim().to_ascii_lowercase().as_str() {
        "identity" | "" => Ok(Cow::Borrowed(bytes)),
        "gzip" | "x-gzip" => {
            let mut unpacked = Vec::new();
            // One byte more than allowed shows that there are more.
            let mut source = MultiGzDecoder::new(bytes).take(limit as u64 + 1);
            source.read_to_end(&mut unpacked).map_err(|error| {
                ApiError::malformed_request(format!("the body is not gzip: {error}"))
            })?;
            if unpacked.len() > limit {
                return Err(ApiError::body_too_large(limit));
            }
            Ok(Cow::Owned(unpacked))
        }
        _ => Err(ApiError::malformed_request(
            "unsupported `Content-Encoding`: send the body as gzip or without encoding",
        )),
    }
}

/// Parses JSON into a `T`, and returns the paths of fields that `T` does not have.
///
/// # Errors
/// 400 for malformed JSON, 422 for a value that `T` rejects or a field that identifies a person.
pub(crate) fn json<T: DeserializeOwned>(bytes: &[u8]) -> Result<(T, Vec<String>), ApiError> {
    let scan = scan(bytes);
    let parsed = parse(bytes, scan.depth)?;
    if let Some(name) = scan.personal {
        let document = serde_json::from_slice(bytes).unwrap_or_default();
        return Err(ApiError::personal_data(path_of(&document, &name).unwrap_or(name)));
    }
    Ok(parsed)
}

/// The same for other protocols, whose clients always send fields that identify a person: fields that
/// `T` does not have are skipped without being stored, and only their paths are returned.
pub(crate) fn adapter_json<T: DeserializeOwned>(
    bytes: &[u8],
) -> Result<(T, Vec<String>), ApiError> {
    parse(bytes, scan(bytes).depth)
}

fn parse<T: DeserializeOwned>(bytes: &[u8], depth: usize) -> Result<(T, Vec<String>), ApiError> {
    if depth > MAX_DEPTH {
        let detail = format!("the body is nested more than {MAX_DEPTH} levels deep");
        return Err(ApiError::malformed_request(detail));
    }
    let mut source = serde_json::Deserializer::from_slice(bytes);
    let parsed = with_ignored::<T, _>(&mut source);
    match parsed.and_then(|parsed| source.end().map(|()| parsed)) {
        Ok(parsed) => Ok(parsed),
        Err(error) if error.is_data() => Err(field_error::<T>(bytes, &error)),
        Err(error) => Err(ApiError::malformed_request(format!("invalid JSON: {error}"))),
    }
}

/// The most fields of a body that are named as ignored.
const MAX_IGNORED: usize = 64;

/// Deserializes a `T`, and returns the paths of the first fields that it does not have.
pub(crate) fn with_ignored<'de, T, D>(source: D) -> Result<(T, Vec<String>), D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    let mut ignored = Vec::new();
    let value = serde_ignored::deserialize(source, |path| {
        if ignored.len() < MAX_IGNORED {
            ignored.push(display_path(&path.to_string()));
        }
    })?;
    Ok((value, ignored))
}

/// The path of the first field with this name.
fn path_of(value: &Value, name: &str) -> Option<String> {
    let below = |path: String| if path.starts_with('[') { path } else { format!(".{path}") };
    match value {
        Value::Object(fields) if fields.contains_key(name) => Some(name.to_owned()),
        Value::Object(fields) => {
            let find = |(key, value)| Some(format!("{key}{}", below(path_of(value, name)?)));
            fields.iter().find_map(find)
        }
        Value::Array(items) => items
            .iter()
            .enumerate()
            .find_map(|(at, value)| Some(format!("[{at}]{}", below(path_of(value, name)?)))),
        _ => None,
    }
}

/// A path in the usual notation: `page.entities[0].email` for `page.entities.0.email`.
fn display_path(path: &str) -> String {
    let mut text = String::with_capacity(path.len() + 4);
    // serde_ignored writes `?` for an `Option`; it is not part of the path.
    for part in path.split('.').filter(|part| *part != "?") {
        if part.bytes().all(|byte| byte.is_ascii_digit()) {
            text.extend(["[", part, "]"]);
        } else {
            text.extend([if text.is_empty() { "" } else { "." }, part]);
        }
    }
    text
}

/// Parses once more to find the path of the rejected field.
fn field_error<T: DeserializeOwned>(bytes: &[u8], first: &serde_json::Error) -> ApiError {
    let mut source = serde_json::Deserializer::from_slice(bytes);
    let (path, message) = match serde_path_to_error::deserialize::<_, T>(&mut source) {
        Err(error) => (error.path().to_string(), error.into_inner().to_string()),
        Ok(_) => (String::new(), first.to_string()),
    };
    let message = strip_position(&message);
    // The root's path is `.`; only the message names a missing or duplicate field.
    let parent = if path == "." { "" } else { &path };
    let name = ["missing field `", "duplicate field `"]
        .iter()
        .find_map(|prefix| message.strip_prefix(prefix)?.strip_suffix('`'));
    let field = match name {
        Some(name) if parent.is_empty() => name.to_owned(),
        Some(name) => format!("{parent}.{name}"),
        None => parent.to_owned(),
    };
    ApiError::invalid_field(field, message)
}

fn strip_position(message: &str) -> String {
    message.split(" at line ").next().unwrap_or(message).to_owned()
}

/// The result of one scan over the raw bytes, done before parsing.
struct Scan {
    /// Maximum nesting of objects and arrays; brackets in strings do not count.
    depth: usize,
    /// The first field that identifies a person, also inside fields that are otherwise ignored.
    personal: Option<String>,
}

/// Whether JSON is nested too deep or has a field that identifies a person, as [`json`] judges it.
pub(crate) fn is_refused(bytes: &[u8]) -> bool {
    let scan = scan(bytes);
    scan.depth > MAX_DEPTH || scan.personal.is_some()
}

fn scan(bytes: &[u8]) -> Scan {
    let mut scan = Scan { depth: 0, personal: None };
    let (mut depth, mut at) = (0usize, 0);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => {
                let end = string_end(bytes, at);
                if scan.personal.is_none() && is_key(bytes, end) {
                    scan.personal = personal_key(&bytes[at..end]);
                }
                at = end;
                continue;
            }
            b'{' | b'[' => {
                depth += 1;
                scan.depth = scan.depth.max(depth);
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        at += 1;
    }
    scan
}

/// Index after the closing quote of the string that starts at `start`.
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

/// The key, unescaped, if it identifies a person.
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
    struct Sample {
        #[serde(default)]
        count: u8,
    }

    fn status(text: &str) -> u16 {
        json::<Sample>(text.as_bytes()).map_or_else(|e| e.status_code().as_u16(), |_| 200)
    }

    #[test]
    fn malformed_json_is_a_400_and_a_rejected_field_a_422() {
        assert_eq!(status("{\"count\": 3}"), 200);
        assert_eq!(status("{\"count\": 3"), 400);
        assert_eq!(status("{} {}"), 400);
        assert_eq!(status("{\"count\": \"three\"}"), 422);
        assert_eq!(status("{\"viewer\": {\"email\": \"a@b.example\"}}"), 422);
        assert_eq!(status("{\"User_ID\": 1}"), 422);
        assert_eq!(status(&("[".repeat(17) + &"]".repeat(17))), 400);
    }

    #[test]
    fn paths_of_unknown_fields_are_returned() {
        let (sample, ignored) =
            json::<Sample>(b"{\"a\": 1, \"count\": 3, \"b\": {\"c\": 2}}").unwrap();
        assert_eq!((sample.count, ignored), (3, vec!["a".to_owned(), "b".to_owned()]));
    }

    #[test]
    fn brackets_in_strings_do_not_count_as_depth() {
        assert_eq!(scan(br#"{"a": "[[[\"[[", "b": [1]}"#).depth, 2);
    }

    #[test]
    fn a_field_that_identifies_a_person_is_found_at_any_depth() {
        for (text, field) in [
            (r#"{"email": ""}"#, "email"),
            (r#"{"a": {"list": [1, {"E-mail": 1, "eMail" : 2}]}}"#, "a.list[1].eMail"),
            (r#"{"e\u006dail": "x"}"#, "email"),
        ] {
            let error = json::<Sample>(text.as_bytes()).unwrap_err();
            assert_eq!(error.status_code(), 422);
            assert!(error.to_string().starts_with(&format!("`{field}`")), "{error}");
        }
        assert_eq!(status(r#"{"name": "email", "b": ["user", ":"]}"#), 200);
    }
}
