//! Finding the node that leads, and joining there.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use throng_protocol::agent::join_request::Message as Say;
use throng_protocol::agent::join_response::Message as Said;
use throng_protocol::agent::{
    AgentsClient, ClockReading, JoinRequest, JoinResponse, RefusalReason, Register, Registered,
};
use throng_transport::Nanos;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;
use tonic::transport::{Channel, Endpoint};

use crate::dial::{self, Trouble as Failed, of_status};
use crate::nodes::Nodes;
use crate::surroundings::{Dialer, Way, now};
use crate::text::chain;

/// How long connecting to a node may take.
const DIAL_WAIT: Duration = Duration::from_secs(1);
/// How long a node may take to say whether the agent may join: the leader has to have it in the group's log.
const ANSWER_WAIT: Duration = Duration::from_secs(3);
/// A node that hasn't answered by then isn't the only one that is asked.
const STAGGER: Duration = Duration::from_millis(100);
/// Nodes that are asked at once.
const ASKED_MAX: usize = 4;
/// Between two tries: at first, until so much time has gone by, and at last.
const PAUSE: Duration = Duration::from_millis(40);
const EAGER: Duration = Duration::from_secs(5);
const PAUSE_MAX: Duration = Duration::from_secs(1);
/// Nodes that point to other ones, one after another, without a pause.
const REDIRECTS_MAX: u32 = 3;
/// Messages that wait for the stream to take them.
const STREAM_QUEUE_MAX: usize = 16;
/// Bytes of one message of the leader's: a setup's data or a summary, and what is around it.
const MESSAGE_BYTES_MAX: usize = 32 << 20;

/// A stream on which the agent is registered.
#[derive(Debug)]
pub(crate) struct Joined {
    pub(crate) node: String,
    pub(crate) sender: mpsc::Sender<JoinRequest>,
    pub(crate) responses: Streaming<JoinResponse>,
    pub(crate) registered: Registered,
    /// When the answer came.
    pub(crate) arrived: Nanos,
}

/// What came of a search.
#[derive(Debug)]
pub(crate) enum Found {
    Joined(Box<Joined>),
    Refused(RefusalReason, String),
    /// No node is believed, or believes.
    Distrusted(String),
}

/// What came of asking one node.
enum Answer {
    Found(Found),
    /// It doesn't lead; perhaps it knows who does.
    Redirect(String),
    /// The connection is of no use any more.
    Failed(Failed),
}

/// Why the last try failed, for whoever asks while a search goes on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trouble(Arc<Mutex<String>>);

impl Trouble {
    pub(crate) fn get(&self) -> String {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, text: String) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = text;
    }
}

/// Asks one node after the other until one leads. What a node says of others is learned.
pub(crate) async fn search(mut nodes: Nodes, register: Register, way: Way, trouble: Trouble) -> (Found, Nodes) {
    let (began, mut next, mut redirects) = (Instant::now(), Instant::now(), 0);
    let mut channels: HashMap<String, Channel> = HashMap::new();
    let mut asked: Vec<String> = Vec::new();
    let mut distrusted: HashMap<String, String> = HashMap::new();
    let mut tries = JoinSet::new();
    loop {
        tokio::select! {
            () = sleep_until(next), if tries.len() < ASKED_MAX => {
                let (node, _) = nodes.next();
                next = Instant::now() + STAGGER;
                if !asked.contains(&node) {
                    let channel = channels.get(&node).cloned();
                    asked.push(node.clone());
                    tries.spawn(ask(node, channel, register.clone(), way.clone()));
                }
            }
            Some(result) = tries.join_next() => {
                let Ok((node, channel, answer)) = result else { continue };
                asked.retain(|one| *one != node);
                let pause = pause(began.elapsed());
                match answer {
                    Answer::Found(found) => return (found, nodes),
                    Answer::Redirect(leader) => {
                        channels.extend(channel.map(|channel| (node.clone(), channel)));
                        redirects += 1;
                        let is_news = !leader.is_empty() && leader != node && redirects <= REDIRECTS_MAX;
                        trouble.set(match leader.is_empty() {
                            true => format!("{node} answers, and knows no leader of the group"),
                            false => format!("{node} answers, and says that {leader} leads"),
                        });
                        nodes.prefer(&leader);
                        next = if is_news { Instant::now() } else { Instant::now() + pause };
                    }
                    Answer::Failed(failed) => {
                        channels.remove(&node);
                        redirects = 0;
                        match failed {
                            Failed::Broken(why) => {
                                distrusted.remove(&node);
                                trouble.set(format!("{node}: {why}"));
                            }
                            Failed::Distrusted(why) => {
                                trouble.set(why.clone());
                                distrusted.insert(node, why.clone());
                                if nodes.all().iter().all(|node| distrusted.contains_key(node)) {
                                    return (Found::Distrusted(why), nodes);
                                }
                            }
                        }
                        next = Instant::now() + pause;
                    }
                }
            }
        }
    }
}

