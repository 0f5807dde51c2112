#!/bin/sh
# Build a Debian package of a program: build.sh PROGRAM VERSION ARCH OUT [OPTION OF dpkg-deb, such as -Znone]
set -eu
program=$1 version=$2 arch=$3 out=$4
here=$(cd "$(dirname "$0")/.." && pwd)
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
chmod 0755 "$root"
umask 022
mkdir -p "$root/DEBIAN" "$root/usr/bin" "$root/usr/lib/systemd/system" "$root/etc/jumpring" "$root/usr/share/doc/jumpring"
install -m 0755 "$program" "$root/usr/bin/jumpring"
install -m 0644 "$here/systemd/jumpring.service" "$root/usr/lib/systemd/system/"
install -m 0640 "$here/debian/jumpring.yaml" "$root/etc/jumpring/"
install -m 0600 "$here/debian/environment" "$root/etc/jumpring/"
install -m 0644 "$here/jumpring.yaml" "$here/policy.yaml" "$here/../README.md" "$here/../CHANGELOG.md" "$here/../docs/runbook.md" "$here/prometheus/alerts.yaml" "$here/grafana/jumpring.json" "$root/usr/share/doc/jumpring/"
# A version begins with a digit: a name of a commit gets one.
case $version in [0-9]*) ;; v[0-9]*) version=${version#v} ;; *) version=0~$version ;; esac
version=$(printf %s "$version" | tr -c 'A-Za-z0-9.+~' .)
sed -e "s/@VERSION@/$version/" -e "s/@ARCH@/$arch/" "$here/debian/control" > "$root/DEBIAN/control"
install -m 0644 "$here/debian/conffiles" "$root/DEBIAN/"
install -m 0755 "$here/debian/postinst" "$here/debian/prerm" "$here/debian/postrm" "$root/DEBIAN/"
dpkg-deb ${5:-} --root-owner-group --build "$root" "$out" > /dev/null
