//! The demo page in a real browser: what a technician sees, and what a press does.

use std::sync::Arc;

use base::clock::SystemClock;
use table_store::SqliteStore;
use tenantwatch::app::App;
use tenantwatch::cli::cycle;
use tenantwatch::host::standalone;
use tenantwatch::settings::{Needs, Settings};
use tenantwatch_simulator::page::Page;
use tenantwatch_simulator::scenario::Planted;
use tenantwatch_simulator::{Simulator, scenario};

use crate::browser::Browser;

/// The demo's world, the product after its first cycle, and the page over both.
pub struct Demo {
    pub simulator: Arc<Simulator>,
    pub planted: Vec<Planted>,
    pub app: App,
    pub page: Page,
    _data: tempfile::TempDir,
}

impl Demo {
    pub async fn after_a_cycle() -> Self {
        Self::start(false).await
    }

    /// The same with every channel, side by side.
    async fn with_every_channel() -> Self {
        Self::start(true).await
    }

    async fn start(has_channels: bool) -> Self {
        let (world, planted) = scenario::demo(7, chrono::Utc::now());
        let simulator = Arc::new(Simulator::start(world).await.unwrap());
        let data = tempfile::tempdir().unwrap();
        let clock = Arc::new(SystemClock);
        let store = Arc::new(SqliteStore::open(&data.path().join("test.db"), clock.clone()).unwrap());
        let mut environment = simulator.environment();
        if has_channels {
            environment.extend(simulator.further_channels());
        }
        let settings = Settings::from_environment(environment, Needs::LOCAL).unwrap();
        let app = App::new(settings, store, clock).unwrap();
        cycle(&app).await.unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let remediate_url = format!("http://{}/api/RemediateAccount", listener.local_addr().unwrap());
        tokio::spawn(standalone::serve(listener, app.clone()));
        let shared = Arc::clone(&simulator);
        let page = match has_channels {
            true => Page::start_with_channels(shared, &remediate_url, 0).await.unwrap(),
            false => Page::start(shared, &remediate_url, 0).await.unwrap(),
        };
        Self { simulator, planted, app, page, _data: data }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn page_shows_cards_and_a_button_changes_the_mailbox() {
    let Demo { simulator, planted, page, .. } = &Demo::after_a_cycle().await;
    let Some(mut browser) = Browser::open(&page.url()).await else { return };

    let attack = &planted[0];
    let post = format!("document.querySelector('[data-log-id=\"{}\"]')", attack.record_id);
    browser.wait_until(&format!("document.querySelectorAll('.post').length >= {}", planted.len())).await;
    browser.wait_until(&format!("{post}.innerText.includes('Secure and Remediate')")).await;
    assert_eq!(
        browser.evaluate("document.querySelectorAll('.card a').length").await,
        0,
        "attacker text must not become a link"
    );
    browser.wait_until(&format!("{post}.querySelector('.report').innerText.includes('An attacker was in')")).await;
    assert!(account_is_enabled(simulator, attack), "nothing was pressed yet");

    if let Some(file) = std::env::var_os("TENANTWATCH_CARD_SCREENSHOT") {
        // The picture of a card in the README.
        std::fs::write(file, browser.screenshot_of(&format!("{post}.querySelector('.card')")).await).unwrap();
    }

    browser
        .evaluate(&format!("[...{post}.querySelectorAll('button')].find(b => b.innerText.includes('Secure')).click()"))
        .await;
    browser.wait_until(&format!("{post}.querySelector('.answer').dataset.status === 'Completed'")).await;

    assert!(!account_is_enabled(simulator, attack), "the press must have blocked sign-in");
    let steps = browser.evaluate(&format!("{post}.querySelector('tbody').innerText")).await;
    assert!(steps.as_str().unwrap().contains("Verify"), "{steps}");
    if let Some(file) = std::env::var_os("TENANTWATCH_SCREENSHOT") {
        // The picture in the README shows this one.
        browser.evaluate(&format!("document.querySelectorAll('.post').forEach(p => p.hidden = p !== {post})")).await;
        std::fs::write(file, browser.screenshot().await).unwrap();
    }
}

/// Every post of every column can be reached, and none lies on another, in wide and narrow windows.
#[tokio::test(flavor = "multi_thread")]
async fn channels_stand_side_by_side_without_overlap() {
    let demo = Demo::with_every_channel().await;
    let Some(mut browser) = Browser::open(&demo.page.url()).await else { return };
    browser.wait_until("document.querySelectorAll('.channel').length === 4").await;
    browser.wait_until("document.querySelectorAll('#cards .post').length >= 9").await;
    browser.wait_until("document.querySelector('.report') !== null").await;
    for width in [1400, 740, 400, 320] {
        browser.resize(width).await;
        let wrong = browser
            .evaluate(&format!(
                "(() => {{ const columns = document.getElementById('columns'); \
                 columns.scrollLeft = 0; const inside = []; let edge = 0; \
                 for (const column of columns.children) {{ \
                   const box = column.getBoundingClientRect(); \
                   if (box.left < edge) inside.push('a column begins at ' + box.left + ' before ' + edge); edge = box.right; \
                   if (box.width > {width}) inside.push('a column is wider than the window: ' + box.width); \
                   for (const post of column.querySelectorAll('.post')) {{ \
                     const own = post.getBoundingClientRect(); \
                     if (own.left < box.left - 1 || own.right > box.right + 1) inside.push(own.left + '-' + own.right + ' in ' + box.left + '-' + box.right); \
                     for (const part of post.querySelectorAll('.card *, pre')) {{ \
                       if (part.getBoundingClientRect().right > own.right + 1 || part.scrollWidth > part.clientWidth + 1 && part.clientWidth > 0) \
                         inside.push('cut off: ' + part.textContent.slice(0, 60)); \
                 }} }} }} return inside; }})()"
            ))
            .await;
        assert_eq!(wrong, serde_json::json!([]), "{width}");
    }
    if let Some(folder) = std::env::var_os("TENANTWATCH_CHANNELS_SCREENSHOTS") {
        // One threat of each channel, in windows of every width; the widest is the picture in docs/channels.md.
        browser
            .evaluate(
                "document.querySelectorAll('#columns > *').forEach((column) => \
                 column.querySelectorAll('.post').forEach((post, number) => { post.hidden = number > 0; }))",
            )
            .await;
        browser.wait_until("[...document.querySelectorAll('.post')].some((post) => post.hidden)").await;
        for width in [2200, 1400, 740, 400, 320] {
            browser.resize(width).await;
            let file = std::path::Path::new(&folder).join(format!("channels-{width}.png"));
            std::fs::write(file, browser.screenshot().await).unwrap();
        }
    }
}

fn account_is_enabled(simulator: &Simulator, attack: &scenario::Planted) -> bool {
    let world = simulator.world();
    let tenant = &world.tenants[&attack.tenant_id];
    tenant.user(&attack.mailbox).expect("the planted mailbox has a user").account_enabled
}
