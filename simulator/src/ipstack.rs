//! Serves ipstack for a few documentation addresses.

use serde_json::{Value, json};

use crate::reply::Reply;

/// Answers `GET /{ip}?access_key=…`. Errors have status 200.
pub(crate) fn answer(path: &str, query: &str) -> Reply {
    if !query.contains("access_key=") {
        let error =
            json!({"code": 101, "type": "missing_access_key", "info": "You have not supplied an API Access Key."});
        return Reply::json(200, &json!({"success": false, "error": error}));
    }
    let address = path.trim_matches('/');
    let place = match address {
        text if text.starts_with("203.0.113.") => ["Lagos", "Lagos", "Nigeria"].map(Value::from),
        text if text.starts_with("198.51.100.") => ["Bucharest", "Bucuresti", "Romania"].map(Value::from),
        _ => [Value::Null, Value::Null, Value::Null],
    };
    let kind = if address.contains(':') { "ipv6" } else { "ipv4" };
    let [city, region, country] = place;
    Reply::json(
        200,
        &json!({"ip": address, "type": kind, "city": city, "region_name": region, "country_name": country}),
    )
}
