#!/usr/bin/env bash
# Installs the agent of this checkout on a box; see --help.
set -euo pipefail
umask 022
. "$(dirname -- "${BASH_SOURCE[0]}")/runtime.sh"

root='' prefix='' start=true uninstall=false
units=/usr/lib/systemd/system
# A release with its runtime, twice for the moment of the change, in MiB.
space_needed=500
staging=''
changes=0

usage() {
  cat <<'HELP'
Usage: sudo scripts/install.sh [--prefix DIR] [--no-start]
       sudo scripts/install.sh --uninstall [--prefix DIR]
       scripts/install.sh --root DIR [...]

Installs Footfall from this checkout: the program with its own Node below /opt/footfall, the command /usr/bin/footfall,
a systemd service, its user, shell completion. Run again it updates, and says what changed. Settings are never touched.

  --prefix DIR   where releases are kept (default: where they are, else /opt/footfall)
  --no-start     leave the service as it is
  --uninstall    stop the service and remove all that was installed; settings, data and the user stay
  --root DIR     install below DIR, as for an image; nothing of this machine is touched, and no root is needed
  -h, --help     this text

The new release is switched to at once or not at all. The one before is kept; to go back to it:
  sudo ln -sfnT releases/NAME /opt/footfall/current && sudo systemctl restart footfall

Needs Debian 12 or later, or its like with glibc 2.28 and systemd 252, on x64 or arm64; npm with Node 18 or later; and
the network, unless the dependencies of this checkout are installed already.
Exit codes: 0 done, 1 failed, 64 wrong use, 130 interrupted.
HELP
}

fail() {
  say "$@"
  exit 1
}

wrong_use() {
  say "$* (--help tells the options)"
  exit 64
}

# shellcheck disable=SC2317 # Called by the trap.
clean_up() {
  if [ -n "$staging" ]; then rm -rf -- "$staging"; fi
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

read_arguments() {
  while [ $# -gt 0 ]; do
    case $1 in
      --root | --prefix)
        [ -n "${2-}" ] || wrong_use "expected a directory after $1"
        if [ "$1" = --root ]; then root=$2; else prefix=$2; fi
        shift
        ;;
      --*=*)
        set -- "${1%%=*}" "${1#*=}" "${@:2}"
        continue
        ;;
      --no-start) start=false ;;
      --uninstall) uninstall=true ;;
      -h | --help)
        usage
        exit 0
        ;;
      *) wrong_use "expected an option, received \"$1\"" ;;
    esac
    shift
  done
  if [ -n "$root" ]; then
    mkdir -p -- "$root" || fail "cannot make the directory of --root: name one that you may write"
    root=$(CDPATH='' cd -- "$root" && pwd -P)
    # `--root /` is this machine.
    root=${root%/}
  fi
  prefix=${prefix:-$(installed_prefix)}
  # It becomes part of a symbolic link and of messages to paste.
  if ! [[ $prefix =~ ^(/[A-Za-z0-9_][A-Za-z0-9_.-]*){2,}/?$ ]]; then
    wrong_use "expected --prefix to be an absolute path of two or more plain names, such as /opt/footfall, received \"$prefix\""
  fi
  prefix=${prefix%/}
}