fn pause(since: Duration) -> Duration {
    if since < EAGER { PAUSE } else { (since / 20).min(PAUSE_MAX) }
}

/// Asks a node whether the agent may join there.
async fn ask(
    node: String,
    channel: Option<Channel>,
    register: Register,
    way: Way,
) -> (String, Option<Channel>, Answer) {
    let channel = match channel {
        Some(channel) => channel,
        None => match connect(&node, &way).await {
            Ok(channel) => channel,
            Err(failed) => return (node, None, Answer::Failed(failed)),
        },
    };
    let answer = match timeout(ANSWER_WAIT, join(&node, channel.clone(), register)).await {
        Ok(answer) => answer,
        Err(_) => Answer::Failed(Failed::Broken(format!("no answer within {ANSWER_WAIT:?}"))),
    };
    (node, Some(channel), answer)
}

async fn join(node: &str, channel: Channel, register: Register) -> Answer {
    let (sender, receiver) = mpsc::channel(STREAM_QUEUE_MAX);
    let clock = Some(ClockReading { sent_ns: now().0 });
    let first = JoinRequest { message: Some(Say::Register(Register { clock, ..register })) };
    // It has room for it.
    let _ = sender.try_send(first);
    let mut client = AgentsClient::new(channel).max_decoding_message_size(MESSAGE_BYTES_MAX);
    let joined = async {
        let mut responses = client.join(ReceiverStream::new(receiver)).await?.into_inner();
        let first = responses.message().await?;
        Ok::<_, tonic::Status>((responses, first))
    };
    let (responses, first) = match joined.await {
        Ok(joined) => joined,
        Err(status) => return Answer::Failed(of_status(node, &status)),
    };
    match first.and_then(|response| response.message) {
        Some(Said::Registered(registered)) => {
            let (node, arrived) = (node.to_owned(), now());
            Answer::Found(Found::Joined(Box::new(Joined { node, sender, responses, registered, arrived })))
        }
        Some(Said::Refused(refused)) => Answer::Found(Found::Refused(refused.reason(), refused.message)),
        Some(Said::Redirect(redirect)) => Answer::Redirect(redirect.leader),
        _ => Answer::Failed(Failed::Broken("it answered something else than whether the agent may join".to_owned())),
    }
}

/// A connection. Whether the other machine is still there is seen by the answers to heartbeats.
async fn connect(node: &str, way: &Way) -> Result<Channel, Failed> {
    let endpoint = endpoint(node).map_err(Failed::Broken)?;
    match way {
        Way::System(credentials) => dial::connect(node, endpoint, credentials).await,
        Way::Given(dial) => {
            let connected = endpoint.connect_with_connector(Dialer(dial.clone())).await;
            connected.map_err(|error| Failed::Broken(chain(&error)))
        }
    }
}

/// Where a node is.
pub(crate) fn endpoint(node: &str) -> Result<Endpoint, String> {
    let endpoint = Endpoint::from_shared(format!("http://{node}")).map_err(|error| chain(&error))?;
    Ok(endpoint.connect_timeout(DIAL_WAIT))
}
