# jobs.sh FOLDER: runs every job in FOLDER/jobs, reports to the host its exit status and what it left behind, and finally
# reports the number of jobs (the verdict).

folder=$1
. "$folder/settings"
[ "$interactive" = yes ] || exec </dev/null

say() {
    printf '%s %s\n' "$mark" "$*"
}

# Lists what a test must not leave behind: mapped devices, attached loop devices, udev cookies.
leftovers() {
    for device in /sys/block/dm-*; do
        [ -e "$device/dm/name" ] && read -r name <"$device/dm/name" && echo "mapped device $name"
    done
    for device in /sys/block/loop*; do
        [ -e "$device/loop/backing_file" ] && read -r file <"$device/loop/backing_file" &&
            echo "loop device ${device##*/} on $file"
    done
    while read -r key id _; do
        [ "$key" = key ] || echo "semaphore $id (a udev cookie that was never waited for?)"
    done </proc/sysvipc/sem
}

# Lists what is not in $before. A device that udev has open disappears after a moment.
new_leftovers() {
    tries=20
    while after=$(leftovers) && [ "$after" != "$before" ] && [ "$tries" -gt 0 ]; do
        sleep 0.1
        tries=$((tries - 1))
    done
    [ -z "$after" ] || printf '%s\n' "$after" | while read -r what; do
        case "
$before
" in
        *"
$what
"*) ;;
        *) printf '%s\n' "$what" ;;
        esac
    done
}

# Removes what a job left in a throw-away kernel, so that it does not count for the next job.
clean() {
    dmsetup remove_all --force
    losetup --detach-all
    ipcrm --all=sem
} >/dev/null 2>&1

# Whether the kernel lists a device mapper. This must not depend on the tested library.
lists_device_mapper() {
    for list in /proc/misc /proc/devices; do
        listed=no
        while read -r _ name; do
            [ "$name" = device-mapper ] && listed=yes
        done <"$list"
        [ "$listed" = yes ] || break
    done
    echo "$listed"
}

device_mapper=$(lists_device_mapper)
read -r uptime _ </proc/uptime
say ready "$uptime" "$device_mapper" "$(uname -r)"
count=0
for job in "$folder"/jobs/*; do
    number=${job##*/}
    mkdir -p "$scratch/$number"
    before=$(leftovers)
    say begin "$number"
    DM_TESTING_DIR=$scratch/$number DM_TESTING_THROW_AWAY=$throw_away DM_TESTING_DEVICE_MAPPER=$device_mapper sh "$job"
    status=$?
    left=$(new_leftovers)
    if [ -n "$left" ]; then
        printf '%s\n' "$left" | while read -r what; do
            say leftover "$number" "$what"
        done
        [ "$throw_away" = no ] || clean
    fi
    say end "$number" "$status"
    count=$((count + 1))
done
say verdict "$count"
