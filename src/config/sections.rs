//! Which setting becomes which field, and the rules that hold between settings.
//!
//! Each function reads one module's settings to the end before it gives up, so that every problem is found. The rule of a single value
//! stands in `rules.rs`.

use std::sync::Arc;

use super::reader::{Keys, Reader};
use super::setting::Setting;
use super::tables::dialect::dialects;
use super::tables::filter::filter;
use super::tables::mapping::mappings;
use super::tables::masking;
use super::tables::routing::{Inherited, Routing};
use super::tables::sampling::sampling;
use super::{Config, LogFormat, LogSettings};
use super::{certificates, log, rules, table};
use crate::delivery::connection::{ConnectionSettings, ProxySettings};
use crate::delivery::destination::{Compression, DestinationSettings, IngestionApi};
use crate::masking::{ContentPolicy, ContentSettings};
use crate::secret::{Credentials, Secret};
use crate::select::{Routes, Selection};
use crate::sls::endpoint::EndpointSettings;
use crate::sls::sign::SignatureVersion;
use crate::sls::signing::SignatureSettings;
use crate::trace::prices::{PriceBook, PriceSettings, Region};
use crate::trace::settings::{JoinUsage, Ownership, TraceSettings};

/// The address of a destination that nothing is sent to: a name that exists nowhere (RFC 2606).
const NOWHERE: &str = "https://langfuse.invalid";

/// Everything; None if something was wrong.
pub(super) fn config(reader: &mut Reader<'_>) -> Option<Config> {
    let (destinations, selection) = destinations(reader);
    let connection = connection(reader);
    let endpoint = endpoint(reader);
    let signature = signature(reader);
    let trace = trace(reader);
    let dead_letter_logstore = reader.value(&table::DEAD_LETTER_LOGSTORE, rules::logstore);
    let give_up_after = reader.value(&table::GIVE_UP_AFTER, rules::age);
    let credentials = credentials(reader);
    let log = log_settings(reader);
    Some(Config {
        destinations: destinations?,
        selection,
        connection,
        endpoint: endpoint?,
        signature: signature?,
        trace: trace?,
        dead_letter_logstore,
        give_up_after: give_up_after?,
        credentials,
        log: log?,
    })
}

/// Which records are wanted, and which share of them; no routes.
fn selection(reader: &mut Reader<'_>) -> Selection {
    Selection { filter: filter(reader), sampling: sampling(reader), routes: Routes::default() }
}

/// The destination of the settings without a table, where records may go there, then those of the tables; and which records go where.
pub(super) fn destinations(reader: &mut Reader<'_>) -> (Option<Vec<DestinationSettings>>, Selection) {
    let routing = Routing::open(reader);
    let inherited = inherited(reader);
    let all_set = [&table::LANGFUSE_PUBLIC_KEY, &table::LANGFUSE_SECRET_KEY].iter().all(|setting| reader.place(setting).is_some());
    // One that stands there beside the routes is judged too, though nothing is sent to it.
    let default = match routing.needs_default() {
        true => Some(default_destination(reader, inherited)),
        false if all_set => {
            default_destination(reader, inherited);
            None
        }
        false => None,
    };
    let mut selection = selection(reader);
    let Some(inherited) = inherited else { return (None, selection) };
    let mut all: Vec<_> = default.iter().flatten().cloned().collect();
    all.extend(routing.destinations(reader, inherited));
    selection.routes = routing.routes(reader, &all);
    ((!all.is_empty()).then_some(all), selection)
}

fn default_destination(reader: &mut Reader<'_>, inherited: Option<Inherited>) -> Option<DestinationSettings> {
    if reader.langfuse_keys == Keys::NotNeeded {
        return keyless_destination(reader, inherited?);
    }
    let base_url = base_url(reader);
    let public_key = reader.secret(&table::LANGFUSE_PUBLIC_KEY, rules::public_key);
    let secret_key = reader.secret(&table::LANGFUSE_SECRET_KEY, rules::key);
    let Inherited { request_timeout, api, compression } = inherited?;
    let (base_url, public_key, secret_key) = (base_url?, public_key?, Secret::new(secret_key?));
    Some(DestinationSettings { name: None, base_url, public_key, secret_key, request_timeout, api, compression })
}

