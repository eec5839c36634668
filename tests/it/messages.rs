//! The catalogue of everything that people read: `tests/it/messages/*.snap`, one file for each kind, every message whole.
//!
//! The messages come from the product itself: its functions run against the simulator, and commands run as the built binary. A test fails
//! if a message changes. `INSTA_UPDATE=always cargo test --test it messages` writes the new ones; read them aloud before you commit them.

mod cards;
mod channels;
mod commands;
mod notices;
mod presses;
mod reasons;

use std::fmt::Write as _;

/// One kind of messages, written one after the other.
#[derive(Default)]
struct Catalogue(String);

impl Catalogue {
    /// Begins a situation.
    fn situation(&mut self, what: &str) {
        writeln!(self.0, "\n## {what}\n").unwrap();
    }

    /// Adds a message. Ids, ports and folders, which differ each time, are replaced.
    fn message(&mut self, text: &str) {
        writeln!(self.0, "{}", without_chance(text)).unwrap();
    }

    /// Compares the whole with the stored file.
    fn compare(self, name: &str) {
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path("messages");
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| insta::assert_snapshot!(name, self.0.trim()));
    }
}

/// Replaces what differs from run to run: GUIDs, ports of this machine, temporary folders.
fn without_chance(text: &str) -> String {
    let mut kept = String::new();
    for word in text.split_inclusive(|c: char| !(c.is_ascii_alphanumeric() || "-./:_".contains(c))) {
        let end = word.trim_end_matches(|c: char| !(c.is_ascii_alphanumeric() || "-/:_".contains(c)));
        let rest = &word[end.len()..];
        kept.push_str(&known(end));
        kept.push_str(rest);
    }
    kept
}

fn known(word: &str) -> String {
    let parts: Vec<String> = word
        .split('/')
        .map(|part| match part {
            part if uuid::Uuid::try_parse(part.trim_end_matches(':')).is_ok() && part.ends_with(':') => {
                "<id>:".to_owned()
            }
            part if uuid::Uuid::try_parse(part).is_ok() => "<id>".to_owned(),
            part if is_port_of("localhost:", part) => "localhost:<port>".to_owned(),
            part if is_port_of("127.0.0.1:", part) => "127.0.0.1:<port>".to_owned(),
            part => part.to_owned(),
        })
        .collect();
    let word = parts.join("/");
    match word.find("/.tmp") {
        Some(at) => {
            let below = word[at + 1..].split_once('/').map(|(_, below)| format!("/{below}")).unwrap_or_default();
            format!("<folder>{below}")
        }
        None => word,
    }
}

fn is_port_of(host: &str, part: &str) -> bool {
    part.strip_prefix(host).is_some_and(|port| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()))
}

#[test]
fn chance_is_replaced_and_words_are_kept() {
    let id = "3f2504e0-4f89-41d3-9a0c-0305e82c3301";
    let text = format!("Run {id}: see https://localhost:4711/{id}/x, 2 rules (127.0.0.1:80).");
    assert_eq!(without_chance(&text), "Run <id>: see https://localhost:<port>/<id>/x, 2 rules (127.0.0.1:<port>).");
}
