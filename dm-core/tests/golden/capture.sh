#!/bin/sh
# Sets up devices with dmsetup, has the program that is its argument write down what the kernel answers about them, and
# writes an archive of that to standard output.
set -eu
capture=$1
folder=${DM_TESTING_DIR:-/tmp}/$(uname -r | cut -d. -f1,2)
mkdir -p "$folder"

file=$(mktemp)
truncate -s 1M "$file"
first=$(losetup --find --show "$file")
second=$(losetup --find --show --read-only "$file")
clean() {
    for name in golden-plain golden-uuid golden-three "$odd"; do dmsetup --manglename none remove "$name" || true; done
    losetup --detach "$first"
    losetup --detach "$second"
    rm "$file"
}
odd=$(printf 'golden \320\264')
trap clean EXIT

dmsetup create golden-plain --notable
dmsetup create golden-uuid --uuid LVM-0123 --table "0 100 zero"
dmsetup create golden-three --readonly --uuid CRYPT-x <<TABLE
0 8 linear $first 0
8 64 striped 2 16 $first 8 $second 40
72 1000 error
TABLE
dmsetup --manglename none create "$odd" --table "0 8 delay $first 0 0"
dmsetup message golden-uuid 0 @stats_create - /2 >&2

all='dmsetup --manglename none info -c --noheadings --separator |'
$all -o name,major,minor,events,uuid | "$capture" list_devices "$folder/list_devices"
$all -o name,major,minor,events,uuid | "$capture" list_devices_uuids "$folder/list_devices_uuids"
for name in golden-plain golden-uuid golden-three; do
    $all -o name,uuid,major,minor,open,segments,events "$name" | "$capture" device_info "$folder/device_info_$name" "$name"
    dmsetup table "$name" | "$capture" table "$folder/table_$name" "$name"
    dmsetup status "$name" | "$capture" status "$folder/status_$name" "$name"
    dmsetup deps "$name" | "$capture" table_deps "$folder/table_deps_$name" "$name"
done
dmsetup targets | "$capture" list_versions "$folder/list_versions"
dmsetup message golden-uuid 0 @stats_list | "$capture" message "$folder/message_stats_list" golden-uuid
tar -C "${folder%/*}" -cf - "${folder##*/}"
