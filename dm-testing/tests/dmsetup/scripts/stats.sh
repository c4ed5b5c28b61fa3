# Statistics. `print --allregions` of the original prints each region twice.
dmsetup create pa --table '0 64 zero'; dmsetup create pb --table '0 2097152 zero'
dmsetup stats list
dmsetup stats create pa
dmsetup stats create --areas 2 pa
dmsetup stats create --areasize 4096s --precise pb
dmsetup stats create --start 8s --length 16s --programid prog pa
dmsetup stats create --bounds 10ms,20ms pa
dmsetup stats create nonsense
dmsetup stats create
dmsetup stats list
dmsetup stats list pa
dmsetup stats list --allprograms
dmsetup stats list --programid prog
dmsetup stats list --noheadings pa
dmsetup stats list --units s pa
dmsetup stats list -o region_id,precise,program_id,hist_bins,region_len --allprograms pa pb
dmsetup stats list nonsense
dmsetup message pa 0 @stats_list dmstats
dmsetup message pa 0 @stats_print 1
dmsetup stats print pa
dmsetup stats print --regionid 1 pa
dmsetup stats print --clear --regionid 1 pa
dmsetup stats print --regionid 3 pa
dmsetup stats print --regionid 99 pa
dmsetup stats clear pa
dmsetup stats clear --regionid 0 pa
dmsetup stats clear --allregions pa
dmsetup stats clear --regionid 99 pa
dmsetup stats delete pa
dmsetup stats delete --regionid 0 pa
dmsetup stats delete --regionid 99 pa
dmsetup stats list --allprograms
dmsetup stats delete --allregions pa
dmsetup stats list --allprograms
dmsetup stats delete --allregions --allprograms --alldevices
dmsetup message pa 0 @stats_list
dmsetup stats nonsense >/dev/null 2>&1
dmsetup remove pa pb