# Where the last installation went.
installed_prefix() {
  local command
  command=$(readlink -- "$root/usr/bin/footfall" || true)
  if [[ $command == ../..*/current/bin/footfall ]]; then
    command=${command#../..}
    echo "${command%/current/bin/footfall}"
  else
    echo /opt/footfall
  fi
}

# True when this machine itself is installed to.
on_this_machine() { [ -z "$root" ]; }
systemd_runs() { on_this_machine && [ -d /run/systemd/system ]; }

preflight() {
  if on_this_machine && [ "$(id -u)" -ne 0 ]; then
    fail 'expected to be root, to write to /opt and /usr: run it with sudo (or see --root in --help)'
  fi
  runtime_package >/dev/null || fail "expected Linux on x64 or arm64, found $(uname -s) on $(uname -m): use another box"
  local libc
  libc=$(getconf GNU_LIBC_VERSION 2>/dev/null) || fail 'expected a system with glibc, found another C library: use Debian or its like'
  if [ "$(printf '%s\n' 2.28 "${libc#glibc }" | sort -V | head -n 1)" != 2.28 ]; then
    fail "expected glibc 2.28 or later, found $libc: upgrade the system"
  fi
  if on_this_machine && ! grep -qsE '^ID(_LIKE)?=.*(debian|ubuntu)' /etc/os-release; then
    say 'this system is not Debian nor its like; nobody has tried it there, going on'
  fi
}

require_space() {
  local place=$root$prefix free
  free=$(df -Pm -- "$place" | awk 'NR == 2 { print $4 }')
  if [ "$free" -lt "$space_needed" ]; then
    fail "expected $space_needed MiB free at $place, found $free MiB: make room, or name another --prefix"
  fi
}

changed() {
  changes=$((changes + 1))
  printf '%s\n' "$1"
}

# put SOURCE PATH [MODE]: a file in its place, in one step.
put() {
  local target=$root$2 mode=${3:-644} what=installed
  if [ -e "$target" ]; then
    if cmp -s -- "$1" "$target" && [ "$(stat -c %a -- "$target")" = "$mode" ]; then return 0; fi
    what=updated
  fi
  mkdir -p -- "$(dirname -- "$target")"
  install -m "$mode" -- "$1" "$target.new"
  mv -fT -- "$target.new" "$target"
  changed "$what $2"
}

# link TEXT PATH: a symbolic link, in one step.
link() {
  local target=$root$2
  if [ "$(readlink -- "$target" || true)" = "$1" ]; then return 0; fi
  mkdir -p -- "$(dirname -- "$target")"
  ln -sfnT -- "$1" "$target.new"
  mv -fT -- "$target.new" "$target"
  changed "$2 leads to $1"
}

# The program's own files, without its tests.
program_files() {
  find agent drivers config package.json package-lock.json -type f \
    ! -name '*.test.ts' ! -name '*.testing.ts' ! -name '*.fixture.ts' ! -path '*/__snapshots__/*' | LC_ALL=C sort
}

# shellcheck disable=SC2016 # That is JavaScript.
# Prints the top-level folders of all production dependencies; false unless each is there in the locked version.
installed_dependencies() {
  node -e '
    const { readFileSync } = require("node:fs");
    const { packages } = JSON.parse(readFileSync("package-lock.json", "utf8"));
    const fits = (wanted, own) => wanted === undefined || wanted.includes(own);
    for (const [path, { dev, optional, os, cpu, version }] of Object.entries(packages)) {
      if (path === "" || dev) continue;
      if (optional && !(fits(os, process.platform) && fits(cpu, process.arch))) continue;
      if (JSON.parse(readFileSync(`${path}/package.json`, "utf8")).version !== version) process.exit(1);
      if (!path.includes("/node_modules/")) console.log(path);
    }
  ' 2>/dev/null
}

stage_dependencies() {
  local folders
  if folders=$(installed_dependencies); then
    tar -cf - -T - <<<"$folders" | tar -xf - -C "$staging" --no-same-owner
  else
    require_npm 'install the dependencies' || exit 1
    say 'fetching the dependencies'
    run_quietly npm ci --prefix "$staging" --omit=dev --ignore-scripts --no-audit --no-fund ||
      fail "could not fetch the dependencies of package-lock.json (npm's message is above): check the network and npm's" \
        'registry and proxy settings, then run this again'
  fi
  if ! radio_module_loads "$staging"; then provide_radio_module "$staging"; fi
}

# The Node that goes with the release: one file that needs nothing else.
stage_runtime() {
  local binary before=$root$prefix/current/bin/node
  binary=$(node -p 'process.config.variables.node_shared ? "" : process.execPath')
  [ -n "$binary" ] || fail "expected an official build of Node on PATH, found one that needs the system's libnode: take it off PATH, so that the pinned one is fetched"
  mkdir "$staging/bin"
  # The same binary takes its room once.
  if cmp -s -- "$binary" "$before"; then ln -- "$before" "$staging/bin/node"; else install -m 755 -- "$binary" "$staging/bin/node"; fi
  local licence
  licence=$(dirname -- "$binary")/../LICENSE
  if [ -f "$licence" ]; then install -m 644 -- "$licence" "$staging/bin/node.LICENSE"; fi
}

# Where it stands is asked of the file itself: a daemon that runs goes on with the files of its own release.
stage_command() {
  cat >"$staging/bin/footfall" <<'COMMAND'
#!/bin/sh
release=$(dirname -- "$(dirname -- "$(readlink -f -- "$0")")")
# Not in /tmp, Node's default: there another user could leave compiled code for root to run.
if [ -n "${NODE_COMPILE_CACHE-}" ]; then :
elif [ -n "${HOME-}" ]; then export NODE_COMPILE_CACHE="${XDG_CACHE_HOME:-$HOME/.cache}/footfall"
else export NODE_DISABLE_COMPILE_CACHE=1
fi
exec "$release/bin/node" "$release/agent/main.ts" "$@"
COMMAND
  chmod 755 "$staging/bin/footfall"
}

# shellcheck disable=SC2016 # That is JavaScript.
# Loads the daemon, its storage and every verb, with the native modules: a file that is missing shows only where it is used.
staged_release_loads() {
  (cd -- "$staging" && bin/node --input-type=module -e '
    import { globSync } from "node:fs";
    import { resolve } from "node:path";
    import Database from "better-sqlite3";
    import "serialport";
    new Database(":memory:").close();
    for (const file of globSync("agent/{*.ts,cli/*.ts,storage/owner.ts}")) {
      if (file !== "agent/main.ts") await import(resolve(file));
    }
  ' && bin/footfall --version >/dev/null)
}

# Sets `release` to the name of what is to be installed: its version, and a digest of its files and its runtime.
name_release() {
  local version digest
  version=$(node -p 'require("./package.json").version')
  digest=$({
    program_files | tr '\n' '\0' | xargs -0 sha256sum && node -p 'process.version + process.arch'
    # A toolchain that was missing makes another release, with Bluetooth.
    if radio_module_loads . || radio_toolchain; then echo 'with the module for Bluetooth'; fi
  } | sha256sum)
  release=$version-${digest:0:12}
}

install_release() {
  local release before
  name_release
  before=$(basename -- "$(readlink -- "$root$prefix/current" || true)")
  mkdir -p -- "$root$prefix/releases"
  if [ ! -d "$root$prefix/releases/$release" ]; then
    require_space
    staging=$(mktemp -d -- "$root$prefix/releases/.staging.XXXXXX")
    chmod 755 "$staging"
    program_files | tar -cf - -T - | tar -xf - -C "$staging" --no-same-owner
    stage_dependencies
    stage_runtime
    stage_command
    chmod -R u=rwX,go=rX -- "$staging"
    staged_release_loads || fail 'the new release does not load (its message is above), nothing was switched: mend the checkout, then run this again'
    mv -T -- "$staging" "$root$prefix/releases/$release"
    staging=''
    changed "installed $prefix/releases/$release"
  fi
  link "releases/$release" "$prefix/current"
  local old
  for old in "$root$prefix"/releases/*; do
    case ${old##*/} in
      "$release" | "$before") ;;
      *) if [ "$before" != "$release" ]; then rm -rf -- "$old" && changed "removed $prefix/releases/${old##*/}"; fi ;;
    esac
  done
}

install_files() {
  link "../..$prefix/current/bin/footfall" /usr/bin/footfall
  put systemd/footfall.service $units/footfall.service
  put systemd/footfall-radio@.service $units/footfall-radio@.service
  put systemd/footfall.sysusers /usr/lib/sysusers.d/footfall.conf
  put systemd/footfall.tmpfiles /usr/lib/tmpfiles.d/footfall.conf
  if [ -f config/99-footfall.rules ]; then put config/99-footfall.rules /usr/lib/udev/rules.d/99-footfall.rules; fi
  if [ ! -d "$root/etc/footfall" ]; then install -d -m 750 -- "$root/etc/footfall"; fi
  local name
  for name in footfall.example.yaml footfall.schema.json modbus.schema.json; do
    if [ -f "config/$name" ]; then put "config/$name" "/etc/footfall/$name"; fi
  done
  install_completion bash /usr/share/bash-completion/completions/footfall
  install_completion zsh /usr/share/zsh/vendor-completions/_footfall
}

install_completion() {
  local text
  text=$(mktemp)
  if "$root/usr/bin/footfall" completion "$1" >"$text" 2>/dev/null && [ -s "$text" ]; then put "$text" "$2"; fi
  rm -f -- "$text"
}

# What systemd and udev make of the files.
apply() {
  on_this_machine || return 0
  if command -v systemd-sysusers >/dev/null; then systemd-sysusers /usr/lib/sysusers.d/footfall.conf; fi
  if command -v systemd-tmpfiles >/dev/null; then systemd-tmpfiles --create /usr/lib/tmpfiles.d/footfall.conf; fi
  if [ -f /usr/lib/udev/rules.d/99-footfall.rules ] && command -v udevadm >/dev/null; then
    udevadm control --reload || say 'udev did not reload its rules; they take effect at the next boot'
  fi
  if systemd_runs; then systemctl daemon-reload; fi
}

start_service() {
  if ! systemd_runs; then
    say 'systemd does not run here: nothing was started'
  elif [ "$start" = false ]; then
    say 'not started, as asked: sudo systemctl enable footfall && sudo systemctl restart footfall'
  elif [ ! -f /etc/footfall/footfall.yaml ]; then
    say 'next: sudo footfall setup'
  elif [ "$changes" -eq 0 ] && systemctl --quiet is-active footfall; then
    say 'the service runs already'
  elif systemctl --quiet enable footfall && systemctl restart footfall; then
    systemctl try-restart 'footfall-radio@*' || say "a radio helper does not start again; next: journalctl -u 'footfall-radio@*' -n 30"
    say 'the service runs; next: footfall status'
  else
    fail 'installed, but the service does not start; next: journalctl -u footfall -n 30, then sudo footfall doctor'
  fi
}

remove() {
  if systemd_runs && systemctl --quiet cat footfall >/dev/null 2>&1; then
    systemctl --quiet disable --now footfall || fail 'the service does not stop: sudo systemctl kill -s KILL footfall, then run this again'
    systemctl --quiet stop 'footfall-radio@*' || fail "a radio helper does not stop: sudo systemctl kill -s KILL 'footfall-radio@*', then run this again"
    systemctl --quiet disable footfall-radio@.service || say 'a radio helper stays enabled; it is gone with the next boot'
  fi
  local path
  for path in "$units/footfall.service" "$units/footfall-radio@.service" /usr/lib/sysusers.d/footfall.conf /usr/lib/tmpfiles.d/footfall.conf \
    /usr/lib/udev/rules.d/99-footfall.rules /usr/share/bash-completion/completions/footfall \
    /usr/share/zsh/vendor-completions/_footfall /usr/bin/footfall /etc/credstore/footfall.broker-password \
    /etc/footfall/footfall.example.yaml /etc/footfall/footfall.schema.json /etc/footfall/modbus.schema.json \
    "$prefix/current" "$prefix/releases"; do
    if [ ! -e "$root$path" ] && [ ! -L "$root$path" ]; then continue; fi
    rm -rf -- "$root${path:?}"
    changed "removed $path"
  done
  rm -f -- "$root$prefix/.lock"
  rmdir -- "$root$prefix" 2>/dev/null || true
  if systemd_runs; then systemctl daemon-reload; fi
  say 'settings (/etc/footfall), data (/var/lib/footfall) and the user footfall stay; remove them by hand if you mean it'
}

main() {
  read_arguments "$@"
  cd -- "$footfall_root"
  if [ "$uninstall" = true ]; then
    if on_this_machine && [ "$(id -u)" -ne 0 ]; then fail 'expected to be root: run it with sudo'; fi
    remove
    return
  fi
  preflight
  # The lock of a set-up of this checkout is another one: that runs beside an installation elsewhere.
  mkdir -p -- "$root$prefix"
  if command -v flock >/dev/null; then
    exec 9>"$root$prefix/.lock"
    flock -n 9 || fail 'another installation to the same place is under way: wait for its end'
  fi
  pick_runtime || { exclusively fetch_runtime && pick_runtime; } || exit 1
  install_release
  install_files
  apply
  if [ "$changes" -eq 0 ]; then say 'nothing changed'; fi
  if on_this_machine; then start_service; else say "installed below $root"; fi
}

main "$@"
