//! The report pages of advertisers and publishers, as a browser or a program receives them.

use super::TestServer;
use std::collections::BTreeSet;

/// `Accept` of a browser.
pub const BROWSER: &str = "text/html,application/xhtml+xml,*/*;q=0.8";
/// `Accept` of a program.
pub const API_CLIENT: &str = "*/*";

/// A response: a page or a problem document.
pub struct Page {
    pub status: u16,
    pub content_type: String,
    pub text: String,
}

/// Gets a path of the public listener, with the key of a party if one is given.
pub async fn open(server: &TestServer, path: &str, accept: &str, key: Option<&str>) -> Page {
    server.wait_until_applied().await;
    let mut request =
        server.reader.get(&format!("{}{path}", server.public)).header("accept", accept);
    if let Some(party) = key {
        request = request.bearer_auth(server.key(party));
    }
    let response = request.send().await.unwrap();
    let content_type = response.headers()["content-type"].to_str().unwrap().to_owned();
    Page { status: response.status().as_u16(), content_type, text: response.text().await.unwrap() }
}

impl Page {
    /// The cells of every row with this header.
    pub fn rows(&self, name: &str) -> Vec<Vec<String>> {
        let begin = format!("<tr><th scope=\"row\">{name}<");
        let rows = self.text.split(&begin).skip(1);
        let cells = |row: &str| {
            let row = row.split("</tr>").next().unwrap();
            let cells = row.split("<td").skip(1).map(|cell| {
                let cell = cell.split_once('>').unwrap().1;
                cell.split("</td>").next().unwrap().to_owned()
            });
            cells.collect()
        };
        rows.map(cells).collect()
    }

    /// A key figure by name.
    pub fn key_figure(&self, name: &str) -> &str {
        let begin = format!("<dt>{name}</dt><dd>");
        let after = self.text.split_once(&begin).unwrap_or_else(|| panic!("no {name}")).1;
        after.split(['<', '\n']).next().unwrap().trim()
    }

    /// The part of the page between a heading and the next one.
    pub fn section(&self, heading: &str) -> &str {
        let begin = format!("<h2>{heading}</h2>");
        let after = self.text.split_once(&begin).unwrap_or_else(|| panic!("no {heading}")).1;
        after.split("<h2").next().unwrap()
    }

    /// The addresses of the files that the page links.
    pub fn files(&self) -> BTreeSet<String> {
        let links = self.text.split("<a href=\"/v1/reports/").skip(1);
        let path = |after: &str| after.split('"').next().unwrap().replace("&#38;", "&");
        links.map(|after| format!("/v1/reports/{}", path(after))).collect()
    }
}
