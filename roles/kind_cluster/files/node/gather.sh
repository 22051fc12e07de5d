#!/bin/sh
# Copies the network tools, their plugins and the libraries of both to the folder $1.
set -eu
out=$1
programs="/usr/sbin/xtables-nft-multi /usr/sbin/nft /usr/sbin/conntrack"
plugins=$(find /usr/lib -path '*/xtables/*.so')
mkdir -p "$out/usr/bin" "$out/usr/sbin" "$out/usr/lib" "$out/usr/lib64" "$out/etc" "$out/run" "$out/tmp"
for name in bin sbin lib lib64; do ln -s "usr/$name" "$out/$name"; done
# shellcheck disable=SC2086  # lists of names without blanks
# shellcheck disable=SC2086  # they are lists of words
for file in $programs $plugins $(ldd $programs $plugins | sed -n 's,[^/]*\(/[^ ]*\) (0x.*,\1,p' | sort -u); do
  case $file in
    /usr/*) target=$out$file ;;
    *) target=$out/usr$file ;;
  esac
  mkdir -p "${target%/*}"
  cp -L "$file" "$target"
done
for name in iptables iptables-save iptables-restore ip6tables ip6tables-save ip6tables-restore; do
  ln -s xtables-nft-multi "$out/usr/sbin/$name"
done
cp /bin/busybox /usr/bin/catatonit "$out/usr/bin/"
for name in cat chmod df du ls mkdir rm sh sleep; do ln -s busybox "$out/usr/bin/$name"; done
cp /etc/protocols /etc/services "$out/etc/" 2>/dev/null || true
