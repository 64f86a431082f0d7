//! Text formats: command files, and the checks of rules and settings.
