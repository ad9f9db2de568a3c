//! What the batch API of a server understands, by its version, and which event an observation becomes there. Pure.

use super::super::server_version::ServerVersion;

/// The first version with events for agents, tools, retrievers and embeddings (`reference/langfuse.md` §1).
const TYPED_OBSERVATIONS_SINCE: ServerVersion = ServerVersion::new(3, 98, 2);

/// The first version whose tables know more token counts than input, output and total.
const USAGE_DETAILS_SINCE: ServerVersion = ServerVersion::new(3, 0, 0);

/// The words that a server knows. For an unknown version: those that every server knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BatchDialect {
    /// It has events for agents, tools, retrievers and embeddings.
    pub typed_observations: bool,
    /// It reads `usageDetails`. One that does not gets the older `usage` as well; where both are read, `usageDetails` wins key by key
    /// (`langfuse-ingestion.schema.json`, `usage`).
    pub usage_details: bool,
}

/// The event that carries an observation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventType {
    /// Its name in the envelope.
    pub name: &'static str,
    /// Whether its body has a model, usage and the time of the first token.
    pub has_model: bool,
    /// What the observation really is, if the event cannot say it.
    pub real_type: Option<&'static str>,
}

impl BatchDialect {
    /// The dialect of a server.
    pub fn of(version: Option<ServerVersion>) -> Self {
        let since = |first| version.is_some_and(|version| version >= first);
        Self { typed_observations: since(TYPED_OBSERVATIONS_SINCE), usage_details: since(USAGE_DETAILS_SINCE) }
    }

    /// The event for an observation of type `kind`, as the span attribute names it; `modelled` says that it has a model, usage or cost,
    /// which a span would lose (`reference/langfuse.md` §6).
    pub fn event_type(self, kind: &str, modelled: bool) -> EventType {
        let (name, real_type) = match kind {
            "generation" => return EventType { name: "generation-create", has_model: true, real_type: None },
            "embedding" => ("embedding-create", "embedding"),
            "retriever" => ("retriever-create", "retriever"),
            "tool" => ("tool-create", "tool"),
            "agent" => ("agent-create", "agent"),
            _ => return EventType { name: "span-create", has_model: false, real_type: None },
        };
        match (self.typed_observations, modelled) {
            (true, _) => EventType { name, has_model: true, real_type: None },
            (false, true) => EventType { name: "generation-create", has_model: true, real_type: Some(real_type) },
            (false, false) => EventType { name: "span-create", has_model: false, real_type: Some(real_type) },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_a_server_follow_from_its_version() {
        for (version, typed, details) in [
            (None, false, false),
            (Some("2.95.11"), false, false),
            (Some("3.0.0"), false, true),
            (Some("3.98.1"), false, true),
            (Some("3.98.2"), true, true),
            (Some("3.98.2-rc.1"), true, true),
            (Some("3.100.0"), true, true),
            (Some("4.16.0"), true, true),
        ] {
            let dialect = BatchDialect::of(version.and_then(ServerVersion::parse));
            assert_eq!(dialect, BatchDialect { typed_observations: typed, usage_details: details }, "{version:?}");
        }
    }

    #[test]
    fn every_type_has_its_event_in_both_worlds() {
        let name = |typed_observations, kind, modelled| {
            let event = BatchDialect { typed_observations, usage_details: true }.event_type(kind, modelled);
            (event.name, event.has_model, event.real_type)
        };
        for (kind, own) in
            [("embedding", "embedding-create"), ("retriever", "retriever-create"), ("tool", "tool-create"), ("agent", "agent-create")]
        {
            for modelled in [true, false] {
                assert_eq!(name(true, kind, modelled), (own, true, None));
            }
            assert_eq!(name(false, kind, true), ("generation-create", true, Some(kind)));
            assert_eq!(name(false, kind, false), ("span-create", false, Some(kind)));
        }
        for typed in [true, false] {
            assert_eq!(name(typed, "generation", false), ("generation-create", true, None));
            assert_eq!(name(typed, "span", true), ("span-create", false, None));
        }
    }
}
