//! Cards as Microsoft's own renderer shows them in a browser, with Markdown and link detection on: the page of the demo.

use std::sync::Arc;

use serde_json::{Value, json};
use tenantwatch::notify::card::{self, Buttons};
use tenantwatch::notify::defang;
use tenantwatch::tables::{Containment, ProcessedRow};
use tenantwatch_simulator::page::Page;
use tenantwatch_simulator::{Simulator, scenario};
use url::Url;

use super::{
    ATTACKS, every_kind_of_row, example, flow_card, long_attack, schema, teams_card, without_owner,
    written_by_an_attacker,
};
use crate::browser::Browser;

/// The only hosts to which the buttons of a card may lead.
const PORTALS: &[&str] = &["entra.microsoft.com", "admin.exchange.microsoft.com"];

/// Everything in a rendered card that does something by itself or when it is pressed, buttons aside; and every text in it
/// that a client which looks for links would find one in.
const ALIVE: &str = "(card) => {
  document.getElementById('cards').replaceChildren();
  render({ LogID: 'x', Card: JSON.stringify(card), Received: '' });
  const root = document.querySelector('.card');
  const elements = [...root.querySelectorAll('*')];
  const dangerous = 'a, img, script, iframe, object, embed, svg, form, video, audio, link, style, input, [href], [src]';
  const handlers = (element) => [...element.attributes].some((attribute) => attribute.name.startsWith('on'));
  const found = elements.filter((element) => element.matches(dangerous) || handlers(element));
  const texts = elements.filter((element) => element.children.length === 0).map((element) => element.textContent);
  const links = [root.innerText, ...texts].flatMap((text) => markdown.linkify.match(text) ?? []);
  return {
    shown: root.innerText,
    alive: [...found.map((element) => element.outerHTML.slice(0, 200)), ...links.map((link) => link.url)],
    ran: window.pwned === true,
  };
}";

/// Names without a scheme are links too, numbers of machines as well, and `example` is a top level domain.
const FIND_EVERY_LINK: &str = "markdown.linkify.set({ fuzzyLink: true, fuzzyEmail: true, fuzzyIP: true }) \
     && markdown.linkify.tlds(['com', 'uk', 'example'], true) && true";

/// A page that shows cards.
pub struct Screen {
    pub browser: Browser,
    _page: Page,
    _simulator: Arc<Simulator>,
}

impl Screen {
    /// An empty page; `None` where there is no browser.
    pub async fn open() -> Option<Self> {
        let (world, _) = scenario::demo(7, "2026-11-22T10:00:00Z".parse().unwrap());
        let simulator = Arc::new(Simulator::start(world).await.unwrap());
        let page = Page::start(Arc::clone(&simulator), "http://127.0.0.1:9/", 0).await.unwrap();
        let mut browser = Browser::open(&page.url()).await?;
        browser.wait_until("typeof render === 'function'").await;
        browser.evaluate(FIND_EVERY_LINK).await;
        Some(Self { browser, _page: page, _simulator: simulator })
    }

