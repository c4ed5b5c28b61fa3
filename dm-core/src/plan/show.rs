//! Prints a plan as text and as a graph.

use std::fmt;

use super::{Plan, PlanStep};
use crate::id::DmName;

impl PlanStep {
    /// The name of the device that the step changes; for a rename, the new name.
    #[must_use]
    pub fn name(&self) -> &DmName {
        let (Self::Rename { to: name, .. }
        | Self::Create(name)
        | Self::Message(name)
        | Self::Load(name)
        | Self::Suspend(name)
        | Self::Resume(name)
        | Self::Remove(name)) = self;
        name
    }

    const fn verb(&self) -> &'static str {
        match self {
            Self::Rename { .. } => "rename",
            Self::Create(_) => "create",
            Self::Message(_) => "message",
            Self::Load(_) => "load",
            Self::Suspend(_) => "suspend",
            Self::Resume(_) => "resume",
            Self::Remove(_) => "remove",
        }
    }
}

/// Prints the step as `create home`, with names as `/dev/mapper` shows them.
impl fmt::Display for PlanStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rename { from, to } => write!(f, "rename {} to {}", from.shown(), to.shown()),
            _ => write!(f, "{} {}", self.verb(), self.name().shown()),
        }
    }
}

/// Prints one line for each step.
impl fmt::Display for Plan<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.steps.iter().try_for_each(|step| writeln!(f, "{step}"))
    }
}

/// Prints a [`Plan`] as a graph for Graphviz: a node for each device with its steps, and an arrow from each device to
/// each device that it uses.
#[derive(Clone, Copy, Debug)]
pub struct PlanDot<'p, 'a>(pub(super) &'p Plan<'a>);

impl fmt::Display for PlanDot<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "digraph plan {{")?;
        let wanted = self.0.wanted.devices.iter().map(|device| &*device.name);
        let removed = self.0.steps.iter().filter_map(|step| match step {
            PlanStep::Remove(name) => Some(&**name),
            _ => None,
        });
        for name in wanted.chain(removed) {
            let steps = self.0.steps.iter().filter(|step| step.name() == name);
            let verbs: Vec<&str> = steps.map(PlanStep::verb).collect();
            let style = if verbs.is_empty() { "solid" } else { "bold" };
            let (id, verbs) = (quoted(name), verbs.join(", "));
            writeln!(f, "    \"{id}\" [label=\"{id}\\n{verbs}\" shape=box style={style}];")?;
        }
        for device in &self.0.wanted.devices {
            for used in &device.uses {
                writeln!(f, "    \"{}\" -> \"{}\";", quoted(&device.name), quoted(used))?;
            }
        }
        writeln!(f, "}}")
    }
}

/// Escapes a name. A mangled name has neither quotes nor line feeds; its backslashes must be doubled.
fn quoted(name: &DmName) -> String {
    name.mangled().to_string().replace('\\', "\\\\")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::TargetLine;
    use crate::fake_host::{FakeHost, serving};
    use crate::ops::{Host, Prefix};
    use crate::plan::{Wanted, WantedDevice};

    #[test]
    fn the_graph_of_a_plan_has_each_device_with_its_own_steps() {
        let name = |text| DmName::new(text).unwrap();
        let new = WantedDevice::new(name("vg-new"), |_| {
            Some(vec![TargetLine::text(dm_units::Sectors(0), dm_units::Sectors(8), "zero", "").boxed()])
        });
        let host = Host::new(FakeHost::new(48, [serving(0, "vg-o d", "")]).dm());
        let plan = host.plan(Wanted::new().device(new).only(Prefix::Name(name("vg-")))).unwrap();
        assert_eq!(
            plan.to_dot().to_string(),
            r#"digraph plan {
    "vg-new" [label="vg-new\ncreate" shape=box style=bold];
    "vg-o\\x20d" [label="vg-o\\x20d\nremove" shape=box style=bold];
}
"#
        );
    }
}
