//! The decision: which waiting task goes on which GPUs, and why the others wait.
