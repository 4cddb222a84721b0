//! Which caller may call what.

use throng_protocol::agent::SERVICE_NAME as AGENTS;
use throng_protocol::cluster::SERVICE_NAME as CLUSTER;
use throng_protocol::raft::SERVICE_NAME as RAFT;
use throng_trust::{Caller, Role, Tokens};
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::http::Request;
use tonic::codegen::http::header::AUTHORIZATION;

use crate::node::Notices;

/// Looks at who calls before a service does.
#[derive(Clone)]
pub(crate) struct Gate {
    tokens: Tokens,
    notices: Notices,
}

/// The roles that may call a method, beside peers, which may call all.
fn roles(service: &str, method: &str) -> &'static [Role] {
    match (service, method) {
        (RAFT, _) => &[],
        (AGENTS, _) => &[Role::Agent],
        // Agents fetch archives from any node.
        (CLUSTER, "FetchArchive") => &[Role::Agent, Role::Client],
        _ => &[Role::Client],
    }
}

/// Whether an agent may have a name: its certificate says so, or nobody was asked.
pub(crate) fn may_join_as(caller: Option<&Caller>, name: &str) -> Result<(), String> {
    match caller {
        Some(Caller::Holder(holder)) if holder.role == Role::Agent && !holder.may_be_called(name) => Err(format!(
            "the certificate of {holder} isn't for one called {name}: call it {} or {}.{name} (--name), or issue one by \
             `throng certs issue --role agent --name {name}`",
            holder.name, holder.name
        )),
        _ => Ok(()),
    }
}

impl Gate {
    pub(crate) fn new(tokens: Tokens, notices: Notices) -> Self {
        Self { tokens, notices }
    }

    /// Lets a call through, or says why not.
    pub(crate) fn admit(&self, request: &Request<Body>) -> Result<(), Status> {
        let mut path = request.uri().path().trim_start_matches('/').split('/');
        let (service, method) = (path.next().unwrap_or_default(), path.next().unwrap_or_default());
        let roles = roles(service, method);
        let judged = match request.extensions().get() {
            Some(Caller::Holder(holder)) if holder.role == Role::Peer || roles.contains(&holder.role) => Ok(()),
            Some(Caller::Holder(holder)) => {
                let needed = roles.first().unwrap_or(&Role::Peer);
                Err(Status::permission_denied(format!(
                    "{holder} may not call {service}/{method}, which is for the role {needed}: use a certificate by `throng \
                     certs issue --role {needed}`"
                )))
            }
            Some(Caller::Anonymous) => self.admit_by_token(request, roles),
            // Nobody is asked, but by tokens where there are some, and clients alone have them.
            Some(Caller::Plain) | None if self.tokens.is_empty() || roles != [Role::Client] => Ok(()),
            Some(Caller::Plain) | None => self.admit_by_token(request, roles),
        };
        judged.inspect_err(|status| {
            // What somebody sends goes to the log too, and not much of it.
            let text: String = status.message().chars().take(400).collect();
            self.notices.tell(format!("a caller is refused: {text}"));
        })
    }

