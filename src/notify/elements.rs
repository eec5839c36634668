//! The parts of a card that show text of a record: `TextRun`s, which know no Markdown. A `TextBlock` or a `FactSet` would make
//! links, pictures and lists of what an attacker wrote.

use serde_json::{Value, json};

use super::Notification;
use table_store::cut_text;

/// The width of the names of facts. With it the values are in one column.
const NAME_WIDTH: &str = "110px";

/// The way in which texts of one notification are shown.
#[derive(Clone, Copy)]
pub(super) struct Texts<'a> {
    pub notification: &'a Notification<'a>,
    /// The longest text, in UTF-16 units.
    pub limit: usize,
}

impl Texts<'_> {
    /// A text as it may be shown.
    pub fn run(&self, text: &str) -> Value {
        json!({ "type": "TextRun", "text": cut_text(&self.notification.safe(text), self.limit) })
    }

    /// A name of ours and a value of the record beside it.
    pub fn fact(&self, name: &str, value: Value) -> Value {
        let column = |width: &str, run: Value| json!({ "type": "Column", "width": width, "items": [paragraph(run)] });
        let name = bold(own_words(name));
        close(json!({ "type": "ColumnSet", "columns": [column(NAME_WIDTH, name), column("stretch", value)] }))
    }
}

/// Words of ours, which are never cut.
pub(super) fn own_words(text: &str) -> Value {
    json!({ "type": "TextRun", "text": text })
}

pub(super) fn bold(mut run: Value) -> Value {
    run["weight"] = json!("Bolder");
    run
}

pub(super) fn large(mut run: Value) -> Value {
    run["size"] = json!("Large");
    bold(run)
}

pub(super) fn quiet(mut run: Value) -> Value {
    run["size"] = json!("Small");
    run["isSubtle"] = json!(true);
    run
}

pub(super) fn paragraph(run: Value) -> Value {
    sentence([run])
}

/// Runs of different looks on one line.
pub(super) fn sentence(runs: impl Into<Vec<Value>>) -> Value {
    json!({ "type": "RichTextBlock", "inlines": runs.into() })
}

/// The element close to the one above it.
pub(super) fn close(mut element: Value) -> Value {
    element["spacing"] = json!("Small");
    element
}
