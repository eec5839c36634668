//! A password that nobody knows, not even this product once the request is sent.

use secrecy::SecretString;

/// Its length in characters.
const LENGTH: usize = 32;

/// Upper case, lower case, digits and signs, without those that look alike.
const CLASSES: [&[u8]; 4] = [b"ABCDEFGHJKLMNPQRSTUVWXYZ", b"abcdefghijkmnopqrstuvwxyz", b"23456789", b"!#$%&*+-.:=?@_"];

/// The system's generator gave nothing.
#[derive(Debug, thiserror::Error)]
#[error("the system's random generator cannot be used")]
pub struct NoRandomness;

/// A random password with characters of all four classes. Every password that has them is equally likely: characters are drawn
/// without bias, and a draw that lacks a class is thrown away as a whole.
pub fn random() -> Result<SecretString, NoRandomness> {
    let alphabet = CLASSES.concat();
    loop {
        let password = draw(&alphabet)?;
        if CLASSES.iter().all(|class| password.bytes().any(|byte| class.contains(&byte))) {
            return Ok(password.into());
        }
    }
}

fn draw(alphabet: &[u8]) -> Result<String, NoRandomness> {
    // Bytes beyond the last whole multiple of the alphabet would favour its beginning.
    let fair = 256 - 256 % alphabet.len();
    let mut password = String::with_capacity(LENGTH);
    let mut bytes = [0; LENGTH];
    while password.len() < LENGTH {
        getrandom::fill(&mut bytes).map_err(|_| NoRandomness)?;
        let fair_bytes = bytes.iter().map(|byte| usize::from(*byte)).filter(|byte| *byte < fair);
        let characters = fair_bytes.filter_map(|byte| alphabet.get(byte % alphabet.len()));
        password.extend(characters.take(LENGTH - password.len()).map(|byte| char::from(*byte)));
    }
    Ok(password)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn every_password_has_32_characters_of_all_classes_and_is_new() {
        let mut seen = BTreeSet::new();
        for _ in 0..500 {
            let password = random().unwrap();
            let text = password.expose_secret();
            assert_eq!(text.len(), LENGTH);
            for class in CLASSES {
                assert!(text.bytes().any(|byte| class.contains(&byte)));
            }
            assert!(seen.insert(text.to_owned()));
        }
    }
}
