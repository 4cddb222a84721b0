//! An authority of a group's own, and the certificates that it signs.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PublicKeyData, SanType,
};
use sha2::{Digest as _, Sha256};

use crate::certificate::{Certificate, CertificateError, date, now};
use crate::files;
use crate::role::{Holder, Role};

/// For how many days an authority is valid.
pub const AUTHORITY_DAYS: u32 = 3_650;
/// For how many days a certificate is valid unless it says otherwise.
pub const DAYS: u32 = 365;
/// For how many days one may be valid.
pub const DAYS_MAX: u32 = AUTHORITY_DAYS;

/// Machines whose clocks are slow by less than this take a certificate at once.
const CLOCKS_DIFFER: Duration = Duration::from_secs(3_600);

const AUTHORITY: &str = "ca";

/// Why no certificate is made.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// There is one already.
    #[error("{0} is there already, and is never written over: give another --dir or --name, or move it away")]
    Exists(PathBuf),
    /// It can't be written.
    #[error("{path} can't be written")]
    Unwritable {
        /// The file or directory.
        path: PathBuf,
        /// What the kernel says.
        #[source]
        source: io::Error,
    },
    /// There is no authority.
    #[error("there is no authority in {0}: make one by `throng certs init`, once for a group, or give its --dir")]
    NoAuthority(PathBuf),
    /// It can't be read.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// It isn't one, or its key doesn't fit.
    #[error("the authority {path} can't be used: {why}")]
    Authority {
        /// Its file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// No certificate of a peer without a host.
    #[error(
        "a peer needs at least one --host, the name or address by which others reach it: those of --peers and --listen"
    )]
    NoHost,
    /// Others listen nowhere.
    #[error("only peers are reached by others: an {0}'s certificate has no --host")]
    Hosts(Role),
    /// A host that can't be.
    #[error("--host {0} is neither a name nor an address")]
    Host(String),
    /// The time.
    #[error("--days is {0}; it has to be 1 to {DAYS_MAX}")]
    Days(u32),
    /// Beyond the authority's own.
    #[error(
        "the authority {path} is valid until {until}, and so not for {days} days more: give fewer --days, or make \
             a new authority"
    )]
    TooLong {
        /// Its file.
        path: PathBuf,
        /// Its end.
        until: String,
        /// What was asked for.
        days: u32,
    },
    /// Cryptography.
    #[error("no certificate can be made: {0}")]
    Make(#[from] rcgen::Error),
}

/// What a certificate is to say.
#[derive(Clone, Debug)]
pub struct Request {
    /// Whose it is to be.
    pub holder: Holder,
    /// Of a peer: names and addresses by which others reach it.
    pub hosts: Vec<String>,
    /// For how long it is to be valid.
    pub days: u32,
}

/// A certificate that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issued {
    /// Its file.
    pub certificate: PathBuf,
    /// That of its private key.
    pub key: PathBuf,
}

impl Issued {
    fn at(directory: &Path, name: &str) -> Self {
        Self { certificate: directory.join(format!("{name}.pem")), key: directory.join(format!("{name}.key")) }
    }

    /// Writes both, or neither.
    fn write(self, certificate: &str, key: &str) -> Result<Self, IssueError> {
        files::make_both((&self.key, key), (&self.certificate, certificate)).map_err(|(path, source)| match source
            .kind()
        {
            io::ErrorKind::AlreadyExists => IssueError::Exists(path),
            _ => IssueError::Unwritable { path, source },
        })?;
        Ok(self)
    }

    fn must_not_exist(self) -> Result<Self, IssueError> {
        let known = [&self.certificate, &self.key].into_iter().find(|path| path.exists()).cloned();
        known.map_or(Ok(self), |path| Err(IssueError::Exists(path)))
    }
}

/// Makes an authority: `ca.pem`, which every process of the group is given, and `ca.key`, which none is.
///
/// # Errors
/// When there is one already, or it can't be written.
pub fn init(directory: &Path) -> Result<Issued, IssueError> {
    let issued = Issued::at(directory, AUTHORITY).must_not_exist()?;
    let unwritable = |source| IssueError::Unwritable { path: directory.to_owned(), source };
    files::make_directory(directory).map_err(unwritable)?;
    let key = KeyPair::generate()?;
    let mut parameters = CertificateParams::default();
    set_time(&mut parameters, AUTHORITY_DAYS);
    parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    // Two groups' authorities have different names, so that each is told from the other.
    let mark: String = Sha256::digest(key.der_bytes())[..4].iter().map(|byte| format!("{byte:02x}")).collect();
    parameters.distinguished_name = rcgen::DistinguishedName::new();
    parameters.distinguished_name.push(DnType::OrganizationName, "throng");
    parameters.distinguished_name.push(DnType::CommonName, format!("throng authority {mark}"));
    let certificate = parameters.self_signed(&key)?;
    issued.write(&certificate.pem(), &key.serialize_pem())
}

