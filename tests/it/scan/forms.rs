//! One record in every form in which people have it, each form in variations: the same finding comes out.

use serde_json::{Value, json};

use super::{gzip, scan_input};

/// A rule that hides payroll mail, as the audit log has it.
fn record() -> Value {
    json!({
        "CreationTime": "2026-10-05T06:41:07",
        "Id": "5f0d8a52-3f5e-4b83-9a51-0d8f6f1c2a90",
        "Operation": "New-InboxRule",
        "OrganizationId": "7d2f7f3b-6a44-4c38-9d23-6ad7d1f2b001",
        "OrganizationName": "contoso.onmicrosoft.com",
        "RecordType": 1,
        "ResultStatus": "True",
        "UserKey": "1003200112345678",
        "UserType": 0,
        "Version": 1,
        "Workload": "Exchange",
        "ClientIP": "203.0.113.9:51313",
        "UserId": "joey@contoso.com",
        "ObjectId": "EURPR04A001.PROD.OUTLOOK.COM/Microsoft Exchange Hosted Organizations/contoso.onmicrosoft.com/joey\\..",
        "Parameters": [
            {"Name": "SubjectOrBodyContainsWords", "Value": "direct deposit;payroll"},
            {"Name": "DeleteMessage", "Value": "True"},
            {"Name": "MarkAsRead", "Value": "True"},
            {"Name": "Name", "Value": ".."}
        ]
    })
}

/// A record that is not selected.
fn ordinary() -> Value {
    let mut record = record();
    record["Id"] = "8a1f4e0a-7a02-4a2c-8a4b-6f1f6d0f9b11".into();
    record["Operation"] = "MailItemsAccessed".into();
    record
}

/// Scans a file and compares its one finding.
fn check(form: &str, file: &[u8]) {
    for (packed, bytes) in [("plain", file.to_vec()), ("gzip", gzip(file))] {
        let output = scan_input(&["--format", "json", "--accepted-domain", "contoso.com", "-"], &bytes);
        let Ok(answer) = serde_json::from_slice::<Value>(&output.stdout) else {
            panic!("{form}, {packed}: {output:?}")
        };
        let [finding] = &answer["Findings"].as_array().unwrap()[..] else { panic!("{form}, {packed}: {answer}") };
        assert_eq!(answer["BrokenCount"], 0, "{form}, {packed}: {answer}");
        assert_eq!(output.status.code(), Some(1), "{form}, {packed}");
        for (column, expected) in [
            ("LogID", json!("5f0d8a52-3f5e-4b83-9a51-0d8f6f1c2a90")),
            ("SourceMailbox", json!("joey@contoso.com")),
            ("Actor", json!("joey@contoso.com")),
            ("EventTime", json!("2026-10-05T06:41:07Z")),
            ("IP", json!("203.0.113.9")),
            ("Severity", json!("High")),
            ("Delete", json!(true)),
        ] {
            assert_eq!(finding[column], expected, "{form}, {packed}: {column}");
        }
    }
}

fn lines(values: &[Value]) -> Vec<u8> {
    values.iter().map(|value| format!("{value}\n")).collect::<String>().into_bytes()
}

fn pretty(value: &Value) -> Vec<u8> {
    format!("{value:#}\n").into_bytes()
}

/// Objects around a record, each as lines, as a pretty list and as a list in `value`.
fn check_objects(form: &str, wrap: impl Fn(&Value) -> Value) {
    let objects = [wrap(&ordinary()), wrap(&record())];
    check(form, &lines(&objects));
    check(form, &pretty(&json!(objects)));
    check(
        form,
        &json!({"@odata.context": "https://graph.example/$metadata", "value": objects, "@odata.nextLink": null})
            .to_string()
            .into_bytes(),
    );
}

