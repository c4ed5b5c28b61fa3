#!/bin/sh
# Links with the machine's C compiler, as rustc does by default. Without one, rustc's error names one missing program; this
# script names all requirements of `cargo xtask demo`, before anything is compiled.

command -v cc >/dev/null 2>&1 && exec cc "$@"

. /etc/os-release 2>/dev/null
column=0
case " $ID $ID_LIKE " in
*" debian "* | *" ubuntu "*) column=3 install="apt-get install" ;;
*" fedora "* | *" rhel "*) column=4 install="dnf install" ;;
*" arch "*) column=5 install="pacman -S" ;;
*" alpine "*) column=6 install="apk add" ;;
*" opensuse "* | *" suse "*) column=7 install="zypper install" ;;
esac

packages_of() {
    while IFS='|' read -r need reason debian fedora arch alpine opensuse; do
        case $need in
        \#*) continue ;;
        esac
        # With apt, everything but the linker is downloaded without being installed.
        [ "$1" -gt 3 ] || [ "$need" = linker ] || continue
        case $1 in
        3) printf ' %s' "$debian" ;;
        4) printf ' %s' "$fedora" ;;
        5) printf ' %s' "$arch" ;;
        6) printf ' %s' "$alpine" ;;
        7) printf ' %s' "$opensuse" ;;
        esac
    done <"${0%/*}/src/needs/packages.txt"
}

{
    echo "error: the linker cc, which every Rust program needs, is missing. Install it and the other requirements of the demo:"
    case $column in
    0)
        echo "  Debian    apt-get install$(packages_of 3)"
        echo "  Fedora    dnf install$(packages_of 4)"
        echo "  Arch      pacman -S$(packages_of 5)"
        echo "  Alpine    apk add$(packages_of 6)"
        echo "  openSUSE  zypper install$(packages_of 7)"
        ;;
    *) echo "  $install$(packages_of $column)" ;;
    esac
} >&2
exit 1
