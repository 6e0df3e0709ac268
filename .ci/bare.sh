#!/usr/bin/env bash
# A new user's first hour: a command in a fresh clone of HEAD on a bare Debian, nothing cached.
# Needs root, debootstrap and 20 GB. The folder must not be there yet; it stays, to be looked at.
#
#   .ci/bare.sh FOLDER root make run ARGS=--once    installs what is missing
#   .ci/bare.sh FOLDER user make run ARGS=--once    may install nothing: has Python, no Chromium
set -euo pipefail
folder=$1 who=$2
shift 2
packages=git,make,ca-certificates,util-linux
[ "$who" = root ] || packages+=,python3-venv

[ ! -e "$folder" ] || { echo "$folder is there already: rm -rf --one-file-system $folder" >&2; exit 1; }
debootstrap --variant=minbase --include="$packages" bookworm "$folder" >"$folder.log" 2>&1 \
  || { tail -n 5 "$folder.log" >&2; exit 1; }

# What belongs to this network, not to Weir: names, sources of packages, certificates.
cp -L /etc/resolv.conf /etc/hosts "$folder/etc/"
cp -rL /etc/apt/sources.list.d /etc/apt/apt.conf.d "$folder/etc/apt/" 2>/dev/null || true
cp -rL /usr/local/share/ca-certificates "$folder/usr/local/share/" 2>/dev/null || true
chroot "$folder" update-ca-certificates >/dev/null 2>&1
network=(PIP_CERT SSL_CERT_FILE)
export PIP_CERT=/etc/ssl/certs/ca-certificates.crt SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
for name in http_proxy https_proxy no_proxy; do [ -z "${!name:-}" ] || network+=("$name"); done

[ "$who" = root ] || chroot "$folder" useradd -m -s /bin/bash "$who"
home=$(chroot "$folder" bash -c "echo ~$who")
git clone -q "$(dirname "$0")/.." "$folder$home/weir"
chroot "$folder" chown -R "$who:" "$home"

# Mounts and processes end with the command.
exec unshare --mount --pid --fork bash -c '
  mount -t proc proc "$1/proc" && mount --rbind /dev "$1/dev"
  exec chroot "$1" su --whitelist-environment="$2" - "$3" --session-command "cd weir && $4"
' bare "$folder" "$(IFS=,; echo "${network[*]}")" "$who" "$*"
