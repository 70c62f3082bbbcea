//! An issuer's metadata ([OpenID Connect Discovery section 4.3], [RFC 8414 section 3.3]).
//!
//! [OpenID Connect Discovery section 4.3]: https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderConfigurationValidation
//! [RFC 8414 section 3.3]: https://www.rfc-editor.org/rfc/rfc8414#section-3.3

use crate::{jwk::plain, key_source::Uri};

use super::{
    Cause,
    answer::{Failure, read_object},
};

/// Longest part of a name from metadata that is told.
const TOLD: usize = 100;

/// Reads the address of the key set.
///
/// The metadata must name the very issuer, byte for byte: else one tenant of a provider could speak
/// for another. The keys come by `https` if the metadata did, or whoever sits on the way could put
/// in his own.
pub(super) fn jwks_uri(bytes: &[u8], issuer: &str, from: &Uri) -> Result<Uri, Failure> {
    let metadata = read_object(bytes)?;
    let text = |name: &str| metadata.get(name).and_then(|value| value.as_str());
    match text("issuer") {
        Some(found) if found == issuer => {}
        Some(found) => {
            let (found, issuer) = (plain(found, TOLD), plain(issuer, TOLD));
            let detail = format!("found {found}, expected {issuer}");
            return Err(Failure::new(Cause::MetadataIssuer, detail));
        }
        None => return Err(Failure::new(Cause::MetadataIssuer, "no `issuer` in the metadata")),
    }
    let unusable = |detail: String| Failure::new(Cause::MetadataJwksUri, detail);
    let Some(found) = text("jwks_uri") else {
        return Err(unusable("no `jwks_uri` in the metadata".to_owned()));
    };
    match Uri::parse(found) {
        Some(uri) if from.https && !uri.https => Err(unusable(format!(
            "found {}, expected https, as the metadata came by it",
            plain(found, TOLD)
        ))),
        Some(uri) => Ok(uri),
        None => {
            Err(unusable(format!("found {}, expected an absolute address", plain(found, TOLD))))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ISSUER: &str = "https://issuer.test/";

    fn read(metadata: &str, from: &str) -> Result<Uri, Failure> {
        jwks_uri(metadata.as_bytes(), ISSUER, &Uri::parse(from).unwrap())
    }

    #[test]
    fn metadata_name_the_issuer_and_the_address_of_its_keys() {
        let good = r#"{"issuer":"https://issuer.test/","jwks_uri":"https://keys.test/a?b","x":[]}"#;
        assert_eq!(read(good, ISSUER), Ok(Uri::parse("https://keys.test/a?b").unwrap()));
        for (metadata, cause) in [
            ("<html>", Cause::NotJson),
            ("[]", Cause::NotJson),
            ("{}", Cause::MetadataIssuer),
            (r#"{"issuer":7,"jwks_uri":"https://a/"}"#, Cause::MetadataIssuer),
            (r#"{"issuer":"https://issuer.test","jwks_uri":"https://a/"}"#, Cause::MetadataIssuer),
            (r#"{"issuer":"https://Issuer.test/","jwks_uri":"https://a/"}"#, Cause::MetadataIssuer),
            (r#"{"issuer":"https://issuer.test/"}"#, Cause::MetadataJwksUri),
            (
                r#"{"issuer":"https://issuer.test/","jwks_uri":["https://a/"]}"#,
                Cause::MetadataJwksUri,
            ),
            (r#"{"issuer":"https://issuer.test/","jwks_uri":"/jwks"}"#, Cause::MetadataJwksUri),
            (r#"{"issuer":"https://issuer.test/","jwks_uri":"file:///a"}"#, Cause::MetadataJwksUri),
            (
                r#"{"issuer":"https://issuer.test/","jwks_uri":"https://a/\r\nx: y"}"#,
                Cause::MetadataJwksUri,
            ),
        ] {
            let failure = read(metadata, ISSUER).unwrap_err();
            assert_eq!(failure.cause, cause, "{metadata}");
            let plain = |c: char| c.is_ascii_graphic() || c == ' ';
            assert!(failure.detail.chars().all(plain), "{}", failure.detail);
        }
    }

    #[test]
    fn keys_do_not_come_over_plain_text_if_metadata_do_not() {
        let plain = r#"{"issuer":"https://issuer.test/","jwks_uri":"http://issuer.test/keys"}"#;
        assert_eq!(read(plain, ISSUER).unwrap_err().cause, Cause::MetadataJwksUri);
        assert!(read(plain, "http://issuer.test/").is_ok());
    }

    #[test]
    fn a_name_from_metadata_is_told_short_and_plain() {
        let long = format!(r#"{{"issuer":"\r\n {}","jwks_uri":"https://a/"}}"#, "x".repeat(500));
        let detail = read(&long, ISSUER).unwrap_err().detail;
        assert_eq!(detail, format!("found {}, expected {ISSUER}", "x".repeat(100)));
    }
}