/// The default destination of a run that sends nothing.
fn keyless_destination(reader: &mut Reader<'_>, inherited: Inherited) -> Option<DestinationSettings> {
    let is_set = [&table::LANGFUSE_HOST, &table::LANGFUSE_BASE_URL].iter().any(|setting| reader.place(setting).is_some());
    let base_url = if is_set { base_url(reader)? } else { NOWHERE.to_owned() };
    let Inherited { request_timeout, api, compression } = inherited;
    let (public_key, secret_key) = (String::new(), Secret::new(""));
    Some(DestinationSettings { name: None, base_url, public_key, secret_key, request_timeout, api, compression })
}

/// What holds for every destination that says nothing else.
fn inherited(reader: &mut Reader<'_>) -> Option<Inherited> {
    let request_timeout = reader.value(&table::LANGFUSE_SDK_TIMEOUT, rules::seconds);
    let apis = [("auto", IngestionApi::Auto), ("otlp", IngestionApi::Otlp), ("batch", IngestionApi::Batch)];
    let api = reader.choice(&table::LANGFUSE_INGESTION, &apis);
    let compressions = [("gzip", Compression::Gzip), ("none", Compression::None)];
    let compression = reader.choice(&table::OTEL_EXPORTER_OTLP_COMPRESSION, &compressions);
    Some(Inherited { request_timeout: request_timeout?, api: api?, compression: compression? })
}

fn connection(reader: &mut Reader<'_>) -> ConnectionSettings {
    let extra_roots = reader.content(&table::SSL_CERT_FILE, certificates::roots);
    ConnectionSettings { extra_roots: extra_roots.unwrap_or_default(), proxies: proxies(reader) }
}

fn proxies(reader: &mut Reader<'_>) -> ProxySettings {
    ProxySettings {
        https: reader.value(&table::HTTPS_PROXY, rules::proxy),
        http: reader.value(&table::HTTP_PROXY, rules::proxy),
        all: reader.value(&table::ALL_PROXY, rules::proxy),
        except: reader.value(&table::NO_PROXY, rules::any),
    }
}

/// Either name will do. Both are common, and two different servers under them mean that one was forgotten.
fn base_url(reader: &mut Reader<'_>) -> Option<String> {
    let alias = reader.value(&table::LANGFUSE_BASE_URL, rules::base_url);
    let alias_place = reader.place(&table::LANGFUSE_BASE_URL);
    if alias_place.is_some() && reader.place(&table::LANGFUSE_HOST).is_none() {
        return alias;
    }
    let host = reader.value(&table::LANGFUSE_HOST, rules::base_url);
    if let (Some(host), Some(alias), Some(place)) = (&host, &alias, alias_place)
        && host != alias
    {
        reader.refuse(&table::LANGFUSE_BASE_URL, place, "must equal LANGFUSE_HOST where both are set; one of the two is enough");
    }
    host
}

fn endpoint(reader: &mut Reader<'_>) -> Option<EndpointSettings> {
    let replacement = reader.value(&table::SLS_ENDPOINT, rules::endpoint);
    let allowed_hosts = reader.value(&table::SLS_ALLOWED_ENDPOINTS, rules::hosts).unwrap_or_default();
    let plain_http = reader.value(&table::SLS_PLAIN_HTTP, rules::switch)?;
    Some(EndpointSettings { replacement, allowed_hosts, plain_http })
}

fn signature(reader: &mut Reader<'_>) -> Option<SignatureSettings> {
    let versions = [("auto", SignatureVersion::Auto), ("v1", SignatureVersion::V1), ("v4", SignatureVersion::V4)];
    let version = reader.choice(&table::SLS_SIGNATURE_VERSION, &versions);
    let region = reader.value(&table::SLS_REGION, rules::region);
    Some(SignatureSettings { version: version?, region })
}

