//! Writes the golden lines to the folders from which the fuzzer starts, and tries each of them once.

#[path = "../../tests/texts/lines.rs"]
mod lines;

use std::fs;
use std::path::Path;

use dm_targets::{Target, TargetVisitor, visit_targets};

use crate::lines::{Golden, Kind, golden};

/// Writes one file for each golden line of a target.
struct Seed {
    files: usize,
}

impl Seed {
    fn write(&mut self, target: &str, input: &str) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
        fs::create_dir_all(&folder).expect("the corpus can be written");
        fs::write(folder.join(format!("golden-{}", self.files)), input).expect("the corpus can be written");
        self.files += 1;
    }
}

impl TargetVisitor for Seed {
    fn visit<T: Target>(&mut self) {
        let mut message = String::new();
        for line in golden(T::TYPE) {
            let Golden { kind, place, .. } = &line;
            println!("{place}");
            let input = format!("{} {}", T::TYPE, line.params());
            let (target, input, run): (_, _, fn(&str)) = match kind {
                Kind::Table => ("table", input, dm_targets_fuzz::table),
                Kind::Status => ("status", input, dm_targets_fuzz::status),
                Kind::Message => {
                    message.clone_from(&input);
                    ("message", input, dm_targets_fuzz::message)
                }
                Kind::Reply => ("message", format!("{message}\n{}", line.params()), dm_targets_fuzz::message),
            };
            run(&input);
            self.write(target, &input);
        }
    }
}

fn main() {
    let mut seed = Seed { files: 0 };
    visit_targets(&mut seed);
    println!("{} files", seed.files);
}
