# shellcheck shell=sh
# Sourced by demo and test: find a Python that runs, and see that it can make virtual environments.

fail() {
    printf '%s\n' "$1" >&2
    exit 2
}

# A name on PATH may be a version manager's shim for an interpreter that is not there, so each one is run.
# Inside a virtual environment the interpreter behind it is the one that counts.
find_python() {
    for candidate in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do
        "$candidate" -c '
import sys
if sys.version_info < (3, 11):
    sys.exit(1)
print(sys._base_executable)' 2>/dev/null && return
    done
    return 1
}

install_on_debian() {
    command -v apt-get >/dev/null || return 1
    [ "$(id -u)" = 0 ] || fail "$1 is missing; install it with: sudo apt-get install $1"
    printf 'Installing %s (apt-get)\n' "$1"
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$1"; } \
        >/dev/null || fail "apt-get could not install $1; see its message above"
}

# Sets $python.
need_python() {
    if ! python=$(find_python); then
        [ -z "${PYTHON:-}" ] || fail "PYTHON=$PYTHON is not a working Python 3.11 or newer"
        install_on_debian python3-venv || true
        python=$(find_python) || fail "No Python 3.11 or newer on PATH; install one, or name it: PYTHON=/path/to/python3"
    fi
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        package=$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
        install_on_debian "$package" || fail "$python cannot make virtual environments (no ensurepip); install its venv package"
    fi
}