/// How traces look.
pub(super) fn trace(reader: &mut Reader<'_>) -> Option<TraceSettings> {
    let enabled = reader.value(&table::LANGFUSE_TRACING_ENABLED, rules::switch);
    let sample_rate = reader.value(&table::LANGFUSE_SAMPLE_RATE, rules::share);
    let owners = [("auto", Ownership::Auto), ("own", Ownership::Own), ("join", Ownership::Join)];
    let ownership = reader.choice(&table::TRACE_OWNERSHIP, &owners);
    let join_usage = reader.choice(&table::JOIN_USAGE, &[("usage", JoinUsage::Usage), ("metadata", JoinUsage::Metadata)]);
    let prices = prices(reader);
    let environment = reader.value(&table::LANGFUSE_TRACING_ENVIRONMENT, rules::environment);
    let release = reader.value(&table::LANGFUSE_RELEASE, rules::label);
    let content = content(reader);
    let dialects = dialects(reader);
    let (mapping, profiles) = mappings(reader);
    Some(TraceSettings {
        enabled: enabled?,
        sample_rate: sample_rate?,
        ownership: ownership?,
        join_usage: join_usage?,
        prices: Arc::new(PriceBook::new(prices?)),
        environment,
        release,
        version: None,
        tags: Vec::new(),
        content: Arc::new(content?),
        dialects,
        mapping,
        profile: None,
        profiles,
    })
}

fn prices(reader: &mut Reader<'_>) -> Option<PriceSettings> {
    let region = reader.choice(&table::PRICE_REGION, &[("cn", Region::Cn), ("intl", Region::Intl)]);
    let cny_per_usd = reader.value(&table::CNY_PER_USD, rules::cny_per_usd);
    let own = reader.content(&table::PRICES_FILE, rules::prices);
    let aliases = reader.value(&table::MODEL_ALIASES, rules::aliases);
    Some(PriceSettings { region: region?, cny_per_usd: cny_per_usd?, own: own.unwrap_or_default(), aliases: aliases.unwrap_or_default() })
}

/// What becomes of texts.
fn content(reader: &mut Reader<'_>) -> Option<ContentSettings> {
    let policies = [
        ("full", ContentPolicy::Full),
        ("masked", ContentPolicy::Masked),
        ("lengths", ContentPolicy::Lengths),
        ("none", ContentPolicy::None),
    ];
    let policy = reader.choice(&table::CONTENT_POLICY, &policies);
    masking::content(reader, policy?)
}

fn credentials(reader: &mut Reader<'_>) -> Option<Credentials> {
    const ID: &Setting = &table::ALIBABA_CLOUD_ACCESS_KEY_ID;
    const SECRET: &Setting = &table::ALIBABA_CLOUD_ACCESS_KEY_SECRET;
    const TOKEN: &Setting = &table::ALIBABA_CLOUD_SECURITY_TOKEN;
    if reader.sls_keys == Keys::NotNeeded {
        return None;
    }
    let id = reader.secret(ID, rules::key);
    let secret = reader.secret(SECRET, rules::key);
    let token = reader.secret(TOKEN, rules::key);
    match (reader.place(ID), reader.place(SECRET), reader.place(TOKEN)) {
        (Some(_), None, _) => reader.demand(SECRET, "must be set where ALIBABA_CLOUD_ACCESS_KEY_ID is"),
        (None, Some(_), _) => reader.demand(ID, "must be set where ALIBABA_CLOUD_ACCESS_KEY_SECRET is"),
        (None, None, Some(place)) => {
            reader.refuse(TOKEN, place, "must come with ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET");
        }
        _ => {}
    }
    Some(Credentials { access_key_id: id?, access_key_secret: Secret::new(secret?), security_token: token.map(Secret::new) })
}

fn log_settings(reader: &mut Reader<'_>) -> Option<LogSettings> {
    let format = reader.choice(&table::LOG_FORMAT, &[("json", LogFormat::Json), ("human", LogFormat::Human)]);
    let filter = reader.value(&table::RUST_LOG, log::filter);
    let time_zone = reader.value(&table::TZ, rules::any);
    Some(LogSettings { format, filter: filter?, time_zone: time_zone? })
}
