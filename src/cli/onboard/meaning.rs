//! Explains the errors of onboarding, and names the remedy.
//!
//! Sources: the reference of Entra's error codes, Graph's pages on each call, and KelvinTegelaar/CIPP-API `Get-NormalizedError.ps1`.

use m365::exchange::{is_refused, needs_customization};
use m365::{ServiceError, TokenError};

/// The request that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked<'a> {
    /// A list of service principals or permissions.
    Directory,
    /// The service principal of an application, by its name.
    Principal(&'a str),
    /// A permission of Microsoft Graph.
    GraphPermission,
    /// A permission of another service.
    OtherPermission,
    /// A directory role.
    Role,
    /// A cmdlet of Exchange.
    Exchange,
    /// A subscription, with the app's own token.
    Feed,
}

/// The facts beside the error on which an explanation depends.
#[derive(Debug, Clone)]
pub(super) struct Circumstances {
    pub is_azure_cli: bool,
    /// The page on which an administrator of the tenant consents to `ONBOARD_CLIENT_ID`.
    pub consent_to_sign_in: String,
}

/// Returns `<meaning> – <what to do>`.
pub(super) fn explain(error: &ServiceError, asked: Asked<'_>, circumstances: &Circumstances) -> String {
    if asked == Asked::Feed {
        return format!("{error} – run the same command again; `tenantwatch check` says what is missing");
    }
    let known = match error {
        ServiceError::Token(error) => of_token(error, circumstances),
        ServiceError::Answered { message, .. } => of_answer(error, message, asked, circumstances),
        _ => None,
    };
    known.unwrap_or_else(|| format!("{error} – run the same command again"))
}

fn of_token(error: &TokenError, circumstances: &Circumstances) -> Option<String> {
    let text = match error.aadsts {
        Some(65_001 | 700_016 | 7_000_229) if !circumstances.is_azure_cli => {
            return Some(format!(
                "ONBOARD_CLIENT_ID has no consent in this tenant – an administrator there opens {}",
                circumstances.consent_to_sign_in
            ));
        }
        Some(50_020 | 50_177) => {
            "the technician is a guest in this tenant, or not in the security group of the GDAP relationship – remove the guest \
             account or correct the group, then sign in again"
        }
        Some(53_003) => {
            "Conditional Access of this tenant blocks the sign-in – exclude service provider users from the policy, or sign in another \
             way (--sign-in browser; many tenants block device codes)"
        }
        Some(90_002 | 900_023 | 5_000_224 | 5_001_211) => {
            "the tenant no longer exists or is blocked – if that is right, add it to TENANTS_EXCLUDE"
        }
        Some(500_011 | 500_014) => "the tenant does not have this service – check its licences",
        Some(650_052) => {
            "the tenant lacks a service that the app asks for – check its licences, then run the same command again"
        }
        Some(650_051) => "the app is not replicated in this tenant yet – run the same command again in a minute",
        Some(65_002) => {
            "Microsoft does not let the Azure CLI reach Exchange – run again with --sign-in browser or --sign-in device"
        }
        None if error.message.contains("az login") => {
            "the Azure CLI is not signed in – run `az login`, then the same command"
        }
        _ => return Some(format!("no token for the technician: {} – sign in again", words(error))),
    };
    Some(match error.aadsts {
        Some(number) => format!("{} (AADSTS{number}) – {}", before(text), after(text)),
        None => text.to_owned(),
    })
}

fn before(text: &str) -> &str {
    text.split_once(" – ").map_or(text, |(before, _)| before)
}

fn after(text: &str) -> &str {
    text.split_once(" – ").map_or("", |(_, after)| after)
}

/// Returns Entra's own words, else the meaning.
fn words(error: &TokenError) -> String {
    if error.message.is_empty() { error.fault.to_string() } else { error.message.clone() }
}

fn of_answer(error: &ServiceError, message: &str, asked: Asked<'_>, circumstances: &Circumstances) -> Option<String> {
    if message.contains("Unable to initialize the authorization context") {
        let text = "the GDAP relationship lets nothing be written – map its roles to the technician's security group, then sign in again";
        return Some(text.to_owned());
    }
    if needs_customization(error) {
        let text =
            "the organization is being customized, which takes an hour or two – run the same command again later";
        return Some(text.to_owned());
    }
    match (asked, error.status()) {
        (Asked::Role, Some(403)) if circumstances.is_azure_cli => Some(
            "the token of the Azure CLI may not assign directory roles – run again with --sign-in browser or --sign-in device"
                .to_owned(),
        ),
        (_, Some(401 | 403)) => Some(lacks_role(asked).to_owned()).filter(|_| is_refused(error)),
        (Asked::Principal(resource), Some(_)) if !error.is_transient() => Some(format!(
            "{resource} cannot be added to the tenant ({}) – it needs a licence that contains it, such as Exchange Online",
            error.code()
        )),
        _ => None,
    }
}

fn lacks_role(asked: Asked<'_>) -> &'static str {
    match asked {
        Asked::Directory | Asked::Principal(_) | Asked::OtherPermission => {
            "the technician lacks Cloud Application Administrator in this tenant – add it to the GDAP relationship, then sign in again"
        }
        Asked::GraphPermission => {
            "the technician lacks Privileged Role Administrator in this tenant, without which nobody grants permissions of Microsoft \
             Graph – add it to the GDAP relationship, then sign in again"
        }
        Asked::Role => {
            "the technician lacks Privileged Role Administrator in this tenant – add it to the GDAP relationship, then sign in again"
        }
        Asked::Exchange => {
            "the technician lacks Exchange Administrator in this tenant – add it to the GDAP relationship, then sign in again"
        }
        Asked::Feed => "the app is not permitted – run the same command again",
    }
}
