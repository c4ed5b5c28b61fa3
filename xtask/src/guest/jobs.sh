# jobs.sh FOLDER: runs every job in FOLDER/jobs, tells the host how each ended and what it left behind, and ends with
# the verdict that all were run.

folder=$1
. "$folder/settings"
[ "$interactive" = yes ] || exec </dev/null

say() {
    printf '%s %s\n' "$mark" "$*"
}

# What a test must not leave: mapped devices, attached loop devices, udev cookies.
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

# What is there now and was not in $before. What udev still looks at goes away in a moment.
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

# Frees what a job left in a throw-away kernel, so that the next job is not blamed for it.
clean() {
    dmsetup remove_all --force
    losetup --detach-all
    ipcrm --all=sem
} >/dev/null 2>&1

# Whether the kernel itself lists a device mapper: what is tested is not asked whether it can be tested.
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
