//! The commands for udev's cookies, which are all that udev's rules need in an initramfs.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dm_core::UdevCookie;
use dm_core::udev::{self, SharedCookie, Udev};

use crate::Result;
use crate::options::Options;

/// Runs the command if it is one of these.
pub(crate) fn run(options: &Options) -> Option<Result<()>> {
    Some(match options.command() {
        "udevcreatecookie" => create(),
        "udevreleasecookie" => {
            cookie(options).and_then(|number| Ok(SharedCookie::adopt(number)?.wait(&Udev::default())?))
        }
        "udevcomplete" => complete(options),
        "udevcomplete_all" => complete_all(options),
        "udevcookies" => list(),
        "udevflags" => flags(options),
        _ => return None,
    })
}

/// Parses a decimal number, or a hexadecimal one after `0x`.
pub(crate) fn number(text: &str) -> Result<u32> {
    Ok(match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => u32::from_str_radix(digits, 16)?,
        None => text.parse()?,
    })
}

fn cookie(options: &Options) -> Result<u32> {
    match number(options.word(0)?)? {
        0 => Err("Incorrect cookie value.".into()),
        number => Ok(number),
    }
}

fn create() -> Result<()> {
    println!("0x{:08X}", SharedCookie::create()?.key());
    Ok(())
}

fn complete(options: &Options) -> Result<()> {
    let number = cookie(options)?;
    println!("DM_COOKIE_COMPLETED={:<12}", format!("0x{number:x}"));
    Ok(udev::complete(UdevCookie::from_number(number))?)
}

/// Removes all cookies that are older than the given number of minutes.
fn complete_all(options: &Options) -> Result<()> {
    let minutes: u64 = options.words().first().map_or(Ok(0), |minutes| minutes.parse())?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let is_old =
        |changed| now.saturating_sub(Duration::from_secs(changed)) >= Duration::from_secs(minutes.saturating_mul(60));
    let removed = udev::cookies()?
        .into_iter()
        .filter(|cookie| is_old(cookie.changed))
        .filter_map(|cookie| SharedCookie::adopt(cookie.key).and_then(SharedCookie::remove).ok());
    println!("{} cookies completed.", removed.count());
    Ok(())
}

fn list() -> Result<()> {
    println!("Cookie       Semid      Value      Last semop time           Last change time");
    for cookie in udev::cookies()? {
        let value = cookie.pending.map_or_else(|| "?".to_owned(), |pending| pending.to_string());
        println!("0x{:<10x} {:<10} {value:<10} {}  {}", cookie.key, cookie.id, cookie.last_operation, cookie.created);
    }
    Ok(())
}

fn flags(options: &Options) -> Result<()> {
    let flags = UdevCookie::from_number(cookie(options)?).flags();
    udev::rule_variables(flags).for_each(|name| println!("{name}='1'"));
    Ok(())
}