#[test]
fn envelopes_of_powershell_and_graph_are_opened() {
    check_objects("Search-UnifiedAuditLog", |record| {
        json!({"RunspaceId": "x", "RecordType": "ExchangeAdmin", "CreationDate": "2026-10-05T06:41:07", "UserIds": record["UserId"],
            "Operations": record["Operation"], "AuditData": record.to_string(), "ResultIndex": 1, "Identity": record["Id"]})
    });
    check_objects(
        "Search-UnifiedAuditLog with an object",
        |record| json!({"RecordType": 1, "CreationDate": "/Date(1791182467000)/", "Operations": record["Operation"], "AuditData": record}),
    );
    check_objects("Graph", |record| {
        json!({"id": record["Id"], "createdDateTime": "2026-10-05T06:41:07Z", "operation": record["Operation"],
            "auditLogRecordType": "exchangeAdmin", "auditData": record})
    });
    check_objects(
        "Graph through PowerShell",
        |record| json!({"Id": record["Id"], "Operation": record["Operation"], "AuditData": {"AdditionalProperties": record}}),
    );
}

#[test]
fn envelopes_of_log_collectors_are_opened() {
    check_objects(
        "Defender",
        |record| json!({"Timestamp": "x", "ActionType": record["Operation"], "RawEventData": record}),
    );
    check_objects(
        "Defender with text",
        |record| json!({"ActionType": record["Operation"], "RawEventData": record.to_string()}),
    );
    check_objects("Elasticsearch", |record| {
        json!({"_index": "o365", "_id": record["Id"], "_source": {"event": {"original": record.to_string(), "action": "x"},
            "o365": {"audit": {"Operation": record["Operation"], "CreationTime": record["CreationTime"], "Id": record["Id"]}}}})
    });
    check_objects("Elasticsearch without the original", |record| json!({"_source": {"o365": {"audit": record}}}));
    check_objects("Logstash", |record| json!({"@timestamp": "x", "message": record.to_string()}));
    check_objects(
        "Splunk",
        |record| json!({"preview": false, "result": {"_raw": record.to_string(), "sourcetype": "o365"}}),
    );
    check_objects(
        "Wazuh",
        |record| json!({"timestamp": "x", "rule": {"id": "91532"}, "data": {"integration": "office365", "office365": record}}),
    );
}

#[test]
fn results_of_searches_are_opened() {
    let hit = |record: Value| json!({"_id": "x", "_source": {"event": {"original": record.to_string()}}});
    let hits = [hit(ordinary()), hit(record())];
    check(
        "a search of Elasticsearch",
        json!({"took": 3, "hits": {"total": {"value": 2}, "hits": hits}}).to_string().as_bytes(),
    );
    let columns = json!([{"name": "TimeGenerated", "type": "datetime"}, {"name": "RawEventData", "type": "dynamic"}]);
    let rows = json!([["x", ordinary()], ["x", record().to_string()]]);
    check(
        "a query of Log Analytics",
        json!({"tables": [{"name": "PrimaryResult", "columns": columns, "rows": rows}]}).to_string().as_bytes(),
    );
    let pages = [json!({"value": [ordinary()]}), json!({"value": [record()]})];
    check("pages of Graph", &lines(&pages));
}

#[test]
fn long_list_in_one_object_is_read_record_by_record() {
    let mut records = vec![ordinary(); 60_000];
    records.push(record());
    let file = json!({"@odata.count": 60_001, "value": records, "next": "x"}).to_string();
    assert!(file.len() > 32 * 1024 * 1024, "longer than any record may be");
    check("a long list", file.as_bytes());
}

/// A row for each record under this header.
fn csv(header: &[&str], separator: char, quote: &str, rows: &[Vec<String>]) -> String {
    let row = |cells: &[String]| {
        let cells: Vec<String> = cells.iter().map(|cell| format!("\"{}\"", cell.replace('"', quote))).collect();
        cells.join(&separator.to_string()) + "\r\n"
    };
    let header: Vec<String> = header.iter().map(|&name| name.to_owned()).collect();
    row(&header) + &rows.iter().map(|cells| row(cells)).collect::<String>()
}

fn utf16(text: &str, to_bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    std::iter::once(0xFEFF).chain(text.encode_utf16()).flat_map(to_bytes).collect()
}

