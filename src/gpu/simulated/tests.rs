//! Tests of the simulated source.
