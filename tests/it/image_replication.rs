//! Image replication among instances that share a Redis: an image uploaded to one instance is
//! available on all, and a lost file is restored.

use crate::harness::decision::page_on;
use crate::harness::{Redis, Setup, TestServer, wait_until};
use serde_json::{Value, json};
use std::path::PathBuf;

const IMAGES_KEY: &str = "adj:{all}:pictures";

/// Names of the images in Redis.
fn images_in_redis(redis: &Redis) -> Vec<String> {
    redis.cli(&["HKEYS", IMAGES_KEY]).lines().map(str::to_owned).collect()
}

async fn instance(redis: &Redis) -> TestServer {
    Setup::default().with_store(redis).start().await
}

/// The image of the unit for a page on food, and whether this instance serves the file.
async fn unit_image(server: &TestServer) -> (Value, bool) {
    let mut page = page_on("food");
    page["viewer"]["region"] = json!("AT");
    page["placements"][0]["styles"] = json!(["card"]);
    let image = server.decide(&page).await.0["creative"]["image"].clone();
    let Some(url) = image["url"].as_str() else { return (Value::Null, false) };
    let path = url.split_once("/embed/").map(|(_, path)| path.to_owned()).unwrap();
    let reply = server.reader.get(&format!("{}/embed/{path}", server.public)).send().await;
    (image, reply.unwrap().status() == 200)
}

async fn wait_for_image(server: &TestServer) {
    wait_until("the unit with its image", async || {
        let (image, is_served) = unit_image(server).await;
        (image["width"] == 640 && is_served).then_some(())
    })
    .await;
}

fn folder(server: &TestServer) -> PathBuf {
    server.data().join("catalog/pictures")
}

fn image_files(server: &TestServer) -> Vec<PathBuf> {
    let files = std::fs::read_dir(folder(server)).unwrap();
    let mut files: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    files.sort();
    files
}

async fn upload(server: &TestServer, bytes: Vec<u8>) -> String {
    let request = server.reader.post(&format!("{}/v1/admin/images", server.ops));
    let response = request.bearer_auth(server.key("operator")).body(bytes).send().await.unwrap();
    assert_eq!(response.status(), 200);
    response.json::<Value>().await.unwrap()["address"].as_str().unwrap().to_owned()
}

/// A new image: a square of a single colour.
fn square(red: u8) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    let square = image::RgbImage::from_pixel(64, 64, image::Rgb([red, 0, 0]));
    square.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    bytes.into_inner()
}

#[tokio::test]
async fn a_joining_instance_has_the_images_before_it_serves_units_that_reference_them() {
    let redis = Redis::start();
    let one = instance(&redis).await;
    assert_eq!(unit_image(&one).await.0["width"], 640);

    let other = instance(&redis).await;

    let (image, is_served) = unit_image(&other).await;
    assert!(image["width"] == 640 && is_served, "{image}");
}

#[tokio::test]
async fn an_image_uploaded_to_one_instance_can_be_referenced_on_another_at_once() {
    let redis = Redis::start();
    let (one, other) = (instance(&redis).await, instance(&redis).await);
    let address = upload(&one, square(200)).await;

    let advertiser = format!("{}/v1/admin/advertisers/kupferpfanne", other.ops);
    let key = other.key("operator");
    let read = other.reader.get(&advertiser).bearer_auth(key).send().await.unwrap();
    let tag = read.headers()["etag"].to_str().unwrap().to_owned();
    let mut document: Value = read.json().await.unwrap();
    document["logo"] = json!(address);
    let request = other
        .reader
        .request(reqwest::Method::PUT, &advertiser)
        .bearer_auth(key)
        .header("if-match", tag);
    let put = request.body(document.to_string()).send().await.unwrap();
    assert_eq!(put.status(), 200, "{}", put.text().await.unwrap());

    for server in [&one, &other] {
        wait_until("the new logo", async || {
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
async fn an_image_lost_by_one_instance_is_restored_from_the_others() {
    let redis = Redis::start();
    let (one, other) = (instance(&redis).await, instance(&redis).await);
    for file in image_files(&other) {
        std::fs::write(&file, b"corrupt").unwrap();
    }
    // The first request detects the corruption; a corrupt file is never served.
    unit_image(&other).await;

    wait_for_image(&other).await;

    assert_eq!(image_files(&one).len(), image_files(&other).len());
    for (left, right) in image_files(&one).iter().zip(image_files(&other)) {
        if std::fs::read(&right).unwrap() != b"corrupt" {
            assert_eq!(std::fs::read(left).unwrap(), std::fs::read(&right).unwrap());
        }
    }
}

#[tokio::test]
async fn a_redis_that_lost_its_data_gets_the_images_again() {
    let redis = Redis::start();
    let one = instance(&redis).await;
    let address = upload(&one, square(100)).await;
    assert_eq!(redis.cli(&["FLUSHALL"]), "OK");

    wait_until("all images in Redis", async || {
        let names = images_in_redis(&redis);
        (names.len() == image_files(&one).len() && names.contains(&address)).then_some(())
    })
    .await;

    let other = instance(&redis).await;
    wait_for_image(&other).await;
    wait_until("the image without a reference", async || {
        image_files(&other).iter().any(|file| file.ends_with(&address)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn an_image_in_redis_whose_content_does_not_match_its_name_is_never_served() {
    let redis = Redis::start();
    let one = instance(&redis).await;
    let names: Vec<String> = images_in_redis(&redis);
    assert_eq!(names.len(), image_files(&one).len());
    for name in &names {
        redis.cli(&["HSET", IMAGES_KEY, name, "something else"]);
    }

    let other = instance(&redis).await;

    assert_eq!(unit_image(&other).await, (Value::Null, false));
    assert!(image_files(&other).is_empty());
}
