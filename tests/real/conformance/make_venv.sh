#!/usr/bin/env bash
# Makes the Python 3.10 environment of the conformance tests: omero-py and the zeroc-ice that it is pinned to.
#
#   tests/real/conformance/make_venv.sh [folder]        default: .venv-conformance beside pyproject.toml
#
# WHEELS=<folder> offers pip ready wheels: zeroc-ice has none for Linux in the package index, and compiling it takes
# about eight minutes, g++ and the headers of OpenSSL and bzip2. ../shared/wheels beside the checkout is used if it is
# there. Does nothing where the environment is complete.
set -euo pipefail

ICE=3.6.5
OMERO_PY=5.23.0

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../../.." && pwd)
venv=${1:-$root/.venv-conformance}
wheels=${WHEELS:-}

fail() {
    printf 'make_venv.sh: %s\n' "$*" >&2
    exit 1
}

complete() {
    [[ -x $venv/bin/python ]] && "$venv/bin/python" - "$ICE" "$OMERO_PY" >/dev/null 2>&1 <<'PYTHON'
import importlib.metadata, sys
import Ice, omero.clients
assert sys.version_info[:2] == (3, 10)
assert [Ice.stringVersion(), importlib.metadata.version("omero-py")] == sys.argv[1:]
PYTHON
}

is_3_10() {
    "$1" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 10))' >/dev/null 2>&1
}

# The path of a Python 3.10. pyenv's python3.10 is a shim that runs only where PYENV_VERSION selects such a version.
find_python() {
    local candidate version
    candidate=$(command -v python3.10 || true)
    if [[ -n $candidate ]] && is_3_10 "$candidate"; then
        printf '%s\n' "$candidate"
        return
    fi
    if command -v pyenv >/dev/null; then
        version=$(pyenv versions --bare | grep '^3\.10\.' | tail -n 1 || true)
        if [[ -n $version ]]; then
            PYENV_VERSION=$version pyenv which python3.10
            return
        fi
    fi
    fail "no Python 3.10 found: install python3.10, or run 'pyenv install 3.10'"
}

if complete; then
    printf '%s is complete: omero-py %s, zeroc-ice %s\n' "$venv" "$OMERO_PY" "$ICE"
    exit 0
fi

if [[ -n $wheels ]]; then
    [[ -d $wheels ]] || fail "WHEELS=$wheels is not a folder"
elif [[ -d $root/../shared/wheels ]]; then
    wheels=$root/../shared/wheels
fi

if [[ -e $venv && ! -e $venv/pyvenv.cfg ]] && [[ ! -d $venv || -n $(ls -A -- "$venv") ]]; then
    fail "$venv is there and is no virtual environment: not touched"
fi

python=$(find_python)
"$python" -m venv --clear "$venv" || fail "$python could not make a virtual environment in $venv"

options=(--quiet --disable-pip-version-check)
[[ -z $wheels ]] || options+=(--find-links "$wheels")
"$venv/bin/python" -m pip install "${options[@]}" "zeroc-ice==$ICE" ||
    fail "zeroc-ice $ICE could not be installed: give a wheel of it with WHEELS=<folder>, or install g++, libssl-dev and libbz2-dev"
"$venv/bin/python" -m pip install "${options[@]}" "omero-py==$OMERO_PY" ||
    fail "omero-py $OMERO_PY could not be installed; pip says why above"

complete || fail "$venv was made but 'import Ice, omero.clients' fails there; run it with $venv/bin/python to see why"
printf '%s is ready: omero-py %s, zeroc-ice %s\n' "$venv" "$OMERO_PY" "$ICE"
