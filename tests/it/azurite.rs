//! Azurite, the storage emulator: installed from the lock file once, started once for all tests of this process.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

/// The account that Azurite knows. Source: "Use the Azurite emulator" on learn.microsoft.com.
pub const ACCOUNT: &str = "devstoreaccount1";

/// The key of that account, published on the same page.
pub const KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// A running Azurite. It ends with this process, because its standard input does.
#[derive(Debug)]
pub struct Azurite {
    pub table_url: String,
    pub queue_url: String,
    pub blob_url: String,
    pub connection_string: String,
    _process: Child,
}

/// The one Azurite of this process. `None` where node or npm is missing, which is said aloud; where `CI` is set, that fails.
pub async fn azurite() -> Option<&'static Azurite> {
    static AZURITE: OnceLock<Option<Azurite>> = OnceLock::new();
    let start = || AZURITE.get_or_init(|| started().map_err(|why| left_out(&why)).ok()).as_ref();
    tokio::task::spawn_blocking(start).await.unwrap()
}

fn left_out(why: &str) {
    assert!(std::env::var_os("CI").is_none(), "Azurite cannot be started: {why}");
    // Not with eprintln, whose output a successful test hides.
    let _ = writeln!(std::io::stderr(), "\n*** LEFT OUT: what needs Azurite was not tested: {why} ***\n");
}

fn started() -> Result<Azurite, String> {
    let folder = installed()?;
    let mut process = Command::new("node")
        .arg("--require")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/azurite/stop_with_parent.js"))
        .arg(folder.join("node_modules/azurite/dist/src/azurite.js"))
        .args(["--inMemoryPersistence", "--disableTelemetry", "--silent", "--skipApiVersionCheck"])
        .args(["--blobPort", "0", "--queuePort", "0", "--tablePort", "0"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .current_dir(&folder)
        .spawn()
        .map_err(|error| format!("node: {error}"))?;
    let output = BufReader::new(process.stdout.take().ok_or("no output")?);
    let [blob, queue, table] = addresses(output)?;
    Ok(Azurite {
        connection_string: format!(
            "DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={KEY};BlobEndpoint={blob}/{ACCOUNT};\
             QueueEndpoint={queue}/{ACCOUNT};TableEndpoint={table}/{ACCOUNT};"
        ),
        table_url: format!("{table}/{ACCOUNT}"),
        queue_url: format!("{queue}/{ACCOUNT}"),
        blob_url: format!("{blob}/{ACCOUNT}"),
        _process: process,
    })
}

/// Installs what the lock file names, unless it is there already. Other test processes wait.
fn installed() -> Result<PathBuf, String> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("azurite");
    std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    let lock = File::create(folder.join("installing")).map_err(|error| error.to_string())?;
    lock.lock().map_err(|error| error.to_string())?;
    let done = folder.join("installed-package-lock.json");
    let wanted = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/azurite");
    let package_lock = std::fs::read(wanted.join("package-lock.json")).map_err(|error| error.to_string())?;
    if std::fs::read(&done).is_ok_and(|installed| installed == package_lock) {
        return Ok(folder);
    }
    for file in ["package.json", "package-lock.json"] {
        std::fs::copy(wanted.join(file), folder.join(file)).map_err(|error| error.to_string())?;
    }
    let npm = Command::new("npm")
        .args(["ci", "--no-audit", "--no-fund", "--ignore-scripts"])
        .current_dir(&folder)
        .output()
        .map_err(|error| format!("npm: {error}"))?;
    if !npm.status.success() {
        return Err(format!("npm ci: {}", String::from_utf8_lossy(&npm.stderr)));
    }
    std::fs::write(&done, package_lock).map_err(|error| error.to_string())?;
    Ok(folder)
}

/// Returns the addresses of the blob, queue and table service, as Azurite prints them. A thread discards the rest of the output,
/// so that Azurite never waits for a reader.
fn addresses(output: BufReader<std::process::ChildStdout>) -> Result<[String; 3], String> {
    let mut lines = output.lines();
    let mut found: [Option<String>; 3] = Default::default();
    while found.iter().any(Option::is_none) {
        let line = lines.next().ok_or("Azurite ended before it listened")?.map_err(|error| error.to_string())?;
        let Some((service, address)) = line.split_once(" is successfully listening at ") else {
            continue;
        };
        let service = ["Azurite Blob service", "Azurite Queue service", "Azurite Table service"]
            .iter()
            .position(|name| *name == service);
        if let Some(place) = service.and_then(|at| found.get_mut(at)) {
            *place = Some(address.trim().to_owned());
        }
    }
    std::thread::spawn(move || lines.for_each(drop));
    Ok(found.map(Option::unwrap_or_default))
}

#[tokio::test]
async fn azurite_listens_where_it_says() {
    let Some(azurite) = azurite().await else { return };
    for url in [&azurite.table_url, &azurite.queue_url, &azurite.blob_url] {
        let address = url.strip_prefix("http://").and_then(|rest| rest.split('/').next()).unwrap();
        assert!(address.starts_with("127.0.0.1:") && !address.ends_with(":0"), "{url}");
        tokio::net::TcpStream::connect(address).await.unwrap();
        assert!(azurite.connection_string.contains(url.as_str()), "{url}");
    }
}
