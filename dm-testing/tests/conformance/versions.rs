//! `list_versions` and `target_version`: the versions of targets.

use dm_core::{Error, RequestFault};
use dm_testing::TestKernel;
use dm_units::Version;

use crate::support::Devices;

on_both_kernels! { [], interface 41;
    a_target_has_the_version_that_is_listed,
    an_unknown_target_is_refused,
}

/// The version of a target among those that are loaded.
fn listed(kernel: &dyn TestKernel, target_type: &str) -> Option<Version> {
    let list = kernel.dm().list_versions().unwrap();
    let mut targets = list.iter().map(Result::unwrap);
    targets.find(|target| target.target_type == target_type).map(|target| target.version)
}

fn a_target_has_the_version_that_is_listed(kernel: &dyn TestKernel) {
    for target_type in ["linear", "error", "striped"] {
        assert_eq!(Some(kernel.dm().target_version(target_type).unwrap()), listed(kernel, target_type));
    }
}

fn an_unknown_target_is_refused(kernel: &dyn TestKernel) {
    for unknown in ["fifteen-letters", "a b"] {
        let error = kernel.dm().target_version(unknown).unwrap_err();
        assert!(error.is_invalid(), "{unknown}: {error}");
    }
    for impossible in ["", "sixteen-letters!", "nul\u{0}nul"] {
        match kernel.dm().target_version(impossible).unwrap_err() {
            Error::Request { fault, .. } => assert!(matches!(fault, RequestFault::TargetType { line: None, .. })),
            other => unreachable!("{other}"),
        }
    }
}
