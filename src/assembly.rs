//! Settings → the values they describe: clients, the destination, the handler. No decisions.

use std::time::SystemTime;

use crate::config::Config;
use crate::delivery::connection::{ConnectionError, http_client};
use crate::delivery::destination::Destination;
use crate::handler::{Handler, HandlerSettings};
use crate::sls::client::SlsClient;
use crate::tls;

/// Where a handler runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// On Function Compute: the headers of each call bring its credentials; those of the environment are a stale copy
    /// (`reference/function-compute.md` §0 point 4).
    FunctionCompute,
    /// Anywhere else: the settings may hold credentials.
    Elsewhere,
}

/// A handler that can read and judge, and has nothing to send with.
///
/// # Errors
/// When TLS or HTTP cannot be set up.
pub fn surveyor(config: &Config) -> Result<Handler, ConnectionError> {
    let sls = SlsClient::new(tls::client_config(&[])?, SystemTime::now)?;
    Ok(Handler::new(handler_settings(config, Place::Elsewhere), sls, Vec::new(), SystemTime::now))
}

/// The handler that these settings describe, on the system's clock.
///
/// # Errors
/// When TLS or HTTP cannot be set up.
pub fn handler(config: &Config, place: Place) -> Result<Handler, ConnectionError> {
    let sls = SlsClient::new(tls::client_config(&[])?, SystemTime::now)?;
    let http = http_client(&config.connection)?;
    let all = &config.destinations;
    let destinations = all.iter().map(|one| Destination::new(one.clone(), http.clone(), all.len(), SystemTime::now)).collect();
    Ok(Handler::new(handler_settings(config, place), sls, destinations, SystemTime::now))
}

fn handler_settings(config: &Config, place: Place) -> HandlerSettings {
    HandlerSettings {
        trace: config.trace.clone(),
        selection: config.selection.clone(),
        endpoint: config.endpoint.clone(),
        signature: config.signature.clone(),
        dead_letter_logstore: config.dead_letter_logstore.clone(),
        give_up_after: config.give_up_after,
        credentials: config.credentials.clone().filter(|_| place == Place::Elsewhere),
    }
}
