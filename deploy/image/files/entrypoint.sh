#!/bin/sh
# What stands after the image's name: a configuration, a program of the image, or else a command of the registry.
set -eu
case "${1:--}" in
    *.yml | *.yaml) exec registry serve "$@" ;;
    -*) exec registry "$@" ;;
esac
if which "$1" >/dev/null; then
    exec "$@"
fi
exec registry "$@"
