//! Prometheus' text form, version 0.0.4: families in order, each with its help and type once.
use std::fmt::Write;

/// What a family's numbers are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Goes up and down.
    Gauge,
    /// Only goes up while the daemon lives.
    Counter,
}

/// A text being written.
#[derive(Default)]
pub(crate) struct Text {
    text: String,
}

/// A family being written. It is not written at all where nothing is known.
pub(super) struct Family<'a> {
    text: &'a mut String,
    name: &'static str,
    help: &'static str,
    kind: Kind,
    begun: bool,
}

impl Text {
    /// Begins a family.
    pub(super) fn family(&mut self, name: &'static str, kind: Kind, help: &'static str) -> Family<'_> {
        Family {
            text: &mut self.text,
            name,
            help,
            kind,
            begun: false,
        }
    }

    /// The whole.
    pub(crate) fn done(self) -> String {
        self.text
    }
}

impl Family<'_> {
    /// One series; what is not known is none.
    pub(super) fn put(&mut self, labels: &[(&str, &str)], value: Option<f64>) {
        let Some(value) = value else { return };
        if !std::mem::replace(&mut self.begun, true) {
            let kind = match self.kind {
                Kind::Gauge => "gauge",
                Kind::Counter => "counter",
            };
            let (name, help) = (self.name, self.help);
            // Writing into a String does not fail.
            let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        }
        self.text.push_str(self.name);
        for (at, (label, value)) in labels.iter().enumerate() {
            let before = if at == 0 { '{' } else { ',' };
            let _ = write!(self.text, "{before}{label}=\"{}\"", escaped(value));
        }
        if !labels.is_empty() {
            self.text.push('}');
        }
        let _ = writeln!(self.text, " {value}");
    }
}

/// A label's value may be any text; three characters are written otherwise.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
