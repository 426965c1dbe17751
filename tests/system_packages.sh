#!/bin/sh
# What some tests need beside Python packages: two browsers, a speech synthesiser, recorded human speech.
# Installs on Debian as root; elsewhere it only says what is missing, and the tests concerned say so too.
set -eu
packages="chromium firefox-esr flite asterisk-core-sounds-en-g722"
missing=""
for package in $packages; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -q >/dev/null
    # shellcheck disable=SC2086 # a list of words
    apt-get install -q -y --no-install-recommends $missing >/dev/null
else
    echo "Not installed, so some tests cannot run here:$missing"
fi
