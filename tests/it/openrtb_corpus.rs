//! Bid requests generated from the object tables of OpenRTB 2.6 and Native 1.2: every answer must be valid,
//! and none an internal error.

use crate::adapters::with_all_adapters;
use crate::harness::inventory::example;
use crate::openrtb_validator::problems;
use rand::prelude::*;
use rand_pcg::Pcg64Mcg;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The objects of the specification: name, then fields with their types. `s` text, `i` number, `f` decimal,
/// `b` 0 or 1, `[…]` a list, `{…}` an object of this table, `a|b` one of these; `!` marks required fields.
const OBJECTS: &str = "
BidRequest id!s imp![{Imp} site!{Site} device{Device} user{User} test=0|1 at=1|2|3|500 tmax=0|80|120|1000 wseat=zahid-host|gitlift|other,list bseat=zahid-host|other,list allimps b cur=EUR|USD|GBP,list wlang=en|de|fr,list acat=IAB19|IAB1|596,list bcat=IAB1|IAB19|IAB25|IAB7-39|596,list cattax=1|2|5|6|7|9|501 badv=zahid.host|gitlift.example|x.example,list bapp s,list source{Source} regs{Regs} ext{Ext}
Source fd b tid s pchain s schain{SupplyChain} ext{Ext}
SupplyChain complete b nodes[{Node} ver=1.0
Node asi=exchange.example sid s hp b rid s name s domain=x.example
Regs coppa=0|0|0|0|0|1 gdpr b us_privacy=1YNN|1--- gpp s gpp_sid=2|6,numbers ext{RegsExt}
RegsExt gpc=0|1 dsa{Dsa} gdpr b
Dsa dsarequired=0|1|2|3 pubrender=0|1|2 datatopub=0|1|2 transparency[{Party}
Party domain=x.example dsaparams=1|2,numbers
Imp id!s native!{Native} tagid=article-end|sidebar|unknown banner{Banner} metric[{Metric} pmp{Pmp} displaymanager s displaymanagerver s instl b bidfloor=0|0.5|2.5|5|9.5 bidfloorcur=EUR|USD|GBP clickbrowser b secure=0|1 iframebuster s,list rwdd b ssai=0|1|2|3 exp=60|900 qty{Qty} dt f refresh{Refresh} ext{Ext}
Metric type=viewability|click_through_rate value f vendor s
Qty multiplier f sourcetype=0|1|2|3 vendor s
Refresh count i refsettings[{RefSetting}
RefSetting reftype=1|2|3 minint i
Banner format[{Format} w i h i btype=1|2|3,numbers battr=1|5|17,numbers pos=0|1|3 mimes=image/png|image/gif,list topframe b api=3|5,numbers
Format w i h i wratio i hratio i
Native request!{NativeRequest} ver=1.0|1.1|1.2 api=3|5,numbers battr=1|5,numbers ext{Ext}
NativeRequest ver=1.0|1.1|1.2|1.2|1.2 context=1|2|3|500 contextsubtype=10|11|12|500 plcmttype=1|2|3|4|500 plcmtcnt=1|2 seq i assets![{Asset} aurlsupport b durlsupport b eventtrackers[{Tracker} privacy=0|1 ext{Ext}
Asset id!asset required=0|0|1 title{Title} img{Image} data{Data}
Title len!=140|90|25|10
Image type=1|2|3|500 w=1200|0|300 wmin=50|100 h=627|0 hmin=50|100 mimes=image/png|image/jpeg|image/webp,list
Data type!=1|2|3|5|6|10|11|12|500 len=25|90|140|300
Tracker event!=1|2|3|4|555 methods!=1|2|500,numbers ext{Ext}
Pmp private_auction=0|0|0|1 deals[{Deal}
Deal id!s bidfloor f bidfloorcur=EUR|USD at=1|2|3 wseat s,list wadomain=x.example,list guar b
Site id=eu-tech-news|site-4242|x name s domain=news.example cattax=1|2|5|6|7|9 cat=IAB19|IAB1|596,list sectioncat=IAB19,list pagecat=596|IAB12,list page=https://news.example/x|https://news.example/ü|about:blank ref=https://ref.example/ search s mobile b privacypolicy b publisher{Publisher} content{Content} keywords=ai-infrastructure|cloud|gardens,comma kwarray=ai-infrastructure|cloud,list ext{Ext}
Publisher id!=eu-tech-news|eu-tech-news|eu-tech-news|kitchen-journal name s cattax=1|7 cat=IAB19,list domain=news.example ext{Ext}
Content id s episode i title s series s season s artist s genre s album s isrc s url=https://news.example/x cattax=1|7 cat=IAB19|596,list prodq=0|1|2|3 context=1|2|5|7 contentrating s userrating s qagmediarating=1|2|3 keywords=ai-infrastructure|cloud,comma kwarray=cloud,list livestream b sourcerelationship b len i language=en|de|xx langb=en|de-AT embeddable b data[{Segments} network{Channel} channel{Channel} ext{Ext}
Channel id s name s domain=x.example
Segments id s name s segment[{Segment}
Segment id s name s value s
Device geo{Geo} dnt b lmt b ua s sua{Sua} ip=192.0.2.7 ipv6=2001:db8::7 devicetype=1|2|4|5 make s model s os s osv s hwv s h i w i ppi i pxratio f js b geofetch b flashver s language=en|de langb=en carrier s mccmnc s connectiontype=0|2|6 ifa s didsha1 s dpidsha1 s ext{Ext}
Sua browsers[{Brand} platform{Brand} mobile b architecture s bitness s source=0|1|2
Brand brand s version s,list
Geo lat f lon f type=1|2|3 accuracy i lastfix i ipservice=1|2|3 country=DEU|BEL|USA|GBR|XXX region s metro s city s zip s utcoffset i ext{Ext}
User id s buyeruid s yob i gender=M|F|O keywords s,comma kwarray s,list customdata s geo{Geo} data[{Segments} consent s eids[{Eid} ext{Ext}
Eid source=x.example uids[{Uid} inserter s matcher s mm=0|1|2
Uid id s atype=1|2|3
Ext prebid{Prebid} tid s
Prebid debug b channel{Channel}
";

struct Field {
    name: String,
    required: bool,
    kind: String,
    /// Closed values; empty for any.
    values: Vec<String>,
    list: String,
}

fn field(text: &str, following: Option<&str>) -> Option<Field> {
    let at = text.find(['!', '=', '[', '{']).unwrap_or(text.len());
    let (name, rest) = text.split_at(at);
    let required = rest.starts_with('!');
    let rest = rest.trim_start_matches('!');
    let (rest, list) = rest.split_once(',').unwrap_or((rest, ""));
    let mut field = Field {
        name: name.to_owned(),
        required,
        kind: rest.to_owned(),
        values: Vec::new(),
        list: list.to_owned(),
    };
    if let Some(values) = rest.strip_prefix('=') {
        field.values = values.split('|').map(str::to_owned).collect();
    } else if rest.is_empty() {
        let (kind, list) = following?.split_once(',').unwrap_or((following?, ""));
        (field.kind, field.list) = (kind.to_owned(), list.to_owned());
    }
    Some(field)
}

/// The fields of every object.
fn objects() -> BTreeMap<String, Vec<Field>> {
    let is_type =
        |word: &str| ["s", "i", "f", "b"].contains(&word.split(',').next().unwrap_or_default());
    OBJECTS
        .lines()
        .filter(|line| !line.is_empty())
        .map(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            let fields = words.iter().enumerate().skip(1).filter(|(_, word)| !is_type(word));
            let fields = fields.map(|(at, word)| {
                field(word, words.get(at + 1).copied()).unwrap_or_else(|| panic!("{word}"))
            });
            (words[0].to_owned(), fields.collect())
        })
        .collect()
}

struct Generator {
    rng: Pcg64Mcg,
    objects: BTreeMap<String, Vec<Field>>,
    /// The share of optional fields, and of values of another type than the table's.
    optional: f64,
    odd: f64,
    assets: u32,
}

impl Generator {
    fn object(&mut self, name: &str, depth: usize) -> Value {
        let fields = std::mem::take(self.objects.get_mut(name).unwrap_or_else(|| panic!("{name}")));
        let mut object = Map::new();
        if name == "NativeRequest" {
            self.assets = 0;
        }
        for field in &fields {
            let is_deep = depth > 5 && field.kind.contains('{');
            let optional = self.optional * if is_deep { 0.2 } else { 1.0 };
            if field.required || self.rng.random_bool(optional) {
                object.insert(field.name.clone(), self.value(field, depth));
            }
        }
        self.objects.insert(name.to_owned(), fields);
        if name == "Asset" {
            self.one_kind(&mut object);
        }
        let object = Value::Object(object);
        match name {
            "NativeRequest" if self.rng.random_bool(0.9) => {
                let wrap = self.rng.random_bool(0.1);
                let object = if wrap { json!({ "native": object }) } else { object };
                Value::String(object.to_string())
            }
            _ => object,
        }
    }

    /// An asset has exactly one kind.
    fn one_kind(&mut self, asset: &mut Map<String, Value>) {
        let kinds = [("title", "Title"), ("img", "Image"), ("data", "Data"), ("data", "Data")];
        kinds.iter().for_each(|(name, _)| {
            asset.remove(*name);
        });
        let (name, object) = kinds[self.rng.random_range(0..kinds.len())];
        let value = self.object(object, 4);
        asset.insert(name.to_owned(), value);
    }

    fn value(&mut self, field: &Field, depth: usize) -> Value {
        if self.odd > 0.0 && self.rng.random_bool(self.odd) {
            let odd = [
                "null",
                "[]",
                "{}",
                "\"\"",
                "0",
                "-1",
                "true",
                "[null]",
                "\"7\"",
                "1e9",
                "\"ünï\"",
            ];
            return serde_json::from_str(odd[self.rng.random_range(0..odd.len())]).unwrap();
        }
        if let Some(object) = field.kind.strip_prefix("[{") {
            let count = if object.starts_with("Asset") { 1..5 } else { 0..3 };
            let count = if object.starts_with("Imp") { 1..4 } else { count };
            let count = self.rng.random_range(count);
            let name = object.trim_end_matches('}').to_owned();
            return (0..count).map(|_| self.object(&name, depth + 1)).collect();
        }
        if let Some(object) = field.kind.strip_prefix('{') {
            return self.object(object.trim_end_matches('}'), depth + 1);
        }
        match &*field.list {
            "" => self.one(field),
            "comma" => {
                let words: Vec<String> = (0..2).map(|_| text(&self.one(field))).collect();
                Value::String(words.join(","))
            }
            _ => {
                let count = self.rng.random_range(0..3);
                (0..count).map(|_| self.one(field)).collect()
            }
        }
    }

    fn one(&mut self, field: &Field) -> Value {
        if !field.values.is_empty() {
            let value = &field.values[self.rng.random_range(0..field.values.len())];
            let is_text = field.list == "list"
                || ["ver", "id", "tagid", "source", "domain", "value"].contains(&&*field.name);
            let number: Option<Value> =
                serde_json::from_str::<serde_json::Number>(value).ok().map(Value::Number);
            return number.filter(|_| !is_text).unwrap_or_else(|| json!(value));
        }
        match &*field.kind {
            "asset" => {
                self.assets += 1;
                json!(self.assets)
            }
            "i" => json!(self.rng.random_range(0..2_000)),
            "f" => json!(f64::from(self.rng.random_range(0..9_000)) / 100.0),
            "b" => json!(self.rng.random_range(0..2)),
            _ => json!(format!("{}-{}", field.name, self.rng.random_range(0..1_000_000))),
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The example with flights of every pricing, so that what can be reported matters.
fn inventory() -> String {
    let flight = |id: &str, terms: &str| {
        format!(
            r#"
[[flights]]
id = "{id}"
campaign = "zahid-launch"
tier = "standard"
{terms}
pacing = "asap"
targeting = {{}}

[[creatives]]
id = "{id}"
flight = "{id}"
styles = ["line", "card", "terminal"]
language = "en"
headline = "Push and run"
body = "One push."
ctas = [{{ id = "primary", text = "Try it", url = "https://zahid.host/{id}" }}]
"#
        )
    };
    example()
        + &flight("by-view", "pricing = \"vcpm\"\nprice_micros = 9_000_000")
        + &flight("by-click", "pricing = \"cpc\"\nprice_micros = 2_000_000")
        + &flight("by-fee", "pricing = \"flat\"")
}

/// Lets most requests be about the example's publisher, slots and topics, so that there is something to
/// bid.
fn fit_the_example(rng: &mut Pcg64Mcg, request: &mut Value) {
    for (number, imp) in request["imp"].as_array_mut().unwrap().iter_mut().enumerate() {
        imp["id"] = json!(format!("{number}"));
        imp["tagid"] = json!(["article-end", "sidebar"][number % 2]);
        if rng.random_bool(0.7) {
            imp["bidfloorcur"] = json!("EUR");
        }
        if rng.random_bool(0.8) {
            imp["pmp"] = Value::Null;
        }
    }
    request["site"]["publisher"] = json!({ "id": "eu-tech-news" });
    request["site"]["keywords"] = json!("ai-infrastructure,cloud");
    if rng.random_bool(0.8) {
        request["device"] = json!({ "geo": { "country": "DEU" } });
    }
    for (name, most) in [("cur", 0.6), ("wseat", 0.8), ("regs", 0.5)] {
        if rng.random_bool(most) {
            request[name] = Value::Null;
        }
    }
}

#[derive(Default)]
struct Counts {
    outcomes: BTreeMap<String, usize>,
    bids: usize,
    wrong: Vec<String>,
}

/// Whether a bid is of the flight that is billed by viewable impressions, and nothing reports these.
fn is_sold_for_nothing(bid: &Value) -> bool {
    bid["crid"] == "by-view" && !bid["adm"].as_str().unwrap_or_default().contains("\"event\":2")
}

#[tokio::test]
#[expect(clippy::print_stdout, reason = "prints the counts")]
async fn every_answer_to_a_request_made_from_the_schemas_is_valid() {
    let server = with_all_adapters().inventory(inventory()).start().await;
    let mut counts = Counts::default();
    for (seed, share, odd, count) in [
        (1, 0.1, 0.0, 200),
        (2, 0.35, 0.0, 200),
        (3, 0.9, 0.0, 60),
        (4, 0.25, 0.02, 150),
        (5, 0.4, 0.2, 90),
    ] {
        let rng = Pcg64Mcg::seed_from_u64(seed);
        let mut generator = Generator { rng, objects: objects(), optional: share, odd, assets: 0 };
        for at in 0..count {
            let mut request = generator.object("BidRequest", 0);
            if odd == 0.0 && at % 8 != 0 {
                fit_the_example(&mut generator.rng, &mut request);
            }
            let reply = server.openrtb(&request).await;
            let name = match reply.status {
                200 if reply.json()["nbr"].is_null() => "bid".to_owned(),
                200 => format!("nbr {}", reply.json()["nbr"]),
                204 => {
                    assert!(!reply.no_fill.is_empty(), "204 without a reason: {request}");
                    reply.no_fill.split(", ").next().unwrap().to_owned()
                }
                other => format!("status {other}"),
            };
            *counts.outcomes.entry(name).or_default() += 1;
            if reply.status != 200 {
                assert!([204, 400].contains(&reply.status), "{reply:?} for {request}");
                continue;
            }
            let response = reply.json();
            let mut found = problems(&request, &response);
            for seat in response["seatbid"].as_array().into_iter().flatten() {
                let bids = seat["bid"].as_array().unwrap();
                counts.bids += bids.len();
                found.extend(
                    bids.iter()
                        .filter(|bid| is_sold_for_nothing(bid))
                        .map(|_| "never billed".into()),
                );
            }
            if !found.is_empty() {
                counts.wrong.push(format!("{found:#?}\nfor {request}\n: {response}"));
            }
        }
    }
    let total: usize = counts.outcomes.values().sum();
    println!("{total} requests, {} bids, {} invalid answers", counts.bids, counts.wrong.len());
    for (outcome, count) in &counts.outcomes {
        println!("  {count:4} {outcome}");
    }
    assert!(counts.wrong.is_empty(), "{}", counts.wrong[..counts.wrong.len().min(3)].join("\n"));
    assert!(total >= 400 && counts.bids >= 100, "{total} requests, {} bids", counts.bids);
    server.assert_ledger_consistent().await;
}
