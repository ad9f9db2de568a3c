//! What each place of a record does to its observation, found out by leaving it out and mapping again. Pure.
//!
//! So a place is called the source of an attribute because the attribute changes without it, and called unused because not a byte does,
//! whatever the mapping may become. `origins` only says which places are natural for an attribute.

use std::collections::BTreeSet;

use super::facts::{Fact, Mapped};
use super::sources::{Places, Source};
use crate::trace::settings::TraceSettings;

/// How many places are tried one by one. A log has some forty; one of ten thousand fields must not take minutes.
const MAX_TRIED: usize = 300;

/// What happens without a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Not a byte of the observation changes.
    Nothing,
    /// These attributes change, come or go. They may be none of those that are shown.
    Changes(BTreeSet<String>),
    /// The record is no call any more.
    NoCall,
    /// It was not tried.
    Untried,
}

/// A record, its observation, and what each place does to it.
#[derive(Debug)]
pub struct Experiment<'r> {
    /// The record taken apart.
    pub places: &'r Places<'r>,
    /// The observation of the whole record.
    pub mapped: Mapped,
    /// One for each of `places.sources`.
    pub effects: Vec<Effect>,
    /// The observation of the record with `ai_log` written anew: what observations without a member are compared with.
    rewritten: Option<Mapped>,
    /// What the operator decided.
    pub settings: &'r TraceSettings,
}

impl<'r> Experiment<'r> {
    /// Tries every place, those first that `known` says to matter. `None` where the record is no call.
    pub fn of(places: &'r Places<'r>, settings: &'r TraceSettings, known: impl Fn(&str) -> bool) -> Option<Self> {
        let map = |rewritten| places.without(&[], rewritten, |record| Mapped::of(record, settings));
        let (mapped, rewritten) = (map(false)?, map(true));
        let effects = vec![Effect::Untried; places.sources.len()];
        let mut experiment = Self { places, mapped, effects, rewritten, settings };
        let indices = || 0..places.sources.len();
        let (first, then): (Vec<_>, Vec<_>) = indices().partition(|index| known(&places.sources[*index].name));
        for index in first.into_iter().chain(then).take(MAX_TRIED) {
            experiment.effects[index] = experiment.effect(&[&places.sources[index]]);
        }
        Some(experiment)
    }

    /// What happens without some places.
    pub fn effect(&self, out: &[&Source]) -> Effect {
        let rewritten = self.places.rewrites(out);
        let Some(base) = self.base(rewritten) else { return Effect::Untried };
        match self.places.without(out, rewritten, |record| Mapped::of(record, self.settings)) {
            None => Effect::NoCall,
            Some(mapped) if mapped.span == base.span => Effect::Nothing,
            Some(mapped) => Effect::Changes(difference(base, &mapped)),
        }
    }

    /// The places without which an attribute is another one, in the order of the record.
    pub fn needed_for(&self, name: &str) -> Vec<&'r Source> {
        let tried = self.places.sources.iter().zip(&self.effects);
        tried.filter(|(_, effect)| effect.changes(name)).map(|(source, _)| source).collect()
    }

    /// Those of some places that together are enough for an attribute and of which none can be spared, the first ones where several say
    /// the same.
    pub fn enough_for(&self, name: &str, among: &[&'r Source]) -> Vec<&'r Source> {
        let spare = || among.iter().copied().filter(|source| !self.effect_of(source).changes(name));
        let mut out: Vec<_> = spare().collect();
        if !self.keeps(name, &out) {
            out.clear();
        }
        // Without one place another may become needless, which was tried before.
        while let Some(needless) = self.needless(name, among, &out) {
            out.push(needless);
        }
        among.iter().copied().filter(|source| !is_among(&out, source)).collect()
    }

    /// The last place that an attribute does not need where others are already left out.
    fn needless(&self, name: &str, among: &[&'r Source], out: &[&'r Source]) -> Option<&'r Source> {
        if out.len() == among.len() {
            return None;
        }
        let left = among.iter().rev().copied().filter(|source| !is_among(out, source));
        // What one place alone does is known.
        let is_needed = |source: &Source| out.is_empty() && self.effect_of(source).changes(name);
        left.into_iter().find(|source| !is_needed(source) && self.keeps(name, &[out, &[*source]].concat()))
    }

    /// What happens without this place.
    pub fn effect_of(&self, source: &Source) -> &Effect {
        let index = self.places.sources.iter().position(|other| std::ptr::eq(source, other));
        index.and_then(|index| self.effects.get(index)).unwrap_or(&Effect::Untried)
    }

    fn keeps(&self, name: &str, out: &[&Source]) -> bool {
        match self.effect(out) {
            Effect::Nothing => true,
            Effect::Changes(names) => !names.contains(name),
            Effect::NoCall | Effect::Untried => false,
        }
    }

    fn base(&self, rewritten: bool) -> Option<&Mapped> {
        if rewritten { self.rewritten.as_ref() } else { Some(&self.mapped) }
    }
}

impl Effect {
    /// True if this attribute changes.
    pub fn changes(&self, name: &str) -> bool {
        matches!(self, Self::Changes(names) if names.contains(name))
    }
}

fn is_among(places: &[&Source], one: &Source) -> bool {
    places.iter().any(|place| std::ptr::eq(*place, one))
}

fn difference(one: &Mapped, other: &Mapped) -> BTreeSet<String> {
    let missing_in = |from: &Mapped, facts: &Mapped| -> Vec<String> {
        let differs = |fact: &&Fact| facts.facts.get(&fact.name) != Some(fact.text.as_str());
        from.facts.0.iter().filter(differs).map(|fact| fact.name.clone()).collect()
    };
    missing_in(one, other).into_iter().chain(missing_in(other, one)).collect()
}
