//! The way of every request: tokens, retries, links, errors without secrets.

use std::sync::Arc;

use base::http::FailureCause;
use chrono::{TimeZone as _, Utc};
use serde_json::json;

use super::{Answer, FastClock, Numbered, Server, TENANT, is_foreign, page, tenant};
use crate::exchange::Exchange;
use crate::management_activity::ContentType;
use crate::tokens::Tokens;
use crate::{Service, ServiceError};

#[tokio::test]
async fn nothing_is_sent_to_another_origin() {
    let (server, foreign) = (Server::start().await, Server::start().await);
    let tenant = tenant(TENANT);

    server.says([page(&["contoso.com"], Some(&format!("{}/v1.0/domains", foreign.url)))]);
    assert!(is_foreign(&server.graph().domains(&tenant).await));

    assert!(is_foreign(&server.exchange().accepted_domains(&tenant).await));

    let link = format!("{}/api/v1.0/{TENANT}/activity/feed/subscriptions/content?nextPage=1", foreign.url);
    server.says([Answer::new(200, "[]").header("NextPageUri", link.clone())]);
    let (from, to) = (Utc.timestamp_opt(0, 0).unwrap(), Utc.timestamp_opt(3_600, 0).unwrap());
    let page = server.activity().list(&tenant, ContentType::Exchange, from, to).await.unwrap();
    assert!(is_foreign(&page.next.unwrap()), "the page itself is read");
    assert!(is_foreign(&server.activity().list_next(&tenant, &link).await));
    assert!(is_foreign(&server.activity().fetch(&tenant, &link).await));

    assert!(foreign.asked().is_empty(), "{:?}", foreign.asked());
}

#[tokio::test]
async fn rejected_token_is_replaced_once() {
    let server = Server::start().await;
    let refused = Answer::json(401, &json!({"error": {"code": "InvalidAuthenticationToken", "message": "expired"}}));
    server.says([refused.clone(), page(&[], None)]);
    server.graph().domains(&tenant(TENANT)).await.unwrap();
    let tokens: Vec<String> = server.asked().into_iter().map(|asked| asked.token).collect();
    assert_eq!(tokens, ["Bearer token-0", "Bearer token-1"]);

    let server = Server::start().await;
    server.says([refused]);
    let error = server.graph().domains(&tenant(TENANT)).await.unwrap_err();
    assert_eq!((error.status(), server.asked().len()), (Some(401), 2));
}

#[tokio::test]
async fn retry_after_of_an_hour_is_not_waited_for() {
    let server = Server::start().await;
    server.says([Answer::new(429, "").header("Retry-After", "3600")]);
    let error = server.graph().domains(&tenant(TENANT)).await.unwrap_err();
    let ServiceError::Answered { retry_after, .. } = &error else { panic!("{error:?}") };
    assert_eq!(*retry_after, Some(std::time::Duration::from_secs(3_600)));
    assert!(error.is_transient());
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn denied_request_is_retried_once_an_hour_with_a_fresh_token() {
    let server = Server::start().await;
    let denied = json!({"error": {"code": "Authorization_RequestDenied", "message": "Insufficient privileges", "innererror": {}}});
    server.says([Answer::json(403, &denied), Answer::json(403, &denied), Answer::json(403, &denied)]);
    let graph = server.graph();
    let error = graph.set_account_enabled(&tenant(TENANT), "u@contoso.com", false).await.unwrap_err();
    assert_eq!((error.status(), error.code()), (Some(403), "Authorization_RequestDenied"));
    assert_eq!(server.asked().len(), 2);
    graph.set_account_enabled(&tenant(TENANT), "u@contoso.com", false).await.unwrap_err();
    assert_eq!(server.asked().len(), 3, "not again within the hour");
}

#[tokio::test]
async fn html_of_a_gateway_is_an_error_with_its_status() {
    let server = Server::start().await;
    server.says([Answer::new(502, "<html>nginx</html>").header("Retry-After", "0")]);
    let error = server.graph().domains(&tenant(TENANT)).await.unwrap_err();
    assert_eq!(error.status(), Some(502));
    assert!(error.to_string().ends_with("Bad Gateway"), "{error}");
}

#[tokio::test]
async fn rejecting_service_costs_one_fresh_token_an_hour() {
    let server = Server::start().await;
    server.says([Answer::json(401, &json!({"error": {"code": "InvalidAuthenticationToken", "message": "no"}}))]);
    let graph = server.graph();
    for _ in 0..3 {
        assert_eq!(graph.domains(&tenant(TENANT)).await.unwrap_err().status(), Some(401));
    }
    assert_eq!(server.asked().len(), 4, "the first call was sent twice, the others once");
}

#[tokio::test]
async fn error_under_200_is_an_error_for_every_service() {
    let body =
        json!({"error": {"code": "UnknownError", "message": "Bearer eyJhbGciOi.eyJhdWQ.c2ln was bad"}, "value": []});
    let server = Server::start().await;
    server.says([Answer::json(200, &body)]);
    let tenant = tenant(TENANT);
    let errors = [
        server.graph().domains(&tenant).await.unwrap_err(),
        server.graph().find_default_domain(&tenant).await.unwrap_err(),
        server.exchange().accepted_domains(&tenant).await.unwrap_err(),
        server.activity().subscriptions(&tenant).await.unwrap_err(),
    ];
    for error in errors {
        assert!(error.is_transient(), "{error}");
        let text = error.to_string();
        assert!(text.contains("reports an error: UnknownError") && !text.contains("eyJ"), "{text}");
    }
}

#[tokio::test]
async fn errors_repeat_neither_token_nor_password() {
    let server = Server::start().await;
    let echo = json!({"error": {"code": "Bad", "message": "token-0 sent passw0rd\"x, also as passw0rd%22x"}});
    server.says([Answer::json(400, &echo)]);
    let password = "passw0rd\"x".to_owned().into();
    let error = server.graph().set_password(&tenant(TENANT), "v@contoso.com", &password).await.unwrap_err();
    assert_eq!(error.to_string(), "Microsoft Graph answered 400 Bad: [removed] sent [removed], also as [removed]");
}

#[tokio::test]
async fn refused_connection_names_the_host_and_is_repeated_once() {
    // A port that was free a moment ago accepts no connection.
    let port = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let server = Server::start().await;
    let mut hosts = server.hosts();
    hosts.exchange = format!("http://127.0.0.1:{port}").parse().unwrap();
    let http = base::http::client(None).unwrap();
    let issued = Arc::new(Numbered::default());
    let tokens = Arc::new(Tokens::given(&hosts, http.clone(), issued.clone()));
    let exchange = Exchange::new(&hosts, http, tokens, Arc::new(FastClock));
    let error = exchange.accepted_domains(&tenant(TENANT)).await.unwrap_err();
    let ServiceError::NoResponse { service: Service::Exchange, failure } = &error else { panic!("{error:?}") };
    assert_eq!(failure.cause, FailureCause::Refused);
    assert!(error.is_transient() && error.to_string().contains(&format!("127.0.0.1:{port}")), "{error}");
    assert_eq!(issued.0.load(std::sync::atomic::Ordering::Relaxed), 2, "one token for each attempt");
}
