//! Compares the crate with the `linux/dm-ioctl.h` that is installed: a C program prints the header's constants, sizes
//! and offsets. `$CC` (or `cc`) compiles for the tested target; if this machine cannot run that, `$CC_RUNNER` runs the
//! program, such as `qemu-s390x -L /usr/s390x-linux-gnu`. A compiler for another target is not used.

use dm_sys::*;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The header in which C finds an item.
#[derive(Clone, Copy)]
enum Origin {
    /// In `linux/dm-ioctl.h`, and missing only from headers before this minor version.
    Header(u32),
    /// In `linux/dm-ioctl.h`, with another value in every version of it.
    HeaderOfOurVersion,
    /// In a header of the kernel or of libdevmapper that need not be installed.
    Elsewhere,
}

/// Something that both sides know: a C expression and the value it has here.
struct Item {
    expression: &'static str,
    value: String,
    origin: Origin,
}

impl Item {
    fn new(origin: Origin, expression: &'static str, value: impl Display) -> Self {
        Self { expression, value: value.to_string(), origin }
    }

    /// The macro that is defined if this header has the item. Command numbers are enumerators, which `#ifdef` does not
    /// see, but each was added together with its request code.
    fn guard(&self) -> &str {
        self.expression.strip_suffix("_CMD").unwrap_or(self.expression)
    }
}

macro_rules! constants {
    ($origin:expr; $($name:ident)*) => {
        [$(Item::new($origin, stringify!($name), $name)),*]
    };
}

macro_rules! layout {
    ($name:ident { $($field:ident)* }) => {{
        // Does not compile if a field is missing from the list.
        let $name { $($field: _),* } = $name::default();
        [
            Item::new(
                Origin::Header(0),
                concat!("sizeof(struct ", stringify!($name), ")"),
                size_of::<$name>(),
            ),
            Item::new(
                Origin::Header(0),
                concat!("_Alignof(struct ", stringify!($name), ")"),
                align_of::<$name>(),
            ),
            $(Item::new(
                Origin::Header(0),
                concat!("offsetof(struct ", stringify!($name), ", ", stringify!($field), ")"),
                std::mem::offset_of!($name, $field),
            )),*
        ]
    }};
}

/// Every layout. `dm_name_list_trailer` is missing because C has no such structure.
fn layouts() -> Vec<Item> {
    let mut items = Vec::new();
    items.extend(layout!(dm_ioctl {
        version data_size data_start target_count open_count flags event_nr padding dev name uuid
        data
    }));
    items.extend(layout!(dm_target_spec { sector_start length status next target_type }));
    items.extend(layout!(dm_target_deps { count padding dev }));
    items.extend(layout!(dm_name_list { dev next name }));
    items.extend(layout!(dm_target_versions { next version name }));
    items.extend(layout!(dm_target_msg { sector message }));
    items
}

