//! `target_msg`: the messages that are refused.

use dm_core::{Error, RequestFault};
use dm_testing::TestKernel;

use crate::support::{Devices, LENGTH, Mapped, zero};

on_both_kernels! { ["zero"];
    messages_that_no_target_supports_are_refused,
    a_message_with_a_nul_or_to_a_missing_device_is_refused,
}

/// Sends a message to the target of the first sector; returns the reply's text.
fn send(kernel: &dyn TestKernel, device: &Mapped, message: &str) -> dm_core::Result<Option<String>> {
    let answer = kernel.dm().target_msg(device, message)?;
    Ok(answer.text().map(|text| text.to_string()))
}

fn messages_that_no_target_supports_are_refused(kernel: &dyn TestKernel) {
    let bare = kernel.create("bare");
    let device = kernel.map("device", [zero(LENGTH)]);
    for (device, message) in
        [(&bare, "@unknown"), (&device, "hello"), (&device, "@unknown"), (&device, "@stats_create")]
    {
        let error = send(kernel, device, message).unwrap_err();
        assert!(error.is_invalid(), "'{message}' to {device}: {error}");
    }
    // Messages without a receiver are refused, or ignored by older kernels.
    for (device, message) in [(&bare, "hello"), (&device, ""), (&device, " ")] {
        match send(kernel, device, message) {
            Ok(answer) => assert_eq!(answer, None),
            Err(error) => assert!(error.is_invalid(), "'{message}' to {device}: {error}"),
        }
    }
}

fn a_message_with_a_nul_or_to_a_missing_device_is_refused(kernel: &dyn TestKernel) {
    let device = kernel.create("device");
    match send(kernel, &device, "@stats_list\u{0}").unwrap_err() {
        Error::Request { fault, .. } => assert!(matches!(fault, RequestFault::Nul { line: None, at: 11, .. })),
        other => unreachable!("{other}"),
    }
    let missing = kernel.name("missing");
    let sent = kernel.dm().target_msg(&missing, "@stats_list");
    assert!(sent.unwrap_err().is_not_found());
}