    /// Renders a card; returns the text that is `shown`, the elements and links that are `alive`, and whether a script `ran`.
    pub async fn show(&mut self, card: &Value) -> Value {
        let mut shown = self.browser.evaluate(&format!("({ALIVE})({card})")).await;
        // The tenant's own address and domain are shown as they are; a client may make links of them, which lead to the tenant.
        let own = ["mailto:bob@contoso.com", "http://contoso.com"];
        shown["alive"].as_array_mut().unwrap().retain(|link| !own.iter().any(|own| link == own));
        shown
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_an_attacker_wrote_comes_alive() {
    let Some(mut screen) = Screen::open().await else { return };
    let long = long_attack();
    for text in ATTACKS.iter().copied().chain([long.as_str()]) {
        let row = written_by_an_attacker(text);
        for mut card in [flow_card(&row), teams_card(&row)] {
            let shown = screen.show(&card).await;
            assert_eq!(shown["alive"], json!([]), "{text}");
            assert_eq!(shown["ran"], false, "{text}");
            assert!(shown["shown"].as_str().unwrap().contains("Why"), "the card was not rendered: {shown}");
            check_addresses(card["actions"].take());
        }
    }
}

/// Buttons lead to Microsoft's portals, whatever is in the row.
fn check_addresses(actions: Value) {
    for action in actions.as_array().unwrap() {
        let Some(address) = action["url"].as_str() else { continue };
        let address = Url::parse(address).unwrap();
        assert!(address.scheme() == "https" && PORTALS.contains(&address.host_str().unwrap()), "{address}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cards_of_every_kind_are_rendered_whole() {
    let Some(mut screen) = Screen::open().await else { return };
    for row in every_kind_of_row() {
        let shown = screen.show(&flow_card(&row)).await;
        assert_eq!(shown["alive"], json!([]), "{shown}");
        let text = shown["shown"].as_str().unwrap();
        assert!(text.contains(&row.record_id.to_string()), "{text}");
        assert_eq!(text.contains("Secure and Remediate"), tenantwatch::notify::can_be_acted_on(&row), "{text}");
    }
}

/// Proves that the test above can fail: in a text block, which understands Markdown, the same texts become links and pictures.
#[tokio::test(flavor = "multi_thread")]
async fn the_same_text_comes_alive_in_a_text_block() {
    let Some(mut screen) = Screen::open().await else { return };
    let alive = ["](http", "http://evil", "www.", "mailto:", "![picture]", "<http", "[reference]:"];
    for text in ATTACKS.iter().filter(|text| alive.iter().any(|mark| text.contains(mark))) {
        let body = json!([{ "type": "TextBlock", "text": text, "wrap": true }]);
        let card = json!({ "type": "AdaptiveCard", "version": "1.4", "body": body });
        schema::check(&card).unwrap();
        let shown = screen.show(&card).await;
        assert_ne!(shown["alive"], json!([]), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn link_detection_finds_nothing_in_any_defanged_text() {
    let Some(mut screen) = Screen::open().await else { return };
    let raw: Vec<String> = (0..4_000).map(scramble).collect();
    let safe: Vec<String> = raw.iter().map(|text| defang(text)).collect();
    let found = |texts: &[String]| format!("({}).filter((text) => markdown.linkify.test(text))", json!(texts));
    let links = screen.browser.evaluate(&found(&raw)).await;
    assert!(links.as_array().unwrap().len() > 200, "the texts are none that link detection is tempted by");
    assert_eq!(screen.browser.evaluate(&found(&safe)).await, json!([]));
}

/// Pieces of addresses in an order that only the number knows.
fn scramble(number: u64) -> String {
    const PIECES: &[&str] = &[
        "evil", ".", "example", "com", "@", "://", "http", "https", "www", "/", "[", "]", "(", ")", "-", "_", ":", " ",
        "*", "~", "#", "mailto:", "//", "xn--", "1.2.3.4", "?", "\u{3002}", "\u{2024}", "\u{ff0e}", "\u{200b}", "<",
        ">", "'", ",", ";", "!", "\n", ".com", "co.uk", "|", "&", "=", "+", "%2e", "\u{e4}",
    ];
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 33).unwrap()
    };
    let length = 3 + next() % 8;
    (0..length).map(|_| PIECES[next() % PIECES.len()]).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_fits_a_narrow_window() {
    let Some(mut screen) = Screen::open().await else { return };
    screen.show(&flow_card(&example())).await;
    let long = "maximiliane.schwarzenberger-hohenlohe@wirtschaftspruefung-niederoesterreich.example";
    let address: String = format!("{}@postablage-und-weiterleitung.example", "x".repeat(60));
    let row = ProcessedRow {
        source_mailbox: long.to_owned(),
        actor: long.to_owned(),
        forwarding_address: address,
        ..example()
    };
    let contained = ProcessedRow {
        containment: Some(Containment::Done),
        containment_detail: "BlockSignIn: sign-in blocked.\nDisableInboxRules: Disabled 1 rule: \"Invoices\"."
            .to_owned(),
        ..row.clone()
    };
    let with_undo = card::card(&(&contained).into(), &Buttons::SubmitOrUndo, None);
    let cards = [("short", flow_card(&example())), ("long", flow_card(&row)), ("contained", with_undo)];
    for (name, card) in cards.into_iter().chain([("unknown", flow_card(&without_owner()))]) {
        screen.show(&card).await;
        for width in [320, 400, 740, 1400] {
            screen.browser.resize(width).await;
            let overflows = "(() => { const card = document.querySelector('.card'); \
                 const edge = Math.min(card.getBoundingClientRect().right, window.innerWidth); \
                 return [...card.querySelectorAll('*')].filter((one) => one.getBoundingClientRect().right > edge + 1) \
                   .map((one) => one.textContent.slice(0, 80)); })()";
            assert_eq!(screen.browser.evaluate(overflows).await, json!([]), "{width}");
            if let Some(folder) = std::env::var_os("TENANTWATCH_CARD_SCREENSHOTS") {
                let file = std::path::Path::new(&folder).join(format!("card-{name}-{width}.png"));
                std::fs::write(file, screen.browser.screenshot().await).unwrap();
            }
        }
    }
}
