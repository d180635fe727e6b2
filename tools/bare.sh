#!/usr/bin/env bash
# Run a command in a bare machine: a Debian with nothing but git and the Pythons of this machine, and a fresh clone of
# what is committed here. Without a command it runs ./test.sh --fast; .ci/run is the complete proof.
#
#   tools/bare.sh [command ...]
#
# It needs root and debootstrap. The Debian is made once, in build/bare/base; what a run changes lies over it, in
# build/bare/run, until the next run begins.
#
#   BARE_FOLDER    instead of build/bare; it may not lie on an overlay itself, as the root of a container does
#   BARE_SUITE     Debian's release, instead of bookworm
#   BARE_PYTHONS   interpreters of Python 3.9 and 3.13, instead of those that ./test.sh finds
#   BARE_BINDS     more files and folders of this machine to show there, besides those that pip's settings name
#
# Package managers use the settings of this machine: its mirror of Debian, its pip and npm configuration, its CAs.
set -euo pipefail
cd "$(dirname "$0")/.."
source=$PWD
folder=${BARE_FOLDER:-$PWD/build/bare}
base=$folder/base
run=$folder/run
machine=$run/root
suite=${BARE_SUITE:-bookworm}
# What the Pythons are linked with; nothing that the project asks for.
linked=libbz2-1.0,libexpat1,libffi8,liblzma5,libncursesw6,libreadline8,libsqlite3-0,libssl3,libuuid1,zlib1g

find_pythons='import sys; sys.path[:0] = ["tools"]; import test; print(*test.find_pythons(test.VERSIONS).values())'

fail() {
    echo "bare.sh: $*" >&2
    exit 1
}

[ "$(id -u)" = 0 ] || fail "A chroot needs root: run this as root."
[ -n "$(command -v debootstrap)" ] || fail "debootstrap was not found: install Debian's package debootstrap."

make_base() {
    local mirror
    mirror=$(apt-get indextargets --format '$(CODENAME) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' |
        awk -v suite="$suite" '$1 == suite && $2 == "main" { print $3; exit }')
    [ -n "$mirror" ] || fail "apt's settings name no mirror for $suite: run apt-get update, or set BARE_SUITE."
    rm -rf "$base"
    mkdir -p "$base"
    debootstrap --variant=minbase --include="ca-certificates,git,$linked" "$suite" "$base" "$mirror" >&2 ||
        fail "debootstrap failed; $base/debootstrap/debootstrap.log says more."
    touch "$folder/made"
}

# The folders of the Pythons: each has to have one of its own, since it is shown at the same place there.
python_folders() {
    local python place
    for python in ${BARE_PYTHONS:-$(tools/python.sh -c "$find_pythons")}; do
        place=$("$python" -c 'import os, sys; print(os.path.realpath(sys.base_prefix))')
        case $place in / | /usr | /usr/local) fail "$python lies in $place: name one with a folder of its own." ;; esac
        echo "$place"
    done
}

# Files and folders that pip's settings name, and CAs.
settings() {
    tools/python.sh -m pip config list 2>/dev/null | grep -oE "/[^' ]+" | sed 's|^//*|/|'
    tools/python.sh -m pip config debug 2>/dev/null | sed -n 's|^ *\(/[^,]*\), exists: True$|\1|p'
    ls -d /etc/ssl/certs /usr/share/ca-certificates /usr/local/share/ca-certificates 2>/dev/null || true
}

# Show a file or folder of this machine there, read-only, at the same place or at another.
show() {
    local place=$machine${2:-$1}
    [ -e "$1" ] || return 0
    if [ -d "$1" ]; then
        mkdir -p "$place"
    else
        mkdir -p "$(dirname "$place")"
        [ -e "$place" ] || touch "$place"
    fi
    mount --bind -o ro "$1" "$place"
}

# In a mount and process namespace of its own, which ends with all that was mounted and started in it.
if [ -z "${BARE_INSIDE:-}" ]; then
    [ -f "$folder/made" ] || make_base
    rm -rf "$run"
    mkdir -p "$run/changes" "$run/scratch" "$machine"
    git clone --quiet --no-hardlinks "$source" "$run/changes/work"
    BARE_INSIDE=1 exec unshare --mount --propagation private --pid --fork --kill-child "$0" "$@"
fi
mount -t overlay bare -o "lowerdir=$base,upperdir=$run/changes,workdir=$run/scratch" "$machine" ||
    fail "$folder lies where no overlay can be: set BARE_FOLDER."
mount -t proc proc "$machine/proc"
mount --rbind /sys "$machine/sys"
mount --rbind /dev "$machine/dev"
cp -L /etc/resolv.conf /etc/hosts "$machine/etc/"
apt-config dump | grep -E '^Acquire::https?::' >"$machine/etc/apt/apt.conf.d/of-the-host" || true
if [ -n "$(command -v npm)" ]; then
    show "$(npm config get globalconfig)" /etc/npmrc
    show "$(npm config get userconfig)" ~root/.npmrc
fi
path=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
for place in $(python_folders); do
    show "$place"
    path=$path:$place/bin
done
for place in $(settings | sort -u) ${BARE_BINDS:-}; do
    show "$place"
done
[ $# -gt 0 ] || set -- ./test.sh --fast
names='PIP_[A-Z_]+|SSL_CERT_[A-Z]+|REQUESTS_CA_BUNDLE|NODE_EXTRA_CA_CERTS|[A-Za-z]+_[Pp][Rr][Oo][Xx][Yy]'
mapfile -t kept < <(env | grep -E "^($names)=" || true)
# The machine becomes the root of this namespace. In a chroot, tests that enter namespaces would find themselves outside.
mkdir -p "$machine/.host"
cd "$machine"
pivot_root . .host
exec /usr/bin/env -i "${kept[@]}" "PATH=$path" HOME=/root LANG=C.UTF-8 NPM_CONFIG_GLOBALCONFIG=/etc/npmrc \
    sh -c 'umount -l /.host && cd /work && exec "$@"' sh "$@"
