//! How a Logstore is reached: endpoint, credentials and signature, judged before anything is signed.

use super::Handler;
use crate::error::{Failure, Stage};
use crate::invocation::LogPlace;
use crate::secret::Credentials;
use crate::sls::client::Logstore;
use crate::sls::endpoint::Endpoint;

/// What a call or a command brings to reach SLS.
#[derive(Clone, Debug)]
pub struct Access<'a> {
    /// Endpoint with scheme, not yet trusted.
    pub endpoint: &'a str,
    /// Its own credentials; none: those of the settings.
    pub credentials: Option<Credentials>,
    /// The region of the platform, if it says so.
    pub region: Option<&'a str>,
}

impl Handler {
    /// A Logstore as it may be asked, with a trusted endpoint. Nothing is signed before the endpoint is trusted.
    ///
    /// # Errors
    /// An endpoint that is not trusted, no credentials, or no region where one is needed.
    pub fn logstore(&self, place: &LogPlace, access: Access<'_>) -> Result<Logstore, Failure> {
        let endpoint = Endpoint::resolve(access.endpoint, &self.settings.endpoint).map_err(|error| {
            Failure::new(Stage::Event, "untrusted_endpoint", error.to_string(), "name the host in SLS_ALLOWED_ENDPOINTS if you trust it")
        })?;
        let credentials = access.credentials.or_else(|| self.settings.credentials.clone()).ok_or_else(|| {
            let hint =
                "give the function a role that may read the Logstore (log:GetCursorOrData), or set ALIBABA_CLOUD_ACCESS_KEY_ID and _SECRET";
            Failure::new(Stage::Event, "no_credentials", "the call brought no credentials", hint)
        })?;
        let signing = self.settings.signature.signing(endpoint.region(), access.region).ok_or_else(|| {
            let hint = "set SLS_REGION to the region of the project, or SLS_SIGNATURE_VERSION=v1";
            Failure::new(Stage::Settings, "no_region", "signature version 4 needs a region, and the endpoint names none", hint)
        })?;
        let LogPlace { project, logstore: name } = place.clone();
        Ok(Logstore { client: self.sls.clone(), endpoint, project, name, credentials, signing })
    }
}
