//! The proxy of the environment, for https only.
//!
//! The only plain-http addresses that the program calls are on this machine or belong to the platform: loopback storage and the
//! endpoint of the managed identity. A proxy must not see those calls, because they carry a secret header, and it could not
//! forward them anyway. So `HTTP_PROXY` is never used. `NO_PROXY` is honoured, and loopback addresses always bypass the proxy.

use reqwest::{NoProxy, Proxy};

/// The variables that name the proxy of https requests, in the order of their precedence.
const PROXY_VARIABLES: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

/// The variables that list the hosts without a proxy, in the order of their precedence.
const NO_PROXY_VARIABLES: [&str; 2] = ["NO_PROXY", "no_proxy"];

/// This machine, and the link-local network on which a platform offers its identity service.
const ALWAYS_DIRECT: &str = "localhost,127.0.0.0/8,::1,169.254.0.0/16";

/// Returns the proxy of the environment, `None` if no variable is set. The error is the name of the variable whose value is not
/// the URL of a proxy; the value may contain a password.
pub(super) fn of_environment() -> Result<Option<Proxy>, &'static str> {
    let Some((variable, url)) = first_set(&PROXY_VARIABLES) else { return Ok(None) };
    let mut direct = ALWAYS_DIRECT.to_owned();
    for (_, hosts) in first_set(&NO_PROXY_VARIABLES).into_iter().chain(identity_host()) {
        direct = format!("{direct},{hosts}");
    }
    let proxy = Proxy::https(url).map_err(|_| variable)?;
    Ok(Some(proxy.no_proxy(NoProxy::from_string(&direct))))
}

/// Returns the host name of the proxy of the environment, `None` if there is none.
pub(super) fn host() -> Option<String> {
    let (_, url) = first_set(&PROXY_VARIABLES)?;
    let url = if url.contains("://") { url } else { format!("http://{url}") };
    Some(reqwest::Url::parse(&url).ok()?.host_str()?.trim_matches(['[', ']']).to_owned())
}

/// Returns the host of the managed identity's endpoint, which is https on some platforms.
fn identity_host() -> Option<(&'static str, String)> {
    let (variable, endpoint) = first_set(&["IDENTITY_ENDPOINT"])?;
    let host = reqwest::Url::parse(&endpoint).ok()?.host_str()?.trim_matches(['[', ']']).to_owned();
    Some((variable, host))
}

/// Returns the first variable with a value, and the value.
fn first_set(variables: &[&'static str]) -> Option<(&'static str, String)> {
    variables.iter().find_map(|name| {
        let value = std::env::var(name).ok()?.trim().to_owned();
        (!value.is_empty()).then_some((*name, value))
    })
}
