#!/usr/bin/env bash
# Installs what Debian lacks of debian.txt, as root or with a sudo that asks no password; otherwise
# prints the one command. Goes on either way: what is missing limits Weir (no PDF, no Spark).
#
#   .ci/debian.sh run           what `make run` needs
#   .ci/debian.sh run sources   what it needs with --sources
#   .ci/debian.sh test          what the tests need as well
set -euo pipefail
for_whom=${1:-test}
list=${WEIR_DEBIAN_LIST:-$(dirname "$0")/debian.txt}

missing=()
while read -r whom line; do
  [[ -z $whom || $whom == '#'* ]] && continue
  [[ $for_whom == test || " $* " == *" $whom "* ]] || continue
  # Without pipefail: a `grep -q` that has seen enough ends the command before it.
  (set +o pipefail; eval "${line#* : }") </dev/null >/dev/null 2>&1 || missing+=("${line%% : *}")
done <"$list"
[ "${#missing[@]}" -gt 0 ] || exit 0
printf -v lacks '%s, ' "${missing[@]// / or }"
lacks=${lacks%, }

if ! command -v apt-get >/dev/null; then
  echo "not found: $lacks (names of Debian's packages); see weir doctor" >&2
  exit 0
fi

as_root=()
if [ "$(id -u)" != 0 ]; then
  if command -v sudo >/dev/null && sudo -n true 2>/dev/null; then as_root=(sudo -n); else as_root=(none); fi
fi

# The first alternative that the release has; the first of all where apt knows none yet.
choose() {
  local one
  for one in "$@"; do
    [[ $(apt-cache policy "$one" 2>/dev/null) =~ Candidate:\ [^\(] ]] && { echo "$one"; return; }
  done
  echo "$1"
}
chosen() { for one in "${missing[@]}"; do choose $one; done; }

advise() {
  local sudo=''
  [ "$(id -u)" = 0 ] || sudo='sudo '
  echo "$1; to install it:" >&2
  echo "  ${sudo}apt-get update && ${sudo}apt-get install -y --no-install-recommends $(chosen | xargs)" >&2
}

if [ "${as_root[*]:-}" = none ]; then
  # `weir run` says it by itself once it is there.
  [ "$for_whom" = run ] && [ -e .venv/.weir-stamp ] && exit 0
  advise "this machine lacks $lacks"
  exit 0
fi
# apt-get, every line of it kept in the log; its last ones are shown where it fails.
log=$(mktemp)
trap 'rm -f "$log"' EXIT
options=(-q -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3)
apt() {
  # Its output is hidden, so it must not ask: no terminal.
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive LC_ALL=C apt-get "${options[@]}" "$@" \
    </dev/null 2>&1 | tee "$log" | progress && return
  grep -v '^..status:' "$log" | tail -n 8 >&2
  return 1
}

# A line whenever another fifth is downloaded or installed, of what APT::Status-Fd tells.
progress() {
  local kind percent fifth last=
  while IFS=: read -r kind _ percent _; do
    case $kind in
      'Need to get '*) echo "  $kind" >&2 && continue ;;
      dlstatus) kind=downloaded ;;
      pmstatus) kind=installed ;;
      *) continue ;;
    esac
    fifth="$kind $((${percent%%[.,]*} / 20 * 20)) %"
    [[ $fifth == "$last" || $fifth == *' 0 %' ]] || echo "  $fifth" >&2
    last=$fifth
  done
}

echo "installing what Debian lacks: $lacks" >&2
if ! apt update; then
  advise "apt-get update failed"
  exit 0
fi
mapfile -t packages < <(chosen)
if ! apt -o APT::Status-Fd=1 install -y --no-install-recommends "${packages[@]}"; then
  advise "apt-get install failed"
fi
