//! Commands for a device together with those under it, or on top of it.

use dm_units::DeviceNumber;

use crate::commands::{RemoveOptions, ResumeOptions, SuspendOptions};
use crate::error::{Error, Result};
use crate::node::dm::Dm;
use crate::node::transport::Transport;
use crate::ops::setup::StepError;
use crate::tree::DeviceTree;
use crate::wire::buffer::Buffer;

impl DeviceTree {
    /// What of [`top_down`](Self::top_down) goes when the device does: not the devices that others use, too, nor what is
    /// under those.
    #[must_use]
    pub fn only_used_by(&self, number: DeviceNumber) -> Vec<DeviceNumber> {
        let mut going = Vec::new();
        // In this order, all users of a device that can go were looked at before it.
        for device in self.top_down(number) {
            let mut users = self.get(device).into_iter().flat_map(|node| &node.above);
            if device == number || users.all(|user| going.contains(user)) {
                going.push(device);
            }
        }
        going
    }
}

impl<T: Transport> Dm<T> {
    /// Removes a device, and the mapped devices under it that nobody else uses. Says which, in the order in which they went.
    ///
    /// # Errors
    /// Those of [`device_remove`](Self::device_remove), with the device that could not be removed; the ones before it are
    /// gone, and it may be called again.
    pub fn remove_stack(
        &self,
        buffer: &mut Buffer,
        number: DeviceNumber,
        options: RemoveOptions,
    ) -> Result<Vec<DeviceNumber>> {
        let going = self.device_tree(buffer)?.only_used_by(number);
        self.remove_each(going, options)
    }

    /// Removes a device and all that stand on it, topmost first. Says which, in the order in which they went.
    ///
    /// # Errors
    /// As [`remove_stack`](Self::remove_stack).
    pub fn remove_with_users(
        &self,
        buffer: &mut Buffer,
        number: DeviceNumber,
        options: RemoveOptions,
    ) -> Result<Vec<DeviceNumber>> {
        let going = self.device_tree(buffer)?.users_first(number);
        self.remove_each(going, options)
    }

    fn remove_each(&self, going: Vec<DeviceNumber>, options: RemoveOptions) -> Result<Vec<DeviceNumber>> {
        for &device in &going {
            self.device_remove(device, options)?;
        }
        Ok(going)
    }

    /// Suspends a device and the mapped devices under it, each before those that it uses, so that none waits for io that is
    /// held back under it. Says which, in this order.
    ///
    /// When one can't be suspended, those that were are resumed.
    ///
    /// # Errors
    /// Those of [`device_suspend`](Self::device_suspend), and what could not be undone.
    pub fn suspend_stack(
        &self,
        buffer: &mut Buffer,
        number: DeviceNumber,
        options: SuspendOptions,
    ) -> Result<Vec<DeviceNumber>, StepError> {
        let order = self.device_tree(buffer).map_err(StepError::first)?.top_down(number);
        let mut suspended = Vec::new();
        for device in order {
            match self.device_suspend(device, options) {
                Ok(_) => suspended.push(device),
                Err(cause) => return Err(StepError::new(cause, self.resume_stack(&suspended))),
            }
        }
        Ok(suspended)
    }

    /// Resumes what [`suspend_stack`](Self::suspend_stack) has suspended, each after those that it uses.
    ///
    /// # Errors
    /// Those of [`device_resume`](Self::device_resume): the first one. The others are resumed all the same.
    pub fn resume_stack(&self, suspended: &[DeviceNumber]) -> Result<(), Error> {
        let resume = |&device: &DeviceNumber| self.device_resume(device, ResumeOptions::new()).err();
        let errors: Vec<Error> = suspended.iter().rev().filter_map(resume).collect();
        errors.into_iter().next().map_or(Ok(()), Err)
    }
}
