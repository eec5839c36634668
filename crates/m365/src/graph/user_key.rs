//! The key of a user in a path of Graph.

use std::fmt;

use uuid::Uuid;

use base::ids::MailAddress;

use crate::{Service, ServiceError};

/// The longest part of a wrong name that an error repeats, in characters.
const NAME_LIMIT: usize = 80;

/// The object id or user principal name of a user.
///
/// A path is made of nothing else: `.` and `..`, a distinguished name or a service account would address something different.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct UserKey(String);

impl UserKey {
    /// Parses a name.
    ///
    /// # Errors
    /// Returns [`ServiceError::NotAUser`] if it is neither an address nor a GUID.
    pub(super) fn parse(name: &str) -> Result<Self, ServiceError> {
        let name = name.trim();
        if let Ok(id) = Uuid::try_parse(name) {
            return Ok(Self(id.hyphenated().to_string()));
        }
        match name.parse::<MailAddress>() {
            Ok(_) => Ok(Self(name.to_owned())),
            Err(_) => {
                let name = name.chars().take(NAME_LIMIT).collect();
                Err(ServiceError::NotAUser { service: Service::Graph, name })
            }
        }
    }

    /// Returns the segments of the path that name the user.
    pub(super) fn segments(&self) -> Vec<String> {
        // A name that starts with a dollar sign would be read as a part of the query language.
        // <https://learn.microsoft.com/graph/api/user-get>
        match self.0.starts_with('$') {
            true => vec![format!("users('{}')", self.0.replace('\'', "''"))],
            false => vec!["users".to_owned(), self.0.clone()],
        }
    }
}

impl fmt::Display for UserKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_and_guids_name_a_user() {
        for name in ["a@contoso.com", "a_b.com#EXT#@c.com", "$odd'name@c.com", "{11111111-1111-1111-1111-111111111111}"]
        {
            assert!(UserKey::parse(name).is_ok(), "{name}");
        }
        for name in [".", "..", "", "anna", "a/b@c.com", "NT AUTHORITY\\SYSTEM", "a@c.com/../b@c.com", "me"] {
            assert!(matches!(UserKey::parse(name), Err(ServiceError::NotAUser { .. })), "{name}");
        }
    }
}
