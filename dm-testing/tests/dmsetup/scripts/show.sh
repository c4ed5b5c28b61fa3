# What is printed of devices.
dmsetup create pa --table '0 64 zero'
dmsetup create pb --uuid U-1 --table "0 64 linear /dev/mapper/pa 0"
dmsetup create -r pe --table '0 64 zero'; dmsetup create pd --notable
dmsetup create 'od d' --table '0 8 zero'
dmsetup ls --target zero
dmsetup ls -o devno
dmsetup ls -o blkdevname
dmsetup ls -o devname
dmsetup ls --tree
dmsetup info pa
dmsetup info pd
dmsetup info pe
dmsetup info 'od d'
dmsetup info /dev/mapper/pa
dmsetup info pa pb
dmsetup info -u U-1
dmsetup info nonsense
dmsetup info -u nonsense
dmsetup info -c
dmsetup info -c pa pb
dmsetup info -c -O -name -o name,attr
dmsetup info -c -O minor -o name,minor
dmsetup info -c -o name,mangled_name,unmangled_name
dmsetup info -c --noheadings -o name,major,minor,attr,open,segments,events,uuid pb
dmsetup info -c --noheadings -o blkdevname pa
dmsetup info -c -o nonsense 2>/dev/null
dmsetup info -c nonsense
dmsetup splitname my--vg-lv--x-layer
dmsetup remove --retry 'od d' pb pa pe pd