/// Every constant.
fn constants() -> Vec<Item> {
    let mut items = Vec::new();
    items.extend(constants! { Origin::Header(36);
        DM_DIR DM_CONTROL_NODE DM_MAX_TYPE_NAME DM_NAME_LEN DM_UUID_LEN DM_IOCTL DM_VERSION_MAJOR

        DM_VERSION_CMD DM_REMOVE_ALL_CMD DM_LIST_DEVICES_CMD DM_DEV_CREATE_CMD DM_DEV_REMOVE_CMD
        DM_DEV_RENAME_CMD DM_DEV_SUSPEND_CMD DM_DEV_STATUS_CMD DM_DEV_WAIT_CMD DM_TABLE_LOAD_CMD
        DM_TABLE_CLEAR_CMD DM_TABLE_DEPS_CMD DM_TABLE_STATUS_CMD DM_LIST_VERSIONS_CMD
        DM_TARGET_MSG_CMD DM_DEV_SET_GEOMETRY_CMD DM_DEV_ARM_POLL_CMD

        DM_VERSION DM_REMOVE_ALL DM_LIST_DEVICES DM_DEV_CREATE DM_DEV_REMOVE DM_DEV_RENAME
        DM_DEV_SUSPEND DM_DEV_STATUS DM_DEV_WAIT DM_TABLE_LOAD DM_TABLE_CLEAR DM_TABLE_DEPS
        DM_TABLE_STATUS DM_LIST_VERSIONS DM_TARGET_MSG DM_DEV_SET_GEOMETRY DM_DEV_ARM_POLL

        DM_READONLY_FLAG DM_SUSPEND_FLAG DM_PERSISTENT_DEV_FLAG DM_STATUS_TABLE_FLAG
        DM_ACTIVE_PRESENT_FLAG DM_INACTIVE_PRESENT_FLAG DM_BUFFER_FULL_FLAG DM_SKIP_BDGET_FLAG
        DM_SKIP_LOCKFS_FLAG DM_NOFLUSH_FLAG DM_QUERY_INACTIVE_TABLE_FLAG DM_UEVENT_GENERATED_FLAG
        DM_UUID_FLAG DM_SECURE_DATA_FLAG DM_DATA_OUT_FLAG DM_DEFERRED_REMOVE
        DM_INTERNAL_SUSPEND_FLAG
    });
    items.extend(constants! { Origin::Header(41);
        DM_GET_TARGET_VERSION_CMD DM_GET_TARGET_VERSION
    });
    // The name-list flags came with 4.45; the IMA flag followed before 4.46.
    items.extend(constants! { Origin::Header(46);
        DM_NAME_LIST_FLAG_HAS_UUID DM_NAME_LIST_FLAG_DOESNT_HAVE_UUID DM_IMA_MEASUREMENT_FLAG
    });
    items.extend(constants! { Origin::Header(50);
        DM_MPATH_PROBE_PATHS_CMD DM_MPATH_PROBE_PATHS
    });
    items.extend(constants! { Origin::HeaderOfOurVersion;
        DM_VERSION_MINOR DM_VERSION_PATCHLEVEL DM_VERSION_EXTRA
    });
    items.extend(constants! { Origin::Elsewhere;
        DM_NAME DM_MAX_TARGETS DM_MAX_TARGET_PARAMS MISC_MAJOR MAPPER_CTRL_MINOR

        DM_COOKIE_MAGIC DM_UDEV_FLAGS_MASK DM_UDEV_FLAGS_SHIFT DM_UDEV_DISABLE_DM_RULES_FLAG
        DM_UDEV_DISABLE_SUBSYSTEM_RULES_FLAG DM_UDEV_DISABLE_DISK_RULES_FLAG
        DM_UDEV_DISABLE_OTHER_RULES_FLAG DM_UDEV_LOW_PRIORITY_FLAG DM_UDEV_DISABLE_LIBRARY_FALLBACK
        DM_UDEV_PRIMARY_SOURCE_FLAG DM_SUBSYSTEM_UDEV_FLAG0 DM_SUBSYSTEM_UDEV_FLAG1
        DM_SUBSYSTEM_UDEV_FLAG2 DM_SUBSYSTEM_UDEV_FLAG3 DM_SUBSYSTEM_UDEV_FLAG4
        DM_SUBSYSTEM_UDEV_FLAG5 DM_SUBSYSTEM_UDEV_FLAG6 DM_SUBSYSTEM_UDEV_FLAG7
    });
    items
}

const INCLUDES: &str = "\
#include <stddef.h>
#include <stdio.h>
#include <linux/ioctl.h>
#include <linux/major.h>
#include <linux/dm-ioctl.h>
#if __has_include(<libdevmapper.h>)
#include <libdevmapper.h>
#endif
";

