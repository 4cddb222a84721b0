//! Several sockets a user: a dashboard that listens to ten feeds, and a socket of its own that it sends by.
//!
//!     throng run many_sockets.rs -e TARGET=http://127.0.0.1:8080

use throng::prelude::*;
use throng::websocket::WebSocket;

#[options]
fn options() -> Options {
    Options::new().vus(4).iterations(8).threshold("checks", "rate==1")
}

#[scenario]
fn default() -> Result<(), websocket::Error> {
    let target = env("TARGET");
    let mut feeds: Vec<WebSocket> = (1..=10)
        .map(|number| {
            let url = format!("{target}/ws/broadcast?every=100&bytes={}", 10 * number);
            websocket::Connect::new(url).name("feed").open()
        })
        .collect::<Result<_, _>>()?;
    let mut own = websocket::Connect::new(format!("{target}/ws/echo")).name("own").open()?;

    let mut heard = vec![0; feeds.len()];
    while heard.contains(&0) {
        let Some(place) = websocket::receive_any(&feeds, Duration::from_secs(5)) else { break };
        let number = feeds[place].wait()?;
        heard[place] += 1;
        own.send(number)?;
    }
    check!("every feed was heard" => !heard.contains(&0));

    let sent: usize = heard.iter().sum();
    let mut answers = 0;
    while answers < sent && own.receive(Duration::from_secs(5))?.is_some() {
        answers += 1;
    }
    check!("all that was sent came back" => answers == sent);
    own.close()?;
    feeds.into_iter().try_for_each(WebSocket::close)
}
