//! Who the control plane is: the CA that the join token pins, and a certificate of it for one fixed name.
//!
//! The address says nothing, so that a control plane may move, sit behind a load balancer or be reached by an IP address.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, OtherError, RootCertStore, SignatureScheme};

use super::token::Pin;

/// The name in the control plane's certificate.
pub const CONTROL_NAME: &str = "control.keyplane.internal";

/// The control plane that answered is not the one of the join token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "whoever answered does not have the CA that the join token pins ({pin}): the address is another control plane's, or the store was \
     made anew and needs a new join token"
)]
pub struct WrongPin {
    /// What the token pins.
    pub pin: Pin,
}

/// Checks a server's chain against the pinned CA and the fixed name.
#[derive(Debug)]
pub(super) struct PinnedVerifier {
    pin: Pin,
    name: ServerName<'static>,
    provider: Arc<CryptoProvider>,
}

impl PinnedVerifier {
    pub(super) fn new(pin: Pin, name: ServerName<'static>, provider: Arc<CryptoProvider>) -> Self {
        Self { pin, name, provider }
    }

    /// The certificate of the chain whose public key is the pinned one.
    fn pinned_ca(&self, chain: &[CertificateDer<'_>]) -> Result<CertificateDer<'static>, rustls::Error> {
        let pinned = |der: &&CertificateDer<'_>| {
            x509_parser::parse_x509_certificate(der)
                .is_ok_and(|(_, certificate)| Pin::of_spki(certificate.public_key().raw) == self.pin)
        };
        let found = chain.iter().find(pinned).map(|der| der.clone().into_owned());
        found.ok_or_else(|| rustls::Error::Other(OtherError(Arc::new(WrongPin { pin: self.pin }))))
    }
}

impl ServerCertVerifier for PinnedVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let mut roots = RootCertStore::empty();
        roots.add(self.pinned_ca(intermediates)?)?;
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&self.provider))
            .build()
            .map_err(|error| rustls::Error::Other(OtherError(Arc::new(error))))?;
        verifier.verify_server_cert(end_entity, intermediates, &self.name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, PublicKeyData};
    use rustls::crypto::ring;

    use super::*;

    type Issuer = CertifiedIssuer<'static, KeyPair>;

    fn ca() -> Issuer {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
    }

    fn pin(ca: &Issuer) -> Pin {
        Pin::of_spki(&ca.key().subject_public_key_info())
    }

    fn signed(ca: &Issuer, name: &str) -> CertificateDer<'static> {
        let key = KeyPair::generate().unwrap();
        CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, ca).unwrap().der().clone()
    }

    fn verify(pin: Pin, own: &CertificateDer<'_>, sent: &[CertificateDer<'_>]) -> Result<(), rustls::Error> {
        let name = ServerName::try_from(CONTROL_NAME).unwrap();
        let verifier = PinnedVerifier::new(pin, name, Arc::new(ring::default_provider()));
        let address = ServerName::try_from("192.0.2.1").unwrap();
        verifier.verify_server_cert(own, sent, &address, &[], UnixTime::now()).map(|_| ())
    }

    #[test]
    fn the_pinned_cas_certificate_for_the_fixed_name_is_good_whatever_the_address() {
        let ca = ca();
        assert_eq!(verify(pin(&ca), &signed(&ca, CONTROL_NAME), &[ca.der().clone()]), Ok(()));
    }

    #[test]
    fn a_chain_without_the_pinned_ca_says_what_to_do() {
        let (ours, other) = (ca(), ca());
        for sent in [vec![other.der().clone()], vec![]] {
            let error = verify(pin(&ours), &signed(&other, CONTROL_NAME), &sent).unwrap_err();
            let rustls::Error::Other(other) = &error else { panic!("{error:?}") };
            let wrong: &WrongPin = other.0.downcast_ref().unwrap();
            assert_eq!(wrong.pin, pin(&ours));
            assert!(wrong.to_string().contains("new join token"));
        }
    }

    #[test]
    fn showing_the_pinned_ca_is_not_enough() {
        let (ours, other) = (ca(), ca());
        let both = [ours.der().clone(), other.der().clone()];
        assert!(verify(pin(&ours), &signed(&other, CONTROL_NAME), &both).is_err(), "another one signed");
        assert!(verify(pin(&ours), &signed(&ours, "proxy.example"), &both).is_err(), "another name");
    }
}
