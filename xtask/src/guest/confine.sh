# confine.sh FOLDER PROGRAM...: runs a program in this mount namespace with every file system except FOLDER read-only.

folder=$1
shift
mount --bind "$folder" "$folder" || exit
# For the program's memory: visible only in this namespace, and removed with it.
mount -t tmpfs memory "$folder/memory" || exit
mounts=$(cat /proc/self/mountinfo)
printf '%s\n' "$mounts" | while read -r _ _ _ _ place _; do
    case $place in
    # Spaces and similar characters are octal escapes, which printf reads.
    *\\*) place=$(printf "$(printf '%s' "$place" | sed 's/%/%%/g')") ;;
    esac
    case $place in
    "$folder" | "$folder/memory") ;;
    *) mount -o remount,bind,ro "$place" 2>/dev/null ;;
    esac
done
exec "$@"
