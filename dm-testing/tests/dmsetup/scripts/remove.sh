# Removing devices, and making nodes.
dmsetup create pa --table '0 64 zero'; dmsetup create pb --table "0 64 linear /dev/mapper/pa 0"
dmsetup create pc --table '0 64 zero'; dmsetup create pf --table '0 64 zero'
rm /dev/mapper/pb; dmsetup mknodes; ls /dev/mapper
rm /dev/mapper/pb; dmsetup mknodes pb
dmsetup mknodes nonsense
dmsetup remove pa
dmsetup remove nonsense
dmsetup remove
dmsetup remove pb pa
exec 9</dev/mapper/pc; dmsetup remove pc; dmsetup info -c --noheadings -o name,open pc; dmsetup remove --force pc; dmsetup table pc
exec 9</dev/mapper/pc; dmsetup remove --deferred pc; dmsetup info pc; exec 9<&-; for i in $(seq 100); do test -h /dev/mapper/pc || break; sleep 0.1; done
dmsetup wipe_table pf
dmsetup table pf
dmsetup remove -f pf
dmsetup nonsense 2>/dev/null
dmsetup ls
