//! Where an address is: what is asked of the online service, what is never asked, and what stands in the row when it fails.

mod city_database;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::extract::Request;
use axum::response::IntoResponse as _;
use tenantwatch::location::Locator;
use tenantwatch::settings::LocationSettings;

const KEY: &str = "an-access-key";

/// A service that gives one answer, and how often it was asked.
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
async fn a_place_is_city_region_country_and_asked_for_once() {
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
async fn a_failure_is_told_in_the_originals_words_and_may_pass() {
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
        assert_eq!(asked.load(Ordering::Relaxed), 2, "a failure is not remembered");
    }
}

#[tokio::test]
async fn addresses_inside_a_network_are_never_sent_anywhere() {
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
async fn without_a_way_to_look_up_there_is_no_place() {
    let locator = Locator::new(&LocationSettings::default(), reqwest::Client::new()).unwrap();
    assert_eq!(locator.locate(Some("134.201.250.155".parse().unwrap())).await, "");
}

#[test]
fn the_key_is_not_in_what_is_debugged_and_a_missing_database_is_said() {
    let settings = LocationSettings { database: None, ipstack_key: Some(KEY.into()) };
    assert!(!format!("{:?}", Locator::new(&settings, reqwest::Client::new()).unwrap()).contains(KEY));
    let settings = LocationSettings { database: Some("/nowhere/at/all.mmdb".into()), ipstack_key: None };
    assert!(Locator::new(&settings, reqwest::Client::new()).is_err());
}

#[tokio::test]
async fn a_city_database_answers_without_asking_anybody() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("city.mmdb");
    let known = "134.201.250.155".parse().unwrap();
    std::fs::write(&path, city_database::of(known, "Los Angeles", "California", "United States")).unwrap();
    // A key is set as well, and an address where nobody listens: the database wins.
    let settings = LocationSettings { database: Some(path), ipstack_key: Some(KEY.into()) };
    let nobody = "http://127.0.0.1:9/".parse().unwrap();
    let locator = Locator::with_service(&settings, reqwest::Client::new(), nobody).unwrap();
    assert_eq!(locator.locate(Some(known.into())).await, "Los Angeles, California, United States");
    let unknown = locator.locate(Some("134.201.250.156".parse().unwrap())).await;
    assert_eq!(unknown, "Unable to determine the location, issues with determining IP address type");
}

#[test]
fn a_file_that_is_no_database_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("city.mmdb");
    std::fs::write(&path, "no database").unwrap();
    let settings = LocationSettings { database: Some(path), ipstack_key: None };
    assert!(Locator::new(&settings, reqwest::Client::new()).is_err());
}
