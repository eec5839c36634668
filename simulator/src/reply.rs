//! Holds the answer of a service before it is sent.

use serde_json::{Map, Value, json};

use crate::faults::Nothing;
use crate::requests::{Request, Service};
use crate::world::BlobBody;

/// The gzip stream of no bytes.
const EMPTY_GZIP: [u8; 20] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/// An answer.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// A body that replaces `body` and is sent in pieces, so that it is never whole in memory.
    pub(crate) blob: Option<BlobBody>,
}

impl Reply {
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        let headers = vec![("content-type".to_owned(), "application/json; charset=utf-8".to_owned())];
        Self { status, headers, body: body.to_string().into_bytes(), blob: None }
    }

    pub(crate) fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new(), blob: None }
    }

    pub(crate) fn with_header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// Returns `{"error":{"code":…,"message":…}}`.
    pub(crate) fn error(status: u16, code: &str, message: &str) -> Self {
        Self::json(status, &json!({"error": {"code": code, "message": message}}))
    }

    /// Returns the answer as a success without content. [`Nothing::NoChunks`] is completed when the answer is sent.
    pub(crate) fn emptied(mut self, nothing: Nothing) -> Self {
        self.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("nextpageuri"));
        self.status = if nothing == Nothing::NoContent { 204 } else { 200 };
        self.blob = None;
        self.body = match nothing {
            Nothing::NoBytes | Nothing::NoChunks | Nothing::NoContent => Vec::new(),
            Nothing::Blanks => b" \r\n\t\n ".to_vec(),
            Nothing::ByteOrderMark => "\u{feff}".as_bytes().to_vec(),
            Nothing::EmptyGzip => {
                self.headers.push(("content-encoding".to_owned(), "gzip".to_owned()));
                EMPTY_GZIP.to_vec()
            }
            Nothing::EmptyObject => b"{}".to_vec(),
            Nothing::ErrorWithoutValue => {
                json!({"error": {"code": "InternalError", "message": "An error has occurred."}})
                    .to_string()
                    .into_bytes()
            }
            Nothing::WithoutValue => without_value(&self.body),
        };
        self
    }

    /// Returns the answer with its own address as that of the next page.
    pub(crate) fn with_next_page(mut self, origin: &str, request: &Request) -> Self {
        let link = format!("{origin}{}?{}", request.path, request.query);
        if request.service == Service::Activity {
            self.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("nextpageuri"));
            return self.with_header("NextPageUri", link);
        }
        if let Ok(Value::Object(mut body)) = serde_json::from_slice(&self.body) {
            body.insert("@odata.nextLink".to_owned(), link.into());
            self.body = Value::Object(body).to_string().into_bytes();
        }
        self
    }
}

impl Reply {
    /// Changes every row of a listing.
    pub(crate) fn with_rows(mut self, change: impl Fn(&mut Map<String, Value>)) -> Self {
        if let Ok(mut body) = serde_json::from_slice::<Value>(&self.body) {
            let rows = body.get_mut("value").and_then(Value::as_array_mut);
            rows.into_iter().flatten().filter_map(Value::as_object_mut).for_each(change);
            self.body = body.to_string().into_bytes();
        }
        self
    }

    /// Puts one row without members in place of the rows of a listing.
    pub(crate) fn with_empty_row(mut self) -> Self {
        self.body = json!({ "value": [{}] }).to_string().into_bytes();
        self
    }

    /// Puts blanks before the body, which JSON allows.
    pub(crate) fn padded(mut self, mebibytes: usize) -> Self {
        let mut body = vec![b' '; mebibytes * 1_024 * 1_024];
        body.append(&mut self.body);
        self.body = body;
        self
    }

    /// Replaces every GUID in the body by another one, always the same for the same.
    pub(crate) fn with_other_ids(mut self) -> Self {
        const LENGTH: usize = 36;
        let mut at = 0;
        while let Some(part) = self.body.get_mut(at..at + LENGTH) {
            let guid = std::str::from_utf8(part).ok().and_then(|text| uuid::Uuid::try_parse(text).ok());
            if let Some(guid) = guid {
                let other = uuid::Uuid::from_u128(!guid.as_u128()).to_string();
                part.copy_from_slice(other.as_bytes());
                at += LENGTH - 1;
            }
            at += 1;
        }
        self
    }
}

fn without_value(body: &[u8]) -> Vec<u8> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(mut members)) => {
            members.remove("value");
            Value::Object(members).to_string().into_bytes()
        }
        _ => b"{}".to_vec(),
    }
}
