//! Judges bid responses by the specifications of OpenRTB 2.6 and Native 1.0 to 1.2 and by the rules of
//! Prebid Server for bids. Written from the documents and apart from the adapter: it shares no type with it.

use serde_json::{Map, Value};

const RESPONSE: &[&str] = &["id", "seatbid", "bidid", "cur", "customdata", "nbr", "ext"];
const SEATBID: &[&str] = &["bid", "seat", "group", "ext"];
const BID: &[&str] = &[
    "id",
    "impid",
    "price",
    "nurl",
    "burl",
    "lurl",
    "adm",
    "adid",
    "adomain",
    "bundle",
    "iurl",
    "cid",
    "crid",
    "tactic",
    "cattax",
    "cat",
    "attr",
    "apis",
    "api",
    "protocol",
    "qagmediarating",
    "language",
    "langb",
    "dealid",
    "w",
    "h",
    "wratio",
    "hratio",
    "exp",
    "dur",
    "mtype",
    "slotinpod",
    "ext",
];
const NATIVE: &[&str] = &[
    "ver",
    "assets",
    "assetsurl",
    "dcourl",
    "link",
    "imptrackers",
    "jstracker",
    "eventtrackers",
    "privacy",
    "ext",
];
const ASSET: &[&str] = &["id", "required", "title", "img", "video", "data", "link", "ext"];

/// What is wrong with a response; empty if it is valid. `is_local` allows unencrypted addresses of this
/// machine where encryption is required.
pub(crate) fn problems(request: &Value, response: &Value) -> Vec<String> {
    let mut judge = Judge { found: Vec::new() };
    judge.response(request, response);
    judge.found
}

struct Judge {
    found: Vec<String>,
}

/// An entry as a number, if it is one or a text of one.
fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.trim().parse().ok())
}

fn is_on(value: &Value) -> bool {
    !matches!(value, Value::Null | Value::Bool(false)) && number(value) != Some(0.0)
}

/// The texts of a list, or of a text alone.
fn texts(value: &Value) -> Vec<String> {
    let text = |one: &Value| match one {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        _ => None,
    };
    match value {
        Value::Array(list) => list.iter().filter_map(text).collect(),
        one => text(one).into_iter().collect(),
    }
}

fn objects(value: &Value) -> Vec<&Map<String, Value>> {
    value.as_array().into_iter().flatten().filter_map(Value::as_object).collect()
}

/// The native request of an imp, and whether it is wrapped.
fn native_request(imp: &Value) -> Option<(Value, bool)> {
    let request = &imp["native"]["request"];
    let document: Value = match request {
        Value::String(text) => serde_json::from_str(text).ok()?,
        other => other.clone(),
    };
    let wrapped = document.get("native").is_some();
    Some((if wrapped { document["native"].clone() } else { document }, wrapped))
}

