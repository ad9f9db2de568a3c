//! Where a run begins: at what an earlier one left, or at a plan of its own.

use std::path::Path;

use tokio::sync::mpsc;

use super::LONGEST;
use super::account::time;
use crate::backfill::file::{StateError, StateFile};
use crate::backfill::plan::Planner;
use crate::backfill::state::{Parameters, State};
use crate::cli::dry_run::no_plan;
use crate::cli::ending::Ending;
use crate::cli::remark;
use crate::deadline::Deadline;
use crate::sls::client::Logstore;

/// The state file and what it holds, which is a plan of its own where nothing was begun before.
///
/// # Errors
/// A state of something else, one in use, or no plan.
pub async fn begun(
    of: Parameters,
    path: &Path,
    logstore: Logstore,
    interruptions: &mut mpsc::Receiver<()>,
) -> Result<(StateFile, State), Ending> {
    let (file, before) = StateFile::open(path).map_err(|error| bad_state(path, &error))?;
    if let Some(state) = usable(before, &of, path)? {
        return Ok((file, state));
    }
    let planned = tokio::select! {
        planned = planned(of, logstore) => planned,
        _ = interruptions.recv() => Err(anyhow::anyhow!("interrupted before anything was done").into()),
    };
    match planned {
        Ok(state) => Ok((file, state)),
        Err(ending) => {
            file.discard_if_new();
            Err(ending)
        }
    }
}

/// What an earlier run left, if it is to be gone on with. One that is done and meant "a day ago" is not: that is another day by now.
fn usable(before: Option<State>, of: &Parameters, path: &Path) -> Result<Option<State>, Ending> {
    let Some(state) = before else { return Ok(None) };
    let differences = state.of.differences(of);
    if !differences.is_empty() {
        let (file, other) = (path.display(), differences.join(", "));
        return Err(Ending::misused(format!(
            "the state file {file} is of another backfill: {other} differ\nwhat to do: name another file with --state, or remove this one"
        )));
    }
    if state.is_done() && state.of.is_relative() {
        return Ok(None);
    }
    let (window, path) = (state.of.window(), path.display());
    let (from, to) = (time(window.from), time(window.to));
    remark(&match state.is_done() {
        true => format!("the backfill of {from} to {to} is done already ({path}): nothing is sent"),
        false => format!("going on with the backfill of {from} to {to} ({path})"),
    });
    Ok(Some(state))
}

async fn planned(of: Parameters, logstore: Logstore) -> Result<State, Ending> {
    let planner = Planner::new(logstore, Deadline::of_call(LONGEST));
    let shards = planner.shards(&of.shards).await.map_err(no_plan)?;
    let plan = planner.plan(&shards, of.window()).await.map_err(no_plan)?;
    Ok(State::of_plan(of, &plan))
}

fn bad_state(path: &Path, error: &StateError) -> Ending {
    Ending::misused(format!("the state file {} cannot be used: {error}", path.display()))
}
