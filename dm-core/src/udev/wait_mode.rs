//! How a batch waits for udev, and the cookies that its commands send for that.

use super::cookies::Cookie;
use super::detect::NoCookies;
use super::{SharedCookie, Strategy, Udev};
use crate::wire::{UdevCookie, UdevFlags};

/// How a batch makes sure that `/dev` is complete.
#[derive(Debug)]
pub(super) enum WaitMode {
    /// udev completes a cookie of this process.
    Cookie(Cookie),
    /// udev completes a cookie, which another process waits for.
    Shared(SharedCookie),
    /// udev makes nodes, and this process polls them.
    PollNodes,
    /// This process makes the nodes.
    MakeNodes,
    /// No wait.
    Nothing,
}

impl WaitMode {
    /// Chooses by the strategy and by the present facts about udev.
    pub(super) fn choose(udev: &Udev) -> Self {
        match udev.strategy {
            Strategy::Auto => match udev.facts.check_cookies() {
                Ok(()) => Self::cookie_or_nodes(udev.shared),
                // udev's rules make the links nevertheless.
                Err(NoCookies::OtherIpcNamespace) => Self::PollNodes,
                // If the environment disables udev, libdm makes the nodes as well.
                Err(NoCookies::NoUdev | NoCookies::NoRules | NoCookies::Disabled) => Self::MakeNodes,
            },
            Strategy::Cookies => Self::cookie_or_nodes(udev.shared),
            Strategy::WaitForNodes => Self::PollNodes,
            Strategy::MakeNodes => Self::MakeNodes,
            Strategy::None => Self::Nothing,
        }
    }

    /// Falls back to polling nodes if no semaphore can be created.
    fn cookie_or_nodes(shared: Option<SharedCookie>) -> Self {
        let own = || Cookie::create().map_or(Self::PollNodes, Self::Cookie);
        shared.map_or_else(own, Self::Shared)
    }

    /// Adds a step for a command that will send a uevent, and returns the cookie to send. Its base is 0, with only the
    /// flags, if the batch does not wait for a cookie.
    ///
    /// It cannot fail, since the command may be the resume of a suspended device. If the step cannot be added, the
    /// cookie is abandoned, and the batch polls nodes.
    pub(super) fn expect(&mut self, flags: UdevFlags) -> UdevCookie {
        let flags = flags | self.own_flags();
        let counted = match self {
            Self::Cookie(cookie) => cookie.expect_one().ok().map(|()| cookie.number(flags)),
            Self::Shared(cookie) => cookie.expect(flags).ok(),
            _ => return UdevCookie::flags_only(flags),
        };
        counted.unwrap_or_else(|| {
            *self = Self::PollNodes;
            UdevCookie::flags_only(flags)
        })
    }

    /// The flags that libdm sends with every such command: the uevent comes from a command, and whether nodes are left
    /// to udev.
    const fn own_flags(&self) -> UdevFlags {
        match self {
            Self::MakeNodes => UdevFlags::PRIMARY_SOURCE,
            Self::Cookie(_) | Self::Shared(_) | Self::PollNodes | Self::Nothing => {
                UdevFlags::PRIMARY_SOURCE.union(UdevFlags::DISABLE_LIBRARY_FALLBACK)
            }
        }
    }

    /// Subtracts the step if the command has sent no uevent, because it failed or changed nothing.
    pub(super) fn sent(&mut self, uevent_generated: bool) {
        if uevent_generated {
            return;
        }
        let is_lost = match self {
            Self::Cookie(cookie) => cookie.expect_one_less().is_err(),
            Self::Shared(cookie) => cookie.complete().is_err(),
            _ => false,
        };
        if is_lost {
            *self = Self::PollNodes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::udev::alive::fake::Fake;
    use crate::udev::cookies::key;
    use crate::udev::semaphore::Semaphore;

    fn expect(fake: &Fake, strategy: Strategy, flags: UdevFlags) -> UdevCookie {
        WaitMode::choose(&Udev { facts: fake.facts(), ..Udev::new(strategy) }).expect(flags)
    }

    #[test]
    fn libdms_flags_are_sent_whichever_way_is_waited() {
        let fake = Fake::with_udev();
        let strategies =
            [Strategy::Auto, Strategy::Cookies, Strategy::WaitForNodes, Strategy::MakeNodes, Strategy::None];
        for strategy in strategies {
            let cookie = expect(&fake, strategy, UdevFlags::LOW_PRIORITY);
            let is_waited_for = matches!(strategy, Strategy::Auto | Strategy::Cookies);
            assert_eq!(cookie.base() != 0, is_waited_for, "{strategy:?}");
            let leaves_nodes = strategy != Strategy::MakeNodes;
            assert!(cookie.flags().contains(UdevFlags::PRIMARY_SOURCE | UdevFlags::LOW_PRIORITY), "{strategy:?}");
            assert_eq!(cookie.flags().contains(UdevFlags::DISABLE_LIBRARY_FALLBACK), leaves_nodes, "{strategy:?}");
            assert!(Semaphore::find(key(cookie.base())).is_err(), "dropped without a wait");
        }
    }

    #[test]
    fn where_no_udev_runs_its_rules_are_told_that_nodes_are_made_here() {
        let fake = Fake::with_udev();
        std::fs::remove_file(fake.path("run/udev/control")).unwrap();
        let cookie = expect(&fake, Strategy::Auto, UdevFlags::empty());
        assert_eq!(cookie, UdevCookie::flags_only(UdevFlags::PRIMARY_SOURCE));
    }
}
