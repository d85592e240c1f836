#!/bin/sh
# Write the public keys to the three files that haproxy.cfg names, the key that signs first. Three
# are enough for a rotation. Reload HAProxy afterwards: it reads the files when it starts.
set -eu
folder=/etc/haproxy/tokens
rm -f "$folder"/*.pem
python manage.py tokenauth_keys publish --format pem --output "$folder/all.pem"
csplit --silent --elide-empty-files --prefix "$folder/" --suffix-format %d.pem \
    "$folder/all.pem" '/^# Public key/' '{*}'
# HAProxy does not start if a file is missing.
for number in 1 2; do
    [ -e "$folder/$number.pem" ] || cp "$folder/0.pem" "$folder/$number.pem"
done
