//! Location look-ups: what is sent to the online service, what is never sent, and the text after a failure.

pub mod city_database;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::extract::Request;
use axum::response::IntoResponse as _;
use tenantwatch::location::Locator;
use tenantwatch::settings::LocationSettings;

const KEY: &str = "an-access-key";

/// A service with one response, and the number of its requests.
async fn service(status: u16, body: &'static str) -> (Locator, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let router = Router::new().fallback(move |request: Request| {
        let counter = Arc::clone(&counter);
        async move {
            assert_eq!(request.uri().query(), Some("access_key=an-access-key"));
            counter.fetch_add(1, Ordering::Relaxed);
            (axum::http::StatusCode::from_u16(status).unwrap(), body).into_response()
        }
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    let settings = LocationSettings { database: None, ipstack_key: Some(KEY.into()) };
    (Locator::with_service(&settings, reqwest::Client::new(), base).unwrap(), asked)
}

#[tokio::test]
async fn location_is_looked_up_once() {
    let found = r#"{"type":"ipv4","city":"Los Angeles","region_name":"California","country_name":"United States"}"#;
    let (locator, asked) = service(200, found).await;
    for _ in 0..2 {
        assert_eq!(
            locator.locate(Some("134.201.250.155".parse().unwrap())).await,
            "Los Angeles, California, United States"
        );
    }
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    assert!(!locator.locate(Some("2a01:4f8::1".parse().unwrap())).await.is_empty());
    assert_eq!(asked.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn failure_has_the_original_text_and_is_not_cached() {
    let start = "Unable to determine the location,";
    for (status, body, text) in [
        (500, "", "bad status code"),
        (200, "<html>", "bad content"),
        (200, r#"{"success":false,"error":{"code":101,"type":"invalid_access_key"}}"#, "bad content"),
        (
            200,
            r#"{"type":null,"city":null,"region_name":null,"country_name":null}"#,
            "issues with determining IP address type",
        ),
    ] {
        let (locator, asked) = service(status, body).await;
        for _ in 0..2 {
            assert_eq!(locator.locate(Some("134.201.250.155".parse().unwrap())).await, format!("{start} {text}"));
        }
        assert_eq!(asked.load(Ordering::Relaxed), 2, "a failure is not cached");
    }
}

#[tokio::test]
async fn private_addresses_are_never_sent_anywhere() {
    let (locator, asked) = service(200, "{}").await;
    for address in [
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "127.0.0.1",
        "169.254.1.1",
        "100.64.0.1",
        "0.0.0.0",
        "::1",
        "::",
        "fe80::1",
        "fd00::1",
        "::ffff:10.0.0.1",
        "ff02::1",
    ] {
        assert_eq!(locator.locate(Some(address.parse().unwrap())).await, "", "{address}");
    }
    assert_eq!(locator.locate(None).await, "");
    assert_eq!(asked.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn location_is_empty_without_database_and_service() {
    let locator = Locator::new(&LocationSettings::default(), reqwest::Client::new()).unwrap();
    assert_eq!(locator.locate(Some("134.201.250.155".parse().unwrap())).await, "");
}

#[test]
fn debug_output_contains_no_key_and_missing_database_fails() {
    let settings = LocationSettings { database: None, ipstack_key: Some(KEY.into()) };
    assert!(!format!("{:?}", Locator::new(&settings, reqwest::Client::new()).unwrap()).contains(KEY));
    let settings = LocationSettings { database: Some("/nowhere/at/all.mmdb".into()), ipstack_key: None };
    assert!(Locator::new(&settings, reqwest::Client::new()).is_err());
}

#[tokio::test]
async fn database_is_used_instead_of_the_service() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("city.mmdb");
    let known = "134.201.250.155".parse().unwrap();
    std::fs::write(&path, city_database::of(known, "Los Angeles", "California", "United States")).unwrap();
    // A key is set as well, with a URL where nothing listens: only the database is used.
    let settings = LocationSettings { database: Some(path), ipstack_key: Some(KEY.into()) };
    let nobody = "http://127.0.0.1:9/".parse().unwrap();
    let locator = Locator::with_service(&settings, reqwest::Client::new(), nobody).unwrap();
    assert_eq!(locator.locate(Some(known.into())).await, "Los Angeles, California, United States");
    let unknown = locator.locate(Some("134.201.250.156".parse().unwrap())).await;
    assert_eq!(unknown, "Unable to determine the location, issues with determining IP address type");
}

#[test]
fn file_that_is_not_a_database_is_rejected() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("city.mmdb");
    std::fs::write(&path, "no database").unwrap();
    let settings = LocationSettings { database: Some(path), ipstack_key: None };
    assert!(Locator::new(&settings, reqwest::Client::new()).is_err());
}
