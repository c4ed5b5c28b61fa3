# Reports in columns, and the ways to print them.
dmsetup splitname my--vg-lv--x-layer
dmsetup splitname --noheadings my--vg-lv
dmsetup splitname --nameprefixes my--vg-lv
dmsetup splitname --nameprefixes --noheadings my--vg-lv
dmsetup splitname --rows my--vg-lv
dmsetup splitname --rows --nameprefixes --noheadings my--vg-lv
dmsetup splitname --separator / my--vg-lv
dmsetup splitname -o +subsystem my--vg-lv
dmsetup splitname -o lv_name,vg_name my--vg-lv
dmsetup splitname -S lv_name=lv my--vg-lv
dmsetup splitname -S lv_name=other my--vg-lv
dmsetup splitname -o nonsense my--vg-lv 2>/dev/null
dmsetup create pa --uuid U-1 --table '0 64 zero'; dmsetup create pb --uuid LVM-1 --table '0 64 linear /dev/mapper/pa 0'
dmsetup create 'vg-lv--x' --uuid LVM-2 --table '0 64 zero'; dmsetup create -r pe --table '0 64 zero'; dmsetup create pd --notable
dmsetup info -c -o name,uuid,mangled_uuid,unmangled_uuid,read_ahead
dmsetup info -c -o name,attr,tables_loaded,suspended,readonly,devno
dmsetup info -c -o name,major,minor,open,segments,events
dmsetup info -c -o name,device_count,devs_used,devnos_used,blkdevs_used
dmsetup info -c -o name,device_ref_count,names_using_dev,devnos_using_dev
dmsetup info -c -o name,subsystem,vg_name,lv_name,lv_layer
dmsetup info -c -o +devno --separator ' '
dmsetup info -c --rows -o name,uuid,suspended
dmsetup info -c --nameprefixes --noheadings --rows -o name,uuid,suspended pa
dmsetup info -c --noheadings --separator / -o devno,names_using_dev
dmsetup info -c -S name=pa
dmsetup info -c -o name -S 'open=0'
dmsetup info -c -o name -S 'name!=pa,open=0'
dmsetup info -c -o name -S nonsense=1 >/dev/null 2>&1
dmsetup info -c -o name,open -O -open,name
dmsetup info -c -o name -O segments,-name
dmsetup remove --retry pb pa pe pd 'vg-lv--x'
