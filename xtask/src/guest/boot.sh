# Runs as process 1 in the guest's final tree: sets up the usual environment, runs the jobs and powers off.

. /run/xtask/settings
bb=/run/xtask/busybox
export PATH HOME=/run/home TMPDIR=/run/tmp

"$bb" mkdir -p /dev/pts /dev/shm /run/lock /run/home /run/tmp
"$bb" chmod 1777 /dev/shm /run/tmp
"$bb" mount -t devpts -o gid=5,mode=620,ptmxmode=666 devpts /dev/pts
"$bb" mount -t tmpfs -o mode=1777 shm /dev/shm
for fs in debugfs:/sys/kernel/debug securityfs:/sys/kernel/security configfs:/sys/kernel/config; do
    "$bb" mount -t "${fs%%:*}" "${fs%%:*}" "${fs#*:}" 2>/dev/null
done
for link in fd:/proc/self/fd stdin:/proc/self/fd/0 stdout:/proc/self/fd/1 stderr:/proc/self/fd/2; do
    [ -e "/dev/${link%%:*}" ] || "$bb" ln -s "${link#*:}" "/dev/${link%%:*}"
done
"$bb" ip link set lo up
"$bb" hostname guest

# Some kernels cannot load the parts of a cipher themselves. The device mapper is loaded here, so that its presence does not
# depend on the tested library.
modprobe --quiet --all dm-mod loop ecb cbc xts

if [ "$udev" = yes ]; then
    udevd=/lib/systemd/systemd-udevd
    [ -x "$udevd" ] || udevd=/sbin/udevd
    if ! "$udevd" --daemon >/dev/kmsg 2>&1; then
        echo "$mark failed cannot start $udevd"
        "$bb" poweroff -f
    fi
    udevadm settle
fi

if [ "$interactive" = yes ]; then
    "$bb" stty sane rows "$rows" cols "$columns"
    "$bb" setsid -c /bin/sh /run/xtask/jobs.sh /run/xtask <"$console" >"$console" 2>&1
    "$bb" stty raw -echo
else
    # Through a pipe, since programs print differently to a terminal.
    "$bb" mkfifo /run/xtask/pipe
    "$bb" cat /run/xtask/pipe >"$console" &
    copier=$!
    sh /run/xtask/jobs.sh /run/xtask >/run/xtask/pipe 2>&1
    # A background program keeps the pipe open, so limit the wait.
    tries=20
    while "$bb" kill -0 "$copier" 2>/dev/null && [ "$tries" -gt 0 ]; do
        "$bb" sleep 0.05
        tries=$((tries - 1))
    done
fi
"$bb" sync
"$bb" poweroff -f
