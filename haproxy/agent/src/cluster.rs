//! The servers that the filter may call, and TLS with them.

use std::{io, path::PathBuf, sync::Arc};

use tokio::net::TcpStream;
use tokio_rustls::{
    TlsConnector,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::ring,
        pki_types::{CertificateDer, ServerName, pem::PemObject as _},
    },
};
use wasmtime_harness::live::{Origin, Secure, Secured, Stream};

/// Reads `NAME=URL`.
///
/// # Errors
///
/// It is something else.
pub fn cluster(text: &str) -> Result<(String, Origin), String> {
    match text.split_once('=') {
        Some((name, url)) if !name.is_empty() => Ok((name.to_owned(), url.parse()?)),
        _ => Err(format!(
            "found {text:?}, expected a cluster's name and its URL, such as \
             auth0=https://tenant.auth0.com"
        )),
    }
}

/// TLS 1.2 and 1.3 with servers whose certificate is issued by somebody trusted.
pub(crate) struct Tls(TlsConnector);

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tls")
    }
}

impl Tls {
    /// Trusts whom the system trusts, and whoever has a certificate in these files.
    ///
    /// # Errors
    ///
    /// A file cannot be read, or nobody is trusted at all.
    pub(crate) fn trusting(files: &[PathBuf]) -> Result<Self, String> {
        let mut roots = RootCertStore::empty();
        // What cannot be read of the system's is told if nothing is left.
        let system = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(system.certs);
        for file in files {
            let shown = file.display();
            let refuse = |why: String| format!("cannot read certificates of {shown}: {why}");
            let found = CertificateDer::pem_file_iter(file).and_then(Iterator::collect);
            let found: Vec<CertificateDer<'_>> =
                found.map_err(|error| refuse(error.to_string()))?;
            if found.is_empty() {
                return Err(refuse("found no certificate in PEM".to_owned()));
            }
            for certificate in found {
                roots.add(certificate).map_err(|error| refuse(error.to_string()))?;
            }
        }
        if roots.is_empty() {
            let why: Vec<String> = system.errors.iter().map(ToString::to_string).collect();
            return Err(format!("found no certificates to trust: {}", why.join("; ")));
        }
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| format!("TLS cannot be used: {error}"))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self(TlsConnector::from(Arc::new(config))))
    }
}

impl Secure for Tls {
    fn secure<'a>(&'a self, host: &'a str, stream: TcpStream) -> Secured<'a> {
        Box::pin(async move {
            let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
            let stream: Box<dyn Stream> = Box::new(self.0.connect(name, stream).await?);
            Ok(stream)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_is_a_name_and_a_url() {
        let (name, origin) = cluster("auth0=https://tenant.auth0.com").unwrap();
        assert_eq!((name.as_str(), origin.to_string().as_str()), ("auth0", "tenant.auth0.com:443"));
        assert!(origin.tls());
        for text in ["", "auth0", "=https://a.test", "a=b", "a=https://a.test/path"] {
            assert!(cluster(text).unwrap_err().starts_with("found "), "{text}");
        }
    }

    #[test]
    fn a_file_without_certificates_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.pem");
        std::fs::write(&file, "nothing").unwrap();
        let error = Tls::trusting(std::slice::from_ref(&file)).unwrap_err();
        assert!(error.ends_with("found no certificate in PEM"), "{error}");
        std::fs::remove_file(&file).unwrap();
        assert!(Tls::trusting(&[file]).unwrap_err().starts_with("cannot read certificates of"));
    }
}
