//! The handlers, one file a group of paths.
pub(crate) mod auth;
pub(crate) mod commands;
pub(crate) mod gpu;
pub(crate) mod live;
pub(crate) mod log;
pub(crate) mod metrics;
pub(crate) mod pages;
pub(crate) mod reference;
pub(crate) mod rules;
pub(crate) mod scheduler;
pub(crate) mod settings;
pub(crate) mod tasks;