/// Makes a certificate, `ROLE-NAME.pem`, and its private key, `ROLE-NAME.key`, by the authority in the directory.
///
/// # Errors
/// When there is no authority, there is such a certificate already, or it can't be written.
pub fn issue(directory: &Path, request: &Request) -> Result<Issued, IssueError> {
    let Request { holder, hosts, days } = request;
    match holder.role {
        Role::Peer if hosts.is_empty() => return Err(IssueError::NoHost),
        Role::Agent | Role::Client if !hosts.is_empty() => return Err(IssueError::Hosts(holder.role)),
        _ => {}
    }
    if !(1..=DAYS_MAX).contains(days) {
        return Err(IssueError::Days(*days));
    }
    let issuer = authority(directory, *days)?;
    let issued = Issued::at(directory, &format!("{}-{}", holder.role, holder.name)).must_not_exist()?;
    sign(issued, parameters(request)?, &issuer)
}

fn sign(issued: Issued, parameters: CertificateParams, issuer: &Issuer<'_, KeyPair>) -> Result<Issued, IssueError> {
    let key = KeyPair::generate()?;
    let certificate = parameters.signed_by(&key, issuer)?;
    issued.write(&certificate.pem(), &key.serialize_pem())
}

/// For tests: a certificate whose time is over, or hasn't come.
#[cfg(test)]
pub(crate) fn issue_at(directory: &Path, request: &Request, from: i32, until: i32) -> Issued {
    let mut parameters = parameters(request).unwrap();
    parameters.not_before = rcgen::date_time_ymd(from, 1, 1);
    parameters.not_after = rcgen::date_time_ymd(until, 1, 1);
    let issued = Issued::at(directory, &format!("{}-{}", request.holder.role, request.holder.name));
    sign(issued, parameters, &authority(directory, 1).unwrap()).unwrap()
}

fn parameters(request: &Request) -> Result<CertificateParams, IssueError> {
    let Request { holder, hosts, days } = request;
    let mut parameters = CertificateParams::default();
    set_time(&mut parameters, *days);
    for host in hosts {
        let wrong = |_| IssueError::Host(host.clone());
        let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
        let has_port = bare.rsplit_once(':').is_some_and(|(before, _)| !before.contains(':'));
        if bare.is_empty() || has_port || bare.contains(['/', ' ', '@']) {
            return Err(IssueError::Host(host.clone()));
        }
        parameters.subject_alt_names.push(match bare.parse() {
            Ok(address) => SanType::IpAddress(address),
            Err(_) => SanType::DnsName(bare.to_owned().try_into().map_err(wrong)?),
        });
    }
    parameters.subject_alt_names.push(SanType::URI(holder.uri().try_into()?));
    parameters.distinguished_name = rcgen::DistinguishedName::new();
    parameters.distinguished_name.push(DnType::OrganizationName, "throng");
    parameters.distinguished_name.push(DnType::OrganizationalUnitName, holder.role.as_str());
    parameters.distinguished_name.push(DnType::CommonName, holder.name.clone());
    parameters.is_ca = IsCa::ExplicitNoCa;
    parameters.use_authority_key_identifier_extension = true;
    parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    if holder.role == Role::Peer {
        // Only coordinators are spoken to: what another role's certificate is used for is wrong.
        parameters.extended_key_usages.push(ExtendedKeyUsagePurpose::ServerAuth);
    }
    Ok(parameters)
}

fn set_time(parameters: &mut CertificateParams, days: u32) {
    let now = SystemTime::now();
    parameters.not_before = (now - CLOCKS_DIFFER).into();
    parameters.not_after = (now + Duration::from_secs(u64::from(days) * 86_400)).into();
}

/// The authority in a directory, if it may sign for so many days.
fn authority(directory: &Path, days: u32) -> Result<Issuer<'static, KeyPair>, IssueError> {
    let Issued { certificate: path, key: key_path } = Issued::at(directory, AUTHORITY);
    let read = |path: &Path| {
        std::fs::read_to_string(path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => IssueError::NoAuthority(directory.to_owned()),
            _ => CertificateError::Unreadable { path: path.display().to_string(), source }.into(),
        })
    };
    let (pem, key) = (read(&path)?, read(&key_path)?);
    let unusable = |why: String| IssueError::Authority { path: path.clone(), why };
    let facts = Certificate::read(&path)?;
    if !facts.is_authority {
        return Err(unusable("it isn't an authority's certificate".to_owned()));
    }
    if let Some(wrong) = facts.wrong_time(now()) {
        return Err(unusable(format!("it {wrong}")));
    }
    if facts.days_left(now()) < i64::from(days) - 1 {
        return Err(IssueError::TooLong { path, until: date(facts.not_after), days });
    }
    let key = KeyPair::from_pem(&key).map_err(|error| unusable(format!("its key {}: {error}", key_path.display())))?;
    if !public_key_is(&pem, &key) {
        return Err(unusable(format!("{} isn't its key", key_path.display())));
    }
    Issuer::from_ca_cert_pem(&pem, key).map_err(|error| unusable(error.to_string()))
}

