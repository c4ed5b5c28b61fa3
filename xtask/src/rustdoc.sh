#!/bin/sh
# rustdoc with the options that only nightly has otherwise. Set for rustdoc alone: build scripts that saw the variable would
# compile their crates anew, as for nightly.
RUSTC_BOOTSTRAP=1 exec rustdoc "$@"
