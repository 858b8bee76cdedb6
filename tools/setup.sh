#!/bin/sh
# Makes the virtual environment in .venv and installs Layerstore into it, at the pinned versions.
# Usage: tools/setup.sh [EXTRA]   (EXTRA: "dev" for the tools that check and test)
set -eu
extra=${1:-}
venv=.venv
stamp="$venv/.ready${extra:+-$extra}"
if [ -f "$stamp" ] && [ "$stamp" -nt pyproject.toml ] && [ "$stamp" -nt constraints.txt ]; then
    exit 0
fi

fits() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

find_python() {
    for candidate in "${PYTHON:-}" python3 python3.14 python3.13 python3.12 python3.11; do
        if [ -n "$candidate" ] && command -v "$candidate" >/dev/null && fits "$candidate"; then
            echo "$candidate"
            return
        fi
    done
}

debian_root() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; }

install_debian() {
    echo "setup: installing $* from Debian" >&2
    apt-get update -qq >/dev/null
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

if [ ! -x "$venv/bin/python" ]; then
    python=$(find_python)
    if [ -z "$python" ] && debian_root; then
        install_debian python3 python3-venv
        python=$(find_python)
    fi
    if [ -z "$python" ]; then
        echo "setup: Python 3.11 or newer is needed (Debian: apt-get install python3 python3-venv)" >&2
        exit 1
    fi
    echo "setup: making the environment in $venv with $($python --version)" >&2
    if ! "$python" -m venv "$venv" 2>/dev/null; then
        rm -rf "$venv"
        if debian_root; then
            install_debian python3-venv
            "$python" -m venv "$venv"
        else
            echo "setup: Python cannot make environments (Debian: apt-get install python3-venv)" >&2
            exit 1
        fi
    fi
fi

echo "setup: installing Layerstore and its libraries" >&2
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    --constraint constraints.txt --editable ".${extra:+[$extra]}"
touch "$stamp"
