//! The page in a browser: it fits a window, a phone and a sheet, also with long names, addresses and clients.

use super::records::{A, Records, S, V};
use super::{lines, run};
use crate::browser::Browser;
use crate::status::layout::STICKING_OUT;

/// Returns columns that are too narrow for their texts, so that a row fills a page.
const NARROW: &str = "[...document.querySelectorAll('td')].filter(e => e.innerText.length > 40 && e.clientWidth < 90)\
    .map(e => e.clientWidth + ' px: ' + e.innerText).join('\\n')";

/// Returns IPv4 addresses that are on two lines.
const BROKEN_ADDRESSES: &str = "[...document.querySelectorAll('td.ip')].filter(e => /^[0-9.]+$/.test(e.innerText) && \
    e.getBoundingClientRect().height > 0 && (() => { const range = document.createRange(); range.selectNodeContents(e); \
    return new Set([...range.getClientRects()].map(r => Math.round(r.top))).size > 1; })()).map(e => e.innerText).join('\\n')";

fn page() -> Vec<u8> {
    let (mut records, ..) = Records::incident();
    let (long, agent) =
        ("2001:db8:85a3:8d3:1319:8a2e:370:7348", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36");
    records.sign_in_with(
        "19T10:06:00",
        V,
        long,
        S,
        "0",
        &format!("{agent} (KHTML, like Gecko) Chrome/131.0.0.0 Edg/131.0.0.0"),
    );
    let stranger = "anneliese.hohenstauffen-weissenfels@contoso-consulting-international.com";
    records.sign_in("19T10:07:00", stranger, A, "qq", "0");
    for minute in 10..20 {
        records.send(
            &format!("19T10:{minute}:00"),
            V,
            A,
            S,
            "Überweisung der offenen Rechnung 2026-1147 – bitte umgehend prüfen",
        );
        let name =
            format!("Budget_Planung_Geschäftsjahr_2026_final_v{minute}_freigegeben_für_die_Geschäftsleitung.xlsx");
        records.file(&format!("19T11:{minute}:00"), V, "AnonymousLinkCreated", A, S, &name);
    }
    let output = run(&["--account", V, "--format", "html", "-"], &lines(&records));
    assert!(output.status.success(), "{output:?}");
    output.stdout
}

#[tokio::test(flavor = "multi_thread")]
async fn page_fits_a_window_a_phone_and_a_sheet() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("report.html");
    std::fs::write(&file, page()).unwrap();
    let Some(mut browser) = Browser::open(&format!("file://{}", file.display())).await else { return };
    browser.wait_until("document.readyState === 'complete'").await;
    // The chart of a phone is moved sideways. A sheet of A4 has 182 mm between its margins.
    let sticking_out =
        STICKING_OUT.replace(".map(e => e.tagName", ".filter(e => !e.closest('.chart')).map(e => e.tagName");
    for (width, media) in [(1400, "screen"), (800, "screen"), (400, "screen"), (688, "print")] {
        browser.show_as(width, media).await;
        for expression in [sticking_out.as_str(), NARROW, BROKEN_ADDRESSES] {
            assert_eq!(browser.evaluate(expression).await, "", "{width} px, {media}");
        }
    }
}
