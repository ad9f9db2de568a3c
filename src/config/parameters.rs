//! What a trigger's `functionParameter` may change for one call.
//!
//! Pure. Whoever may invoke the function writes these, so nothing here can move prompts, keys or signatures to another place (`design.md`
//! §2 "Settings"), and texts that are not names of parameters are not repeated.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::rules::{self, Rule};
use super::{not_yet, parameter_filter};
use crate::select::Conditions;
use crate::trace::mapping::Mapping;
use crate::trace::settings::TraceSettings;

const ALLOWED: &str = "environment, release, version, tags, sample_rate, filter, profile";

/// Each observation carries all of them, so a call must not bring any number.
const MOST_TAGS: usize = 50;

/// Why a `functionParameter` fails the call. Carries no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParameterError {
    /// It is neither an object nor null.
    #[error("the trigger's functionParameter must be an object; it may hold {ALLOWED}")]
    NotAnObject,
    /// A key of the contract that this version does not carry out.
    #[error("functionParameter {key} is not supported by this version; it may hold {ALLOWED}")]
    NotSupported {
        /// The key.
        key: String,
    },
    /// A key that no call may set.
    #[error("functionParameter {key} is not allowed; it may hold {ALLOWED}, everything else is a setting of the function")]
    NotAllowed {
        /// The key, or a description of it if it is no plain name.
        key: String,
    },
    /// A value that breaks the rule of its setting.
    #[error("functionParameter {key} {rule}")]
    Value {
        /// The key.
        key: String,
        /// The rule, as a phrase.
        rule: Rule,
    },
}

/// The settings of one call: those of the function with what the call may replace, by the same rules.
///
/// # Errors
/// [`ParameterError`] for the first key that is not allowed or whose value breaks its rule; then nothing is replaced.
pub fn apply_parameters(trace: &TraceSettings, parameters: &Map<String, Value>) -> Result<TraceSettings, ParameterError> {
    let mut settings = trace.clone();
    for (key, value) in parameters {
        let outcome = match key.as_str() {
            "environment" => rules::environment(text(value)).map(|environment| settings.environment = Some(environment)),
            "release" => rules::label(text(value)).map(|release| settings.release = Some(release)),
            "version" => rules::label(text(value)).map(|version| settings.version = Some(version)),
            "tags" => tags(value).map(|tags| settings.tags = tags),
            "profile" => profile(trace, text(value)).map(|mapping| {
                settings.mapping = mapping;
                settings.profile = Some(text(value).to_owned());
            }),
            "sample_rate" => sample_rate(value).map(|rate| settings.sample_rate = rate),
            "filter" => parameter_filter::filter(value).map(|_| ()),
            other => return Err(refused(other)),
        };
        outcome.map_err(|rule| ParameterError::Value { key: key.clone(), rule })?;
    }
    Ok(settings)
}

/// As [`apply_parameters`], for the member of an event as it came: null means that there are none.
///
/// # Errors
/// Those of [`apply_parameters`], and [`ParameterError::NotAnObject`].
pub fn apply_parameter_member(trace: &TraceSettings, member: &Value) -> Result<TraceSettings, ParameterError> {
    match member {
        Value::Null => Ok(trace.clone()),
        Value::Object(parameters) => apply_parameters(trace, parameters),
        _ => Err(ParameterError::NotAnObject),
    }
}

/// What the call's own filter asks for: a record must meet all conditions of one of these. `None`: the call has no filter.
///
/// # Errors
/// [`ParameterError::Value`], when the filter breaks its rule.
pub fn filter_of_parameter_member(member: &Value) -> Result<Option<Vec<Conditions>>, ParameterError> {
    let Some(value) = member.get("filter") else { return Ok(None) };
    parameter_filter::filter(value).map(Some).map_err(|rule| ParameterError::Value { key: "filter".to_owned(), rule })
}

/// What is not text becomes the empty text, which every rule refuses.
fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn tags(value: &Value) -> Result<Vec<String>, Rule> {
    let tags: Vec<String> = match value {
        Value::String(text) => rules::elements(text).map(rules::label).collect::<Result<_, _>>()?,
        Value::Array(elements) => elements.iter().map(|element| rules::label(text(element))).collect::<Result<_, _>>()?,
        _ => return Err("must be an array of texts, or one text with commas".into()),
    };
    if tags.len() > MOST_TAGS { Err(format!("must be at most {MOST_TAGS} tags").into()) } else { Ok(tags) }
}

/// The name of a mapping that stands in the file, so that a call can choose and never write one.
fn profile(trace: &TraceSettings, name: &str) -> Result<Arc<Mapping>, Rule> {
    if let Some(mapping) = trace.profiles.get(name) {
        return Ok(Arc::clone(mapping));
    }
    let names: Vec<_> = trace.profiles.keys().map(String::as_str).collect();
    Err(match names.as_slice() {
        [] => "must be the name of a profile, and the configuration file has none: add [profile.NAME]".into(),
        names => format!("must be one of the profiles of the configuration file: {}", names.join(", ")).into(),
    })
}

fn sample_rate(value: &Value) -> Result<f64, Rule> {
    match value {
        Value::Number(number) => rules::share(&number.to_string()),
        other => rules::share(text(other)),
    }
}