#[test]
fn csv_with_a_record_in_a_cell_is_read() {
    let rows: Vec<Vec<String>> = [ordinary(), record()]
        .iter()
        .map(|record| vec!["2026-10-05".to_owned(), record.to_string(), "1".to_owned()])
        .collect();
    for column in ["AuditData", "auditdata", "RawEventData", "_raw", "event.original", "message", "whatever"] {
        for separator in [',', ';', '\t'] {
            let text = csv(&["CreationDate", column, "Version"], separator, "\"\"", &rows);
            check(column, text.as_bytes());
            check(column, format!("sep={separator}\r\n{text}").as_bytes());
            check(column, format!("Audit log of Contoso\r\n\r\n{text}").as_bytes());
            check(column, &utf16(&text, u16::to_le_bytes));
            check(column, &utf16(&text, u16::to_be_bytes));
        }
    }
    let text = csv(&["_time", "_raw", "x"], ',', "\\\"", &rows);
    check("quotes behind backslashes", text.as_bytes());
}

#[test]
fn csv_in_windows_1252_is_read() {
    let mut record = record();
    record["Parameters"][3]["Value"] = "Gelöschte Objekte – ä".into();
    let rows = [vec!["x".to_owned(), record.to_string()]];
    let text = csv(&["CreationDate", "AuditData"], ';', "\"\"", &rows);
    let bytes: Vec<u8> =
        text.chars().map(|c| if c == '–' { 0x96 } else { u8::try_from(u32::from(c)).unwrap() }).collect();
    let output = scan_input(&["--format", "json", "--accepted-domain", "contoso.com", "-"], &bytes);
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["Findings"][0]["RuleName"], "Gelöschte Objekte – ä", "{answer}");
}

#[test]
fn columns_of_a_record_are_put_together() {
    let parameters = record()["Parameters"].to_string();
    let text = |name: &str| record()[name].as_str().unwrap().to_owned();
    let sentinel = vec![
        "10/5/2026, 6:41:07.000 AM".to_owned(),
        text("Operation"),
        text("UserId"),
        text("ClientIP"),
        text("ObjectId"),
        parameters,
        "True".to_owned(),
        "Exchange".to_owned(),
        "ExchangeAdmin".to_owned(),
        text("Id"),
        text("OrganizationId"),
    ];
    let header = [
        "TimeGenerated [UTC]",
        "Operation",
        "UserId",
        "ClientIP",
        "OfficeObjectId",
        "Parameters",
        "ResultStatus",
        "OfficeWorkload",
        "RecordType",
        "OfficeId",
        "OrganizationId",
    ];
    for separator in [',', ';', '\t'] {
        check("OfficeActivity", csv(&header, separator, "\"\"", std::slice::from_ref(&sentinel)).as_bytes());
    }
    let joined = "SubjectOrBodyContainsWords=direct deposit;payroll | DeleteMessage=True | MarkAsRead=True | Name=..";
    let hawk = json!({"RecordType": "ExchangeAdmin", "CreationDate": "2026-10-05T06:41:07", "UserIds": text("UserId"),
        "Operations": text("Operation"), "AuditCreationTime": "2026-10-05T06:41:07", "AuditId": text("Id"), "Operation": text("Operation"),
        "OrganizationId": text("OrganizationId"), "AuditRecordType": 1, "ClientIP": text("ClientIP"), "ObjectId": text("ObjectId"),
        "UserId": text("UserId"), "Parameters": joined});
    check("flat JSON of Hawk", &pretty(&json!([hawk])));
    let object = hawk.as_object().unwrap();
    let names: Vec<&str> = object.keys().map(String::as_str).collect();
    let cells = object.values().map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned)).collect();
    check("flat CSV of Hawk", csv(&names, ',', "\"\"", &[cells]).as_bytes());
    let mut single = hawk;
    single["Parameters"] = "".into();
    for parameter in record()["Parameters"].as_array().unwrap() {
        single[format!("Param_{}", parameter["Name"].as_str().unwrap())] = parameter["Value"].clone();
    }
    check("one column for each parameter", &lines(&[single]));
}

