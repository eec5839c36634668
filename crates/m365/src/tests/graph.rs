//! Graph: listings, users in paths, rules, customers.

use serde_json::json;

use super::{Answer, OTHER_TENANT, Server, TENANT, page, tenant};
use crate::{Service, ServiceError};

#[tokio::test]
async fn listing_is_read_page_by_page_to_its_end() {
    let server = Server::start().await;
    let next = format!("{}/v1.0/domains?$skiptoken=x", server.url);
    server.says([page(&["contoso.com"], Some(&next)), page(&["fabrikam.com"], None)]);
    let domains = server.graph().domains(&tenant(TENANT)).await.unwrap();
    assert_eq!(domains.iter().map(|domain| domain.id.as_str()).collect::<Vec<_>>(), ["contoso.com", "fabrikam.com"]);
    assert_eq!(server.asked()[1].target, "/v1.0/domains?$skiptoken=x");
}

#[tokio::test]
async fn listing_in_a_circle_is_an_error() {
    let server = Server::start().await;
    server.says([page(&["contoso.com"], Some(&format!("{}/v1.0/domains", server.url)))]);
    let outcome = server.graph().domains(&tenant(TENANT)).await;
    assert!(matches!(outcome, Err(ServiceError::Unreachable { service: Service::Graph, .. })), "{outcome:?}");
}

#[tokio::test]
async fn names_of_users_are_escaped_in_the_path() {
    let server = Server::start().await;
    server.says([Answer::new(204, "")]);
    let graph = server.graph();
    for user in ["a_b.com#EXT#@c.com", "$odd'name@c.com", "x?y@c.com"] {
        graph.set_account_enabled(&tenant(TENANT), user, false).await.unwrap();
    }
    let targets: Vec<String> = server.asked().into_iter().map(|asked| asked.target).collect();
    assert_eq!(
        targets,
        ["/v1.0/users/a_b.com%23EXT%23@c.com", "/v1.0/users('$odd''name@c.com')", "/v1.0/users/x%3Fy@c.com"]
    );
}

#[tokio::test]
async fn null_instead_of_a_string_does_not_hide_other_consents() {
    let server = Server::start().await;
    let grant = |id: &str, scope: serde_json::Value| json!({"id": id, "clientId": "c", "consentType": "Principal", "principalId": "p", "scope": scope});
    server.says([Answer::json(200, &json!({"value": [grant("1", json!(null)), grant("2", json!("Mail.Read"))]}))]);
    let grants = server.graph().permission_grants(&tenant(TENANT), "u@contoso.com").await.unwrap();
    assert_eq!(grants.iter().map(|grant| grant.scope.as_str()).collect::<Vec<_>>(), ["", "Mail.Read"]);
}

#[tokio::test]
async fn relationship_without_customer_or_of_microsoft_is_skipped() {
    let server = Server::start().await;
    let relationship = |name: &str, tenant: serde_json::Value| json!({"displayName": name, "customer": {"tenantId": tenant, "displayName": "Contoso"}});
    server.says([Answer::json(
        200,
        &json!({"value": [
            relationship("One", json!(TENANT)),
            relationship("Two", json!(TENANT)),
            relationship("MLT_Three", json!(OTHER_TENANT)),
            relationship("Four", json!(null)),
        ]}),
    )]);
    let customers = server.graph().gdap_customers().await.unwrap();
    assert_eq!(customers.iter().map(|customer| customer.tenant_id).collect::<Vec<_>>(), [tenant(TENANT)]);
}

#[tokio::test]
async fn listing_without_rows_is_a_transient_error() {
    let server = Server::start().await;
    server.says([Answer::json(200, &json!({"@odata.context": "x"}))]);
    let error = server.graph().contracts().await.unwrap_err();
    assert!(
        error.is_transient()
            && error.to_string().contains("incomplete response to the list of contracts: no list of rows"),
        "{error}"
    );
}

#[tokio::test]
async fn only_addresses_and_object_ids_reach_a_path() {
    let server = Server::start().await;
    let graph = server.graph();
    for user in [".", "..", "NT AUTHORITY\\SYSTEM", "a/b@c.com"] {
        let error = graph.user(&tenant(TENANT), user).await.unwrap_err();
        assert!(matches!(error, ServiceError::NotAUser { .. }) && !error.is_transient(), "{user}: {error}");
    }
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn message_rules_keep_what_is_not_known() {
    let server = Server::start().await;
    let forward = json!([{"emailAddress": {"address": "x@evil.example"}}, {}]);
    server.says([Answer::json(
        200,
        &json!({"value": [{"id": "AQ", "displayName": null, "isEnabled": true, "actions": {"redirectTo": forward}, "new": 1}]}),
    )]);
    let rules = server.graph().message_rules(&tenant(TENANT), "v@contoso.com").await.unwrap();
    assert_eq!((rules[0].id.as_str(), rules[0].display_name.as_str(), rules[0].is_enabled), ("AQ", "", true));
    assert_eq!(rules[0].targets(), ["x@evil.example", ""]);
    assert_eq!(rules[0].properties["new"], 1);
}
