//! Tokens from an Entra that does not respond. The integration tests have one that rejects them in every known way.

use std::sync::Arc;

use base::ids::TenantId;

use super::{PARTNER, Server, TENANT, tenant};
use crate::tokens::Tokens;
use crate::{AppCredential, AppRegistration, Hosts, Service, TokenFault};

fn tokens(hosts: &Hosts) -> Tokens {
    let registration = AppRegistration {
        tenant_id: tenant(PARTNER),
        client_id: uuid::Uuid::from_u128(0xc1),
        credential: AppCredential::Secret("secret".to_owned().into()),
    };
    Tokens::new(&registration, hosts, base::http::client(None).unwrap(), Arc::new(base::clock::SystemClock)).unwrap()
}

#[tokio::test]
async fn entra_that_cannot_be_reached_is_named_with_the_cause() {
    let port = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let server = Server::start().await;
    let hosts = Hosts { authority: format!("https://127.0.0.1:{port}").parse().unwrap(), ..server.hosts() };
    let tenant: TenantId = tenant(TENANT);
    let error = tokens(&hosts).token(&tenant, Service::Graph).await.unwrap_err();
    assert_eq!(error.fault, TokenFault::Transient);
    let text = error.to_string();
    assert!(text.contains(&format!("127.0.0.1:{port}")) && text.contains("the connection was refused"), "{text}");
}
