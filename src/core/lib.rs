//! Floor 1: values in, values out. No clock, files, network, environment, randomness, threads or async live here.
pub mod formats;
pub mod model;
pub mod policy;
pub mod queue;
pub mod wire;
