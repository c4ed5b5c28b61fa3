# Tables, statuses and dependencies.
dmsetup create pa --table '0 64 zero'
dmsetup create pb --uuid U-1 --table "0 64 linear /dev/mapper/pa 0"
dmsetup create --concise 'pf,U-f,,rw,0 64 zero,64 64 error;pg,,,ro,0 8 zero'
dmsetup create 'od d' --table '0 8 zero'; dmsetup create pd --notable
dmsetup table
dmsetup table pb
dmsetup table pf
dmsetup table 'od d'
dmsetup table --target zero
dmsetup table --concise
dmsetup table --concise pf
dmsetup table nonsense
dmsetup status
dmsetup status pb
dmsetup status --noflush pa
dmsetup status --target linear
dmsetup status nonsense
dmsetup measure pa
dmsetup deps
dmsetup deps pb
dmsetup deps -o devname pb
dmsetup deps -o blkdevname pb
dmsetup deps nonsense
dmsetup remove --retry 'od d' pb pa pf pg pd
