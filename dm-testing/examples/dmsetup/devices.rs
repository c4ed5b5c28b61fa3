//! The commands that create, change and remove devices.

use std::io::Read as _;
use std::time::Duration;

use dm_core::block::ReadAhead;
use dm_core::{
    CreateOptions, DevIdBuf, DmName, DmUuid, Geometry, Host, LineText, LoadOptions, Message, ReloadOptions,
    RemovePolicy, ResumeOptions, ResumePolicy, Retry, SetupOptions, StatusOptions, SuspendOptions, SuspendPolicy,
    TargetLine, UdevFlags,
};
use dm_units::Sectors;

use crate::Result;
use crate::options::Options;
use crate::show::chosen;

/// The text of a table: from the option, a file or the standard input.
fn table_text(options: &Options, file: Option<&String>) -> Result<String> {
    if let Some(table) = options.value("table") {
        return Ok(table.to_owned());
    }
    let mut text = String::new();
    match file {
        Some(file) => text = std::fs::read_to_string(file)?,
        None => drop(std::io::stdin().read_to_string(&mut text)?),
    }
    Ok(text)
}

fn parse(text: &str) -> Result<Vec<TargetLine<LineText<'_, &str>>>> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    Ok(lines.map(TargetLine::parse).collect::<std::result::Result<_, _>>()?)
}

fn read_ahead(options: &Options) -> Result<ReadAhead> {
    Ok(options.value("readahead").map_or(Ok(ReadAhead::Auto), str::parse)?)
}

fn suspend_options(options: &Options) -> SuspendOptions {
    SuspendOptions::new().noflush(options.has("noflush")).skip_lockfs(options.has("nolockfs"))
}

/// The options of `create`, apart from the table.
fn setup<'a>(options: &Options, uuid: Option<&'a DmUuid>, minor: Option<u32>) -> Result<SetupOptions<'a>> {
    let without_rules = UdevFlags::DISABLE_DM_RULES | UdevFlags::DISABLE_SUBSYSTEM_RULES;
    let flags = if options.has("noudevrules") { without_rules } else { UdevFlags::empty() };
    let setup =
        SetupOptions::new().read_only(options.has("readonly")).read_ahead(read_ahead(options)?).udev_flags(flags);
    let setup = uuid.map_or(setup, |uuid| setup.uuid(uuid));
    Ok(minor.map_or(setup, |minor| setup.minor(minor)))
}

pub(crate) fn create(host: &Host, options: &Options) -> Result<()> {
    let name = options.word(0)?;
    let uuid = options.value("uuid").map(DmUuid::new).transpose()?;
    let uuid = uuid.map(|uuid| host.naming().kernel_uuid(uuid)).transpose()?;
    let minor = options.value("minor").map(str::parse).transpose()?;
    if options.has("notable") {
        let create = uuid.as_deref().map_or(CreateOptions::new(), |uuid| CreateOptions::new().uuid(uuid));
        let create = minor.map_or(create, |minor| create.minor(minor));
        host.dm().device_create_with(&*host.kernel_name(&name)?, create)?;
        return Ok(());
    }
    let text = table_text(options, options.words().get(1))?;
    host.create_with(name, parse(&text)?, setup(options, uuid.as_deref(), minor)?)?;
    Ok(())
}

pub(crate) fn create_concise(host: &Host, options: &Options) -> Result<()> {
    let text = options.words().first().map_or_else(|| table_text(options, None), |text| Ok(text.clone()))?;
    for device in dm_targets::dmsetup_concise(&text)? {
        let uuid = device.uuid.as_deref().map(DmUuid::new).transpose()?;
        let setup = setup(options, uuid, device.minor)?.read_only(device.read_only);
        let lines = device.lines.iter().map(|line| TargetLine::new(line.start, line.length, &line.params));
        host.create_with(&*device.name, lines, setup)?;
    }
    Ok(())
}

pub(crate) fn load(host: &Host, options: &Options) -> Result<()> {
    let (device, rest) = options.device(host)?;
    let text = table_text(options, rest.first())?;
    host.dm().table_load_with(&device, parse(&text)?, LoadOptions::new().read_only(options.has("readonly")))?;
    Ok(())
}

pub(crate) fn clear(host: &Host, options: &Options) -> Result<()> {
    host.dm().table_clear(options.device(host)?.0)?;
    Ok(())
}

pub(crate) fn suspend(host: &Host, options: &Options) -> Result<()> {
    let policy = SuspendPolicy::new().noflush(options.has("noflush")).skip_lockfs(options.has("nolockfs"));
    for device in options.devices(host)? {
        host.suspend_with(&device, policy)?;
    }
    Ok(())
}

