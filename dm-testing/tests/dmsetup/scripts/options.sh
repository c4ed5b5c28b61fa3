# Options in every form that getopt reads, numbers of words, selections and groups of fields.
dmsetup create pa --table '0 64 zero'; dmsetup create pb -u U-1 --table '0 64 linear /dev/mapper/pa 0'; dmsetup create -r pe --tab '0 64 zero'
dmsetup info -co name pa
dmsetup info -c -oname pa
dmsetup info --col --nohead pa
dmsetup info --checks --verifyudev --noopencount -- pa
dmsetup info -m 0
dmsetup info -c pa nonsense
dmsetup info /dev/dm-0
dmsetup info -c --count 1
dmsetup info -c --count 2 --interval 1 -o name pa
dmsetup info --nonsense pa
dmsetup info -u
dmsetup --version | tail -n 1
dmsetup targets pa
dmsetup ls pa
dmsetup splitname a b c
dmsetup target-version
dmsetup udevcreatecookie extra
dmsetup ls -o nonsense 2>/dev/null
dmsetup splitname a-b CRYPT
dmsetup splitname a-b-c-d
dmsetup info -c -o name_all,nonsense 2>/dev/null
dmsetup info -c -o name_all
dmsetup info -c -o info_all
dmsetup info -c -o splitname_all
dmsetup info -c -o NAME,u_uid -O ''
dmsetup info -c --unquoted --nameprefixes --noheadings -o name,uuid
dmsetup info -c -o name -S 'name=~^p && name!~b'
dmsetup info -c -o name -S 'name=~[ab] || open>0'
dmsetup info -c -o name -S '!(open>=1, segments<=1) # name="pe"'
dmsetup info -c -o name,selected -S "name='pa'"
dmsetup info -c -o name -S 'uuid!="" && read_ahead>100'
dmsetup info -c -o name -S 'name>pa' 2>/dev/null
dmsetup info -c -o name -S 'open=~1' 2>/dev/null
dmsetup info -c -o name -S '(name=pa' 2>/dev/null
dmsetup info -c -o name -S 'name=pa name=pb' 2>/dev/null
dmsetup --manglename nonsense ls
DM_DEFAULT_NAME_MANGLING_MODE=hex dmsetup create 'a\x20b' --table '0 8 zero'; dmsetup info -c -o name,mangled_name --manglename hex
dmsetup --manglename hex remove --retry 'a\x20b'
dmsetup remove --retry pb pa pe
