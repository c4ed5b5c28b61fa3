# Names that were given to the kernel as they are, mangled later.
dmsetup create pa --uuid U-1 --table '0 64 zero'; dmsetup create pd --notable
dmsetup mangle pa
dmsetup mangle
dmsetup mangle nonsense
dmsetup --manglename none create 'od d' --table '0 8 zero' 2>/dev/null
dmsetup mangle 'od d'
dmsetup info -c --noheadings -o name,mangled_name 'od d'
dmsetup remove --retry 'od d' pa pd
