//! Tests of this room with real processes, signals and locks. One process a test (nextest): an executor takes what it
//! did not start itself for the remains of a killed runner.
// A list of one id reads like the lists of several beside it.
#![allow(clippy::unwrap_used, clippy::cloned_ref_to_slice_refs, missing_docs)]

mod crew;
#[cfg(feature = "fault-points")]
mod fault_points;
mod host;
mod leases;
mod limits;
mod lost_runner;
mod other_user;
mod output;
mod place;
mod recover;
mod spawn;
mod start;
mod stop;
mod yard;
