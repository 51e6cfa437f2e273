#!/bin/sh
# Makes the secrets of docker-compose.yaml, once: deploy/compose/secrets, and deploy/.env, which says whose they are.
# What is there already stays as it is. A file gets its name when it is whole: killed, start it again. Needs openssl.
set -eu
cd "$(dirname "$0")"
umask 077

owner="$(id -u)"
group="$(id -g)"
[ "$owner" -ne 0 ] || { owner=65532 group=65532; } # no container runs as root

mkdir -p secrets
cd secrets
rm -f .fresh .users

random() { openssl rand -hex 32; }

# Docker mounts a file as it is, so whoever reads it in a container needs the right to. The folder keeps others out.
readable() {
    chmod 444 "$1"
    mv -f "$1" "$2"
}

# The signing key is its owner's alone, also in the container: the worker refuses one that others can read.
if [ ! -e signing.key ]; then
    openssl genpkey -algorithm ed25519 -out .fresh
    chmod 400 .fresh
    [ "$(id -u)" -ne 0 ] || chown "$owner:$group" .fresh
    mv -f .fresh signing.key
fi
if [ ! -e signing.pub ]; then
    openssl pkey -in signing.key -pubout -out .fresh
    readable .fresh signing.pub
fi

for name in fingerprint.key grafana-admin; do
    if [ ! -e "$name" ]; then
        random >.fresh
        readable .fresh "$name"
    fi
done

# The users of ../redis-acls.txt, each with a password of its own, of which Redis knows the hash; and one for the probe.
if [ ! -e redis-users.acl ]; then
    grep '^user default ' ../../redis-acls.txt >.users
    echo 'user health on nopass -@all +ping' >>.users
    for user in worker enforcer oncall; do
        password="$(random)"
        hash="$(printf %s "$password" | openssl dgst -sha256 -r | cut -d ' ' -f 1)"
        printf '%s\n' "$password" >.fresh
        readable .fresh "redis-$user"
        grep "^user $user " ../../redis-acls.txt | sed "s/>CHANGE-ME/#$hash/" >>.users
    done
    readable .users redis-users.acl
fi

[ -e ../../.env ] || printf 'STILLWATCH_UID=%s\nSTILLWATCH_GID=%s\n' "$owner" "$group" >../../.env
echo "Secrets are in $(pwd), for user $owner."
