# Cookies, which several commands share.
dmsetup udevcreatecookie >cookie; dmsetup udevcookies | awk '{ print $3 }'
dmsetup --udevcookie $(cat cookie) create pk --table '0 8 zero'; dmsetup udevreleasecookie $(cat cookie)
dmsetup udevreleasecookie $(cat cookie)
dmsetup udevreleasecookie 5
dmsetup udevflags 0x0044beef
dmsetup udevflags 0xffff0001
dmsetup udevflags 0
dmsetup udevcomplete 0xd4d9999
dmsetup udevcomplete 5
dmsetup remove pk
