# Cookies, which several commands share.
dmsetup udevcreatecookie >cookie; dmsetup udevcookies | awk '{ print $3 }'
dmsetup --udevcookie $(cat cookie) create pk --table '0 8 zero'; dmsetup udevreleasecookie $(cat cookie)
dmsetup udevreleasecookie $(cat cookie)
dmsetup udevreleasecookie 5
dmsetup udevflags 0x0044beef
dmsetup udevflags 0xffff0001
dmsetup udevflags 0
dmsetup udevflags 010000000
dmsetup udevflags 12x
dmsetup udevreleasecookie
dmsetup udevcreatecookie >cookie; export DM_UDEV_COOKIE=$(cat cookie); dmsetup create pa --table '0 8 zero'; dmsetup remove pa; dmsetup udevreleasecookie
dmsetup --udevcookie 0 create pa --table '0 8 zero'; dmsetup remove pa
dmsetup udevcreatecookie >cookie; echo n | dmsetup udevcomplete_all; dmsetup udevcomplete_all 5 -y; dmsetup udevcomplete_all --yes
dmsetup udevcomplete_all -y nonsense
dmsetup udevcomplete 0xd4d9999
dmsetup udevcomplete 5
dmsetup remove pk
