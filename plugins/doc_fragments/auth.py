# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The options that say which cluster to talk to, and as whom."""

from __future__ import annotations


class ModuleDocFragment:
    """Documentation of the options of module_utils/_cluster/connect.py; a test holds the two together."""

    DOCUMENTATION = r"""
options:
  kubeconfig:
    description:
      - Path of a kubeconfig file, or its content as a mapping.
      - The environment variable E(K8S_AUTH_KUBECONFIG) does the same, then E(KUBECONFIG), then C(~/.kube/config).
    type: raw
  context:
    description:
      - The context of the kubeconfig to use instead of its current one.
      - Or set E(K8S_AUTH_CONTEXT).
    type: str
  host:
    description:
      - Address of the API server, such as C(https://192.0.2.10:6443), where no kubeconfig is used.
      - Or set E(K8S_AUTH_HOST).
    type: str
  api_key:
    description:
      - Bearer token. Or set E(K8S_AUTH_API_KEY).
    type: str
  username:
    description:
      - User name for basic authentication, which some proxies before the API server want.
      - Or set E(K8S_AUTH_USERNAME).
    type: str
  password:
    description:
      - Password for basic authentication. Or set E(K8S_AUTH_PASSWORD).
    type: str
  validate_certs:
    description:
      - Whether the API server's certificate must be trusted; true unless the kubeconfig says otherwise.
      - Or set E(K8S_AUTH_VERIFY_SSL).
    type: bool
    aliases: [verify_ssl]
  ca_cert:
    description:
      - File with the certificate authority of the API server. Or set E(K8S_AUTH_SSL_CA_CERT).
    type: path
    aliases: [ssl_ca_cert]
  client_cert:
    description:
      - File with the client's certificate. Or set E(K8S_AUTH_CERT_FILE).
    type: path
    aliases: [cert_file]
  client_key:
    description:
      - File with the client's private key. Or set E(K8S_AUTH_KEY_FILE).
    type: path
    aliases: [key_file]
  proxy:
    description:
      - Address of an HTTP proxy to reach the API server through. Or set E(K8S_AUTH_PROXY).
    type: str
  no_proxy:
    description:
      - Comma-separated hosts that are reached without the proxy. Or set E(K8S_AUTH_NO_PROXY).
    type: str
  impersonate_user:
    description:
      - User to act as. Or set E(K8S_AUTH_IMPERSONATE_USER).
    type: str
  impersonate_groups:
    description:
      - Group to act as; the kubernetes library can send one.
      - Or set E(K8S_AUTH_IMPERSONATE_GROUPS).
    type: list
    elements: str
requirements:
  - python >= 3.11
  - kubernetes >= 31.0.0, < 38
  - PyYAML >= 6.0.1
"""