impl Judge {
    fn expect(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.found.push(what());
        }
    }

    fn known(&mut self, object: &Value, fields: &[&str], what: &str) {
        for name in object.as_object().into_iter().flat_map(Map::keys) {
            self.expect(fields.contains(&&**name), || format!("unknown field `{name}` in {what}"));
        }
    }

    fn text(&mut self, object: &Value, name: &str, what: &str) -> String {
        let text = object[name].as_str().unwrap_or_default().to_owned();
        self.expect(!text.is_empty(), || format!("{what}.{name} must be a text that is not empty"));
        text
    }

    fn address(&mut self, url: &Value, imp: &Value, what: &str) {
        let parsed = url.as_str().and_then(|text| url::Url::parse(text).ok());
        let is_web = parsed.as_ref().is_some_and(|url| {
            let is_local =
                ["127.0.0.1", "localhost", "[::1]"].contains(&url.host_str().unwrap_or(""));
            url.scheme() == "https"
                || url.scheme() == "http" && (is_local || !is_on(&imp["secure"]))
        });
        self.expect(is_web, || format!("{what} must be an address that the slot may load: {url}"));
    }

    fn response(&mut self, request: &Value, response: &Value) {
        self.known(response, RESPONSE, "the response");
        let id = texts(&request["id"]).pop().unwrap_or_default();
        self.expect(response["id"] == *id, || format!("id {} for request {id}", response["id"]));
        if !response["nbr"].is_null() {
            self.expect(response["nbr"].is_u64(), || "nbr must be a number".into());
            self.expect(response.get("seatbid").is_none(), || "nbr beside bids".into());
            return;
        }
        let currency = self.text(response, "cur", "response");
        let is_code = currency.len() == 3 && currency.bytes().all(|b| b.is_ascii_uppercase());
        self.expect(is_code, || format!("cur `{currency}` is no ISO 4217 code"));
        let allowed = texts(&request["cur"]);
        let is_allowed =
            allowed.is_empty() || allowed.iter().any(|one| one.eq_ignore_ascii_case(&currency));
        self.expect(is_allowed, || format!("cur `{currency}` is none of {allowed:?}"));
        self.expect(!is_on(&request["regs"]["coppa"]), || "a bid for children".into());
        let seats = response["seatbid"].as_array().cloned().unwrap_or_default();
        self.expect(!seats.is_empty(), || "an answer without bids must be 204".into());
        let (mut ids, mut imps) = (Vec::new(), Vec::new());
        for seat in &seats {
            self.known(seat, SEATBID, "seatbid");
            let name = self.text(seat, "seat", "seatbid");
            let (only, not) = (texts(&request["wseat"]), texts(&request["bseat"]));
            let may = (only.is_empty() || only.contains(&name)) && !not.contains(&name);
            self.expect(may, || format!("seat `{name}` may not bid"));
            let bids = seat["bid"].as_array().cloned().unwrap_or_default();
            self.expect(!bids.is_empty(), || "a seat without bids".into());
            for bid in bids {
                ids.push(bid["id"].clone());
                imps.push(bid["impid"].clone());
                self.bid(request, &bid, &currency);
            }
        }
        for (list, what) in [(ids, "id"), (imps, "impid")] {
            let is_unique = list.iter().enumerate().all(|(at, one)| !list[..at].contains(one));
            self.expect(is_unique, || format!("two bids with one {what}"));
        }
    }

    fn bid(&mut self, request: &Value, bid: &Value, currency: &str) {
        self.known(bid, BID, "bid");
        for name in ["id", "impid", "crid", "cid", "adm"] {
            self.text(bid, name, "bid");
        }
        let is_imp =
            |imp: &&Value| texts(&imp["id"]).first().map(String::as_str) == bid["impid"].as_str();
        let all = request["imp"].as_array().cloned().unwrap_or_default();
        let Some(imp) = all.iter().find(is_imp) else {
            self.found.push(format!("no imp `{}`", bid["impid"]));
            return;
        };
        self.expect(bid["mtype"] == 4, || "mtype must be 4, native".into());
        let price = bid["price"].as_f64().unwrap_or(f64::NAN);
        self.expect(price.is_finite() && price > 0.0, || format!("price {price}"));
        let floor = match &imp["bidfloor"] {
            Value::Null => 0.0,
            other => number(other).unwrap_or(f64::INFINITY),
        };
        if floor > 0.0 {
            let floor_currency =
                imp["bidfloorcur"].as_str().filter(|c| !c.is_empty()).unwrap_or("USD");
            let is_same = floor_currency.eq_ignore_ascii_case(currency);
            self.expect(is_same && price >= floor, || {
                format!("{price} {currency} below the floor {floor} {floor_currency}")
            });
        }
        let domains = texts(&bid["adomain"]);
        self.expect(!domains.is_empty(), || "adomain is required".into());
        for blocked in texts(&request["badv"]) {
            let blocked = blocked.to_ascii_lowercase();
            let is_blocked =
                domains.iter().any(|own| *own == blocked || own.ends_with(&format!(".{blocked}")));
            self.expect(!is_blocked, || format!("domain {domains:?} is blocked by {blocked}"));
        }
        self.categories(request, bid);
        let languages = texts(&request["wlang"]);
        let language = bid["language"].as_str().unwrap_or_default().to_ascii_lowercase();
        let spoken = |one: &String| {
            language.split('-').next() == one.to_ascii_lowercase().split(['-', '_']).next()
        };
        self.expect(languages.is_empty() || languages.iter().any(spoken), || {
            format!("language `{language}` is none of {languages:?}")
        });
        self.expect(!is_on(&imp["pmp"]["private_auction"]), || "a bid without a deal".into());
        let dsa = &request["regs"]["ext"]["dsa"];
        if dsa.is_object() {
            let own = &bid["ext"]["dsa"];
            for name in ["behalf", "paid"] {
                let text = self.text(own, name, "dsa");
                self.expect(text.chars().count() <= 100, || format!("dsa.{name} is too long"));
            }
            let is_rendered = number(&dsa["dsarequired"]).unwrap_or(0.0) < 2.0
                || own["adrender"] == 1
                || number(&dsa["pubrender"]) != Some(0.0);
            self.expect(is_rendered, || "the disclosure is not rendered".into());
        }
        let Some((native, wrapped)) = native_request(imp) else {
            self.found.push("a bid for an imp without a native request".into());
            return;
        };
        match serde_json::from_str::<Value>(bid["adm"].as_str().unwrap_or_default()) {
            Ok(adm) => {
                let markup = if wrapped { adm["native"].clone() } else { adm };
                let version =
                    texts(&native["ver"]).pop().or_else(|| texts(&imp["native"]["ver"]).pop());
                let is_old = ["1", "1.0", "1.1"].contains(&version.as_deref().unwrap_or("1.2"));
                self.native(imp, &native, &markup, is_old);
            }
            Err(error) => self.found.push(format!("adm: {error}")),
        }
    }

    fn categories(&mut self, request: &Value, bid: &Value) {
        let own = texts(&bid["cat"]);
        let taxonomy = bid["cattax"].as_i64().unwrap_or(1);
        let asked = number(&request["cattax"]).unwrap_or(1.0);
        let (blocked, allowed) = (texts(&request["bcat"]), texts(&request["acat"]));
        self.expect(own.is_empty() || bid["cattax"].is_i64(), || "cat without cattax".into());
        let restricts = !blocked.is_empty() || !allowed.is_empty();
        self.expect(!restricts || !own.is_empty(), || {
            "restricted categories, and none named".into()
        });
        // Codes `IAB…` are of taxonomy 1 under any `cattax`.
        let in_first =
            |list: &[String]| list.iter().all(|one| one.to_ascii_uppercase().starts_with("IAB"));
        let is_named = |list: &[String]| {
            list.is_empty()
                || in_first(list)
                || number(&Value::from(asked)) == Some(taxonomy as f64)
        };
        self.expect(is_named(&blocked) && is_named(&allowed), || {
            format!("cattax {asked} was asked, {taxonomy} is named")
        });
        let is_within = |one: &String, outer: &String| {
            let (one, outer) = (one.to_ascii_uppercase(), outer.to_ascii_uppercase());
            one == outer || one.starts_with(&format!("{outer}-"))
        };
        for one in &own {
            self.expect(!blocked.iter().any(|outer| is_within(one, outer)), || {
                format!("{one} is blocked")
            });
            let may = allowed.is_empty()
                || !in_first(&allowed)
                || allowed.iter().any(|outer| is_within(one, outer));
            self.expect(may, || format!("{one} is not allowed"));
        }
    }

    fn native(&mut self, imp: &Value, request: &Value, markup: &Value, is_old: bool) {
        self.known(markup, NATIVE, "native");
        self.address(&markup["link"]["url"], imp, "link.url");
        let privacy = &markup["privacy"];
        self.expect(privacy.is_null() || is_on(&request["privacy"]), || {
            "privacy was not asked".into()
        });
        self.expect(!is_old || markup.get("eventtrackers").is_none(), || {
            "eventtrackers before 1.2".into()
        });
        self.expect(
            markup.get("eventtrackers").is_some() || markup.get("imptrackers").is_some(),
            || "nothing reports the impression".into(),
        );
        for url in markup["imptrackers"].as_array().into_iter().flatten() {
            self.address(url, imp, "imptracker");
        }
        for tracker in objects(&markup["eventtrackers"]) {
            let asked = objects(&request["eventtrackers"]).into_iter().any(|one| {
                one.get("event").and_then(number) == tracker["event"].as_f64()
                    && one.get("methods").is_some_and(|methods| {
                        let methods = match methods {
                            Value::Array(list) => list.clone(),
                            one => vec![one.clone()],
                        };
                        methods.iter().any(|one| number(one) == tracker["method"].as_f64())
                    })
            });
            self.expect(asked, || format!("tracker was not asked: {tracker:?}"));
            self.address(&tracker["url"], imp, "eventtracker");
        }
        let asked = objects(&request["assets"]);
        let same =
            |one: &Map<String, Value>, id: &Value| one.get("id").and_then(number) == id.as_f64();
        let answered = markup["assets"].as_array().cloned().unwrap_or_default();
        for asset in &answered {
            self.known(asset, ASSET, "asset");
            match asked.iter().find(|one| same(one, &asset["id"])) {
                Some(one) => self.asset(imp, one, asset, is_old),
                None => self.found.push(format!("asset {} was not asked", asset["id"])),
            }
        }
        for one in asked.iter().filter(|one| one.get("required").is_some_and(is_on)) {
            let is_there = answered.iter().any(|asset| same(one, &asset["id"]));
            self.expect(is_there, || format!("required asset is missing: {one:?}"));
        }
    }

    fn asset(&mut self, imp: &Value, asked: &Map<String, Value>, asset: &Value, is_old: bool) {
        let kinds: Vec<&str> = ["title", "img", "video", "data"]
            .into_iter()
            .filter(|kind| asset.get(*kind).is_some())
            .collect();
        let [kind] = kinds[..] else {
            self.found.push(format!("an asset must have one kind: {asset}"));
            return;
        };
        let Some(wanted) = asked.get(kind) else {
            self.found.push(format!("asset {} is no {kind}", asset["id"]));
            return;
        };
        let own = &asset[kind];
        let length = |name: &str| own[name].as_str().unwrap_or_default().chars().count();
        match kind {
            "img" => {
                self.address(&own["url"], imp, "img.url");
                for (size, least) in [("w", "wmin"), ("h", "hmin")] {
                    let is = own[size].as_f64().unwrap_or_default();
                    let (exact, least) = (number(&wanted[size]), number(&wanted[least]));
                    let fits = match (exact.filter(|n| *n != 0.0), least.filter(|n| *n != 0.0)) {
                        (_, Some(least)) => is >= least,
                        (Some(exact), None) => is == exact,
                        (None, None) => is > 0.0,
                    };
                    self.expect(fits, || format!("img.{size} {is} for {wanted}"));
                }
            }
            kind => {
                let name = if kind == "title" { "text" } else { "value" };
                self.expect(length(name) > 0, || format!("{kind}.{name} is empty"));
                let most = number(&wanted["len"]).unwrap_or(f64::INFINITY);
                self.expect(length(name) as f64 <= most, || {
                    format!("{kind} is longer than {most}")
                });
                let stated = own.get("len").and_then(Value::as_u64);
                let is_right =
                    if is_old { stated.is_none() } else { stated == Some(length(name) as u64) };
                self.expect(is_right, || format!("{kind}.len is {stated:?}"));
            }
        }
        if kind != "title" && !is_old && !wanted["type"].is_null() {
            self.expect(own["type"].as_f64() == number(&wanted["type"]), || {
                format!("{kind}.type {} for {}", own["type"], wanted["type"])
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_wrong_answer_is_found() {
        let request = json!({
            "id": "1", "cur": ["EUR"], "bcat": ["IAB19"], "wlang": ["de"],
            "imp": [{ "id": "a", "bidfloor": 2, "bidfloorcur": "EUR", "secure": 1,
                "native": { "request": { "assets": [{ "id": 1, "required": 1, "title": { "len": 5 } }] } } }],
        });
        let good = json!({
            "id": "1", "cur": "EUR",
            "seatbid": [{ "seat": "s", "bid": [{
                "id": "b", "impid": "a", "price": 3.0, "crid": "c", "cid": "d", "mtype": 4,
                "adomain": ["x.example"], "cat": ["IAB1"], "cattax": 1, "language": "de",
                "adm": json!({ "ver": "1.2", "link": { "url": "https://x.example" },
                    "imptrackers": ["https://x.example/i"],
                    "assets": [{ "id": 1, "title": { "text": "Hello", "len": 5 } }] }).to_string(),
            }] }],
        });
        assert_eq!(problems(&request, &good), [""; 0]);
        for (path, value) in [
            ("/id", json!("2")),
            ("/cur", json!("USD")),
            ("/cur", json!(null)),
            ("/seatbid", json!([])),
            ("/seatbid/0/bid/0/impid", json!("z")),
            ("/seatbid/0/bid/0/price", json!(1.0)),
            ("/seatbid/0/bid/0/crid", json!("")),
            ("/seatbid/0/bid/0/adomain", json!([])),
            ("/seatbid/0/bid/0/cat", json!(["IAB19-6"])),
            ("/seatbid/0/bid/0/language", json!("en")),
            ("/seatbid/0/bid/0/mtype", json!(1)),
            ("/seatbid/0/bid/0/adm", json!("{")),
            ("/seatbid/0/bid/0/adm", json!("{\"assets\":[],\"link\":{}}")),
        ] {
            let mut bad = good.clone();
            *bad.pointer_mut(path).unwrap() = value;
            assert!(!problems(&request, &bad).is_empty(), "{path}");
        }
        for (from, to) in [
            ("Hello", "Hello!"),
            ("https://x.example/i", "http://x.example/i"),
            ("\"id\":1", "\"id\":2"),
        ] {
            let mut bad = good.clone();
            let adm = bad["seatbid"][0]["bid"][0]["adm"].as_str().unwrap().replace(from, to);
            bad["seatbid"][0]["bid"][0]["adm"] = json!(adm);
            assert!(!problems(&request, &bad).is_empty(), "{from}");
        }
    }
}
