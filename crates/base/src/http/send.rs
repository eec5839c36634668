//! Sends requests, each with one line of log.

use std::time::Instant;

use reqwest::{Client, Request, Response, Url};

/// Sends a request and logs it in one line at `debug`: method, host, route, status, milliseconds and attempt. Ids and names in the route
/// are replaced by `{}`. Neither query, body nor token is logged.
///
/// `attempt` counts from 1; it is `None` if the library that repeats requests does not tell it. The status is 0 if there was no response.
///
/// # Errors
/// As [`Client::execute`].
pub async fn send(http: &Client, request: Request, attempt: Option<u32>) -> reqwest::Result<Response> {
    let route = route(request.url());
    send_as(http, request, attempt, &route).await
}

/// As [`send`], for a URL whose path is a secret: whoever knows the URL of a webhook can post to it. The route is logged as `/{}`.
///
/// # Errors
/// As [`Client::execute`].
pub async fn send_to_secret_url(http: &Client, request: Request, attempt: u32) -> reqwest::Result<Response> {
    send_as(http, request, Some(attempt), "/{}").await
}

async fn send_as(http: &Client, request: Request, attempt: Option<u32>, route: &str) -> reqwest::Result<Response> {
    let (method, url) = (request.method().clone(), request.url().clone());
    let started = Instant::now();
    let outcome = http.execute(request).await;
    let status = outcome.as_ref().map_or(0, |response| response.status().as_u16());
    let milliseconds = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let host = url.host_str().unwrap_or_default();
    tracing::debug!(%method, host, route, status, milliseconds, attempt, "outbound request");
    outcome
}

/// Returns the path of a URL as a template: a segment that can name a tenant, a user, a row or a blob becomes `{}`.
fn route(url: &Url) -> String {
    let is_word = |segment: &str| {
        segment.len() <= 32 && segment.chars().all(|c| c.is_ascii_alphabetic() || matches!(c, '.' | '$'))
            || matches!(segment, "v1.0" | "v2.0" | "beta" | "oauth2")
    };
    let segments = url.path_segments().into_iter().flatten();
    segments.map(|segment| if is_word(segment) { format!("/{segment}") } else { "/{}".to_owned() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn route_contains_no_id_and_no_name() {
        let route = |url: &str| route(&Url::parse(url).unwrap());
        let tenant = "11111111-1111-1111-1111-111111111111";
        assert_eq!(
            route(&format!("https://manage.example/api/v1.0/{tenant}/activity/feed/audit/1$2$audit?x=secret")),
            "/api/v1.0/{}/activity/feed/audit/{}"
        );
        assert_eq!(
            route("https://graph.example/v1.0/users/anna@contoso.com/authentication/methods"),
            "/v1.0/users/{}/authentication/methods"
        );
        assert_eq!(route("https://graph.example/v1.0/users('anna')"), "/v1.0/{}");
    }
}
