# Making devices, and what is refused.
dmsetup version | tail -n 1
dmsetup targets
dmsetup target-version linear
dmsetup target-version nonsense
dmsetup ls
dmsetup info
dmsetup table
dmsetup ls --tree
dmsetup create pa --table '0 64 zero'
dmsetup create pa --table '0 64 zero'
dmsetup create pz --table '0 64 nonsense'
dmsetup create pz --table 'nonsense'
dmsetup create
dmsetup create pb --uuid U-1 --table "0 64 linear /dev/mapper/pa 0"
dmsetup create pz --uuid U-1 --table '0 8 zero'
printf '# lines\n0 64 zero\n\n64 64 error\n' >table; dmsetup create pc table
dmsetup create pd --notable
dmsetup create -r pe --table '0 64 zero'
dmsetup create --concise 'pf,U-f,,rw,0 64 zero,64 64 error;pg,,,ro,0 8 zero'
echo '0 64 linear /dev/mapper/pb 0' | dmsetup create ph
dmsetup ls --exec 'echo x'
dmsetup create 'od d' --table '0 8 zero'
dmsetup create 'a\x20b' --table '0 8 zero'
dmsetup create 'a\x20 b' --table '0 8 zero'
dmsetup create 'a\x5cx20b' --table '0 8 zero'
dmsetup create pi --readahead 64 --table '0 8 zero'
dmsetup ls
dmsetup remove --retry 'od d' 'a b' ph pb pa
dmsetup remove --retry pc pd pe pf pg pi
