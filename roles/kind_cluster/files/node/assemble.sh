#!/usr/bin/env bash
# Runs in a container of the node's base image: puts Kubernetes, its runtime and the images in /build into it.
set -o errexit -o nounset -o pipefail

cp -r --no-preserve=ownership /build/usr /build/opt /build/kind /
chmod 0755 /usr/bin/kube* /usr/local/bin/* /opt/cni/bin/*

# What kind adds to every container of the node: see /kind/bin/mount-product-files.sh.
ctr oci spec \
  | jq '.hooks.createContainer[.hooks.createContainer | length] |= . + {"path": "/kind/bin/mount-product-files.sh"}' \
  | jq 'del(.process.rlimits)' > /etc/containerd/cri-base.json

containerd --root /stage/containerd --config /dev/null > /tmp/containerd.log 2>&1 &
daemon=$!
deadline=$((SECONDS + 60))
until ctr --connect-timeout 1s version > /dev/null 2>&1; do
  if ! kill -0 "$daemon" 2> /dev/null || ((SECONDS > deadline)); then
    tail -n 20 /tmp/containerd.log
    echo "containerd did not start" >&2
    exit 1
  fi
  sleep 0.2
done
for archive in /build/images/*.tar; do
  # Unpacked now, so that no node has to; pinned, so that the kubelet's clean-up leaves them alone.
  ctr --namespace k8s.io images import --local --discard-unpacked-layers \
    --label io.cri-containerd.pinned=pinned "$archive"
done
kill "$daemon"
wait "$daemon" || true
mkdir -p /var/lib/containerd
cp -a /stage/containerd/. /var/lib/containerd/
rm -f /tmp/containerd.log
