//! Which end each record of a call has had: outcomes in, counts and dead letters out. A record that goes to several destinations has its
//! end when all of them have answered: delivered if all took it, a dead letter if one never will, and otherwise undone.

use std::collections::HashMap;

use crate::convert::Taken;
use crate::dead_letter::DeadLetter;
use crate::delivery::{BatchReport, DeadLetterReason, Outcome, Stop};
use crate::export::batch::Source;
use crate::letters::Letters;
use crate::origin::{Origin, Position, Settled};
use crate::report::{Report, SkipReason};
use crate::select::{OnRefusal, Route, Routes};
use crate::trace::SpanId;

/// Who is told what is done. They outlive the work, so that they know it also when time runs out.
pub struct Done<'c> {
    /// The source of the records.
    pub origin: &'c mut dyn Origin,
    /// The counts.
    pub report: &'c mut Report,
    /// The dead letters that are not written yet.
    pub letters: &'c mut Letters,
}

/// The settlement of one call.
pub struct Settlement<'c> {
    done: Done<'c>,
    routes: &'c Routes,
    /// Records with copies that are still on their way, by ticket. Bounded by what is in open batches and on its way.
    pending: HashMap<u32, Pending>,
}

/// A record of which some copies are still on their way.
struct Pending {
    copies: usize,
    undone: bool,
    refused: Vec<(DeadLetterReason, DeadLetter)>,
}

impl<'c> Settlement<'c> {
    /// A settlement that tells `done` what is done.
    pub fn new(done: Done<'c>, routes: &'c Routes) -> Self {
        done.report.routes = routes.rules.iter().map(|route| (route.name.clone(), Default::default())).collect();
        Self { done, routes, pending: HashMap::new() }
    }

    /// The counts, to add what is not about single records.
    pub fn report(&mut self) -> &mut Report {
        self.done.report
    }

    /// The source, to tell what was read.
    pub fn origin(&mut self) -> &mut dyn Origin {
        self.done.origin
    }

    /// The dead letters that are not written yet.
    pub fn letters(&mut self) -> &mut Letters {
        self.done.letters
    }

    /// Settles a record that is passed over.
    pub fn skip(&mut self, position: Position, reason: SkipReason) {
        self.done.report.skip(reason);
        self.done.origin.settled(position, Settled::Skipped(reason));
    }

    /// Settles a record that goes to no destination at all.
    pub fn bury(&mut self, position: Position, span_id: Option<SpanId>, reason: DeadLetterReason) {
        let letter = DeadLetter::new(self.done.origin.pointer(position), span_id, reason, None);
        self.dead(position, None, vec![(reason, letter)]);
    }

    /// Takes in a record that is on its way; settles it if all its destinations have it already.
    pub fn take(&mut self, position: Position, taken: Taken) {
        let route = self.name(taken.route);
        self.done.report.on_route(route, |counts| counts.records += 1);
        if let Some(ticket) = taken.ticket {
            self.pending.insert(ticket, Pending { copies: taken.copies, undone: false, refused: Vec::new() });
        }
        if taken.copies == 0 {
            self.done.report.resumed += 1;
            self.deliver(position, taken.route);
        }
    }

    /// Settles what a destination, of this name if it has one, answered to a batch. True if something is undone for the reason that stopped it.
    pub fn settle(&mut self, batch: &BatchReport, destination: Option<&str>) -> bool {
        self.done.report.add(batch.stats);
        let mut undone = false;
        for (source, outcome) in &batch.outcomes {
            let outcome = self.with_refusal(source, *outcome, batch.stop.as_ref());
            undone |= outcome == Outcome::Undone;
            self.settle_copy(source, outcome, destination);
        }
        undone && batch.stop.is_some()
    }

    /// What a refusal of the whole function means for a record of its route.
    fn with_refusal(&self, source: &Source, outcome: Outcome, stop: Option<&Stop>) -> Outcome {
        match (outcome, stop) {
            (Outcome::Undone, Some(Stop::Refused { status, .. })) if self.on_refusal(source) == OnRefusal::DeadLetter => {
                Outcome::DeadLetter { reason: DeadLetterReason::Refused, status: *status }
            }
            _ => outcome,
        }
    }

    fn settle_copy(&mut self, source: &Source, outcome: Outcome, destination: Option<&str>) {
        let route = self.name(source.route);
        if outcome == Outcome::Delivered {
            self.done.report.observe(route);
        }
        let refused = match outcome {
            Outcome::DeadLetter { reason, status } => {
                let letter = DeadLetter::new(self.done.origin.pointer(source.position), Some(source.span_id), reason, Some(status));
                Some((reason, letter.on_its_way(route, destination)))
            }
            _ => None,
        };
        let mut record = Pending { copies: 1, undone: false, refused: Vec::new() };
        if let Some(ticket) = source.ticket {
            let Some(pending) = self.pending.remove(&ticket) else { return };
            record = pending;
        }
        record.copies -= 1;
        record.undone |= outcome == Outcome::Undone;
        record.refused.extend(refused);
        match source.ticket.filter(|_| record.copies > 0) {
            Some(ticket) => _ = self.pending.insert(ticket, record),
            None => self.end(source, record),
        }
    }

    /// All copies of a record have been answered for.
    fn end(&mut self, source: &Source, record: Pending) {
        if record.undone {
            return;
        }
        match record.refused.is_empty() {
            true => {
                source.spent.iter().for_each(|spent| self.done.report.usage.add(spent));
                self.deliver(source.position, source.route);
            }
            false => self.dead(source.position, source.route, record.refused),
        }
    }

    fn deliver(&mut self, position: Position, route: Option<usize>) {
        let route = self.name(route);
        self.done.report.ship(route);
        self.done.origin.settled(position, Settled::Delivered);
    }

    /// One record, counted once under the first reason, with a letter for each destination that does not take it.
    fn dead(&mut self, position: Position, route: Option<usize>, refused: Vec<(DeadLetterReason, DeadLetter)>) {
        let route = self.name(route);
        self.done.report.on_route(route, |counts| counts.dead_lettered += 1);
        if let Some((reason, _)) = refused.first() {
            self.done.report.dead_letter(*reason);
            self.done.origin.settled(position, Settled::DeadLetter(*reason));
        }
        for (_, letter) in refused {
            let (request_id, members) = (&self.done.report.request_id, letter.json());
            if !self.done.origin.is_known() {
                tracing::warn!(event = "dead_letter", %request_id, %members, "a record cannot be delivered");
            }
            self.done.letters.add(letter);
        }
    }

    fn on_refusal(&self, source: &Source) -> OnRefusal {
        self.route(source.route).map_or(OnRefusal::Block, |route| route.on_refusal)
    }

    fn route(&self, index: Option<usize>) -> Option<&'c Route> {
        self.routes.rules.get(index?)
    }

    fn name(&self, index: Option<usize>) -> Option<&'c str> {
        self.route(index).map(|route| route.name.as_str())
    }
}

#[cfg(test)]
mod tests;