/// A C program that prints a line `expression<TAB>value` for each item that its headers have.
fn program(constants: &[Item], layouts: &[Item]) -> String {
    let mut program = format!(
        "{INCLUDES}
static void number(const char *name, long long value) {{ printf(\"%s\\t%lld\\n\", name, value); }}
static void text(const char *name, const char *value) {{ printf(\"%s\\t%s\\n\", name, value); }}
#define SHOW(x) _Generic((x), char *: text, default: number)(#x, x)

int main(void)
{{
"
    );
    for item in constants {
        program += &format!("#ifdef {}\n\tSHOW({});\n#endif\n", item.guard(), item.expression);
    }
    for item in layouts {
        program += &format!("\tnumber(\"{0}\", {0});\n", item.expression);
    }
    program + "\treturn 0;\n}\n"
}

fn write_temporary(name: &str, text: &str) -> io::Result<PathBuf> {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, text)?;
    Ok(path)
}

fn compiler() -> Command {
    Command::new(std::env::var_os("CC").unwrap_or_else(|| "cc".into()))
}

/// The standard output of a program that must succeed.
fn stdout_of(what: &str, output: Output) -> io::Result<String> {
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        return Err(io::Error::other(format!("{what} failed: {}\n{stderr}", output.status)));
    }
    String::from_utf8(output.stdout).map_err(io::Error::other)
}

/// The command that runs a program of the tested target.
fn runner(program: &Path) -> Command {
    let words = std::env::var("CC_RUNNER").unwrap_or_default();
    let mut words = words.split_ascii_whitespace().map(Into::into).chain([program.to_owned()]);
    let mut command = Command::new(words.next().unwrap_or_default());
    command.args(words);
    command
}

/// Why the compiler that predefines these macros is not one for the tested target.
fn foreign(macros: &BTreeMap<String, String>) -> Option<String> {
    let processor = match std::env::consts::ARCH {
        "x86" => "__i386__",
        "powerpc64" => "__powerpc64__",
        "riscv64" => "__riscv",
        "loongarch64" => "__loongarch__",
        other => &format!("__{other}__"),
    };
    let order = if cfg!(target_endian = "big") { "__ORDER_BIG_ENDIAN__" } else { "__ORDER_LITTLE_ENDIAN__" };
    let pointer = size_of::<usize>().to_string();
    // Some ABIs, such as x32, have smaller pointers than their processor.
    let values = [(processor, "1"), ("__BYTE_ORDER__", order), ("__SIZEOF_POINTER__", &pointer)];
    let differs = values.iter().find(|(name, value)| macros.get(*name).map(String::as_str) != Some(value));
    differs.map(|(name, value)| format!("it is for another target: {name} is not {value}; set CC"))
}

/// The macros without arguments that the installed header defines. `None`, after a message, if the
/// machine has no compiler for the tested target, or no header. `test` names the temporary file.
fn header_macros(test: &str) -> io::Result<Option<BTreeMap<String, String>>> {
    let source = write_temporary(&format!("{test}.c"), "#include <linux/dm-ioctl.h>\n")?;
    let listing = compiler()
        .args(["-E", "-dM"])
        .arg(source)
        .output()
        .and_then(|output| stdout_of("preprocessing linux/dm-ioctl.h", output));
    let macros = |listing: String| -> BTreeMap<String, String> {
        let defined = listing.lines().filter_map(|line| line.strip_prefix("#define ")?.split_once(' '));
        defined.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    };
    let reason = match listing.map(macros) {
        Ok(macros) => match foreign(&macros) {
            None => return Ok(Some(macros)),
            Some(reason) => format!("the C compiler is not used: {reason}"),
        },
        Err(error) => format!("no C compiler or no kernel headers: {error}"),
    };
    say(&format!("skipped: {test}: {reason}"))?;
    Ok(None)
}

/// Compiles and runs `program` and returns the values it printed.
fn run(program: &str) -> io::Result<BTreeMap<String, String>> {
    let source = write_temporary("values.c", program)?;
    let binary = source.with_extension("bin");
    let compiled = compiler().args(["-std=c11", "-o"]).args([&binary, &source]).output()?;
    stdout_of("compiling values.c", compiled)?;
    let printed = stdout_of("values", runner(&binary).output()?)?;
    Ok(printed
        .lines()
        .filter_map(|line| line.split_once('\t'))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect())
}

/// Prints past the test harness, which would swallow the output of a test that passes.
fn say(line: &str) -> io::Result<()> {
    writeln!(io::stdout(), "{line}")
}

/// The difference between an item here and in the header, as a sentence; `None` if there is none.
fn complaint(item: &Item, theirs: Option<&str>, header_minor: u32) -> Option<String> {
    let Item { expression, value: ours, origin } = item;
    match (theirs, *origin) {
        (_, Origin::HeaderOfOurVersion) if header_minor != DM_VERSION_MINOR => None,
        (Some(theirs), _) if theirs == ours => None,
        (Some(theirs), _) => Some(format!("{expression} is {ours} here and {theirs} in C")),
        (None, Origin::Header(since)) if header_minor < since => None,
        (None, Origin::Elsewhere) => None,
        (None, _) => Some(format!("{expression} is not in the header")),
    }
}

#[test]
fn every_value_is_that_of_the_installed_header() {
    let Some(macros) = header_macros("every_value").unwrap() else {
        return;
    };
    let header_minor = macros["DM_VERSION_MINOR"].parse().unwrap();
    say(&format!("the header has interface 4.{header_minor}, dm-sys 4.{DM_VERSION_MINOR}")).unwrap();

    let (constants, layouts) = (constants(), layouts());
    let theirs = run(&program(&constants, &layouts)).unwrap_or_else(|error| panic!("{error}"));
    let mut complaints = Vec::new();
    for item in constants.iter().chain(&layouts) {
        let theirs = theirs.get(item.expression).map(String::as_str);
        complaints.extend(complaint(item, theirs, header_minor));
        if theirs.is_none() {
            say(&format!("not in this header: {}", item.expression)).unwrap();
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn a_header_that_is_not_newer_has_no_other_constants() {
    let Some(macros) = header_macros("no_other").unwrap() else {
        return;
    };
    let header_minor: u32 = macros["DM_VERSION_MINOR"].parse().unwrap();
    let ours: BTreeSet<_> = constants().iter().map(|item| item.expression).collect();
    let unknown: Vec<_> =
        macros.keys().map(String::as_str).filter(|name| name.starts_with("DM_") && !ours.contains(name)).collect();
    if header_minor > DM_VERSION_MINOR {
        say(&format!("only in the newer header 4.{header_minor}: {unknown:?}")).unwrap();
    } else {
        assert!(unknown.is_empty(), "only in the header: {unknown:?}");
    }
}

#[test]
fn every_public_constant_is_compared() {
    let compared: BTreeSet<_> = constants().iter().map(|item| item.expression.to_owned()).collect();
    let mut public = BTreeSet::new();
    for file in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src")).unwrap() {
        let source = std::fs::read_to_string(file.unwrap().path()).unwrap();
        let names = source.lines().filter_map(|line| line.strip_prefix("pub const ")?.split(':').next());
        public.extend(names.map(str::to_owned));
    }
    assert_eq!(public, compared);
}