fn refused(key: &str) -> ParameterError {
    if not_yet::refuses_parameter(key) {
        return ParameterError::NotSupported { key: key.to_owned() };
    }
    let plain = (1..=40).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    ParameterError::NotAllowed { key: if plain { key } else { "with an unusual name" }.to_owned() }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn apply(member: &Value) -> Result<TraceSettings, ParameterError> {
        let base = TraceSettings { release: Some("base".into()), tags: vec!["base".into()], ..TraceSettings::default() };
        apply_parameter_member(&base, member)
    }

    #[test]
    fn the_keys_replace_and_the_rest_stays() {
        let changed = apply(&json!({
            "environment": "staging", "release": "r2", "version": "v3", "tags": ["a,b", "c"], "sample_rate": 0.5
        }));
        let expected = TraceSettings {
            environment: Some("staging".into()),
            release: Some("r2".into()),
            version: Some("v3".into()),
            tags: vec!["a,b".into(), "c".into()],
            sample_rate: 0.5,
            ..TraceSettings::default()
        };
        assert_eq!(changed, Ok(expected));
        assert_eq!(apply(&json!({"tags": "a, b,"})).unwrap().tags, ["a", "b"]);
        assert_eq!(apply(&json!({"sample_rate": "0.25"})).unwrap().release.as_deref(), Some("base"));
    }

    #[test]
    fn null_and_an_empty_object_change_nothing() {
        assert_eq!(apply(&Value::Null), apply(&json!({})));
        assert_eq!(apply(&Value::Null).unwrap().tags, ["base"]);
        assert_eq!(apply(&json!("environment=x")), Err(ParameterError::NotAnObject));
        assert_eq!(apply(&json!([])), Err(ParameterError::NotAnObject));
    }

    #[test]
    fn a_call_cannot_redirect_anything() {
        for key in ["langfuse_host", "LANGFUSE_HOST", "sls_endpoint", "enabled", "ownership", "content_policy", "Environment"] {
            assert_eq!(apply(&json!({ key: "x" })), Err(ParameterError::NotAllowed { key: key.into() }), "{key}");
        }
        let expected = "functionParameter langfuse_host is not allowed; it may hold environment, release, version, tags, sample_rate, filter, \
                        profile, everything else is a setting of the function";
        assert_eq!(apply(&json!({"langfuse_host": "https://evil.example"})).unwrap_err().to_string(), expected);
    }

    #[test]
    fn the_filter_of_a_call_is_handed_over_apart_from_how_its_traces_look() {
        let member = json!({"filter": {"consumer": "team-a"}, "release": "r2"});
        assert_eq!(apply(&member).unwrap().release.as_deref(), Some("r2"));
        assert_eq!(filter_of_parameter_member(&member).unwrap().map(|alternatives| alternatives.len()), Some(1));
        assert_eq!(filter_of_parameter_member(&json!({"release": "r2"})), Ok(None));
        assert_eq!(filter_of_parameter_member(&Value::Null), Ok(None));
        assert!(matches!(filter_of_parameter_member(&json!({"filter": 1})), Err(ParameterError::Value { .. })));
    }

    #[test]
    fn a_profile_is_chosen_by_name_and_an_unknown_one_fails_with_the_names() {
        let mapping = Arc::new(Mapping { metadata: BTreeMap::new(), ..Mapping::default() });
        let profiles = Arc::new(BTreeMap::from([("batch".to_owned(), Arc::clone(&mapping)), ("chat".to_owned(), Arc::default())]));
        let base = TraceSettings { profiles, ..TraceSettings::default() };
        let chosen = apply_parameter_member(&base, &json!({"profile": "batch"})).unwrap();
        assert!(Arc::ptr_eq(&chosen.mapping, &mapping));
        for wrong in [json!("Batch"), json!(""), json!(1)] {
            let error = apply_parameter_member(&base, &json!({"profile": wrong})).unwrap_err().to_string();
            assert_eq!(error, "functionParameter profile must be one of the profiles of the configuration file: batch, chat");
        }
        let error = apply(&json!({"profile": "batch"})).unwrap_err().to_string();
        let expected = "functionParameter profile must be the name of a profile, and the configuration file has none: add [profile.NAME]";
        assert_eq!(error, expected);
    }

    #[test]
    fn values_obey_the_rules_of_the_settings() {
        let wrong = [
            json!({"environment": "Langfuse"}),
            json!({"environment": ""}),
            json!({"environment": null}),
            json!({"release": 5}),
            json!({"version": "v".repeat(201)}),
            json!({"tags": 1}),
            json!({"tags": ["a", 1]}),
            json!({"tags": [""]}),
            json!({"tags": vec!["a"; 51]}),
            json!({"sample_rate": 1.5}),
            json!({"sample_rate": true}),
            json!({"sample_rate": "all"}),
            json!({"filter": "consumer"}),
        ];
        for member in wrong {
            assert!(matches!(apply(&member), Err(ParameterError::Value { .. })), "{member}");
        }
        let expected = "functionParameter sample_rate must be a number from 0 to 1";
        assert_eq!(apply(&json!({"sample_rate": 2})).unwrap_err().to_string(), expected);
    }

    proptest! {
        #[test]
        fn no_error_repeats_a_value(key in "environment|release|version|tags|sample_rate|profile|filter|other", value in "[A-Z]{60}\n") {
            if let Err(error) = apply(&json!({ key: value.clone() })) {
                prop_assert!(!error.to_string().contains(value.trim()));
            }
        }
    }
}
