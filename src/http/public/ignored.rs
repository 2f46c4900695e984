//! `Adjacent-Ignored`: the fields of a request that were not read, by their paths. Never a value.

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};

/// Fields and headers of the request that were not used.
pub(crate) const IGNORED: &str = "Adjacent-Ignored";

/// The most paths, bytes of one path, and bytes of all.
const MAX_PATHS: usize = 32;
const MAX_PATH_BYTES: usize = 128;
const MAX_BYTES: usize = 512;

/// Lists the paths in the header. Paths beyond the limits are left out.
pub(crate) fn list<T: AsRef<str>>(headers: &mut HeaderMap, paths: impl IntoIterator<Item = T>) {
    if let Some(value) = value(paths) {
        headers.insert(HeaderName::from_static("adjacent-ignored"), value);
    }
}

/// The header's value; `None` without paths.
pub(crate) fn value<T: AsRef<str>>(paths: impl IntoIterator<Item = T>) -> Option<HeaderValue> {
    // The caller chose these names: skip any that a header cannot carry or that could alter it.
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-[]".contains(&byte);
    let is_listed =
        |path: &str| !path.is_empty() && path.len() <= MAX_PATH_BYTES && path.bytes().all(plain);
    let mut listed: Vec<T> = Vec::new();
    let mut bytes = 0;
    for path in paths.into_iter().filter(|path| is_listed(path.as_ref())) {
        let text = path.as_ref();
        let is_known = listed.iter().any(|known| known.as_ref() == text);
        if is_known || bytes + text.len() + 2 > MAX_BYTES {
            continue;
        }
        bytes += text.len() + 2;
        listed.push(path);
        if listed.len() == MAX_PATHS {
            break;
        }
    }
    let text = listed.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(", ");
    HeaderValue::from_str(&text).ok().filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_bounded_and_holds_plain_names_only() {
        let text = |paths: &[String]| {
            value(paths).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
        };
        let paths =
            |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(text(&[]), "");
        let odd = ["a.b[0]", "x y", "a\r\nSet-Cookie: b", "é", "", "a.b[0]", "c,d", "e-f_g"];
        assert_eq!(text(&paths(&odd)), "a.b[0], e-f_g");
        let long = "n".repeat(MAX_PATH_BYTES + 1);
        assert_eq!(text(&paths(&[&long, "short"])), "short");
        let many: Vec<String> = (0..100).map(|at| format!("f{at}")).collect();
        assert_eq!(text(&many).split(", ").count(), MAX_PATHS);
        let wide: Vec<String> = (0..100).map(|at| format!("{}{at}", "w".repeat(100))).collect();
        assert!((300..=MAX_BYTES).contains(&text(&wide).len()));
    }
}