    fn admit_by_token(&self, request: &Request<Body>, roles: &[Role]) -> Result<(), Status> {
        if !roles.contains(&Role::Client) {
            let needed = roles.first().unwrap_or(&Role::Peer);
            return Err(Status::unauthenticated(format!(
                "this needs a certificate of the role {needed}: give --cluster-cert and --cluster-key"
            )));
        }
        let token = request.headers().get(AUTHORIZATION).map(|value| value.to_str().unwrap_or_default());
        match token {
            Some(token) if self.tokens.accept(token) => Ok(()),
            Some(_) => Err(Status::unauthenticated(
                "the client's token isn't one of --client-token-file of this coordinator: look at --token or THRONG_TOKEN",
            )),
            None => Err(Status::unauthenticated(
                "a client needs a certificate (--cluster-cert and --cluster-key) or a token (--token or THRONG_TOKEN)",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use throng_trust::{Holder, Token};
    use tonic::Code;

    use super::*;

    const TOKEN: &str = "0123456789abcdef";

    fn gate(has_tokens: bool) -> (Gate, Arc<Mutex<String>>) {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), TOKEN).unwrap();
        let tokens = if has_tokens { Tokens::read(file.path()).unwrap() } else { Tokens::default() };
        let said = Arc::new(Mutex::new(String::new()));
        let heard = Arc::clone(&said);
        (Gate::new(tokens, Notices::new(Arc::new(move |text| heard.lock().unwrap().push_str(text)))), said)
    }

    fn call(path: &str, caller: Caller, token: Option<&str>) -> Request<Body> {
        let mut request = Request::builder().uri(path).body(Body::empty()).unwrap();
        request.extensions_mut().insert(caller);
        if let Some(token) = token {
            let header = Token::new(token).unwrap().header().parse().unwrap();
            request.headers_mut().insert(AUTHORIZATION, header);
        }
        request
    }

    fn code(gate: &Gate, request: &Request<Body>) -> Code {
        gate.admit(request).map_or_else(|status| status.code(), |()| Code::Ok)
    }

    #[test]
    fn each_role_calls_what_is_its_own_and_peers_call_all() {
        let gate = gate(true).0;
        for (path, allowed) in [
            ("/throng.raft.v1.Raft/Append", vec![]),
            ("/throng.agent.v1.Agents/Join", vec![Role::Agent]),
            ("/throng.cluster.v1.Cluster/FetchArchive", vec![Role::Agent, Role::Client]),
            ("/throng.cluster.v1.Cluster/Remove", vec![Role::Client]),
            ("/throng.run.v1.Runs/Submit", vec![Role::Client]),
        ] {
            for role in Role::ALL {
                let caller = Caller::Holder(Holder::new(role, "x").unwrap());
                let expected = match role == Role::Peer || allowed.contains(&role) {
                    true => Code::Ok,
                    false => Code::PermissionDenied,
                };
                assert_eq!(code(&gate, &call(path, caller, Some(TOKEN))), expected, "{role} {path}");
            }
        }
    }

    #[test]
    fn a_token_stands_for_a_clients_certificate_and_no_other() {
        let (gate, said) = gate(true);
        let status = "/throng.cluster.v1.Cluster/Status";
        let of = |path, token| code(&gate, &call(path, Caller::Anonymous, token));
        assert_eq!(of(status, Some(TOKEN)), Code::Ok);
        assert_eq!(of(status, Some("0123456789abcdeg")), Code::Unauthenticated);
        assert_eq!(of(status, None), Code::Unauthenticated);
        assert_eq!(of("/throng.raft.v1.Raft/Append", Some(TOKEN)), Code::Unauthenticated);
        assert_eq!(of("/throng.agent.v1.Agents/Join", Some(TOKEN)), Code::Unauthenticated);
        assert!(said.lock().unwrap().contains("--client-token-file"));
        assert!(!said.lock().unwrap().contains("0123456789abcdeg"), "the token itself is nowhere");
    }

    #[test]
    fn an_agent_has_the_name_of_its_certificate() {
        let caller = |role| Caller::Holder(Holder::new(role, "eu").unwrap());
        assert_eq!(may_join_as(Some(&caller(Role::Agent)), "eu"), Ok(()));
        assert_eq!(may_join_as(Some(&caller(Role::Agent)), "eu.2"), Ok(()));
        let error = may_join_as(Some(&caller(Role::Agent)), "us").unwrap_err();
        assert!(error.contains("agent eu") && error.contains("--name us"), "{error}");
        assert_eq!(may_join_as(Some(&Caller::Plain), "us"), Ok(()));
        assert_eq!(may_join_as(Some(&caller(Role::Peer)), "us"), Ok(()));
    }

    #[test]
    fn without_certificates_clients_are_asked_where_there_are_tokens() {
        let of = |has_tokens, path, token| code(&gate(has_tokens).0, &call(path, Caller::Plain, token));
        let (status, raft) = ("/throng.cluster.v1.Cluster/Status", "/throng.raft.v1.Raft/Append");
        assert_eq!((of(false, status, None), of(false, raft, None)), (Code::Ok, Code::Ok));
        assert_eq!((of(true, status, None), of(true, raft, None)), (Code::Unauthenticated, Code::Ok));
        assert_eq!(of(true, status, Some(TOKEN)), Code::Ok);
        assert_eq!(of(true, "/throng.cluster.v1.Cluster/FetchArchive", None), Code::Ok);
    }
}
