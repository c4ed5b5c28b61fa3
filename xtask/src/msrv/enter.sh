# enter.sh TREE FOLDERS PROGRAM...: runs a program with TREE as its root in this mount namespace, with the kernel's file
# systems and FOLDERS (one per line) at the same paths.

tree=$1
folders=$2
shift 2
printf '/dev\n/proc\n%s\n' "$folders" | while read -r folder; do
    mkdir -p "$tree$folder" && mount --rbind "$folder" "$tree$folder" || exit
done || exit
exec chroot "$tree" /bin/sh -c 'cd "$0" && exec "$@"' "$PWD" "$@"
