#!/bin/sh
# gather.sh VENV OUT: copy a virtual environment, and what a filter inside Fluent Bit needs of its Python, to OUT.
# What the official image has already (the C library, zlib, OpenSSL) stays its own.
set -eu
venv=$1 out=$2
python=$venv/bin/python

copy() {
    mkdir -p "$out$(dirname "$1")"
    cp -aL "$1" "$out$1"
}

library=$("$python" -c 'from exnorm.fluentbit.build import find_libpython; print(find_libpython())')
copy "$(readlink -f "$(dirname "$library")")/$(basename "$library")"
for found in $(ldd "$library" | sed -n 's/.* => \([^ ]*\) .*/\1/p'); do
    case $(basename "$found") in
        libc.* | libm.* | libz.* | libpthread.* | libdl.* | libutil.*) ;;
        *) copy "$(readlink -f "$(dirname "$found")")/$(basename "$found")" ;;
    esac
done
modules=$("$python" -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')
copy "$modules"
for unused in ensurepip idlelib lib2to3 pydoc_data test tkinter turtledemo venv config-*; do
    rm -rf "$out$modules"/$unused
done
copy "$(readlink -f "$python")"
home=$(sed -n 's/^home = //p' "$venv/pyvenv.cfg")
cp -a "$home/python3" "$out$home/"
mkdir -p "$out$(dirname "$venv")"
cp -a "$venv" "$out$venv"
find "$out" -name __pycache__ -prune -exec rm -rf {} +