#[test]
fn parameters_that_were_damaged_are_read() {
    let pairs: Vec<(String, String)> = record()["Parameters"]
        .as_array()
        .unwrap()
        .iter()
        .map(|pair| (pair["Name"].as_str().unwrap().to_owned(), pair["Value"].as_str().unwrap().to_owned()))
        .collect();
    let joined = |between: &str, sign: &str| {
        pairs.iter().map(|(name, value)| format!("{name}{sign}{value}")).collect::<Vec<_>>().join(between)
    };
    let objects: Vec<String> = pairs.iter().map(|(name, value)| format!("@{{Name={name}; Value={value}}}")).collect();
    for damaged in [
        json!(objects),
        json!(objects.join(" ")),
        json!(joined(" | ", "=")),
        json!(joined("; ", ": ")),
        json!(joined("\r\n", " : ")),
        json!(pairs.iter().map(|(name, value)| (name.clone(), json!(value))).collect::<serde_json::Map<_, _>>()),
        json!(record()["Parameters"].to_string()),
    ] {
        let mut record = record();
        record["Parameters"] = damaged.clone();
        check(&damaged.to_string(), &lines(&[record]));
    }
}

#[test]
fn records_that_were_encoded_twice_are_read() {
    let text = |value: &Value| json!(value.to_string());
    let mut quoted = record();
    quoted["Parameters"][0]["Value"] = "the \"direct deposit\" of\nü\\".into();
    let texts = [text(&ordinary()), text(&quoted)];
    check("lines of texts", &lines(&texts));
    check("list of texts", json!(texts).to_string().as_bytes());
    check("list of texts on lines", &pretty(&json!(texts)));
    check("text of a list", text(&json!([ordinary(), quoted])).to_string().as_bytes());
    check("texts of objects on lines", &lines(&[json!(format!("{:#}", record()))]));
    let mut utf16 = vec![0xFF, 0xFE];
    utf16.extend(json!(texts).to_string().encode_utf16().flat_map(u16::to_le_bytes));
    check("list of texts in UTF-16", &utf16);
    let cut = json!(texts).to_string();
    let output = scan_input(&["--format", "json", "-"], &cut.as_bytes()[..cut.len() - 100]);
    assert_eq!(output.status.code(), Some(2), "a text that is cut: {output:?}");
}

#[test]
fn full_command_of_hawk_is_read() {
    let mut flat = record();
    flat.as_object_mut().unwrap().remove("Parameters");
    flat["FullCommand"] =
        "New-InboxRule -SubjectOrBodyContainsWords direct deposit -DeleteMessage True -Name ..".into();
    check("Hawk", &lines(&[flat]));
}

#[test]
fn columns_of_a_custom_table_are_read() {
    check(
        "Log Analytics",
        &lines(&[json!({
            "TimeGenerated": "2026-10-05T06:50:00Z", "CreationTime_t": "2026-10-05T06:41:07", "Operation_s": record()["Operation"],
            "Id_g": record()["Id"], "UserId_s": record()["UserId"], "ObjectId_s": record()["ObjectId"], "ClientIP_s": "203.0.113.9",
            "OrganizationId_g": record()["OrganizationId"], "Parameters_s": record()["Parameters"].to_string(),
        })]),
    );
}

#[test]
fn times_of_portals_and_powershell_are_read() {
    for time in [
        "10/5/2026 6:41:07 AM",
        "10/5/2026, 6:41:07.000 AM",
        "2026-10-05 06:41:07",
        "2026-10-05T06:41:07.0000000Z",
        "2026-10-05T08:41:07+02:00",
        "/Date(1791182467000)/",
        "2026-10-05 06:41:07 UTC",
    ] {
        let mut record = record();
        record["CreationTime"] = time.into();
        check(time, &lines(&[record]));
    }
}

#[test]
fn selected_record_that_cannot_be_read_means_exit_code_2() {
    let mut broken = record();
    broken["CreationTime"] = "yesterday".into();
    broken["Id"] = "0c7ad1c0-1c55-4a36-a5ff-0a4dd4cf2a01".into();
    for file in [lines(&[ordinary(), broken.clone()]), lines(&[record(), broken.clone()])] {
        let output = scan_input(&["--format", "json", "-"], &file);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((&answer["BrokenCount"], &answer["Broken"][0]["Line"]), (&json!(1), &json!(2)), "{answer}");
    }
    let mut unneeded = ordinary();
    unneeded["CreationTime"] = "yesterday".into();
    assert_eq!(scan_input(&["-"], &lines(&[unneeded])).status.code(), Some(0), "it is not selected");
}
