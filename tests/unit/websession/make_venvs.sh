#!/usr/bin/env bash
# Makes the two environments whose OMERO.web writes the sessions that are read in tests/unit/websession/test_omeroweb.py:
#
#   .venv-omeroweb-new    OMERO.web 5.33 and Django 5.2, in Python 3.10
#   .venv-omeroweb-old    OMERO.web 5.6.0, the oldest on Python 3, and Django 1.11, in Python 3.9 (1.11 runs on none newer)
#
# WHEELS=<folder> offers pip ready wheels: zeroc-ice has none for Linux in the package index, and compiling it takes
# about eight minutes, g++ and the headers of OpenSSL and bzip2. ../shared/wheels beside the checkout is used if it is
# there, and WHEELS_KEPT=<folder> keeps what was compiled. Does nothing where an environment is complete.
set -euo pipefail

ICE=3.6.5
NEW=(omero-py==5.23.0 omero-web==5.33.2 Django==5.2.9 django-redis==6.0.0 psycopg2-binary==2.9.10)
OLD=(omero-py==5.6.0 omero-web==5.6.0 Django==1.11.29 django-redis==4.11.0 redis==3.5.3 psycopg2-binary==2.8.6)
BOTH=(msgpack==1.0.8 lz4==4.3.2 setuptools==68.2.2)

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../../.." && pwd)
wheels=${WHEELS:-}
[[ -n $wheels || ! -d $root/../shared/wheels ]] || wheels=$root/../shared/wheels

fail() {
    printf 'make_venvs.sh: %s\n' "$*" >&2
    exit 1
}

# Whether the environment $1 has Python $2 and the packages that follow, importable.
complete() {
    local venv=$1
    shift
    [[ -x $venv/bin/python ]] && "$venv/bin/python" - "$@" >/dev/null 2>&1 <<'PYTHON'
import pkg_resources, sys
import Ice, django_redis, lz4, msgpack, omero, psycopg2
assert "%d.%d" % sys.version_info[:2] == sys.argv[1]
pkg_resources.require(sys.argv[2:])
PYTHON
}

# The path of a Python of version $1. pyenv's names are shims that run only where PYENV_VERSION selects such a version.
find_python() {
    local candidate version
    candidate=$(command -v "python$1" || true)
    if [[ -n $candidate ]] && "$candidate" -c '' >/dev/null 2>&1; then
        printf '%s\n' "$candidate"
        return
    fi
    if command -v pyenv >/dev/null; then
        version=$(pyenv versions --bare | grep "^${1//./\\.}\\." | tail -n 1 || true)
        if [[ -n $version ]]; then
            PYENV_VERSION=$version pyenv which "python$1"
            return
        fi
    fi
    fail "no Python $1 found: install python$1, or run 'pyenv install $1'"
}

# Makes the environment $1 of Python $2 with the packages that follow.
make_venv() {
    local venv=$1 version=$2 python
    shift 2
    local packages=("$@" "${BOTH[@]}")
    if complete "$venv" "$version" "${packages[@]}"; then
        printf '%s is complete: %s\n' "$venv" "$*"
        return
    fi
    if [[ -e $venv && ! -e $venv/pyvenv.cfg ]]; then
        fail "$venv is there and is no virtual environment: not touched"
    fi
    python=$(find_python "$version")
    "$python" -m venv --clear "$venv" || fail "$python could not make a virtual environment in $venv"
    local options=(--quiet --disable-pip-version-check)
    [[ -z $wheels ]] || options+=(--find-links "$wheels")
    "$venv/bin/python" -m pip install "${options[@]}" wheel "setuptools==68.2.2"
    if [[ -n ${WHEELS_KEPT:-} ]]; then
        "$venv/bin/python" -m pip wheel "${options[@]}" --no-deps --wheel-dir "$WHEELS_KEPT" "zeroc-ice==$ICE"
        options+=(--find-links "$WHEELS_KEPT")
    fi
    "$venv/bin/python" -m pip install "${options[@]}" "zeroc-ice==$ICE" ||
        fail "zeroc-ice $ICE could not be installed: give a wheel of it with WHEELS=<folder>, or install g++, libssl-dev and libbz2-dev"
    "$venv/bin/python" -m pip install "${options[@]}" "${packages[@]}" || fail "pip says above what could not be installed"
    complete "$venv" "$version" "${packages[@]}" || fail "$venv was made, but lacks one of: ${packages[*]}"
    printf '%s is ready: %s\n' "$venv" "$*"
}

make_venv "$root/.venv-omeroweb-new" 3.10 "${NEW[@]}"
make_venv "$root/.venv-omeroweb-old" 3.9 "${OLD[@]}"
