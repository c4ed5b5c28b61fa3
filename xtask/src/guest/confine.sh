# confine.sh FOLDER PROGRAM...: runs a program in this mount namespace with every file system read-only but FOLDER.

folder=$1
shift
mount --bind "$folder" "$folder" || exit
# For the program's memory: nobody else sees it, and it goes with the program.
mount -t tmpfs memory "$folder/memory" || exit
mounts=$(cat /proc/self/mountinfo)
printf '%s\n' "$mounts" | while read -r _ _ _ _ place _; do
    case $place in
    # Spaces and the like are written in octal, as printf reads them.
    *\\*) place=$(printf "$(printf '%s' "$place" | sed 's/%/%%/g')") ;;
    esac
    case $place in
    "$folder" | "$folder/memory") ;;
    *) mount -o remount,bind,ro "$place" 2>/dev/null ;;
    esac
done
exec "$@"
