#!/bin/sh
# Run the tests on every Python from 3.11 on that this machine has, each in an environment of its own, `.venv-3.x`.
#
#   tools/test_all_pythons.sh [ARGUMENTS OF PYTEST]
#
# Found are python3.x on the path and the installations of pyenv. Goes on after a failure, and says at the end what failed.
set -u

cd "$(dirname "$0")/.." || exit 1
[ $# -gt 0 ] || set -- -m "not slow"

find_python() {
    for candidate in "python$1" "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"$1".*/bin/python; do
        if "$candidate" -c "import sys; sys.exit('%d.%d' % sys.version_info[:2] != '$1')" >/dev/null 2>&1; then
            echo "$candidate"
            return
        fi
    done
}

found=
failed=
for version in 3.11 3.12 3.13 3.14; do
    python=$(find_python "$version")
    if [ -z "$python" ]; then
        echo "$version: not found"
        continue
    fi
    echo "$version: $python"
    found="$found $version"
    PYTHON=$python sh tools/venv.sh ".venv-$version" '.[test]' && ".venv-$version/bin/python" -m pytest "$@" || failed="$failed $version"
done

[ -n "$found" ] || { echo "error: no python3.11 or newer was found" >&2; exit 1; }
echo "ran on$found"
[ -z "$failed" ] || { echo "error: failed on$failed" >&2; exit 1; }
