# Changing devices. A device is renamed before it has a table: Linux 6.12 frees memory twice when it removes one that had.
dmsetup create pa --table '0 64 zero'
dmsetup create pd --notable
dmsetup rename pd pe
dmsetup rename pe pa
dmsetup rename pe --setuuid UU
dmsetup rename pe --setuuid UV
dmsetup rename nonsense new
dmsetup rename pe
dmsetup info pe
dmsetup load pe --table '0 8 zero'
dmsetup resume pe
dmsetup load pa --table '0 32 zero'
dmsetup info pa
dmsetup table --inactive pa
dmsetup clear pa
dmsetup info -c --noheadings -o name,attr pa
dmsetup reload pa --table '0 16 zero'
dmsetup suspend pa
dmsetup info pa
dmsetup resume pa
dmsetup table pa
dmsetup suspend --noflush --nolockfs pa
dmsetup resume --readahead 512 pa
dmsetup info -c --noheadings -o name,read_ahead pa
dmsetup resume --readahead +1024 pa
dmsetup info -c --noheadings -o name,read_ahead pa
dmsetup suspend nonsense
dmsetup resume nonsense
dmsetup message pa 0 hello
dmsetup message pa 0 @cancel_deferred_remove
dmsetup setgeometry pa 1 2 3 0
dmsetup setgeometry pa 1 2 3
dmsetup wait pa 99
dmsetup remove --retry pa pe