pub(crate) fn resume(host: &Host, options: &Options) -> Result<()> {
    let resume = ResumeOptions::new().suspend(suspend_options(options));
    for device in options.devices(host)? {
        host.resume_with(&device, ResumePolicy::from(resume).read_ahead(read_ahead(options)?))?;
    }
    Ok(())
}

pub(crate) fn rename(host: &Host, options: &Options) -> Result<()> {
    let (device, rest) = options.device(host)?;
    let new = rest.first().ok_or("Incorrect number of arguments.")?;
    if options.has("setuuid") {
        host.set_uuid(&device, &host.naming().kernel_uuid(DmUuid::new(new)?)?)?;
    } else {
        host.rename(&device, new)?;
    }
    Ok(())
}

pub(crate) fn remove(host: &Host, options: &Options) -> Result<()> {
    let retry = if options.has("retry") { Retry::within(Duration::from_secs(5)) } else { Retry::NONE };
    let policy = RemovePolicy::new().deferred(options.has("deferred")).force(options.has("force")).retry(retry);
    let devices = options.devices(host)?;
    if devices.is_empty() {
        return Err("Incorrect number of arguments.".into());
    }
    for device in devices {
        host.remove_with(&device, policy)?;
    }
    Ok(())
}

pub(crate) fn remove_all(host: &Host) -> Result<()> {
    host.dm().remove_all()?;
    host.make_nodes()?;
    Ok(())
}

pub(crate) fn wipe_table(host: &Host, options: &Options) -> Result<()> {
    let suspend = SuspendPolicy::new().noflush(options.has("noflush")).skip_lockfs(options.has("nolockfs"));
    for device in options.devices(host)? {
        let table = host.dm().table_status_with(&device, StatusOptions::table())?;
        let end = table.iter().last().transpose()?.map_or(Sectors(0), |line| line.start.saturating_add(line.length));
        let errors = TargetLine::text(Sectors(0), end, "error", "");
        host.reload_with(&device, [errors], ReloadOptions::new().suspend(suspend))?;
    }
    Ok(())
}

pub(crate) fn message(host: &Host, options: &Options) -> Result<()> {
    let (device, rest) = options.device(host)?;
    let [sector, words @ ..] = rest else { return Err("Incorrect number of arguments.".into()) };
    let reply = host.message(&device, Message::new(words.join(" ")).sector(Sectors(sector.parse()?)))?;
    if let Some(text) = reply.text().map(|text| text.to_string()) {
        print!("{text}{}", if text.is_empty() || text.ends_with('\n') { "" } else { "\n" });
    }
    Ok(())
}

pub(crate) fn set_geometry(host: &Host, options: &Options) -> Result<()> {
    let (device, rest) = options.device(host)?;
    let [cylinders, heads, sectors, start] = rest else { return Err("Incorrect number of arguments.".into()) };
    let geometry = Geometry::new(cylinders.parse()?, heads.parse()?, sectors.parse()?).start(Sectors(start.parse()?));
    Ok(host.dm().set_geometry(&device, geometry)?)
}

pub(crate) fn wait(host: &Host, options: &Options) -> Result<()> {
    let (device, rest) = options.device(host)?;
    let event_nr = rest.first().map_or(Ok(0), |number| number.parse())?;
    host.dm().device_wait_with(&device, event_nr, StatusOptions::new().noflush(options.has("noflush")))?;
    Ok(())
}

pub(crate) fn make_nodes(host: &Host, options: &Options) -> Result<()> {
    for device in options.words() {
        host.make_node(device)?;
    }
    if options.words().is_empty() {
        host.make_nodes()?;
    }
    Ok(())
}

/// Mangles names that another program has given to the kernel unmangled. In this function, names are those of the
/// kernel.
pub(crate) fn mangle(host: &Host, options: &Options) -> Result<()> {
    let names = options.words().iter().map(|word| Ok(DevIdBuf::Name(DmName::new(word)?.to_owned())));
    let devices =
        if options.words().is_empty() { chosen(host, options)? } else { names.collect::<Result<Vec<_>>>()? };
    for device in devices {
        let info = host.dm().device_info(&device)?;
        let Some(name) = info.name() else { continue };
        let human = host.naming().human_name(name);
        let mangled = host.naming().kernel_name(&human)?;
        if *mangled == *name {
            let (uuid, what) = info.uuid().map_or(("[no UUID]".to_owned(), ""), |uuid| (uuid.to_string(), "and UUID "));
            println!("{name}: {uuid}: name {what}already in correct form");
        } else {
            println!("{name}: renaming to {mangled}");
            host.rename(name, &*mangled)?;
        }
    }
    Ok(())
}

/// The unmangled name, for output.
pub(crate) fn human(host: &Host, name: Option<&DmName>) -> String {
    name.map(|name| host.naming().human_name(name).to_string()).unwrap_or_default()
}
