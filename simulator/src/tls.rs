//! Creates a certificate authority at start, and a certificate of it for this machine.

use std::future::{Ready, ready};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum_server::accept::Accept;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// The authority's certificate in a file, and the TLS configuration of the services.
pub(crate) struct Authority {
    /// The folder of the file, which is removed with the simulator.
    folder: PathBuf,
    pub(crate) server: Arc<ServerConfig>,
}

impl Authority {
    pub(crate) fn new() -> std::io::Result<Self> {
        let (root_pem, server) = make().map_err(std::io::Error::other)?;
        let folder = std::env::temp_dir().join(format!("tenantwatch-simulator-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir(&folder)?;
        std::fs::write(folder.join("ca.pem"), root_pem)?;
        Ok(Self { folder, server: Arc::new(server) })
    }

    pub(crate) fn path(&self) -> PathBuf {
        Path::new(&self.folder).join("ca.pem")
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        // A file that stays in the temporary folder does no harm.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Counts the connections before their TLS handshake.
#[derive(Clone)]
pub(crate) struct Handshakes(pub(crate) Arc<AtomicUsize>);

impl<I, S> Accept<I, S> for Handshakes {
    type Stream = I;
    type Service = S;
    type Future = Ready<std::io::Result<(I, S)>>;

    fn accept(&self, stream: I, service: S) -> Self::Future {
        self.0.fetch_add(1, Ordering::Relaxed);
        ready(Ok((stream, service)))
    }
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn make() -> Result<(String, ServerConfig), Failure> {
    let mut root = CertificateParams::default();
    root.distinguished_name.push(DnType::CommonName, "Tenantwatch simulator");
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    root.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    let root = CertifiedIssuer::self_signed(root, KeyPair::generate()?)?;

    let key = KeyPair::generate()?;
    let leaf = CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()])?.signed_by(&key, &root)?;

    let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut server = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], private)?;
    // With HTTP/1.1 a dropped connection affects one request only.
    server.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok((root.pem(), server))
}
