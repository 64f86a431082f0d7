//! The nouns of gpuyard (part 1 of the specification): units, identities, GPUs, leases, rules, attempts, reasons.
mod adhoc;
mod attempt;
mod field_error;
mod gpu;
mod ids;
mod lang;
mod lease;
mod reason;
mod rules;
mod settings;
mod units;

pub use adhoc::*;
pub use attempt::*;
pub use field_error::*;
pub use gpu::*;
pub use ids::*;
pub use lang::*;
pub use lease::*;
pub use reason::*;
pub use rules::*;
pub use settings::*;
pub use units::*;
