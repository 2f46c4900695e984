//! Pictures among machines that share a Redis: what one was handed all can show, and what one lost
//! comes back.

use crate::harness::Redis;
use crate::harness::Setup;
use crate::harness::TestServer;
use crate::harness::decision::page_on;
use crate::harness::until;
use serde_json::Value;
use serde_json::json;
use std::path::PathBuf;

const PICTURES: &str = "adj:{all}:pictures";

/// What the store has, by its own client.
fn in_store(redis: &Redis) -> Vec<String> {
    redis.ask(&["HKEYS", PICTURES]).lines().map(str::to_owned).collect()
}

async fn machine(redis: &Redis) -> TestServer {
    Setup::default().on(redis).start().await
}

/// The image of the unit that a page on cooking shows, and whether this machine serves its bytes.
async fn pan(server: &TestServer) -> (Value, bool) {
    let mut page = page_on("food");
    page["viewer"]["region"] = json!("AT");
    page["placements"][0]["styles"] = json!(["card"]);
    let image = server.decide(&page).await.0["creative"]["image"].clone();
    let Some(url) = image["url"].as_str() else { return (Value::Null, false) };
    let path = url.split_once("/embed/").map(|(_, path)| path.to_owned()).unwrap();
    let reply = server.reader.get(&format!("{}/embed/{path}", server.public)).send().await;
    (image, reply.unwrap().status() == 200)
}

async fn shows(server: &TestServer) {
    until("the unit with its image", async || {
        let (image, is_served) = pan(server).await;
        (image["width"] == 640 && is_served).then_some(())
    })
    .await;
}

fn folder(server: &TestServer) -> PathBuf {
    server.data().join("catalog/pictures")
}

fn stored(server: &TestServer) -> Vec<PathBuf> {
    let files = std::fs::read_dir(folder(server)).unwrap();
    let mut files: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    files.sort();
    files
}

async fn hand_in(server: &TestServer, bytes: Vec<u8>) -> String {
    let call = server.reader.post(&format!("{}/v1/admin/images", server.ops));
    let sent = call.bearer_auth(server.key("operator")).body(bytes).send().await.unwrap();
    assert_eq!(sent.status(), 200);
    sent.json::<Value>().await.unwrap()["address"].as_str().unwrap().to_owned()
}

/// A picture that nobody has yet: a single pixel of this colour.
fn pixel(red: u8) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    let dot = image::RgbImage::from_pixel(64, 64, image::Rgb([red, 0, 0]));
    dot.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    bytes.into_inner()
}

#[tokio::test]
async fn a_machine_that_joins_has_the_pictures_before_it_serves_what_names_them() {
    let redis = Redis::start();
    let one = machine(&redis).await;
    assert_eq!(pan(&one).await.0["width"], 640);

    let other = machine(&redis).await;

    let (image, is_served) = pan(&other).await;
    assert!(image["width"] == 640 && is_served, "{image}");
}

#[tokio::test]
async fn a_picture_handed_in_on_one_machine_can_be_named_on_another_at_once() {
    let redis = Redis::start();
    let (one, other) = (machine(&redis).await, machine(&redis).await);
    let address = hand_in(&one, pixel(200)).await;

    let advertiser = format!("{}/v1/admin/advertisers/kupferpfanne", other.ops);
    let key = other.key("operator");
    let read = other.reader.get(&advertiser).bearer_auth(key).send().await.unwrap();
    let tag = read.headers()["etag"].to_str().unwrap().to_owned();
    let mut document: Value = read.json().await.unwrap();
    document["logo"] = json!(address);
    let call = other
        .reader
        .request(reqwest::Method::PUT, &advertiser)
        .bearer_auth(key)
        .header("if-match", tag);
    let put = call.body(document.to_string()).send().await.unwrap();
    assert_eq!(put.status(), 200, "{}", put.text().await.unwrap());

    for server in [&one, &other] {
        until("the new logo", async || {
            let mut page = page_on("food");
            page["viewer"]["region"] = json!("AT");
            page["placements"][0]["styles"] = json!(["card"]);
            let logo = server.decide(&page).await.0["creative"]["logo"].clone();
            (logo["width"] == 64).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn what_one_machine_lost_comes_back_from_the_others() {
    let redis = Redis::start();
    let (one, other) = (machine(&redis).await, machine(&redis).await);
    for file in stored(&other) {
        std::fs::write(&file, b"damaged").unwrap();
    }
    // Found as soon as somebody asks, and nobody is served a broken one.
    pan(&other).await;

    shows(&other).await;

    assert_eq!(stored(&one).len(), stored(&other).len());
    for (ours, theirs) in stored(&one).iter().zip(stored(&other)) {
        if std::fs::read(&theirs).unwrap() != b"damaged" {
            assert_eq!(std::fs::read(ours).unwrap(), std::fs::read(&theirs).unwrap());
        }
    }
}

#[tokio::test]
async fn a_store_that_lost_all_is_given_the_pictures_again() {
    let redis = Redis::start();
    let one = machine(&redis).await;
    let address = hand_in(&one, pixel(100)).await;
    assert_eq!(redis.ask(&["FLUSHALL"]), "OK");

    until("the store has them again", async || {
        let names = in_store(&redis);
        (names.len() == stored(&one).len() && names.contains(&address)).then_some(())
    })
    .await;

    let other = machine(&redis).await;
    shows(&other).await;
    until("the picture that nobody names yet", async || {
        stored(&other).iter().any(|file| file.ends_with(&address)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_picture_in_the_store_that_is_another_than_its_name_says_is_never_served() {
    let redis = Redis::start();
    let one = machine(&redis).await;
    let names: Vec<String> = in_store(&redis);
    assert_eq!(names.len(), stored(&one).len());
    for name in &names {
        redis.ask(&["HSET", PICTURES, name, "something else"]);
    }

    let other = machine(&redis).await;

    assert_eq!(pan(&other).await, (Value::Null, false));
    assert!(stored(&other).is_empty());
}
