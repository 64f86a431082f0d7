//! `gpuyard serve`: the daemon in the foreground.
use crate::{client::Context, failure::Failure};

/// Runs the daemon until it is told to end.
pub(crate) fn serve(context: &Context) -> Result<i32, Failure> {
    let _ = context;
    Ok(0)
}
