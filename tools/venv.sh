#!/bin/sh
# Make a virtual environment with slct in it, on a machine that has nothing but python3.11 or newer.
#
#   [PYTHON=python3.x] tools/venv.sh DIRECTORY REQUIREMENT
#
# An environment that exists and works is kept. Debian ships Python without what `python -m venv` needs: that is then
# installed with apt-get if we are root, and asked for otherwise.
set -eu

directory=$1
requirement=$2

fail() {
    echo "error: $1" >&2
    echo "hint: $2" >&2
    exit 1
}

is_suitable() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

find_python() {
    for candidate in python3.14 python3.13 python3.12 python3.11 python3 python; do
        if is_suitable "$candidate"; then
            echo "$candidate"
            return
        fi
    done
}

add_venv_package() {
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    command -v apt-get >/dev/null || fail "$python has no ensurepip module" "install the venv package of your system's Python"
    [ "$(id -u)" = 0 ] || fail "$python has no ensurepip module" "run: sudo apt-get install python$version-venv"
    echo "installing python$version-venv ..."
    apt-get update -qq >/dev/null
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "python$version-venv" >/dev/null ||
        fail "apt-get could not install python$version-venv" "install it by hand, or name another Python: PYTHON=python3.x make ..."
}

if ! { is_suitable "$directory/bin/python" && "$directory/bin/python" -m pip --version >/dev/null 2>&1; }; then
    if [ -n "${PYTHON:-}" ]; then
        python=$PYTHON
        is_suitable "$python" || fail "PYTHON=$python is not python3.11 or newer" "name another one, or none to have one found"
    else
        python=$(find_python)
        [ -n "$python" ] || fail "no python3.11 or newer was found" "install one, or name it: PYTHON=/path/to/python3.x make ..."
    fi
    "$python" -c 'import ensurepip, venv' 2>/dev/null || add_venv_package
    echo "setting up $directory with $("$python" --version) (once) ..."
    rm -rf "$directory"
    "$python" -m venv "$directory"
fi

echo "installing $requirement into $directory ..."
"$directory/bin/python" -m pip install -qq --disable-pip-version-check --root-user-action=ignore --editable "$requirement" ||
    fail "pip could not install $requirement" "see the lines above; a network or a package index is needed the first time"
