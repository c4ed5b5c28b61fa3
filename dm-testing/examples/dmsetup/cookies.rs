//! The commands for udev's cookies, which are all that udev's rules need in an initramfs.

use std::io::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dm_core::UdevCookie;
use dm_core::udev::{self, CookieInfo, SharedCookie, Udev};

use crate::Result;
use crate::date::date;
use crate::options::Options;

/// Runs the command if it is one of these.
pub(crate) fn run(options: &Options) -> Option<Result<()>> {
    Some(match options.command() {
        "udevcreatecookie" => create(),
        "udevreleasecookie" => release(options),
        "udevcomplete" => complete(options),
        "udevcomplete_all" => complete_all(options),
        "udevcookies" => list(),
        "udevflags" => flags(options),
        _ => return None,
    })
}

/// Parses a decimal number, a hexadecimal one after `0x`, or an octal one after `0`.
fn number(text: &str) -> Result<u32> {
    let hexadecimal = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    let octal = text.strip_prefix('0').filter(|digits| !digits.is_empty());
    Ok(match (hexadecimal, octal) {
        (Some(digits), _) => u32::from_str_radix(digits, 16)?,
        (None, Some(digits)) => u32::from_str_radix(digits, 8)?,
        (None, None) => text.parse()?,
    })
}

fn cookie(options: &Options) -> Result<u32> {
    match number(options.word(0)?)? {
        0 => Err("Incorrect cookie value.".into()),
        number => Ok(number),
    }
}

/// The cookie that commands share: the option's, or that of a variable.
pub(crate) fn shared(options: &Options) -> Result<Option<u32>> {
    let cookie = options.value("udevcookie").map(str::to_owned).or_else(|| std::env::var("DM_UDEV_COOKIE").ok());
    Ok(cookie.map(|cookie| number(&cookie)).transpose()?.filter(|number| *number != 0))
}

fn release(options: &Options) -> Result<()> {
    let number = match shared(options)?.filter(|_| options.words().is_empty()) {
        Some(number) => number,
        None => cookie(options)?,
    };
    Ok(SharedCookie::adopt(number)?.wait(&Udev::default())?)
}

fn create() -> Result<()> {
    println!("0x{:08X}", SharedCookie::create()?.key());
    Ok(())
}

fn complete(options: &Options) -> Result<()> {
    let number = cookie(options)?;
    // Before printing, which can block or fail: a program waits for the cookie.
    let completed = udev::complete(UdevCookie::from_number(number));
    println!("DM_COOKIE_COMPLETED={:<12}", format!("0x{number:x}"));
    Ok(completed?)
}

/// Removes all cookies that are older than the given number of minutes.
fn complete_all(options: &Options) -> Result<()> {
    let minutes: u64 = options.words().first().map_or(Ok(0), |minutes| minutes.parse())?;
    if !options.has("yes") {
        print!("Do you really want to continue? [y/n]: ");
        std::io::stdout().flush()?;
        let mut answer = String::new();
        std::io::stdin().read_line(&mut answer)?;
        if !answer.starts_with(['y', 'Y']) {
            println!("Semaphores with keys prefixed by 3405 (0xd4d) NOT destroyed.");
            return Ok(());
        }
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let is_old =
        |changed| now.saturating_sub(Duration::from_secs(changed)) >= Duration::from_secs(minutes.saturating_mul(60));
    let (old, new): (Vec<_>, Vec<_>) = udev::cookies()?.into_iter().partition(|cookie| is_old(cookie.changed));
    let remove = |cookie: &CookieInfo| SharedCookie::adopt(cookie.key).and_then(SharedCookie::remove).ok();
    let (removed, skipped) = (old.iter().filter_map(remove).count(), new.len());
    println!("{removed} semaphores with keys prefixed by 3405 (0xd4d) destroyed. {skipped} skipped.");
    Ok(())
}

/// Prints the cookies and their times. These are in UTC, and those of the original in the local time.
fn list() -> Result<()> {
    println!("Cookie       Semid      Value      Last semop time           Last change time");
    for cookie in udev::cookies()? {
        let CookieInfo { key, id, last_operation, created, .. } = cookie;
        // The semaphore was removed meanwhile, or belongs to another user.
        let Some(value) = cookie.pending else {
            eprintln!("semid {id}: the value of the cookie 0x{key:x} cannot be read");
            continue;
        };
        let [last_operation, created] =
            [last_operation, created].map(|time| date(time).unwrap_or_else(|| "unknown".to_owned()));
        println!("0x{key:<10x} {id:<10} {value:<10} {last_operation}  {created}");
    }
    Ok(())
}

fn flags(options: &Options) -> Result<()> {
    let flags = UdevCookie::from_number(cookie(options)?).flags();
    udev::rule_variables(flags).for_each(|name| println!("{name}='1'"));
    Ok(())
}