fn public_key_is(pem: &str, key: &KeyPair) -> bool {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;
    let Ok(der) = CertificateDer::from_pem_slice(pem.as_bytes()) else { return false };
    let parsed = x509_parser::parse_x509_certificate(&der);
    parsed.is_ok_and(|(_, parsed)| parsed.public_key().raw == key.subject_public_key_info().as_slice())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn request(role: Role, name: &str, hosts: &[&str]) -> Request {
        let hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
        Request { holder: Holder::new(role, name).unwrap(), hosts, days: DAYS }
    }

    #[test]
    fn a_certificate_says_its_holder_hosts_and_time() {
        let directory = tempfile::tempdir().unwrap();
        let authority = init(directory.path()).unwrap();
        let authority = Certificate::read(&authority.certificate).unwrap();
        assert!(authority.is_authority && authority.holder.is_none());
        let peer = issue(directory.path(), &request(Role::Peer, "n1", &["10.0.0.1", "a.test", "[::1]"])).unwrap();
        let peer = Certificate::read(&peer.certificate).unwrap();
        assert_eq!(peer.holder, Some(Holder::new(Role::Peer, "n1").unwrap()));
        assert_eq!(peer.hosts, ["10.0.0.1", "a.test", "::1"]);
        assert_eq!((peer.issuer, peer.is_authority), (authority.subject, false));
        assert!(peer.not_before < now() - 1_800 && peer.not_after > now());
        let agent = issue(directory.path(), &request(Role::Agent, "eu-1", &[])).unwrap();
        assert_eq!(agent.certificate, directory.path().join("agent-eu-1.pem"));
        let left = Certificate::read(&agent.certificate).unwrap().days_left(now());
        assert!((i64::from(DAYS) - 1..=i64::from(DAYS)).contains(&left), "{left}");
    }

    #[test]
    fn files_are_their_owners_alone_and_never_written_over() {
        let directory = tempfile::tempdir().unwrap();
        let at = directory.path().join("new/certs");
        let authority = init(&at).unwrap();
        for path in [&authority.certificate, &authority.key] {
            assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        assert!(matches!(init(&at), Err(IssueError::Exists(_))));
        let client = request(Role::Client, "ci", &[]);
        let issued = issue(&at, &client).unwrap();
        let before = std::fs::read(&issued.key).unwrap();
        assert!(matches!(issue(&at, &client), Err(IssueError::Exists(_))));
        std::fs::remove_file(&issued.certificate).unwrap();
        assert!(matches!(issue(&at, &client), Err(IssueError::Exists(path)) if path == issued.key));
        assert_eq!(std::fs::read(&issued.key).unwrap(), before);
        assert!(!issued.certificate.exists());
    }

    #[test]
    fn what_cannot_be_is_told() {
        let directory = tempfile::tempdir().unwrap();
        let none = issue(directory.path(), &request(Role::Client, "ci", &[]));
        assert!(matches!(none, Err(IssueError::NoAuthority(_))), "{none:?}");
        let authority = init(directory.path()).unwrap();
        let issue = |request| issue(directory.path(), &request);
        assert!(matches!(issue(request(Role::Peer, "n", &[])), Err(IssueError::NoHost)));
        assert!(matches!(issue(request(Role::Agent, "a", &["h"])), Err(IssueError::Hosts(Role::Agent))));
        for wrong in ["", "a b", "a:7701", "http://a", "ä"] {
            assert!(matches!(issue(request(Role::Peer, "n", &[wrong])), Err(IssueError::Host(_))), "{wrong:?}");
        }
        let days = |days| Request { days, ..request(Role::Client, "ci", &[]) };
        assert!(matches!(issue(days(0)), Err(IssueError::Days(0))));
        assert!(matches!(issue(days(DAYS_MAX + 1)), Err(IssueError::Days(_))));
        let other = tempfile::tempdir().unwrap();
        let other = init(other.path()).unwrap();
        std::fs::copy(&other.key, &authority.key).unwrap();
        let error = issue(request(Role::Client, "ci", &[])).unwrap_err().to_string();
        assert!(error.contains("isn't its key"), "{error}");
    }
}
