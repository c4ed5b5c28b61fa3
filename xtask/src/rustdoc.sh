#!/bin/sh
# Runs rustdoc with options that otherwise only nightly has. The variable is set only for rustdoc: build scripts that
# saw it would compile their crates as for nightly.
RUSTC_BOOTSTRAP=1 exec rustdoc "$@"
