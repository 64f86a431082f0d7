//! End-to-end stories: the real program in a folder of its own, with real processes and real signals.
//!
//! Nothing here naps but [`yard::wait_for`], and nothing is said about how long anything takes: a story waits for what it
//! wants to see, and fails when that does not come.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, clippy::disallowed_types)]

mod adhoc;
mod attacks;
mod cli;
mod contention;
mod crash;
mod daemon;
mod deaths;
mod disk;
mod editing;
mod edits;
mod elsewhere;
mod faults;
mod hour;
mod nvml;
mod odds;
mod processes;
mod retries;
mod samples;
mod scale;
mod secrets;
mod service;
mod session;
mod soak;
mod stop;
mod yard;
