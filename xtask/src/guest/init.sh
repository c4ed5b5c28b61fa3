#!/bin/busybox sh
# The guest's first program, in the initramfs: mounts the unpacked packages over the host's file tree, both read-only, with
# memory above them for writes, and continues with boot.sh in that tree.

/bin/busybox mkdir -p /proc /sys /dev /host /packages /memory /new
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mountpoint -q /dev || mount -t devtmpfs devtmpfs /dev
. /xtask/settings

# The console may need a module, so errors are reported after it was opened.
trouble=
for module in /modules/*; do
    case $module in
    *.xz) unxz -c "$module" >/module.ko ;;
    *.gz) zcat "$module" >/module.ko ;;
    *) cp "$module" /module.ko ;;
    esac
    insmod /module.ko || trouble="${trouble:-cannot load $module}"
done

# The console's device becomes ready a little after its driver was loaded.
tries=200
until (: <"$console") 2>/dev/null || [ "$tries" -eq 0 ]; do
    sleep 0.05
    tries=$((tries - 1))
done
if [ "$tries" -eq 0 ]; then
    echo "guest: cannot open $console: $trouble" >/dev/kmsg
    poweroff -f
fi
exec <"$console" >"$console" 2>&1
stty raw -echo

# The host reads lines that start with $mark.
fail() {
    echo "$mark failed $*"
    poweroff -f
}
[ -z "$trouble" ] || fail "$trouble"

# mount_host TAG FOLDER PLACE OPTIONS CACHE: mounts a folder of the host, which 9p identifies by a tag and hostfs by its path.
mount_host() {
    case $host_fs in
    hostfs) mount -t hostfs -o "$4,$2" "$1" "$3" ;;
    9p) mount -t 9p -o "$4,trans=virtio,version=9p2000.L,msize=512000,cache=$5" "$1" "$3" ;;
    esac || fail "cannot mount $2 of the host"
}

mount_host root / /host ro loose
mount_host packages "$packages" /packages ro loose
mount -t tmpfs -o size=90% memory /memory
mkdir /memory/upper /memory/work
# Without set-user-id: if the host's root has another id here, such programs would lose their privileges.
mount -t overlay -o nosuid,lowerdir=/packages:/host,upperdir=/memory/upper,workdir=/memory/work root /new ||
    fail "cannot mount the packages over the host's tree"

mkdir -p "/new$scratch" /new/proc /new/sys /new/dev /new/run
mount_host scratch "$scratch" "/new$scratch" rw mmap
mount --move /proc /new/proc
mount --move /sys /new/sys
mount --move /dev /new/dev
mount -t tmpfs -o mode=755 run /new/run
cp -r /xtask /new/run/xtask
cp /bin/busybox /new/run/xtask/busybox
if [ -n "$modules" ]; then
    mkdir -p /new/lib/modules
    mount --bind "/host$modules" /new/lib/modules || fail "cannot find the modules"
fi
exec switch_root /new /bin/sh /run/xtask/boot.sh
