//! Writes the answers of real kernels to the folder from which the fuzzer starts, and tries each of them once.

#[path = "../../tests/answers/mod.rs"]
mod answers;

use std::fs;
use std::path::Path;

fn main() {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    let corpus = own.join("corpus/replies");
    fs::create_dir_all(&corpus).expect("the corpus can be written");
    let golden = answers::all(own.parent().expect("the package's folder"));
    for (index, golden) in golden.iter().enumerate() {
        println!("{}", golden.path.display());
        // Behind its last byte the answer is zero anyhow.
        let len = golden.answer.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
        let input = dm_core_fuzz::input(golden.command, &golden.answer[..len]).expect("a decoder");
        dm_core_fuzz::decode(&input);
        fs::write(corpus.join(format!("golden-{index}")), input).expect("the corpus can be written");
    }
    println!("{} files", golden.len());
}
