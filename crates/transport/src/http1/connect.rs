//! A new connection to an origin: its addresses one after the other, as Go dials them.

use std::time::Duration;

use futures_lite::future::or;

use super::client::Timings;
use super::error::ExchangeError;
use super::origin::Origin;
use crate::ring::{Connection, DialError};
use crate::shard::Shard;
use crate::source::SourceError;
use crate::time::{Clock, Nanos};

/// What an address is given at least, be its fair share of the time less: a handshake may take as long.
const ATTEMPT_MIN: Duration = Duration::from_secs(2);

/// Connects to the first address of `origin` that lets it. The one tried last has until `deadline`; each before it an
/// equal share of what is left. The last address's error is the error. Failed attempts count as connecting.
pub(super) async fn connect(
    shard: &Shard,
    vu: u64,
    origin: &Origin,
    deadline: Nanos,
    timeout: Duration,
    timings: &mut Timings,
) -> Result<Connection, ExchangeError> {
    let (names, host) = (shard.names(), origin.host());
    let addresses = names.addresses(shard, host, origin.port(), deadline, &mut timings.looking_up_ns).await?;
    let started = Clock::now();
    let mut left = addresses.len();
    let mut failure = None;
    for address in &addresses {
        let attempt = async { shard.connect_as(vu, *address).await.map_err(ExchangeError::from) };
        let result = if left > 1 {
            let until = attempt_until(shard.turn_time(), deadline, left);
            let expire = async {
                shard.sleep_until(until).await;
                Err(ExchangeError::DialTimeout(timeout))
            };
            or(attempt, expire).await
        } else {
            attempt.await
        };
        left -= 1;
        match result {
            Ok(connection) => {
                timings.connecting_ns = shard.turn_time().since(started);
                return Ok(connection);
            }
            Err(error) if is_of_the_address(&error) => {
                if addresses.len() > 1 {
                    names.failed(host, *address, shard.turn_time());
                }
                failure = Some(error);
            }
            Err(error) => return Err(error),
        }
    }
    // There is at least one address.
    Err(failure.unwrap_or(ExchangeError::DialTimeout(timeout)))
}

/// Whether another address may do better.
fn is_of_the_address(error: &ExchangeError) -> bool {
    match error {
        ExchangeError::DialTimeout(_) => true,
        ExchangeError::Dial(error) => match error {
            DialError::Connect(_) | DialError::Source(SourceError::Unreachable { .. }) => true,
            // Ports are counted for each destination.
            DialError::Source(SourceError::Exhausted { .. }) => true,
            _ => false,
        },
        _ => false,
    }
}

/// Until when the first of `left` addresses may take.
fn attempt_until(now: Nanos, deadline: Nanos, left: usize) -> Nanos {
    let share = Duration::from_nanos(deadline.since(now) / left.max(1) as u64);
    now.after(share.max(ATTEMPT_MIN)).min(deadline)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_share_the_time_fairly_but_none_gets_too_little() {
        let second = 1_000_000_000;
        let until = |seconds: u64, left| attempt_until(Nanos(5 * second), Nanos((5 + seconds) * second), left).0;
        assert_eq!(until(60, 3), 25 * second);
        assert_eq!(until(40, 2), 25 * second);
        assert_eq!(until(6, 6), 7 * second);
        assert_eq!(until(1, 6), 6 * second);
        assert_eq!(attempt_until(Nanos(9), Nanos(5), 2), Nanos(5));
    }
}
