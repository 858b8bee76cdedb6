#!/bin/sh
# What stands after the image's name: a configuration, a command of the registry, or any program.
set -eu
case "${1:-}" in
    *.yml | *.yaml) set -- serve "$@" ;;
esac
case "${1:-help}" in
    config | garbage-collect | health | help | history | manifest | repository | serve | tag | -*)
        exec registry "$@"
        ;;
    *)
        exec "$@"
        ;;
esac
