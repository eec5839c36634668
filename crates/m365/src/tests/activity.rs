//! The Management Activity API: links, codes and starts.

use chrono::{TimeZone as _, Utc};
use serde_json::json;

use super::{Answer, OTHER_TENANT, PARTNER, Server, TENANT, is_foreign, tenant};
use crate::ServiceError;
use crate::management_activity::{ActivityCode, ContentType, SubscriptionStart};

#[tokio::test]
async fn content_of_another_tenant_is_not_fetched() {
    let server = Server::start().await;
    let links = [
        format!("{}/api/v1.0/{OTHER_TENANT}/activity/feed/audit/1$1", server.url),
        format!("{}/api/v1.0/{TENANT}/../{OTHER_TENANT}/activity/feed/audit/1$1", server.url),
        format!("{}/api/v2.0/{TENANT}/activity/feed/audit/1$1", server.url),
        format!("{}/other/v1.0/{TENANT}/activity/feed/audit/1$1", server.url),
        server.url.replace("http://", "http://somebody@"),
        "not a link".to_owned(),
    ];
    for link in links {
        assert!(is_foreign(&server.activity().fetch(&tenant(TENANT), &link).await), "{link}");
    }
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn audit_calls_name_the_publisher_and_keep_the_link() {
    let server = Server::start().await;
    let (activity, tenant) = (server.activity(), tenant(TENANT));
    let upper = TENANT.to_uppercase();
    server.says([Answer::new(200, "[]")]);
    activity.subscriptions(&tenant).await.unwrap();
    let (from, to) = (Utc.timestamp_opt(0, 0).unwrap(), Utc.timestamp_opt(3_600, 0).unwrap());
    activity.list(&tenant, ContentType::Exchange, from, to).await.unwrap();
    let next = format!("{}/api/v1/{upper}/activity/feed/subscriptions/content?nextPage=2", server.url);
    activity.list_next(&tenant, &next).await.unwrap();
    activity
        .fetch(&tenant, &format!("{}/api/v1.0/{TENANT}/activity/feed/audit/1$2$audit_exchange", server.url))
        .await
        .unwrap();

    let targets: Vec<String> = server.asked().into_iter().map(|asked| asked.target).collect();
    let root = format!("/api/v1.0/{TENANT}/activity/feed");
    let publisher = format!("PublisherIdentifier={PARTNER}");
    assert_eq!(
        targets,
        [
            format!("{root}/subscriptions/list?{publisher}"),
            format!(
                "{root}/subscriptions/content?contentType=Audit.Exchange&startTime=1970-01-01T00%3A00%3A00\
                 &endTime=1970-01-01T01%3A00%3A00&{publisher}"
            ),
            format!("/api/v1/{upper}/activity/feed/subscriptions/content?nextPage=2&{publisher}"),
            format!("{root}/audit/1$2$audit_exchange?{publisher}"),
        ]
    );
}

#[tokio::test]
async fn unreadable_next_page_is_an_error_and_not_the_end() {
    let server = Server::start().await;
    server.says([Answer::new(200, "[]").header("NextPageUri", vec![b'h', 0xFF])]);
    let (from, to) = (Utc.timestamp_opt(0, 0).unwrap(), Utc.timestamp_opt(3_600, 0).unwrap());
    let page = server.activity().list(&tenant(TENANT), ContentType::Exchange, from, to).await.unwrap();
    assert!(matches!(page.next, Some(Err(ServiceError::Unreachable { .. }))), "{page:?}");
}

#[tokio::test]
async fn responses_to_a_start_are_told_apart() {
    let already =
        json!({"error": {"code": "AF20024", "message": "The subscription is already enabled. No property change."}});
    let off = json!({"error": {
        "code": "StartSubscription [CorrId=1][TenantId=2,ContentType=Audit.Exchange][AppId",
        "message": "=3]Microsoft.Office.Compliance.Audit.DataServiceException: Tenant 2 does not exist.\r\n at X"}});
    let server = Server::start().await;
    for (answer, expected) in [
        (Answer::json(200, &json!({"contentType": "Audit.Exchange", "status": "enabled"})), SubscriptionStart::Started),
        (Answer::json(400, &already), SubscriptionStart::AlreadyEnabled),
        (Answer::json(400, &off), SubscriptionStart::AuditingOff),
    ] {
        server.says([answer]);
        let start = server.activity().start(&tenant(TENANT), ContentType::Exchange).await.unwrap();
        assert_eq!(start, expected);
    }
    assert!(server.asked().iter().all(|asked| asked.method == "POST"));
}

#[tokio::test]
async fn code_is_found_in_a_body_that_is_not_json() {
    let server = Server::start().await;
    server.says([Answer::new(400, "{'error':{'code':'AF20022','message':'No subscription found.'}}")]);
    let error = server.activity().subscriptions(&tenant(TENANT)).await.unwrap_err();
    assert_eq!(ActivityCode::of(&error), Some(ActivityCode::NotSubscribed));
}

#[tokio::test]
async fn throttling_under_403_is_waited_for() {
    let server = Server::start().await;
    let throttled = json!({"error": {"code": "AF429", "message": "Too many requests. Method=GetBlob"}});
    server.says([Answer::json(403, &throttled).header("Retry-After", "0"), Answer::new(200, "[]")]);
    server.activity().subscriptions(&tenant(TENANT)).await.unwrap();
    assert_eq!(server.asked().len(), 2);
}

#[tokio::test]
async fn start_that_comes_too_early_is_an_answer_and_not_repeated() {
    let early = json!({"error": {"code": "429", "message": "Too many frequent subscription start requests. Please retry again after 14m 0s."}});
    for status in [403, 429] {
        let server = Server::start().await;
        server.says([Answer::json(status, &early)]);
        let start = server.activity().start(&tenant(TENANT), ContentType::Exchange).await.unwrap();
        assert_eq!(start, SubscriptionStart::TooFrequent);
        let sent = server.asked().len();
        assert!(sent <= 2, "{sent}: a 403 is repeated once with a fresh token, nothing else");
    }
}

#[tokio::test]
async fn blob_without_content_is_an_error_of_its_own() {
    let server = Server::start().await;
    server.says([Answer::new(204, "")]);
    let uri = format!("{}/api/v1.0/{TENANT}/activity/feed/audit/1$1", server.url);
    let error = server.activity().fetch(&tenant(TENANT), &uri).await.unwrap_err();
    assert!(matches!(error, ServiceError::NoContent { .. }) && error.is_transient(), "{error:?}");
}

#[tokio::test]
async fn every_known_code_is_read_from_the_wire() {
    let server = Server::start().await;
    let activity = server.activity();
    for code in ActivityCode::ALL {
        let body = json!({"error": {"code": code.as_str(), "message": "text"}});
        server.says([Answer::json(400, &body).header("Retry-After", "0")]);
        let error = activity.subscriptions(&tenant(TENANT)).await.unwrap_err();
        assert_eq!(ActivityCode::of(&error), Some(*code));
    }
}
